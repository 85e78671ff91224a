package config

import (
	"math"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// MaxAgeDays is the largest age that is taken for meant: a hundred years.
const MaxAgeDays = 36500

// Config is every setting, checked.
type Config struct {
	Rules      audit.Rules
	Policy     audit.Policy // OwnKeys is not a setting, and left empty
	MaxDisable Cap
	Creation   notify.Heading
	Inactivity notify.Heading
	SlackURL   Secret
	SNSTopic   string
	// ByReport: the credential report narrows the reading.
	ByReport    bool
	Concurrency int
	Scope       Scope
	// Digest: all accounts of the scope are told of in one message.
	Digest bool
	// ResultsBucket is for runs that Step Functions makes; empty for none.
	ResultsBucket string
	State         StateChoice
	Lease         time.Duration
	Debug         bool
}

// Cap limits how many keys one run may disable. The zero Cap is no limit.
type Cap struct {
	Set     bool
	Keys    int // absolute
	Percent int // of the Active keys; used where Keys is zero and Percent is not
	Text    string
}

// Exceeded reports whether disabling so many of the account's Active keys is
// more than the cap allows.
func (c Cap) Exceeded(disable, active int) bool {
	switch {
	case !c.Set:
		return false
	case c.Percent > 0:
		return disable*100 > c.Percent*active
	}
	return disable > c.Keys
}

// StateKind is where state is kept.
type StateKind uint8

// The kinds of state.
const (
	StateUnset StateKind = iota // the default of the place Sleuth runs in
	StateNone
	StateFile
	StateDynamoDB
)

// StateChoice is where state is kept: a kind, and a path or a table's name.
type StateChoice struct {
	Kind StateKind
	Name string
}

// Check checks every setting, and returns all Problems at once. Where STATE is
// unset, unset is where state is kept.
func Check(s Settings, unset StateChoice) (Config, error) {
	c := newChecker(&s)
	cfg := Config{
		Rules: c.rules(s.Limits),
		Policy: audit.Policy{
			AutoExpire:    c.boolean("ENABLE_AUTO_EXPIRE", string(s.EnableAutoExpire)),
			RemindAt:      c.ladder("REMIND_AT", s.RemindAt),
			MinNoticeDays: c.whole("MIN_NOTICE_DAYS", s.MinNoticeDays, 0, MaxAgeDays, "days"),
		},
		MaxDisable:  c.limit("MAX_DISABLE", s.MaxDisable),
		Creation:    notify.Heading{Title: s.ExpireTitle, Text: s.ExpireText},
		Inactivity:  notify.Heading{Title: s.InactiveTitle, Text: s.InactiveText},
		SlackURL:    c.slackURL(s.SlackURL),
		SNSTopic:    c.topic(s.SNSTopic),
		ByReport:    c.inventory(s.Inventory),
		Concurrency: c.whole("CONCURRENCY", s.Concurrency, 1, 256, "calls"),
		Scope:       c.scope(s.Estate),
		Digest:      c.digest(s.Notify, s.Accounts),

		ResultsBucket: c.bucket(s.ResultsBucket, s.Accounts),
		State:         c.state(s.State, unset),
		Lease:         c.lease(s.LeaseSeconds),
		Debug:         debugging(string(s.Debug)),
	}
	if cfg.State.Kind == StateNone {
		c.needsState("REMIND_AT", s.RemindAt, len(cfg.Policy.RemindAt) > 0)
		c.needsState("MIN_NOTICE_DAYS", s.MinNoticeDays, cfg.Policy.MinNoticeDays > 0)
	}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

// CheckLimits checks the settings that decide a verdict, and of what, for the
// commands that only read, and returns all Problems at once.
func CheckLimits(e Estate, l Limits, r Reading, d Logging) (Config, error) {
	s := Settings{Limits: l, Reading: r, Estate: e, Logging: d}
	c := newChecker(&s)
	cfg := Config{
		Rules:       c.rules(s.Limits),
		ByReport:    c.inventory(s.Inventory),
		Concurrency: c.whole("CONCURRENCY", s.Concurrency, 1, 256, "calls"),
		Scope:       c.scope(s.Estate),
		Debug:       debugging(string(s.Debug)),
	}
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
		c.add("INACTIVITY_AGE", "", "required where INACTIVITY_WARNING_AGE (%s) is set; give a number of days higher than it", warning)
	case warning == "":
		c.atMost(c.days("INACTIVITY_AGE", age, 1), expiration)
		c.add("INACTIVITY_WARNING_AGE", "", "required where INACTIVITY_AGE (%s) is set; give a number of days lower than it", age)
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

// CheckMemory checks the settings of state alone, for the commands that show
// or mend it, and returns all Problems at once.
func CheckMemory(m Memory, unset StateChoice) (Config, error) {
	return CheckMemoryOf(Estate{}, m, unset)
}

// CheckMemoryOf is CheckMemory with the settings of the accounts.
func CheckMemoryOf(e Estate, m Memory, unset StateChoice) (Config, error) {
	s := Settings{Estate: e, Memory: m}
	c := newChecker(&s)
	cfg := Config{Scope: c.scope(s.Estate), State: c.state(s.State, unset), Lease: c.lease(s.LeaseSeconds)}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}

// CheckSlackAPI checks the settings of Slack's directory, and returns all
// Problems at once.
func CheckSlackAPI(api SlackAPI) (token Secret, apiURL string, err error) {
	c := &checker{}
	text := strings.TrimSpace(api.SlackAPIToken.Reveal())
	token, isReference, err := parseReference(text)
	switch {
	case err != nil:
		c.add("SLACK_API_TOKEN", secret.Redacted, "%s", err)
	case text == "":
		c.add("SLACK_API_TOKEN", "", "required: a token of a Slack app with the scopes users:read and usergroups:read")
	case !isReference:
		token = Secret{Value: secret.New(text)}
	}
	apiURL = strings.TrimSpace(api.SlackAPIURL)
	if apiURL != "" && !isWebURL(apiURL) {
		c.add("SLACK_API_URL", api.SlackAPIURL, "must be a https:// URL, such as https://slack-gov.com/api/")
	}
	if len(c.problems) > 0 {
		return Secret{}, "", c.problems
	}
	return token, apiURL, nil
}

func (c *checker) lease(text string) time.Duration {
	return time.Duration(c.whole("LEASE_SECONDS", text, 1, 900, "seconds")) * time.Second
}

func (c *checker) needsState(variable, value string, asked bool) {
	if asked {
		c.add(variable, value, "needs state to know who was told; set STATE to file:PATH or dynamodb:TABLE")
	}
}

// debugging follows the original, where any value turned DEBUG on, but for
// the values that say no.
func debugging(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "0", "f", "false", "n", "no", "off":
		return false
	}
	return true
}

const maxInt = math.MaxInt32
