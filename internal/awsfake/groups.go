package awsfake

import (
	"cmp"
	"net/http"
	"slices"
)

// SetGroup makes a group, in place of one of the same name, with these users as its
// members.
func (a *Account) SetGroup(name string, members ...string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.groups == nil {
		a.groups = map[string][]string{}
	}
	a.groups[name] = slices.Sorted(slices.Values(members))
}

// getGroup lists those of the members who exist, in the order of their names.
func getGroup(rq *request, x *xmlWriter) *apiError {
	name := rq.params.Get("GroupName")
	members, found := rq.account.groups[name]
	if !found {
		return fail(http.StatusNotFound, "NoSuchEntity", "The group with name %s cannot be found.", name)
	}
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	x.openResult()
	x.open("Group")
	x.text("Path", "/")
	x.text("GroupName", name)
	x.text("GroupId", "AGPAEXAMPLE")
	x.text("Arn", "arn:"+rq.account.server.partition+":iam::"+rq.account.id+":group/"+name)
	x.text("CreateDate", "2020-01-01T00:00:00Z")
	x.close("Group")
	x.pageOfUsers(rq.account.seenUsers(rq.now), limit, func(u *user) bool { return slices.Contains(members, u.name) && u.name > after })
	return nil
}

// SetPassword gives a user a console password, or takes it away.
func (a *Account) SetPassword(name string, has bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if u := a.users[name]; u != nil {
		u.password = has
	}
}

func getLoginProfile(rq *request, x *xmlWriter) *apiError {
	u, err := rq.seenUser()
	if err != nil {
		return err
	}
	if !u.password {
		return fail(http.StatusNotFound, "NoSuchEntity", "Login Profile for User %s cannot be found.", u.name)
	}
	x.openResult()
	x.open("LoginProfile")
	x.text("UserName", u.name)
	x.time("CreateDate", cmp.Or(u.passwordChanged, u.created).time())
	x.text("PasswordResetRequired", "false")
	x.close("LoginProfile")
	return nil
}
