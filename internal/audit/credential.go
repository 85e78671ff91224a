package audit

import "time"

// CredentialKind is the kind of a credential other than a user's access key.
type CredentialKind string

// The kinds of credentials.
const (
	RootAccessKey      CredentialKind = "root_access_key"
	ConsolePassword    CredentialKind = "console_password"
	SigningCertificate CredentialKind = "signing_certificate"
	APIKey             CredentialKind = "api_key" // a service-specific credential
)

// Credential is a way into the account other than a user's access key. It is
// shown, and nothing is ever done about it.
type Credential struct {
	Kind CredentialKind
	// User is its owner; for the root user, RootUser.
	User string
	// ID and Service name an API key and what it opens, such as
	// bedrock.amazonaws.com. Expires (UTC) is when it ends by itself; zero is never.
	ID, Service string
	Expires     time.Time
	// Number distinguishes the two that a user may have of a kind, as they have
	// no id; zero for a password.
	Number int
	Active bool
	// Changed (UTC) is when it was made or last changed.
	Changed time.Time
	// LastUsed is zero if no use is known. Of certificates and API keys none ever
	// is.
	LastUsed time.Time
}

// RootUser stands for the account's root user, who is no IAM user. No user's
// name can hold a '<'.
const RootUser = "<root_account>"

// JudgeCredential says what a credential is at now, by the ages that keys are
// judged by. An active access key of the root user is past its limit from the
// first moment, as there should be none; what no use is known of is judged by
// its age alone. No exemption holds.
func JudgeCredential(c Credential, rules Rules, now time.Time) Verdict {
	status := Active
	if !c.Active || !c.Expires.IsZero() && !now.Before(c.Expires) {
		status = Inactive
	}
	if c.Kind == SigningCertificate || c.Kind == APIKey {
		rules.InactivityAge, rules.InactivityWarningAge = rules.ExpirationAge, rules.WarningAge
	}
	lastUse := c.LastUsed // it may have been changed since
	if lastUse.IsZero() {
		lastUse = c.Changed
	}
	v := judge(Key{Status: status, Created: c.Changed}, lastUse, Exemption{}, rules, now)
	if c.Kind == RootAccessKey && c.Active {
		v.State, v.Underlying = Expired, Expired
	}
	return v
}

// Urgent reports whether a credential is to be removed at once, whatever its
// age.
func (c Credential) Urgent() bool { return c.Kind == RootAccessKey && c.Active }

// NeverExpires reports whether an API key is in use that no date ends.
func (c Credential) NeverExpires() bool { return c.Kind == APIKey && c.Active && c.Expires.IsZero() }

// Shown reports whether a report names a credential with this verdict: every
// access key of the root user, every API key and every active certificate, but of
// passwords only those that are past a warning or a limit.
func (c Credential) Shown(v Verdict) bool {
	switch c.Kind {
	case RootAccessKey, APIKey:
		return true
	case ConsolePassword:
		return c.Active && v.State != Good
	}
	return c.Active
}
