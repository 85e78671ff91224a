package config

import (
	"regexp"
	"slices"
	"strings"
)

// Scope is which accounts are covered, and how their roles are assumed. The zero
// Scope is the account of the credentials alone.
type Scope struct {
	// Organization is set for every active account of the organization or, if
	// OUs names some units, for those in them and in the units nested in them.
	Organization bool
	OUs          []string
	// Accounts are the ids of the accounts otherwise, each once.
	Accounts []string
	// Exclude are the ids of accounts that are left out.
	Exclude []string
	// MemberRole is the name, with its path, of the role in each account;
	// ExternalID what it asks of those who assume it.
	MemberRole, ExternalID string
	// Concurrency is the most accounts to process at once.
	Concurrency int

	homeOnly bool // Accounts has the account of the credentials, as In found it
}

// Several reports whether accounts were named, rather than left to the
// credentials.
func (s Scope) Several() bool { return s.Organization || (len(s.Accounts) > 0 && !s.homeOnly) }

// In returns the scope for credentials of the account home, which it covers if
// no account was named.
func (s Scope) In(home string) Scope {
	if !s.Several() {
		s.Accounts, s.homeOnly = []string{home}, true
	}
	return s
}

// Allows reports whether the settings let an account be covered, as far as they
// alone can say: which accounts an organization has, only AWS knows.
func (s Scope) Allows(account string) bool {
	return !slices.Contains(s.Exclude, account) && (s.Organization || slices.Contains(s.Accounts, account))
}

// WholeOrganization is the value of SLEUTH_ACCOUNTS that covers an organization.
const WholeOrganization = "organization"

// The forms of ids are AWS's own:
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	unitID     = regexp.MustCompile(`^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$`)
	roleName   = regexp.MustCompile(`^([\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,64}$`)
	externalID = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`)
)

func (c *checker) scope(s Accounts) Scope {
	scope := Scope{Concurrency: c.wholeNumber("SLEUTH_ACCOUNT_CONCURRENCY", s.AccountConcurrency, 1, 100, "accounts")}
	if accounts := strings.TrimSpace(s.Accounts); strings.EqualFold(accounts, WholeOrganization) {
		scope.Organization = true
	} else {
		scope.Accounts = c.ids("SLEUTH_ACCOUNTS", accounts, accountID,
			"must be %q, or ids of 12 digits, separated by commas", WholeOrganization)
	}
	scope.Exclude = c.ids("SLEUTH_EXCLUDE_ACCOUNTS", s.ExcludeAccounts, accountID, "must be ids of 12 digits, separated by commas")
	scope.OUs = c.ids("SLEUTH_OUS", s.OUs, unitID,
		"must be ids of organizational units, such as ou-ab12-34cdefgh, or of the root, separated by commas")
	scope.MemberRole = strings.TrimSpace(s.MemberRole)
	if scope.MemberRole != "" && !roleName.MatchString(scope.MemberRole) {
		c.add("SLEUTH_MEMBER_ROLE", scope.MemberRole, "must be the name of a role, with its path if it has one, such as sleuth-member")
	}
	scope.ExternalID = strings.TrimSpace(s.ExternalID)
	if scope.ExternalID != "" && (len(scope.ExternalID) > 1224 || !externalID.MatchString(scope.ExternalID)) {
		c.add("SLEUTH_EXTERNAL_ID", scope.ExternalID, "must be 2 to 1224 letters, digits and _+=,.@:/-")
	}
	c.consistentScope(s, scope)
	return scope
}

// consistentScope checks the settings of the scope against one another. A value
// that would be ignored is a problem, as somebody relies on it.
func (c *checker) consistentScope(s Accounts, scope Scope) {
	if strings.TrimSpace(s.Accounts) != "" {
		if scope.MemberRole == "" {
			c.add("SLEUTH_MEMBER_ROLE", "", "required if SLEUTH_ACCOUNTS is set: the name of the role to assume in each account")
		}
		if len(scope.OUs) > 0 && !scope.Organization {
			c.add("SLEUTH_OUS", s.OUs, "goes with SLEUTH_ACCOUNTS=%s only", WholeOrganization)
		}
		for _, account := range scope.Accounts {
			if slices.Contains(scope.Exclude, account) {
				c.add("SLEUTH_EXCLUDE_ACCOUNTS", s.ExcludeAccounts, "names account %s, which SLEUTH_ACCOUNTS names as well", account)
			}
		}
		return
	}
	for _, setting := range []struct{ variable, value string }{
		{"SLEUTH_OUS", s.OUs}, {"SLEUTH_EXCLUDE_ACCOUNTS", s.ExcludeAccounts},
		{"SLEUTH_MEMBER_ROLE", s.MemberRole}, {"SLEUTH_EXTERNAL_ID", s.ExternalID},
	} {
		if strings.TrimSpace(setting.value) != "" {
			c.add(setting.variable, setting.value, "needs SLEUTH_ACCOUNTS; without it, only the account of the credentials is covered")
		}
	}
}

// ids reads a list of ids, each kept once, in the order of the list.
func (c *checker) ids(variable, text string, form *regexp.Regexp, allowed string, args ...any) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var ids []string
	for part := range strings.SplitSeq(text, ",") {
		id := strings.TrimSpace(part)
		if !form.MatchString(id) {
			c.add(variable, text, allowed, args...)
			return nil
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// The values of SLEUTH_NOTIFY_MODE.
const (
	notifyByAccount = "account"
	notifyByDigest  = "digest"
)

// digest reports whether one message covers all accounts.
func (c *checker) digest(text, accounts string) bool {
	asked := c.oneOf("SLEUTH_NOTIFY_MODE", text, notifyByAccount, notifyByDigest) == notifyByDigest
	if asked && strings.TrimSpace(accounts) == "" {
		c.add("SLEUTH_NOTIFY_MODE", notifyByDigest, "needs SLEUTH_ACCOUNTS: a digest is of several accounts")
	}
	return asked
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (c *checker) bucket(text, accounts string) string {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
	case !bucketName.MatchString(text):
		c.add("SLEUTH_RESULTS_BUCKET", text, "must be the name of an S3 bucket")
	case strings.TrimSpace(accounts) == "":
		c.add("SLEUTH_RESULTS_BUCKET", text, "needs SLEUTH_ACCOUNTS; without it, only the account of the credentials is covered")
	}
	return text
}
