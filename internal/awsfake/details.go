package awsfake

import (
	"net/url"
	"slices"
	"strings"
)

// mostDetails is how long a page of GetAccountAuthorizationDetails gets, in
// bytes. "IAM might return fewer than the MaxItems number of results, even when
// there are more results available." It does not say where it ends a page.
const mostDetails = 1 << 20

// getAccountAuthorizationDetails knows users only: the account has no groups,
// roles and policies of its own.
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
	var users []*user
	if len(kinds) == 0 || slices.Contains(kinds, "User") {
		users = rq.account.seenUsers(rq.now)
	}
	from, found := slices.BinarySearchFunc(users, after, compareName)
	if found {
		from++
	}
	x.openResult()
	x.open("UserDetailList")
	shown, last := 0, ""
	for _, u := range users[from:] {
		if shown == limit || shown > 0 && len(x.buf) >= mostDetails {
			break
		}
		x.userDetail(u)
		shown, last = shown+1, u.name
	}
	x.close("UserDetailList")
	for _, none := range []string{"GroupDetailList", "RoleDetailList", "Policies"} {
		x.open(none)
		x.close(none)
	}
	x.pageEnd(from+shown < len(users), last)
	return nil
}

func (x *xmlWriter) userDetail(u *user) {
	x.open("member")
	x.user(u)
	x.open("UserPolicyList")
	for _, policy := range u.policies {
		x.open("member")
		x.text("PolicyName", policy.key)
		x.text("PolicyDocument", percentEncoded(policy.value))
		x.close("member")
	}
	x.close("UserPolicyList")
	for _, none := range []string{"GroupList", "AttachedManagedPolicies"} {
		x.open(none)
		x.close(none)
	}
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
