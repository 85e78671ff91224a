package awsfake

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// session is whom an access key id that is no IAM user's acts as.
type session struct {
	account string
	arn     string
	userID  string
	expires time.Time // zero is never
}

// caller is who made a call.
type caller struct {
	account string
	arn     string
	userID  string
	user    string // the IAM user's name, if it is one
}

var (
	sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	roleARNPattern     = regexp.MustCompile(`^arn:[\w-]+:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]{1,64})$`)
)

// Sessions last between 15 minutes and 12 hours, an hour by default.
const (
	minSession     = 15 * 60
	maxSession     = 12 * 60 * 60
	defaultSession = 60 * 60
)

func stsActions() map[string]action {
	return map[string]action{
		"GetCallerIdentity": getCallerIdentity,
		"AssumeRole":        assumeRole,
	}
}

// identify finds out who makes a call, and notes in the call in which account
// and about which user. Access key ids that nobody has handed out act in the
// home account, so that any credentials will do.
func (s *Server) identify(keyID string, call *Call) (caller, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := caller{account: s.homeID, arn: s.arn(serviceIAM, s.homeID, "root"), userID: s.homeID}
	var refusal *apiError
	if u, ok := s.owners[keyID]; ok {
		who = caller{account: u.account.id, arn: u.arn(), userID: u.id(), user: u.name}
		if !u.key(keyID).active {
			refusal = fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
		}
	} else if session, ok := s.sessions[keyID]; ok {
		who = caller{account: session.account, arn: session.arn, userID: session.userID}
		if !session.expires.IsZero() && time.Now().After(session.expires) {
			refusal = fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
		}
	}
	if keyID == "" {
		refusal = fail(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	call.Account = who.account
	if owner, ok := s.owners[call.KeyID]; ok && call.User == "" && owner.account.id == who.account {
		call.User = owner.name
	}
	return who, refusal
}

func getCallerIdentity(rq *request, x *xmlWriter) *apiError {
	x.openResult()
	x.text("Arn", rq.caller.arn)
	x.text("UserId", rq.caller.userID)
	x.text("Account", rq.caller.account)
	return nil
}

func assumeRole(rq *request, x *xmlWriter) *apiError {
	s := rq.server
	roleARN, name := rq.params.Get("RoleArn"), rq.params.Get("RoleSessionName")
	role := roleARNPattern.FindStringSubmatch(roleARN)
	if role == nil {
		return invalid("%s is invalid", roleARN)
	}
	if !sessionNamePattern.MatchString(name) {
		return invalid("Value '%s' at 'roleSessionName' failed to satisfy constraint", name)
	}
	seconds, err := strconv.Atoi(cmp.Or(rq.params.Get("DurationSeconds"), strconv.Itoa(defaultSession)))
	if err != nil || seconds < minSession || seconds > maxSession {
		return invalid("Value at 'durationSeconds' must be between %d and %d", minSession, maxSession)
	}
	target := s.account(role[1])
	if target.denyAssume || strings.Split(roleARN, ":")[1] != s.partition ||
		target.externalID != "" && rq.params.Get("ExternalId") != target.externalID {
		return fail(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", rq.caller.arn, roleARN)
	}

	// One key id for each role and session name: a benchmark that assumes the
	// same roles again and again leaves no more sessions behind.
	roleID := idFrom("AROA", hash(roleARN))
	expires := time.Now().Add(time.Duration(seconds) * time.Second)
	made := session{
		account: target.id,
		arn:     s.arn(serviceSTS, target.id, "assumed-role/"+role[2]+"/"+name),
		userID:  roleID + ":" + name,
		expires: expires,
	}
	keyID := idFrom("ASIA", hash(roleARN+"\x00"+name))
	s.sessions[keyID] = made

	x.openResult()
	x.open("AssumedRoleUser")
	x.text("AssumedRoleId", made.userID)
	x.text("Arn", made.arn)
	x.close("AssumedRoleUser")
	x.open("Credentials")
	x.text("AccessKeyId", keyID)
	x.text("SecretAccessKey", secretFor(keyID))
	x.text("SessionToken", "session-of-"+keyID)
	x.time("Expiration", expires)
	x.close("Credentials")
	return nil
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}
