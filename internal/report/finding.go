package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/risk"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Tool is what made a report, for the formats that name it.
type Tool struct{ Version string }

const (
	toolName = "Sleuth"
	toolURL  = "https://github.com/iam-sleuth/sleuth"
)

// finding is a key or another credential that is past a warning or a limit, as
// programs for findings take it.
type finding struct {
	account account.Account
	at      time.Time
	// forecast is set if it is not so yet.
	forecast *Forecast
	rule     findingRule
	state    audit.State
	// exempt: it would be in that state, and is left alone.
	exempt bool
	// risk is what the user may do; nil if that was not asked for.
	risk *risk.Risk
	user string
	// resource names the credential within the account, the same at all times;
	// kind is its type in AWS.
	resource, kind string
	title, message string
	details        map[string]any
}

// findingRule is what a finding goes against.
type findingRule struct {
	id, name, short, help string
	urgent, past          bool
	severity              string // of 10, as code-scanning pages sort by
}

const rotateHelp = "Make a new access key, change over to it, then disable and delete the old one. Better still, use a role, which needs no key."

// findingRules are all rules, the most pressing first.
func findingRules() []findingRule {
	return []findingRule{
		{
			"root_access_key", "RootAccessKey", "The root user has an active access key",
			"Delete the access keys of the root user: nothing can limit what they open. Use a role or a user with the permissions needed.", true, true, "9.8",
		},
		{audit.Expired.String(), "PastTheLimitByAge", "A credential is older than allowed", rotateHelp, false, true, "8.0"},
		{audit.IdleExpired.String(), "PastTheLimitByUse", "A credential has not been used for longer than allowed", "Delete what is not needed. " + rotateHelp, false, true, "7.5"},
		{audit.Aging.String(), "NearTheLimitByAge", "A credential comes near the age that is allowed", rotateHelp, false, false, "5.0"},
		{
			"api_key_never_expires", "APIKeyNeverExpires", "A long-term API key never expires",
			"Make API keys with an end, or use short-term ones, and delete this one.", false, false, "5.5",
		},
		{audit.Idle.String(), "NearTheLimitByUse", "A credential has not been used for long", "Delete what is not needed. " + rotateHelp, false, false, "4.5"},
	}
}

func ruleOf(id string) findingRule {
	for _, rule := range findingRules() {
		if rule.id == id {
			return rule
		}
	}
	return findingRule{}
}

// findingsIn lists what is past a warning or a limit, in the order of the
// reports; withExempt also what would be, were it not exempt.
func findingsIn(reports []Report, withExempt bool) []finding {
	var all []finding
	for _, r := range reports {
		for _, row := range r.Rows {
			if row.Exempt && !withExempt {
				continue
			}
			if row.Underlying.PastLimit() || row.Underlying.NeedsWarning() {
				all = append(all, r.keyFinding(row))
			}
		}
		for _, c := range r.Credentials {
			if c.Urgent || c.State.PastLimit() || c.State.NeedsWarning() {
				all = append(all, r.credentialFinding(c))
			}
			if c.NeverExpires {
				all = append(all, r.neverExpires(c))
			}
		}
	}
	return all
}

func (r Report) keyFinding(row Row) finding {
	f := finding{
		account: r.Account, at: r.At, forecast: r.Forecast, rule: ruleOf(row.Underlying.String()), state: row.Underlying, exempt: row.Exempt,
		user: onOneLine(row.User), resource: row.KeyID, kind: "AWS::IAM::AccessKey",
		details: map[string]any{
			"state": row.State, "underlying": row.Underlying, "exempt": row.Exempt, "user": row.User, "key_id": row.KeyID,
			"age_days": row.Age, "last_access_age_days": row.IdleAge, "days_left": row.DaysLeft, "created": row.Created, "last_used": row.LastUsed,
			"last_used_service": row.LastUsedService, "last_used_region": row.LastUsedRegion, "description": row.Description, "console": row.Console,
			"rule": row.Rule,
		},
	}
	if row.Rotation != nil {
		f.details["rotation"] = row.Rotation
	}
	if row.Risk != nil {
		f.risk, f.details["risk"] = row.Risk, row.Risk
	}
	left := row.ExpiresAt
	if row.Underlying.Reason() == audit.Inactivity {
		left = row.IdleLimitAt
	}
	f.describe(fmt.Sprintf("Access key %s of user %s in %s", row.KeyID, f.user, r.Account), r.limitsOf(row), row.Age, row.IdleAge, left)
	if row.Risk != nil {
		f.message += " What its user may do at worst, by policies: " + row.RiskText() + "."
	}
	if row.Exempt {
		f.message += " It is exempt by its user's KeyAutoExpire tag."
		f.details["exempt_until"], f.details["exempt_reason"] = row.ExemptUntil, row.ExemptReason
	}
	return f
}

func (r Report) credentialFinding(c Credential) finding {
	f := finding{
		account: r.Account, at: r.At, forecast: r.Forecast, rule: ruleOf(c.State.String()), state: c.State,
		user: onOneLine(c.User), resource: cmp.Or(c.ID, strings.ReplaceAll(c.Title(), " ", "-")+"/"+c.User),
		kind: map[audit.CredentialKind]string{
			audit.RootAccessKey: "AWS::IAM::AccessKey", audit.ConsolePassword: "AWS::IAM::LoginProfile", audit.SigningCertificate: "AWS::IAM::SigningCertificate", audit.APIKey: "AWS::IAM::ServiceSpecificCredential",
		}[c.Kind],
		details: map[string]any{
			"state": c.State, "user": c.User, "credential": c.Kind, "age_days": c.Age, "last_access_age_days": c.IdleAge,
			"days_left": c.DaysLeft, "changed": c.Changed, "last_used": c.LastUsed,
		},
	}
	if c.Kind == audit.APIKey {
		maps.Copy(f.details, map[string]any{"id": c.ID, "service": c.Service, "expires_at": c.ExpiresAt, "never_expires": c.NeverExpires})
	}
	if c.Urgent {
		f.rule = ruleOf("root_access_key")
		f.title = fmt.Sprintf("The root user of %s has an active access key", r.Account)
		f.message = f.forecastMark() + f.title + ", which nothing can limit: delete it at once."
		return f
	}
	age, idle, limit := 0, 0, r.At
	if c.Age != nil {
		age = *c.Age
	}
	if c.IdleAge != nil {
		idle = *c.IdleAge
	}
	if c.DaysLeft != nil {
		limit = r.At.AddDate(0, 0, *c.DaysLeft)
	}
	f.describe(fmt.Sprintf("%s of user %s in %s", c.named(), f.user, r.Account), r.Rules, age, idle, limit)
	return f
}

// neverExpires is the finding that no date ends an API key, whatever its age.
func (r Report) neverExpires(c Credential) finding {
	f := r.credentialFinding(c)
	f.rule, f.resource = ruleOf("api_key_never_expires"), f.resource+"/never-expires"
	f.title = fmt.Sprintf("%s of user %s in %s never expires", c.named(), f.user, r.Account)
	f.message = f.forecastMark() + f.title + "."
	f.title = f.forecastMark() + f.title
	return f
}

// named is the credential's title at the start of a sentence, with its id.
func (c Credential) named() string {
	if c.ID == "" {
		return upperFirst(c.Title())
	}
	return upperFirst(c.Title()) + " " + onOneLine(c.ID)
}

// describe says in words what the finding is about what.
func (f *finding) describe(what string, rules Rules, age, idle int, limit time.Time) {
	days := func(n int) string { return text.Count(n, "day") }
	switch f.state {
	case audit.Expired:
		f.title = what + " is past its limit by age"
		f.message = fmt.Sprintf("%s is %s old; the limit is %s.", what, days(age), days(rules.ExpirationAge))
	case audit.IdleExpired:
		f.title = what + " is past its limit by use"
		f.message = fmt.Sprintf("%s has not been used for %s; the limit is %s.", what, days(idle), days(rules.InactivityAge))
	case audit.Aging:
		f.title = what + " comes near its limit by age"
		f.message = fmt.Sprintf("%s is %s old and reaches its limit of %s on %s.", what, days(age), days(rules.ExpirationAge), dayInWords(limit))
	default:
		f.title = what + " comes near its limit by use"
		f.message = fmt.Sprintf("%s has not been used for %s and reaches its limit of %s on %s.", what, days(idle), days(rules.InactivityAge), dayInWords(limit))
	}
	f.title = f.forecastMark() + f.title
	f.message = f.forecastMark() + f.message
}

func (f *finding) forecastMark() string {
	if f.forecast == nil {
		return ""
	}
	return "FORECAST for " + dayInWords(f.at) + ": "
}

// made is when the finding was made, which for a forecast is not when it will
// be so.
func (f *finding) made() time.Time {
	if f.forecast != nil {
		return f.forecast.ReadAt
	}
	return f.at
}

// uid names the finding, the same at all times and in all states.
func (f *finding) uid() string { return "sleuth/" + f.account.ID + "/" + f.resource }

// fingerprint is uid as programs compare it.
func (f *finding) fingerprint() string {
	sum := sha256.Sum256([]byte(f.uid()))
	return hex.EncodeToString(sum[:16])
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
