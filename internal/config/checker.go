package config

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/httpclient"
)

// checker collects the problems of a set of settings.
type checker struct{ problems Problems }

// newChecker returns a checker without problems. It also gives every empty
// setting its default, so that a flag given as "" counts as unset, as an empty
// variable does.
func newChecker(s *Settings) *checker {
	fillDefaults(reflect.ValueOf(s).Elem())
	return &checker{}
}

func fillDefaults(v reflect.Value) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			fillDefaults(value)
		case value.Kind() == reflect.String && strings.TrimSpace(value.String()) == "":
			value.SetString(field.Tag.Get("default"))
		}
	}
}

func (c *checker) add(variable, value, allowed string, args ...any) {
	c.problems = append(c.problems, Problem{variable, value, fmt.Sprintf(allowed, args...)})
}

func (c *checker) wholeNumber(variable, text string, lowest, highest int, unit string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < lowest || n > highest {
		c.add(variable, text, "must be a whole number of %s from %d to %d", unit, lowest, highest)
		return lowest
	}
	return n
}

// traceBudget reads a number of calls and of seconds, such as 1000/60.
func (c *checker) traceBudget(text string) TraceBudget {
	before, after, found := strings.Cut(text, "/")
	calls, notCalls := strconv.Atoi(strings.TrimSpace(before))
	seconds, notSeconds := strconv.Atoi(strings.TrimSpace(after))
	if !found || notCalls != nil || notSeconds != nil || calls < 1 || calls > maxLookups || seconds < 1 || seconds > maxLookupSeconds {
		c.add("SLEUTH_TRACE_BUDGET", text, "must be a number of calls from 1 to %d, a slash, and a number of seconds from 1 to %d, such as 1000/60", maxLookups, maxLookupSeconds)
	}
	return TraceBudget{calls, time.Duration(seconds) * time.Second}
}

// Bounds of SLEUTH_TRACE_BUDGET: an hour of 2 calls a second in 14 regions.
const (
	maxLookups       = 99_999
	maxLookupSeconds = 3600
)

func (c *checker) boolean(variable, text string) bool {
	on, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		c.add(variable, text, "must be true or false")
	}
	return on
}

// autoExpire takes exactly true and false. aws-iam-sleuth took any other value
// as off, also True and 1: a deployment that keeps such a value must not begin
// to disable keys.
func (c *checker) autoExpire(text string) bool {
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	c.add("ENABLE_AUTO_EXPIRE", text, "must be true or false, exactly so: write 'true' to disable keys; aws-iam-sleuth took this value as off")
	return false
}

// days is an age that was given, to be compared with others. One that is not
// readable was reported, and is not compared.
type days struct {
	variable string
	n        int
	readable bool
}

func (c *checker) days(variable, text string, lowest int) days {
	before := len(c.problems)
	n := c.wholeNumber(variable, text, lowest, MaxAgeDays, "days")
	return days{variable, n, len(c.problems) == before}
}

func (c *checker) lower(a, b days) {
	if a.readable && b.readable && a.n >= b.n {
		hint := ""
		if strconv.Itoa(a.n) == defaultOf(a.variable) {
			hint = fmt.Sprintf("; %d is the default", a.n)
		}
		c.add(a.variable, strconv.Itoa(a.n), "must be lower than %s (%d)%s", b.variable, b.n, hint)
	}
}

// defaultOf is the default of one of the limits.
func defaultOf(variable string) string {
	limits := reflect.TypeFor[Limits]()
	for i := range limits.NumField() {
		if tag := limits.Field(i).Tag; tag.Get("setting") == variable {
			return tag.Get("default")
		}
	}
	return ""
}

func (c *checker) atMost(a, b days) {
	if a.readable && b.readable && a.n > b.n {
		c.add(a.variable, strconv.Itoa(a.n), "must be at most %s (%d)", b.variable, b.n)
	}
}

// ladder reads days left such as "30,14,7,3,1", in any order.
func (c *checker) ladder(variable, text string) []int {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var days []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > MaxAgeDays {
			c.add(variable, text, "must be whole numbers of days left from 1 to %d, separated by commas, such as 30,14,7,3,1", MaxAgeDays)
			return nil
		}
		days = append(days, n)
	}
	slices.Sort(days)
	slices.Reverse(days)
	return slices.Compact(days)
}

func (c *checker) limit(variable, text string) Cap {
	text = strings.TrimSpace(text)
	if text == "" {
		return Cap{}
	}
	number, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	switch {
	case err == nil && isPercent && n >= 1 && n <= 100:
		return Cap{Set: true, Percent: n, Text: text}
	case err == nil && !isPercent && n >= 0 && n <= maxInt:
		return Cap{Set: true, Keys: n, Text: text}
	}
	c.add(variable, text, "must be a whole number of keys from 0, or a share from 1%% to 100%%, such as 25 or 10%%")
	return Cap{}
}

// owners reads how the owner of a key is found.
func (c *checker) owners(o Owners, channels Channels) audit.Owners {
	owners := audit.Owners{
		EmailTags: c.tagNames("SLEUTH_OWNER_TAGS", o.OwnerTags),
		SlackTags: c.tagNames("SLEUTH_SLACK_TAGS", o.SlackTags),
	}
	owners.TeamTag, owners.TeamChannels = c.teams(o, strings.TrimSpace(channels.SlackToken.Reveal()) != "")
	for domain := range strings.SplitSeq(o.EmailDomain, ",") {
		switch domain = strings.TrimSpace(domain); {
		case domain == "" && strings.TrimSpace(o.EmailDomain) == "":
		case !audit.IsDomain(domain):
			c.add("SLEUTH_EMAIL_DOMAIN", o.EmailDomain, "must be domains of mail addresses, separated by commas, such as example.com")
			return owners
		default:
			owners.Domains = append(owners.Domains, domain)
		}
	}
	return owners
}

// teams reads by which tag, and in which channels, teams are notified.
func (c *checker) teams(o Owners, hasApp bool) (tag string, channels map[string]string) {
	tag, text := strings.TrimSpace(o.TeamTag), strings.TrimSpace(o.TeamChannels)
	switch {
	case tag == "" && text != "":
		c.add("SLEUTH_TEAM_CHANNELS", text, "needs SLEUTH_TEAM_TAG")
	case tag != "" && !tagName.MatchString(tag):
		c.add("SLEUTH_TEAM_TAG", tag, "must be the name of a tag")
	case tag != "" && !hasApp:
		c.add("SLEUTH_TEAM_TAG", tag, "needs SLEUTH_SLACK_TOKEN, which posts to the channels of teams")
	}
	if text == "" {
		return tag, nil
	}
	channels = map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		team, channel, _ := strings.Cut(part, "=")
		team, channel = strings.TrimSpace(team), strings.TrimSpace(channel)
		if team == "" || !slackChannel.MatchString(channel) {
			c.add("SLEUTH_TEAM_CHANNELS", text, "must be teams and their channels, such as platform=C0123456789,data=#data-alerts")
			return tag, nil
		}
		for other := range channels {
			if strings.EqualFold(team, other) {
				c.add("SLEUTH_TEAM_CHANNELS", text, "names team %s twice", team)
			}
		}
		channels[team] = channel
	}
	return tag, channels
}

// tagName is what IAM takes as the name of a tag, without the comma and leading
// and trailing space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
var tagName = regexp.MustCompile(`^[\p{L}\p{N}_.:/=+@-][\p{L}\p{Zs}\p{N}_.:/=+@-]{0,127}$`)

func (c *checker) tagNames(variable, text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); !tagName.MatchString(name) {
			c.add(variable, text, "must be names of tags, separated by commas")
			return nil
		}
		names = append(names, name)
	}
	return names
}

// calendar reads when keys may be disabled.
func (c *checker) calendar(e Enforce) audit.Calendar {
	windows, err := audit.ParseWindows(e.DisableWhen, time.LoadLocation)
	if err != nil {
		c.add("SLEUTH_DISABLE_WHEN", e.DisableWhen, "is not valid: %v", err)
	}
	freezes, err := audit.ParseFreezes(e.Freeze, time.LoadLocation)
	if err != nil {
		c.add("SLEUTH_FREEZE", e.Freeze, "is not valid: %v", err)
	}
	calendar := audit.Calendar{Windows: windows, Freezes: freezes}
	if err := calendar.Check(); err != nil {
		c.add("SLEUTH_FREEZE", e.Freeze, "is too long: %v", err)
	}
	return calendar
}

// SlackTest is the SLACK_URL that prints messages instead of sending them.
const SlackTest = "test"

// CheckSlackURL returns an error if a text, given as a setting or fetched from
// where the setting points to, cannot be a webhook. The error does not hold it.
func CheckSlackURL(text string) error {
	if text == SlackTest {
		return nil
	}
	if !isWebURL(text) {
		return fmt.Errorf("must be the https:// URL of a Slack incoming webhook, %q, ssm:/parameter/name or secretsmanager:secret-id", SlackTest)
	}
	return nil
}

// isWebURL allows plain http for this machine only, so that nothing sent can be
// read on the way.
func isWebURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Scheme == "https" || (u.Scheme == "http" && httpclient.IsLoopback(u.Hostname()))
}

// oneOf reads a setting that has one of a few values.
func (c *checker) oneOf(variable, text string, allowed ...string) string {
	text = strings.TrimSpace(text)
	if !slices.Contains(allowed, text) {
		c.add(variable, text, "must be %s", strings.Join(allowed, " or "))
	}
	return text
}

var tableName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

const minTableName, maxTableName = 3, 255

func (c *checker) state(text string, unset StateChoice) StateChoice {
	text = strings.TrimSpace(text)
	kind, name, _ := strings.Cut(text, ":")
	name = strings.TrimSpace(name)
	switch {
	case text == "":
		return unset
	case text == "none":
		return StateChoice{Kind: StateNone}
	case kind == "file" && name != "":
		return StateChoice{StateFile, name}
	case kind == "dynamodb" && tableName.MatchString(name) && len(name) >= minTableName && len(name) <= maxTableName:
		return StateChoice{StateDynamoDB, name}
	}
	c.add("SLEUTH_STATE", text, "must be file:PATH, dynamodb:TABLE or none")
	return StateChoice{}
}
