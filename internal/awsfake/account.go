package awsfake

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// User is an IAM user. Times are kept in UTC and to the second, as IAM does.
type User struct {
	Name             string
	Path             string            // "/" if empty
	Created          time.Time         // if zero, when the oldest key was made, else now
	Tags             map[string]string // listed in the order of their keys
	Policies         map[string]string // inline ones: the documents by name
	Attached         []string          // ARNs of managed policies
	Keys             []Key             // listed in this order
	PasswordLastUsed time.Time         // zero is never; implies Password
	Password         bool              // can sign in to the console
	PasswordChanged  time.Time         // if zero, Created
	Certificates     []Certificate     // known to the report only
	MFA              bool
	ServiceKeys      []ServiceKey // service-specific credentials
}

// ServiceKey is a service-specific credential.
type ServiceKey struct {
	ID      string // "" gets a new one
	Service string // such as bedrock.amazonaws.com
	Active  bool
	Created time.Time
	Expires time.Time // zero is never
}

// Certificate is an X.509 certificate that signs requests.
type Certificate struct {
	Active  bool
	Rotated time.Time // when it was uploaded, or last activated or deactivated
}

// Key is an access key.
type Key struct {
	ID          string // "" gets a new one: AKIA and 16 more
	Active      bool
	Created     time.Time // if zero, now
	LastUsed    time.Time // zero is never
	Service     string    // of the last use, "s3" if empty
	Region      string    // of the last use, "us-east-1" if empty
	LastRotated time.Time // what the credential report shows; if zero, Created
}

// Root is what the credential report says of an account's root user.
type Root struct {
	Created          time.Time
	MFA              bool
	PasswordLastUsed time.Time // zero is never
	Keys             []Key     // known to the report only
	Certificates     []Certificate
}

// Published is a message that came in at a topic.
type Published struct {
	MessageID string
	TopicARN  string
	Subject   string
	Message   string
	At        time.Time
}

// Account is an AWS account: its users, alias and topics. Its methods may be
// called while the server is answering.
type Account struct {
	server *Server
	id     string

	// What follows is guarded by the server's lock.
	alias      string
	root       Root
	users      map[string]*user
	sorted     []*user // by name, once inOrder
	inOrder    bool
	past       []snapshot // users as they were, while stale reads may show them
	keyID      string     // of Credentials
	denyAssume bool
	forbidden  map[string]bool // actions
	externalID string
	topics     map[string]bool // by ARN
	buses      []string        // ARNs
	events     []Event
	findings   map[string]Finding // by id; nil if Security Hub is not enabled
	published  []Published
	mailbox    mailbox
	report     report
	trail      trail
	// enabledRegions are those beside the partition's default ones.
	enabledRegions []string
	groups         map[string][]string // the names of the members, by group
	// groupPolicies and managed are what GetAccountAuthorizationDetails says of
	// groups and of managed policies, by name and by ARN.
	groupPolicies map[string]GroupPolicies
	managed       map[string]managedPolicy
}

// ID is the account's 12 digits.
func (a *Account) ID() string { return a.id }

// SetAlias names the account; "" takes the name away.
func (a *Account) SetAlias(alias string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.alias = alias
}

// SetRoot sets what the next credential report says of the root user.
func (a *Account) SetRoot(root Root) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	root.Keys, root.Certificates = slices.Clone(root.Keys), slices.Clone(root.Certificates)
	a.root = root
}

// AddUser makes a user, in place of one of the same name, and returns it with
// everything filled in. Unlike CreateUser it takes any name, and any number of
// tags and keys.
func (a *Account) AddUser(u User) User {
	s := a.server
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a.remove(u.Name)

	created := u.Created
	added := &user{
		account:          a,
		name:             u.Name,
		path:             cmp.Or(u.Path, "/"),
		serial:           s.nextSerial(),
		passwordLastUsed: asInstant(u.PasswordLastUsed),
		password:         u.Password || !u.PasswordLastUsed.IsZero(),
		passwordChanged:  asInstant(u.PasswordChanged),
		certificates:     slices.Clone(u.Certificates),
		mfa:              u.MFA,
	}
	if len(u.Tags) > 0 {
		added.tags = make([]tag, 0, len(u.Tags))
		for _, k := range slices.Sorted(maps.Keys(u.Tags)) {
			added.tags = append(added.tags, tag{k, u.Tags[k]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.Policies)) {
		added.policies = append(added.policies, tag{name, u.Policies[name]})
	}
	added.attached = slices.Clone(u.Attached)
	for _, k := range u.ServiceKeys {
		k.ID = cmp.Or(k.ID, "ACCA"+s.newKey(Key{}, now).id[4:])
		added.serviceKeys = append(added.serviceKeys, k)
	}
	if len(u.Keys) > 0 {
		added.keys = make([]key, 0, len(u.Keys))
	}
	for _, k := range u.Keys {
		made := s.newKey(k, now)
		added.keys = append(added.keys, made)
		if at := made.created.time(); u.Created.IsZero() && (created.IsZero() || at.Before(created)) {
			created = at
		}
	}
	if created.IsZero() {
		created = now
	}
	added.created = asInstant(created)
	a.insert(added)
	return added.export()
}

// RemoveUser deletes a user, if there is one of that name, keys and all.
func (a *Account) RemoveUser(name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.remove(name)
}

// RenameUser gives a user another name, in place of a user of that name, if
// there is one. Its id, keys and tags stay as they are.
func (a *Account) RenameUser(name, other string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	u, ok := a.users[name]
	if !ok || name == other {
		return
	}
	a.remove(other)
	a.remove(name)
	u.name = other
	a.insert(u)
}

// User is the user of that name as it is now, stale reads or not.
func (a *Account) User(name string) (User, bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	u, ok := a.users[name]
	if !ok {
		return User{}, false
	}
	return u.export(), true
}

// Users is every user as it is now, by name.
func (a *Account) Users() []User {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	users := make([]User, 0, len(a.users))
	for _, u := range a.inNameOrder() {
		users = append(users, u.export())
	}
	return users
}

// Key is one of the account's access keys as it is now.
func (a *Account) Key(id string) (Key, bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	u, ok := a.server.owners[id]
	if !ok || u.account != a {
		return Key{}, false
	}
	return u.key(id).export(), true
}

// SetKeyStatus activates or deactivates a key, if the account has it.
func (a *Account) SetKeyStatus(id string, active bool) {
	a.editKey(id, func(k *key) { k.active = active })
}

// UseKey makes that moment the key's last use, if the account has the key.
func (a *Account) UseKey(id string, at time.Time, service, region string) {
	a.editKey(id, func(k *key) { k.lastUsed, k.service, k.region = asInstant(at), service, region })
}

// SetTag gives a user a tag, if there is a user of that name.
func (a *Account) SetTag(name, k, v string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.edit(name, func(u *user) { u.setTag(k, v) })
}

// RemoveTag takes a tag from a user, if there is one.
func (a *Account) RemoveTag(name, k string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.edit(name, func(u *user) { u.removeTag(k) })
}

// AddTopic makes an SNS topic and returns its ARN.
func (a *Account) AddTopic(name string) string {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	arn := a.topicARN(a.server.region(), name)
	a.topics[arn] = true
	return arn
}

// Published is every message that came in at the account's topics, oldest
// first.
func (a *Account) Published() []Published {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return slices.Clone(a.published)
}

// ResetPublished forgets the messages that came in.
func (a *Account) ResetPublished() {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.published = nil
}

// Credentials is an access key that acts in the account, as its root user.
// IAM users' own keys act in it too, as those users.
func (a *Account) Credentials() (accessKeyID, secret string) {
	s := a.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.keyID == "" {
		a.keyID = s.newID("AKIA")
		s.sessions[a.keyID] = session{account: a.id, arn: s.arn(serviceIAM, a.id, "root"), userID: a.id}
	}
	return a.keyID, secretFor(a.keyID)
}

// DenyAssume makes sts:AssumeRole refuse the account's roles, or no longer.
func (a *Account) DenyAssume(deny bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.denyAssume = deny
}

// RequireExternalID makes sts:AssumeRole refuse the account's roles to callers
// that do not give this external id; "" asks for none.
func (a *Account) RequireExternalID(id string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.externalID = id
}

func (a *Account) editKey(id string, change func(*key)) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	u, ok := a.server.owners[id]
	if !ok || u.account != a {
		return
	}
	a.edit(u.name, func(u *user) {
		if k := u.key(id); k != nil {
			change(k)
		}
	})
}
