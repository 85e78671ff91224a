package awsfake

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Quotas and limits from the IAM user guide, "IAM and AWS STS quotas".
const (
	maxKeysPerUser = 2
	maxTagsPerUser = 50
	maxTagKey      = 128
	maxTagValue    = 256
	defaultItems   = 100
	maxItems       = 1000
)

var (
	userNamePattern = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	pathPattern     = regexp.MustCompile(`^/([!-~]+/)?$`)
)

const maxPath = 512

// isTagText reports whether a tag's key or value holds nothing but what IAM
// allows. As a pattern it would take milliseconds of every start to compile.
func isTagText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

func iamActions() map[string]action {
	return map[string]action{
		"ListUsers":          listUsers,
		"GetUser":            getUser,
		"GetGroup":           getGroup,
		"GetLoginProfile":    getLoginProfile,
		"CreateUser":         createUser,
		"DeleteUser":         deleteUser,
		"TagUser":            tagUser,
		"UntagUser":          untagUser,
		"ListUserTags":       listUserTags,
		"ListAccountAliases": listAccountAliases,
		"CreateAccountAlias": createAccountAlias,
		"DeleteAccountAlias": deleteAccountAlias,

		"CreateAccessKey":      createAccessKey,
		"ListAccessKeys":       listAccessKeys,
		"GetAccessKeyLastUsed": getAccessKeyLastUsed,
		"UpdateAccessKey":      updateAccessKey,
		"DeleteAccessKey":      deleteAccessKey,

		"GenerateCredentialReport": generateCredentialReport,
		"GetCredentialReport":      getCredentialReport,

		"GetAccountAuthorizationDetails": getAccountAuthorizationDetails,

		"ListServiceSpecificCredentials": listServiceSpecificCredentials,

		"SimulatePrincipalPolicy": simulatePrincipalPolicy,
	}
}

func noSuchUser(name string) *apiError {
	return fail(http.StatusNotFound, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func invalid(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "ValidationError", format, args...)
}

func listUsers(rq *request, x *xmlWriter) *apiError {
	users := rq.account.seenUsers(rq.now)
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	from := 0
	if after != "" {
		var found bool
		if from, found = slices.BinarySearchFunc(users, after, compareName); found {
			from++
		}
	}
	prefix := rq.params.Get("PathPrefix")

	x.openResult()
	x.pageOfUsers(users[from:], limit, func(u *user) bool { return strings.HasPrefix(u.path, prefix) })
	return nil
}

// pageOfUsers writes the first of the users who are wanted, and where the next page
// begins.
func (x *xmlWriter) pageOfUsers(users []*user, limit int, wanted func(*user) bool) {
	x.open("Users")
	shown, last, more := 0, "", false
	for _, u := range users {
		if !wanted(u) {
			continue
		}
		if more = shown == limit; more {
			break
		}
		x.open("member")
		x.user(u)
		x.close("member")
		shown, last = shown+1, u.name
	}
	x.close("Users")
	x.pageEnd(more, last)
}

func getUser(rq *request, x *xmlWriter) *apiError {
	u, err := rq.seenUser()
	if err != nil {
		return err
	}
	x.openResult()
	x.open("User")
	x.user(u)
	if len(u.tags) > 0 {
		x.open("Tags")
		for _, t := range u.tags {
			x.tag(t)
		}
		x.close("Tags")
	}
	x.close("User")
	return nil
}

func createUser(rq *request, x *xmlWriter) *apiError {
	name, path := rq.params.Get("UserName"), rq.params.Get("Path")
	if path == "" {
		path = "/"
	}
	tags, err := rq.tags()
	switch {
	case !userNamePattern.MatchString(name):
		return invalid("The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	case len(path) > maxPath || !pathPattern.MatchString(path):
		return invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	case err != nil:
		return err
	case rq.account.users[name] != nil:
		return fail(http.StatusConflict, "EntityAlreadyExists", "User with name %s already exists.", name)
	}
	u := &user{account: rq.account, name: name, path: path, serial: rq.server.nextSerial(), created: asInstant(rq.now)}
	for _, t := range tags {
		u.setTag(t.key, t.value)
	}
	rq.account.remember(name, rq.now)
	rq.account.insert(u)

	x.openResult()
	x.open("User")
	x.user(u)
	if len(u.tags) > 0 {
		x.open("Tags")
		for _, t := range u.tags {
			x.tag(t)
		}
		x.close("Tags")
	}
	x.close("User")
	return nil
}

func deleteUser(rq *request, _ *xmlWriter) *apiError {
	u, err := rq.user()
	if err != nil {
		return err
	}
	if len(u.keys) > 0 {
		return fail(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
	}
	rq.account.remember(u.name, rq.now)
	rq.account.remove(u.name)
	return nil
}

func tagUser(rq *request, _ *xmlWriter) *apiError {
	u, err := rq.user()
	if err != nil {
		return err
	}
	tags, err := rq.tags()
	if err != nil {
		return err
	}
	tagged := u.clone()
	for _, t := range tags {
		tagged.setTag(t.key, t.value)
	}
	if len(tagged.tags) > maxTagsPerUser {
		return fail(http.StatusConflict, "LimitExceeded",
			"The number of tags has reached the maximum limit of %d.", maxTagsPerUser)
	}
	rq.account.remember(u.name, rq.now)
	u.tags = tagged.tags
	return nil
}

func untagUser(rq *request, _ *xmlWriter) *apiError {
	u, err := rq.user()
	if err != nil {
		return err
	}
	rq.account.remember(u.name, rq.now)
	for _, k := range rq.list("TagKeys.member.", "") {
		u.removeTag(k)
	}
	return nil
}

func listUserTags(rq *request, x *xmlWriter) *apiError {
	u, err := rq.seenUser()
	if err != nil {
		return err
	}
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	x.openResult()
	x.open("Tags")
	shown, last, more := 0, "", false
	for _, t := range u.tags {
		if after != "" && t.key <= after {
			continue
		}
		if more = shown == limit; more {
			break
		}
		x.tag(t)
		shown, last = shown+1, t.key
	}
	x.close("Tags")
	x.pageEnd(more, last)
	return nil
}

func listAccountAliases(rq *request, x *xmlWriter) *apiError {
	x.openResult()
	x.open("AccountAliases")
	if rq.account.alias != "" {
		x.text("member", rq.account.alias)
	}
	x.close("AccountAliases")
	x.truncated(false)
	return nil
}

func createAccountAlias(rq *request, _ *xmlWriter) *apiError {
	rq.account.alias = rq.params.Get("AccountAlias")
	return nil
}

func deleteAccountAlias(rq *request, _ *xmlWriter) *apiError {
	if alias := rq.params.Get("AccountAlias"); alias == "" || alias != rq.account.alias {
		return fail(http.StatusNotFound, "NoSuchEntity", "The account alias %s cannot be found.", alias)
	}
	rq.account.alias = ""
	return nil
}

// userName is the user a call is about: the one it names, or else the caller.
func (rq *request) userName() (string, *apiError) {
	if name := rq.params.Get("UserName"); name != "" {
		return name, nil
	}
	if rq.caller.user != "" {
		return rq.caller.user, nil
	}
	return "", invalid("Must specify userName when calling with non-User credentials")
}

// user is the user a call is about as it is, for calls that change it.
func (rq *request) user() (*user, *apiError) {
	name, err := rq.userName()
	if err != nil {
		return nil, err
	}
	u, ok := rq.account.users[name]
	if !ok {
		return nil, noSuchUser(name)
	}
	return u, nil
}

// seenUser is the user a call is about as reads show it.
func (rq *request) seenUser() (*user, *apiError) {
	name, err := rq.userName()
	if err != nil {
		return nil, err
	}
	u, ok := rq.account.seen(name, rq.now)
	if !ok {
		return nil, noSuchUser(name)
	}
	return u, nil
}

// page reads which page of a list a call asks for: how many items, after
// which name.
func (rq *request) page() (limit int, after string, err *apiError) {
	limit = defaultItems
	if text := rq.params.Get("MaxItems"); text != "" {
		n, notNumber := strconv.Atoi(text)
		if notNumber != nil || n < 1 || n > maxItems {
			return 0, "", invalid("Value '%s' at 'maxItems' failed to satisfy constraint: "+
				"Member must have a value between 1 and %d", text, maxItems)
		}
		limit = n
	}
	if rq.server.pageLimit > 0 {
		limit = min(limit, rq.server.pageLimit)
	}
	if marker := rq.params.Get("Marker"); marker != "" {
		name, malformed := base64.URLEncoding.DecodeString(marker)
		if malformed != nil {
			return 0, "", invalid("Invalid Marker.")
		}
		after = string(name)
	}
	return limit, after, nil
}

// list reads a list parameter: prefix1suffix, prefix2suffix and so on.
func (rq *request) list(prefix, suffix string) []string {
	var values []string
	for i := 1; ; i++ {
		name := prefix + strconv.Itoa(i) + suffix
		if !rq.params.Has(name) {
			return values
		}
		values = append(values, rq.params.Get(name))
	}
}

// tags reads the tags that a call gives a user.
func (rq *request) tags() ([]tag, *apiError) {
	keys, values := rq.list("Tags.member.", ".Key"), rq.list("Tags.member.", ".Value")
	if len(keys) != len(values) {
		return nil, invalid("Every tag must have a key and a value.")
	}
	if len(keys) > maxTagsPerUser {
		return nil, invalid("Member must have length less than or equal to %d", maxTagsPerUser)
	}
	tags := make([]tag, len(keys))
	for i := range keys {
		if k := keys[i]; k == "" || len([]rune(k)) > maxTagKey || !isTagText(k) {
			return nil, invalid("Value '%s' at 'tags.%d.member.key' failed to satisfy constraint", k, i+1)
		}
		if v := values[i]; len([]rune(v)) > maxTagValue || !isTagText(v) {
			return nil, invalid("Value '%s' at 'tags.%d.member.value' failed to satisfy constraint", v, i+1)
		}
		tags[i] = tag{keys[i], values[i]}
	}
	return tags, nil
}

// user writes what lists and lookups show of a user. Lists show no tags.
func (x *xmlWriter) user(u *user) {
	x.text("Path", u.path)
	x.text("UserName", u.name)
	x.open("UserId")
	x.buf = appendID(x.buf, "AIDA", u.serial)
	x.close("UserId")
	x.add("<Arn>arn:", u.account.server.partition, ":iam::", u.account.id, ":user")
	x.escape(u.path)
	x.escape(u.name)
	x.close("Arn")
	x.time("CreateDate", u.created.time())
	if u.passwordLastUsed != 0 {
		x.time("PasswordLastUsed", u.passwordLastUsed.time())
	}
}

func (x *xmlWriter) tag(t tag) {
	x.open("member")
	x.text("Key", t.key)
	x.text("Value", t.value)
	x.close("member")
}

// pageEnd says whether more follows, and after which name.
func (x *xmlWriter) pageEnd(more bool, last string) {
	x.truncated(more)
	if more {
		x.text("Marker", base64.URLEncoding.EncodeToString([]byte(last)))
	}
}
