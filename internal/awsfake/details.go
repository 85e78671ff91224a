package awsfake

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// mostDetails is how long a page of GetAccountAuthorizationDetails gets, in
// bytes. "IAM might return fewer than the MaxItems number of results, even when
// there are more results available." It does not say where it ends a page.
const mostDetails = 1 << 20

// GroupPolicies are the policies of a group: the documents of inline ones by name,
// and the ARNs of managed ones.
type GroupPolicies struct {
	Inline   map[string]string
	Attached []string
}

// SetGroupPolicies sets the policies of a group that SetGroup made.
func (a *Account) SetGroupPolicies(group string, policies GroupPolicies) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.groupPolicies == nil {
		a.groupPolicies = map[string]GroupPolicies{}
	}
	a.groupPolicies[group] = policies
}

// managedPolicy is a managed policy, of AWS or of the account.
type managedPolicy struct{ name, arn, document string }

// AddPolicy makes a managed policy of the account, and returns its ARN.
func (a *Account) AddPolicy(name, document string) string { return a.addPolicy(a.id, name, document) }

// AddAWSPolicy makes a managed policy of AWS, and returns its ARN.
func (a *Account) AddAWSPolicy(name, document string) string {
	return a.addPolicy("aws", name, document)
}

func (a *Account) addPolicy(owner, name, document string) string {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.managed == nil {
		a.managed = map[string]managedPolicy{}
	}
	arn := "arn:" + a.server.partition + ":iam::" + owner + ":policy/" + name
	a.managed[arn] = managedPolicy{name, arn, document}
	return arn
}

// entities are what a list of details goes through: users, groups and managed
// policies.
type entities struct {
	users    []*user
	groups   []string
	policies []managedPolicy
}

func entitiesOf(rq *request, kinds []string) entities {
	wanted := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	var e entities
	if wanted("User") {
		e.users = rq.account.seenUsers(rq.now)
	}
	if wanted("Group") {
		e.groups = slices.Sorted(maps.Keys(rq.account.groups))
	}
	for _, arn := range slices.Sorted(maps.Keys(rq.account.managed)) {
		kind := "LocalManagedPolicy"
		if strings.Contains(arn, "::aws:policy/") {
			kind = "AWSManagedPolicy"
		}
		if wanted(kind) {
			e.policies = append(e.policies, rq.account.managed[arn])
		}
	}
	return e
}

func (e entities) len() int { return len(e.users) + len(e.groups) + len(e.policies) }

// markerAt says how far a page went that ended with an entity.
func (e entities) markerAt(i int) string {
	switch groups, policies := i-len(e.users), i-len(e.users)-len(e.groups); {
	case groups < 0:
		return "user/" + e.users[i].name
	case policies < 0:
		return "group/" + e.groups[groups]
	default:
		return "policy/" + e.policies[policies].arn
	}
}

// after is the first entity behind a marker. The one that it names may be gone.
func (e entities) after(marker string) int {
	kind, name, _ := strings.Cut(marker, "/")
	at, found := 0, false
	switch kind {
	case "user":
		at, found = slices.BinarySearchFunc(e.users, name, compareName)
	case "group":
		at, found = slices.BinarySearch(e.groups, name)
		at += len(e.users)
	case "policy":
		at, found = slices.BinarySearchFunc(e.policies, name, func(p managedPolicy, arn string) int { return strings.Compare(p.arn, arn) })
		at += len(e.users) + len(e.groups)
	}
	if found {
		at++
	}
	return at
}

// getAccountAuthorizationDetails knows users, groups and managed policies: the
// account has no roles.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
func getAccountAuthorizationDetails(rq *request, x *xmlWriter) *apiError {
	kinds := rq.list("Filter.member.", "")
	known := []string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}
	for i, kind := range kinds {
		if !slices.Contains(known, kind) {
			return invalid("Value '%s' at 'filter.%d.member' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
				kind, i+1, strings.Join(known, ", "))
		}
	}
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	all := entitiesOf(rq, kinds)
	at := all.after(after)
	shown := 0
	fits := func() bool { return shown < limit && (shown == 0 || len(x.buf) < mostDetails) }
	x.openResult()
	x.open("UserDetailList")
	for ; at < len(all.users) && fits(); at, shown = at+1, shown+1 {
		x.userDetail(all.users[at], rq.account)
	}
	x.close("UserDetailList")
	x.open("GroupDetailList")
	for ; at >= len(all.users) && at-len(all.users) < len(all.groups) && fits(); at, shown = at+1, shown+1 {
		x.groupDetail(all.groups[at-len(all.users)], rq.account)
	}
	x.close("GroupDetailList")
	x.open("RoleDetailList")
	x.close("RoleDetailList")
	x.open("Policies")
	for before := len(all.users) + len(all.groups); at >= before && at < all.len() && fits(); at, shown = at+1, shown+1 {
		x.policyDetail(all.policies[at-before])
	}
	x.close("Policies")
	last := ""
	if shown > 0 {
		last = all.markerAt(at - 1)
	}
	x.pageEnd(at < all.len(), last)
	return nil
}

func (x *xmlWriter) groupDetail(name string, a *Account) {
	policies := a.groupPolicies[name]
	x.open("member")
	x.text("Path", "/")
	x.text("GroupName", name)
	x.text("GroupId", "AGPAEXAMPLE")
	x.text("Arn", "arn:"+a.server.partition+":iam::"+a.id+":group/"+name)
	x.text("CreateDate", "2020-01-01T00:00:00Z")
	x.open("GroupPolicyList")
	for _, inline := range slices.Sorted(maps.Keys(policies.Inline)) {
		x.inlinePolicy(inline, policies.Inline[inline])
	}
	x.close("GroupPolicyList")
	x.attachedPolicies(policies.Attached)
	x.close("member")
}

// policyDetail has the version in force after one that was replaced.
func (x *xmlWriter) policyDetail(p managedPolicy) {
	x.open("member")
	x.text("PolicyName", p.name)
	x.text("PolicyId", "ANPAEXAMPLE")
	x.text("Arn", p.arn)
	x.text("Path", "/")
	x.text("DefaultVersionId", "v2")
	x.open("PolicyVersionList")
	for _, version := range []struct{ id, document, isDefault string }{
		{"v1", `{"Version":"2012-10-17","Statement":[]}`, "false"}, {"v2", p.document, "true"},
	} {
		x.open("member")
		x.text("VersionId", version.id)
		x.text("Document", percentEncoded(version.document))
		x.text("IsDefaultVersion", version.isDefault)
		x.close("member")
	}
	x.close("PolicyVersionList")
	x.close("member")
}

func (x *xmlWriter) inlinePolicy(name, document string) {
	x.open("member")
	x.text("PolicyName", name)
	x.text("PolicyDocument", percentEncoded(document))
	x.close("member")
}

func (x *xmlWriter) attachedPolicies(arns []string) {
	x.open("AttachedManagedPolicies")
	for _, arn := range arns {
		x.open("member")
		x.text("PolicyName", arn[strings.LastIndex(arn, "/")+1:])
		x.text("PolicyArn", arn)
		x.close("member")
	}
	x.close("AttachedManagedPolicies")
}

func (x *xmlWriter) userDetail(u *user, a *Account) {
	x.open("member")
	x.user(u)
	x.open("UserPolicyList")
	for _, policy := range u.policies {
		x.inlinePolicy(policy.key, policy.value)
	}
	x.close("UserPolicyList")
	x.open("GroupList")
	for _, group := range slices.Sorted(maps.Keys(a.groups)) {
		if slices.Contains(a.groups[group], u.name) {
			x.text("member", group)
		}
	}
	x.close("GroupList")
	x.attachedPolicies(u.attached)
	x.open("Tags")
	for _, t := range u.tags {
		x.tag(t)
	}
	x.close("Tags")
	x.close("member")
}

// percentEncoded is a policy as IAM's answers have it: encoded by RFC 3986.
func percentEncoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}
