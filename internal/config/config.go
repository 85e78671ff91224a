package config

import (
	"cmp"
	"math"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// MaxAgeDays is the largest age allowed, a hundred years: larger ages are treated
// as typing errors.
const MaxAgeDays = 36500

// Config is every setting, checked.
type Config struct {
	Rules audit.Rules
	// UserRules are the rules for kinds of users, with the Ceiling that no
	// exemption goes beyond, in days; those that RulesFrom keeps in AWS are added
	// by WithRules.
	UserRules  audit.UserRules
	Ceiling    int
	RulesFrom  RulesSource
	Policy     audit.Policy // OwnKeys is not a setting, and left empty
	MaxDisable Cap
	// MaxDelete is how many keys one run may delete.
	MaxDelete Cap
	// Exemptions says which exemptions are valid.
	Exemptions audit.ExemptionRules
	// LeakDisables is set if leaked keys are disabled, LeakSparesExempt if those
	// of exempt users are not.
	LeakDisables, LeakSparesExempt bool
	// LeakMaxDisable is how many leaked keys one event, and one hour in one
	// account, may disable. The zero value allows none.
	LeakMaxDisable int

	Creation   notify.Heading
	Inactivity notify.Heading
	Leak       notify.Heading
	Templates  notify.Templates

	// Owners says how the owner of a key is found.
	Owners       audit.Owners
	Targets      Targets
	SlackChannel string // with SLEUTH_SLACK_TOKEN: the id of the app's channel
	SlackAPIURL  string

	// UseCredentialReport is set if the credential report says which users to
	// read.
	UseCredentialReport bool
	// OtherCredentials is set if reports also show credentials other than access
	// keys.
	OtherCredentials bool
	// Risk is set if reports also show what the users of keys may do.
	Risk     bool
	Evidence Evidence
	// SecurityHub is set if findings are kept in AWS Security Hub.
	SecurityHub bool
	// Trace is set if runs look up who uses keys, within TraceBudget;
	// TraceInChannel if lists in channels say so as well.
	Trace, TraceInChannel bool
	TraceBudget           TraceBudget
	Concurrency           int
	Scope                 Scope
	// Digest is set if one message covers all accounts of the scope.
	Digest bool
	// ResultsBucket is for runs that Step Functions makes; empty for none.
	ResultsBucket string
	State         StateChoice
	Lease         time.Duration
	Log           Log
	Debug         bool
}

// NewBatch returns a batch without notices, with the configured templates.
func (c Config) NewBatch() notify.Batch {
	return notify.Batch{
		Creation: c.Creation, Inactivity: c.Inactivity, Leak: c.Leak, Templates: c.Templates,
		UsesInLists: c.TraceInChannel,
	}
}

// Cap limits how many keys one run may disable, or delete. The zero Cap is no
// limit.
type Cap struct {
	Set     bool
	Keys    int // absolute
	Percent int // of the keys that it is measured by; used if Keys is zero and Percent is not
	Text    string
}

// Exceeded reports whether disabling so many of the account's Active keys, or
// deleting so many of its Inactive ones, is more than the cap allows.
func (c Cap) Exceeded(due, of int) bool {
	switch {
	case !c.Set:
		return false
	case c.Percent > 0:
		return due*100 > c.Percent*of
	}
	return due > c.Keys
}

// TraceBudget is how many lookups are made in CloudTrail, and for how long.
type TraceBudget struct {
	Calls  int
	Within time.Duration
}

// StateKind is the kind of store for state.
type StateKind uint8

// The kinds of state.
const (
	StateUnset StateKind = iota // the default of the place Sleuth runs in
	StateNone
	StateFile
	StateDynamoDB
)

// StateChoice is the store for state: a kind, and a path or a table's name.
type StateChoice struct {
	Kind StateKind
	Name string
}

// The values that turn something on.
const (
	disable     = "disable"
	all         = "all"
	byReport    = "credential-report"
	securityHub = "securityhub"
)

// String is the choice as SLEUTH_STATE names it.
func (s StateChoice) String() string {
	switch s.Kind {
	case StateFile:
		return "file:" + s.Name
	case StateDynamoDB:
		return "dynamodb:" + s.Name
	}
	return "none"
}

// Check checks every setting, and returns all Problems at once. If SLEUTH_STATE
// is not set, state is kept where unset says.
func Check(s Settings, unset StateChoice) (Config, error) {
	c := newChecker(&s)
	cfg := Config{
		Rules: c.rules(s.Limits),
		Policy: audit.Policy{
			AutoExpire:      c.autoExpire(string(s.EnableAutoExpire)),
			RemindAt:        c.ladder("SLEUTH_REMIND_AT", s.RemindAt),
			MinNoticeDays:   c.wholeNumber("SLEUTH_MIN_NOTICE_DAYS", s.MinNoticeDays, 0, MaxAgeDays, "days"),
			DeleteAfterDays: c.deleteAfterDays(s.DeleteAfterDays),
			Calendar:        c.calendar(s.Enforce),
		},
		MaxDisable:          c.limit("SLEUTH_MAX_DISABLE", s.MaxDisable),
		MaxDelete:           c.limit("SLEUTH_MAX_DELETE", s.MaxDelete),
		Exemptions:          c.exemptions(s.Exemptions),
		LeakDisables:        c.oneOf("SLEUTH_LEAK_RESPONSE", s.LeakResponse, "notify", disable) == disable,
		LeakSparesExempt:    c.boolean("SLEUTH_LEAK_EXEMPT", string(s.LeakExempt)),
		LeakMaxDisable:      c.wholeNumber("SLEUTH_LEAK_MAX_DISABLE", s.LeakMaxDisable, 1, maxLeakDisable, "keys"),
		Creation:            notify.Heading{Title: s.ExpireTitle, Text: s.ExpireText},
		Inactivity:          notify.Heading{Title: s.InactiveTitle, Text: s.InactiveText},
		Leak:                notify.Heading{Title: s.LeakTitle, Text: cmp.Or(strings.TrimSpace(s.LeakText), notify.LeakInstructions)},
		Templates:           c.checkTemplates(s.Templates),
		Owners:              c.owners(s.Owners, s.Channels),
		Targets:             c.targets(s.Channels),
		SlackChannel:        c.slackChannel(s.Channels),
		SlackAPIURL:         c.webAddress("SLEUTH_SLACK_API_URL", s.SlackAPIURL),
		UseCredentialReport: c.oneOf("SLEUTH_INVENTORY", s.Inventory.Inventory, "live", byReport) == byReport,
		OtherCredentials:    c.oneOf("SLEUTH_CREDENTIALS", s.Credentials, all, "access-keys") == all,
		Risk:                c.boolean("SLEUTH_RISK", string(s.Risk)),
		Evidence:            c.evidence(s.Evidence),
		SecurityHub:         strings.TrimSpace(s.SecurityHub) != "" && c.oneOf("SLEUTH_SECURITY_HUB", s.SecurityHub, securityHub) == securityHub,
		Trace:               c.boolean("SLEUTH_TRACE", string(s.Trace)),
		TraceInChannel:      c.boolean("SLEUTH_TRACE_IN_CHANNEL", string(s.TraceInChannel)),
		TraceBudget:         c.traceBudget(s.TraceBudget),
		Concurrency:         c.wholeNumber("SLEUTH_CONCURRENCY", s.Concurrency, 1, 256, "calls"),
		Scope:               c.scope(s.Accounts),
		Digest:              c.digest(s.NotifyMode, s.Accounts.Accounts),

		ResultsBucket: c.bucket(s.ResultsBucket, s.Accounts.Accounts),
		State:         c.state(s.State.State, unset),
		Lease:         c.lease(s.LeaseSeconds),
		Log:           c.log(s.Logging),
		Debug:         debugging(string(s.Debug)),
	}
	cfg = c.userRules(cfg, s.UserRules)
	if silent := c.boolean("SLEUTH_ALLOW_SILENT", string(s.AllowSilent)); !silent && !s.areSet() {
		c.needsChannel("ENABLE_AUTO_EXPIRE", string(s.EnableAutoExpire), cfg.Policy.AutoExpire)
		c.needsChannel("SLEUTH_LEAK_RESPONSE", s.LeakResponse, cfg.LeakDisables)
	}
	if cfg.Policy.DeleteAfterDays > 0 && !s.areSet() {
		c.add("SLEUTH_DELETE_AFTER_DAYS", s.DeleteAfterDays, "a key is deleted only after its owner was warned, and no channel is configured; set one, such as SLACK_URL or SNS_TOPIC")
	}
	if cfg.State.Kind == StateNone {
		c.needsState("SLEUTH_DELETE_AFTER_DAYS", s.DeleteAfterDays, cfg.Policy.DeleteAfterDays > 0)
		c.needsState("SLEUTH_MAX_EXEMPTION_DAYS", s.MaxExemptionDays, cfg.Policy.AutoExpire && cfg.Exemptions.MaxDays > 0)
		c.needsState("SLEUTH_REQUIRE_EXEMPTION_REASON", string(s.RequireExemptionReason), cfg.Policy.AutoExpire && cfg.Exemptions.NeedReason)
		c.needsState("SLEUTH_RULES", cfg.RulesFrom.String(), cfg.Policy.AutoExpire && cfg.RulesFrom.IsSet())
		c.needsState("SLEUTH_REMIND_AT", s.RemindAt, len(cfg.Policy.RemindAt) > 0)
		c.needsState("SLEUTH_MIN_NOTICE_DAYS", s.MinNoticeDays, cfg.Policy.MinNoticeDays > 0)
	}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

// CheckLimits checks the settings that decide which keys are read and their
// verdicts, for the commands that only read, and returns all Problems at once.
func CheckLimits(a Accounts, l Limits, x Exemptions, i Inventory, d Logging) (Config, error) {
	s := Settings{Limits: l, Exemptions: x, Inventory: i, Accounts: a, Logging: d}
	c := newChecker(&s)
	cfg := Config{
		Rules:               c.rules(s.Limits),
		Exemptions:          c.exemptions(s.Exemptions),
		UseCredentialReport: c.oneOf("SLEUTH_INVENTORY", s.Inventory.Inventory, "live", byReport) == byReport,
		OtherCredentials:    c.oneOf("SLEUTH_CREDENTIALS", s.Credentials, all, "access-keys") == all,
		Risk:                c.boolean("SLEUTH_RISK", string(s.Risk)),
		Concurrency:         c.wholeNumber("SLEUTH_CONCURRENCY", s.Concurrency, 1, 256, "calls"),
		Scope:               c.scope(s.Accounts),
		Log:                 c.log(s.Logging),
		Debug:               debugging(string(s.Debug)),
	}
	cfg = c.userRules(cfg, s.UserRules)
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

func (c *checker) rules(l Limits) audit.Rules {
	expiration := c.days("EXPIRATION_AGE", l.ExpirationAge, 1)
	warning := c.days("WARNING_AGE", l.WarningAge, 0)
	c.lower(warning, expiration)

	inactivity, inactivityWarning := expiration, warning
	switch age, warning := strings.TrimSpace(l.InactivityAge), strings.TrimSpace(l.InactivityWarningAge); {
	case age == "" && warning == "":
	case age == "":
		c.days("INACTIVITY_WARNING_AGE", warning, 0)
		c.add("INACTIVITY_AGE", "", "required if INACTIVITY_WARNING_AGE (%s) is set; give a number of days higher than it", warning)
	case warning == "":
		c.atMost(c.days("INACTIVITY_AGE", age, 1), expiration)
		c.add("INACTIVITY_WARNING_AGE", "", "required if INACTIVITY_AGE (%s) is set; give a number of days lower than it", age)
	default:
		inactivity = c.days("INACTIVITY_AGE", age, 1)
		inactivityWarning = c.days("INACTIVITY_WARNING_AGE", warning, 0)
		c.atMost(inactivity, expiration)
		c.lower(inactivityWarning, inactivity)
	}
	return audit.Rules{
		ExpirationAge:        expiration.n,
		WarningAge:           warning.n,
		InactivityAge:        inactivity.n,
		InactivityWarningAge: inactivityWarning.n,
	}
}

func (c *checker) exemptions(x Exemptions) audit.ExemptionRules {
	rules := audit.ExemptionRules{NeedReason: c.boolean("SLEUTH_REQUIRE_EXEMPTION_REASON", string(x.RequireExemptionReason))}
	if days := strings.TrimSpace(x.MaxExemptionDays); days != "" {
		rules.MaxDays = c.wholeNumber("SLEUTH_MAX_EXEMPTION_DAYS", days, 1, MaxAgeDays, "days")
	}
	return rules
}

// CheckState checks the settings of the accounts and of state alone, for the
// commands that show or repair state, and returns all Problems at once.
func CheckState(accounts Accounts, state State, unset StateChoice) (Config, error) {
	s := Settings{Accounts: accounts, State: state}
	c := newChecker(&s)
	cfg := Config{Scope: c.scope(s.Accounts), State: c.state(s.State.State, unset), Lease: c.lease(s.LeaseSeconds)}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

// CheckTrace checks the settings for looking up one key, and returns all Problems
// at once.
func CheckTrace(accounts Accounts, state State, lookups Lookups, unset StateChoice) (Config, error) {
	s := Settings{Accounts: accounts, State: state, Lookups: lookups}
	c := newChecker(&s)
	cfg := Config{Scope: c.scope(s.Accounts), State: c.state(s.State.State, unset), TraceBudget: c.traceBudget(s.TraceBudget)}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

// CheckSlackAPI checks the settings for reading Slack's users and groups, and
// returns all Problems at once.
func CheckSlackAPI(api SlackAPI, host SlackHost) (token Secret, apiURL string, err error) {
	c := &checker{}
	text := strings.TrimSpace(api.SlackAPIToken.Reveal())
	token, isReference, err := parseReference(text)
	switch {
	case err != nil:
		c.add("SLEUTH_SLACK_API_TOKEN", secret.Redacted, "%s", err)
	case text == "":
		c.add("SLEUTH_SLACK_API_TOKEN", "", "required: a token of a Slack app with the scopes users:read and usergroups:read")
	case !isReference:
		token = Secret{Value: secret.New(text)}
	}
	apiURL = c.webAddress("SLEUTH_SLACK_API_URL", host.SlackAPIURL)
	if len(c.problems) > 0 {
		return Secret{}, "", c.problems
	}
	return token, apiURL, nil
}

// deleteAfterDays reads after how many days a disabled key is deleted; zero never
// deletes one. docs/decisions/deleting-keys.md says why it is bounded.
func (c *checker) deleteAfterDays(text string) int {
	if strings.TrimSpace(text) == "" {
		return 0
	}
	return c.wholeNumber("SLEUTH_DELETE_AFTER_DAYS", text, minDeleteAfter, maxDeleteAfter, "days")
}

const minDeleteAfter, maxDeleteAfter = 30, 365

func (c *checker) lease(text string) time.Duration {
	return time.Duration(c.wholeNumber("SLEUTH_LEASE_SECONDS", text, 1, 900, "seconds")) * time.Second
}

func (c *checker) needsState(variable, value string, asked bool) {
	if asked {
		c.add(variable, value, "needs state, to know who was notified; set SLEUTH_STATE to file:PATH or dynamodb:TABLE")
	}
}

func (c *checker) needsChannel(variable, value string, disables bool) {
	if disables {
		c.add(variable, value, "keys would be disabled and nobody notified, as no channel is configured; "+
			"set one, such as SLACK_URL or SNS_TOPIC, or set SLEUTH_ALLOW_SILENT=true if nobody is to be notified")
	}
}

// debugging follows aws-iam-sleuth, which turned DEBUG on for any value, except for
// the values that mean no.
func debugging(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "0", "f", "false", "n", "no", "off":
		return false
	}
	return true
}

const maxInt = math.MaxInt32

// maxLeakDisable is every key that an account can have: 5,000 users with two
// each.
const maxLeakDisable = 10_000
