package awsfake

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
)

// user is a User as it is stored: half a million of them fit in memory.
type user struct {
	account          *Account
	name             string
	path             string
	serial           uint64 // what its id is made from
	created          instant
	passwordLastUsed instant
	passwordChanged  instant
	certificates     []Certificate
	password, mfa    bool
	tags             []tag // by key
	policies         []tag // inline, by name
	attached         []string
	serviceKeys      []ServiceKey
	keys             []key
}

type tag struct{ key, value string }

type key struct {
	id                             string
	created, lastUsed, lastRotated instant
	service, region                string
	active                         bool
}

// instant is a moment in seconds since 1970 UTC; zero is the zero time.
type instant int64

func asInstant(t time.Time) instant {
	if t.IsZero() {
		return 0
	}
	return instant(t.Unix())
}

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(int64(i), 0).UTC()
}

func (u *user) id() string { return idFrom("AIDA", u.serial) }

func (u *user) arn() string {
	return u.account.server.arn(serviceIAM, u.account.id, "user"+u.path+u.name)
}

// key is the user's key of that id, or nil.
func (u *user) key(id string) *key {
	for i := range u.keys {
		if u.keys[i].id == id {
			return &u.keys[i]
		}
	}
	return nil
}

// setTag sets a tag. Keys that differ only in case are one key, as in IAM.
func (u *user) setTag(k, v string) {
	for i := range u.tags {
		if strings.EqualFold(u.tags[i].key, k) {
			u.tags[i] = tag{k, v}
			return
		}
	}
	at, _ := slices.BinarySearchFunc(u.tags, k, func(t tag, k string) int { return cmp.Compare(t.key, k) })
	u.tags = slices.Insert(u.tags, at, tag{k, v})
}

func (u *user) removeTag(k string) {
	u.tags = slices.DeleteFunc(u.tags, func(t tag) bool { return strings.EqualFold(t.key, k) })
}

func (u *user) clone() *user {
	c := *u
	c.tags, c.keys = slices.Clone(u.tags), slices.Clone(u.keys)
	return &c
}

func (u *user) export() User {
	out := User{
		Name: u.name, Path: u.path, Created: u.created.time(),
		PasswordLastUsed: u.passwordLastUsed.time(), Password: u.password, MFA: u.mfa,
		PasswordChanged: u.passwordChanged.time(), Certificates: slices.Clone(u.certificates),
		Attached: slices.Clone(u.attached), ServiceKeys: slices.Clone(u.serviceKeys),
	}
	if len(u.tags) > 0 {
		out.Tags = make(map[string]string, len(u.tags))
		for _, t := range u.tags {
			out.Tags[t.key] = t.value
		}
	}
	for _, p := range u.policies {
		if out.Policies == nil {
			out.Policies = map[string]string{}
		}
		out.Policies[p.key] = p.value
	}
	for i := range u.keys {
		out.Keys = append(out.Keys, u.keys[i].export())
	}
	return out
}

func (k *key) export() Key {
	return Key{
		ID: k.id, Active: k.active, Created: k.created.time(), LastUsed: k.lastUsed.time(),
		Service: k.service, Region: k.region, LastRotated: cmp.Or(k.lastRotated, k.created).time(),
	}
}

// newKey is a key to store, with an id of its own if it came without.
func (s *Server) newKey(k Key, now time.Time) key {
	if k.ID == "" {
		k.ID = s.newID("AKIA")
	}
	if k.Created.IsZero() {
		k.Created = now
	}
	if !k.LastUsed.IsZero() {
		k.Service, k.Region = cmp.Or(k.Service, "s3"), cmp.Or(k.Region, "us-east-1")
	}
	return key{
		id: k.ID, active: k.Active,
		created: asInstant(k.Created), lastUsed: asInstant(k.LastUsed), lastRotated: asInstant(k.LastRotated),
		service: k.Service, region: k.Region,
	}
}

// insert adds a user whose name is free.
func (a *Account) insert(u *user) {
	if last := len(a.sorted) - 1; last < 0 {
		a.inOrder = true
	} else if a.sorted[last].name > u.name {
		a.inOrder = false
	}
	a.sorted = append(a.sorted, u)
	a.users[u.name] = u
	for i := range u.keys {
		a.server.owners[u.keys[i].id] = u
	}
}

// remove deletes a user, if there is one of that name.
func (a *Account) remove(name string) {
	u, ok := a.users[name]
	if !ok {
		return
	}
	at, _ := slices.BinarySearchFunc(a.inNameOrder(), name, compareName)
	a.sorted = slices.Delete(a.sorted, at, at+1)
	delete(a.users, name)
	for i := range u.keys {
		delete(a.server.owners, u.keys[i].id)
	}
}

// inNameOrder is every user, by name.
func (a *Account) inNameOrder() []*user {
	if !a.inOrder {
		slices.SortFunc(a.sorted, func(x, y *user) int { return cmp.Compare(x.name, y.name) })
		a.inOrder = true
	}
	return a.sorted
}

func compareName(u *user, name string) int { return cmp.Compare(u.name, name) }

// edit changes a user for every reader, those of stale data included.
func (a *Account) edit(name string, change func(*user)) {
	if u, ok := a.users[name]; ok {
		change(u)
	}
	for i := range a.past {
		if a.past[i].name == name && a.past[i].user != nil {
			change(a.past[i].user)
		}
	}
}

// snapshot is a user as it was before a call changed it.
type snapshot struct {
	name  string
	user  *user // nil: there was none
	until time.Time
}

// remember keeps a user as it is before a call changes it, for as long as
// stale reads may show it.
func (a *Account) remember(name string, now time.Time) {
	a.forget(now)
	if a.server.lag <= 0 {
		return
	}
	was := snapshot{name: name, until: now.Add(a.server.lag)}
	if u, ok := a.users[name]; ok {
		was.user = u.clone()
	}
	a.past = append(a.past, was)
}

// forget drops what stale reads no longer show.
func (a *Account) forget(now time.Time) {
	a.past = slices.DeleteFunc(a.past, func(was snapshot) bool { return !was.until.After(now) })
}

// stale is the users that reads at this moment show as they were: of each
// name the oldest state that is not yet out of date.
func (a *Account) stale(now time.Time) map[string]*user {
	a.forget(now)
	if len(a.past) == 0 || a.server.lag <= 0 {
		return nil
	}
	shown := map[string]*user{}
	for _, was := range a.past {
		if _, known := shown[was.name]; !known {
			shown[was.name] = was.user
		}
	}
	return shown
}

// seen is the user of that name as reads show it.
func (a *Account) seen(name string, now time.Time) (*user, bool) {
	if u, ok := a.stale(now)[name]; ok {
		return u, u != nil
	}
	u, ok := a.users[name]
	return u, ok
}

// seenUsers is every user as reads show them, by name. The caller must not
// change the slice.
func (a *Account) seenUsers(now time.Time) []*user {
	users := a.inNameOrder()
	shown := a.stale(now)
	if len(shown) == 0 {
		return users
	}
	users = slices.DeleteFunc(slices.Clone(users), func(u *user) bool { _, was := shown[u.name]; return was })
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		if u := shown[name]; u != nil {
			at, _ := slices.BinarySearchFunc(users, name, compareName)
			users = slices.Insert(users, at, u)
		}
	}
	return users
}

// seenKey is the owner of an access key of the account, and the key, as reads
// show them.
func (a *Account) seenKey(id string, now time.Time) (*user, *key) {
	shown := a.stale(now)
	for _, u := range shown {
		if u != nil && u.key(id) != nil {
			return u, u.key(id)
		}
	}
	u, ok := a.server.owners[id]
	if !ok || u.account != a {
		return nil, nil
	}
	if _, was := shown[u.name]; was { // the key is newer than what reads show
		return nil, nil
	}
	return u, u.key(id)
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

func (s *Server) nextSerial() uint64 {
	s.minted++
	return s.minted
}

func (s *Server) newID(prefix string) string { return idFrom(prefix, s.nextSerial()) }

// idFrom is appendID for an id alone.
func idFrom(prefix string, serial uint64) string {
	return string(appendID(make([]byte, 0, 20), prefix, serial))
}

// appendID makes an id of 20 characters. The serial is scrambled, one to one,
// so that ids look like AWS's and yet never clash; the same steps give the same
// ids on every run.
func appendID(id []byte, prefix string, serial uint64) []byte {
	z := serial * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	id = append(id, prefix...)
	for range 20 - len(prefix) {
		id = append(id, idAlphabet[z&31])
		z = z>>5 | z<<59
	}
	return id
}

// secretFor is the secret that belongs to an access key id. It is not checked.
func secretFor(id string) string {
	sum := sha256.Sum256([]byte("secret of " + id))
	return base64.RawStdEncoding.EncodeToString(sum[:])[:40]
}
