package awsfake

import (
	"encoding/base64"
	"net/http"
	"slices"
)

// The statuses of an access key.
const (
	statusActive   = "Active"
	statusInactive = "Inactive"
)

func statusOf(k *key) string {
	if k.active {
		return statusActive
	}
	return statusInactive
}

func noSuchKey(id string) *apiError {
	return fail(http.StatusNotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
}

func createAccessKey(rq *request, x *xmlWriter) *apiError {
	u, err := rq.user()
	if err != nil {
		return err
	}
	if len(u.keys) >= maxKeysPerUser {
		return fail(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", maxKeysPerUser)
	}
	rq.account.remember(u.name, rq.now)
	made := rq.server.newKey(Key{Active: true}, rq.now)
	u.keys = append(u.keys, made)
	rq.server.owners[made.id] = u

	x.openResult()
	x.open("AccessKey")
	x.text("UserName", u.name)
	x.text("AccessKeyId", made.id)
	x.text("Status", statusActive)
	x.text("SecretAccessKey", secretFor(made.id))
	x.time("CreateDate", made.created.time())
	x.close("AccessKey")
	return nil
}

func listAccessKeys(rq *request, x *xmlWriter) *apiError {
	u, err := rq.seenUser()
	if err != nil {
		return err
	}
	limit, after, err := rq.page()
	if err != nil {
		return err
	}
	keys := u.keys
	if after != "" {
		// The key a page ended with may be gone: then the list begins again.
		at := slices.IndexFunc(keys, func(k key) bool { return k.id == after })
		keys = keys[at+1:]
	}
	x.openResult()
	x.open("AccessKeyMetadata")
	more, last := len(keys) > limit, ""
	for i := range keys[:min(limit, len(keys))] {
		k := &keys[i]
		x.open("member")
		x.text("UserName", u.name)
		x.text("AccessKeyId", k.id)
		x.text("Status", statusOf(k))
		x.time("CreateDate", k.created.time())
		x.close("member")
		last = k.id
	}
	x.close("AccessKeyMetadata")
	x.truncated(more)
	if more {
		x.text("Marker", base64.URLEncoding.EncodeToString([]byte(last)))
	}
	return nil
}

func getAccessKeyLastUsed(rq *request, x *xmlWriter) *apiError {
	id := rq.params.Get("AccessKeyId")
	u, k := rq.account.seenKey(id, rq.now)
	if k == nil {
		return noSuchKey(id)
	}
	x.openResult()
	x.text("UserName", u.name)
	x.open("AccessKeyLastUsed")
	if k.lastUsed == 0 {
		x.text("ServiceName", "N/A")
		x.text("Region", "N/A")
	} else {
		x.time("LastUsedDate", k.lastUsed.time())
		x.text("ServiceName", k.service)
		x.text("Region", k.region)
	}
	x.close("AccessKeyLastUsed")
	return nil
}

func updateAccessKey(rq *request, _ *xmlWriter) *apiError {
	status := rq.params.Get("Status")
	if status != statusActive && status != statusInactive {
		return invalid("Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [%s, %s]",
			status, statusActive, statusInactive)
	}
	u, k, err := rq.ownKey()
	if err != nil {
		return err
	}
	rq.account.remember(u.name, rq.now)
	if active := status == statusActive; k.active != active {
		k.active, k.lastRotated = active, asInstant(rq.now)
	}
	return nil
}

func deleteAccessKey(rq *request, _ *xmlWriter) *apiError {
	u, k, err := rq.ownKey()
	if err != nil {
		return err
	}
	rq.account.remember(u.name, rq.now)
	id := k.id
	u.keys = slices.DeleteFunc(u.keys, func(k key) bool { return k.id == id })
	delete(rq.server.owners, id)
	return nil
}

// ownKey is the key that a call changes, and the user that the key belongs
// to: the one it names, or else the caller.
func (rq *request) ownKey() (*user, *key, *apiError) {
	u, err := rq.user()
	if err != nil {
		return nil, nil, err
	}
	id := rq.params.Get("AccessKeyId")
	k := u.key(id)
	if k == nil {
		return nil, nil, noSuchKey(id)
	}
	return u, k, nil
}
