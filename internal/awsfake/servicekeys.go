package awsfake

import "slices"

// listServiceSpecificCredentials lists those of a user, or with AllUsers those of
// everybody, in pages.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html
func listServiceSpecificCredentials(rq *request, x *xmlWriter) *apiError {
	users := rq.account.seenUsers(rq.now)
	all, name := rq.params.Get("AllUsers") == "true", rq.params.Get("UserName")
	if all && name != "" {
		return invalid("UserName must not be given with AllUsers.")
	}
	if !all {
		u, err := rq.user()
		if err != nil {
			return err
		}
		users = []*user{u}
	}
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	type owned struct {
		user string
		ServiceKey
	}
	var found []owned
	for _, u := range users {
		for _, key := range u.serviceKeys {
			if service := rq.params.Get("ServiceName"); service == "" || service == key.Service {
				found = append(found, owned{u.name, key})
			}
		}
	}
	from := 1 + slices.IndexFunc(found, func(key owned) bool { return key.ID == after })
	shown, last := 0, ""
	x.openResult()
	x.open("ServiceSpecificCredentials")
	for _, key := range found[from:] {
		if shown == limit {
			break
		}
		status := "Inactive"
		if key.Active {
			status = "Active"
		}
		x.open("member")
		x.text("UserName", key.user)
		x.text("Status", status)
		x.text("ServiceUserName", key.user+"-at-"+rq.account.id)
		x.time("CreateDate", key.Created)
		if !key.Expires.IsZero() {
			x.time("ExpirationDate", key.Expires)
		}
		x.text("ServiceSpecificCredentialId", key.ID)
		x.text("ServiceName", key.Service)
		x.close("member")
		shown, last = shown+1, key.ID
	}
	x.close("ServiceSpecificCredentials")
	x.pageEnd(from+shown < len(found), last)
	return nil
}
