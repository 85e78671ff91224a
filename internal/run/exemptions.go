package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// checkExemptionTags says in the log which tags say nothing: those that cannot
// be read, and those of keys that the user does not have. The lock is held.
func (p *pass) checkExemptionTags(ctx context.Context, s inventory.UserKeys) {
	ids := make([]string, len(s.Keys))
	for i, key := range s.Keys {
		ids[i] = key.ID
	}
	for _, tag := range audit.UnreadableTags(s.User, ids) {
		p.Log.WarnContext(ctx, "a KeyAutoExpire tag is unreadable or its name is misspelt; the user's keys are not disabled, or the key's alone if the tag names one; "+
			"call it KeyAutoExpire and set it to False, True or 'False until YYYY-MM-DD'",
			"user", s.User.Name, "value", tag.Value, "tag", tag.Key)
		if !slices.Contains(p.summary.UnreadableTags, s.User.Name) {
			p.summary.UnreadableTags = append(p.summary.UnreadableTags, s.User.Name)
		}
	}
	for _, tag := range audit.StaleTags(s.User, ids) {
		p.Log.WarnContext(ctx, "a tag speaks for a key that the user does not have; it has no effect, and can be removed",
			"user", s.User.Name, "value", tag.Value, "tag", tag.Key)
	}
}

// Exemption is an exemption that people are to hear of, and the key that it is
// for. Times are UTC.
type Exemption struct {
	User  string `json:"user"`
	KeyID string `json:"key_id"`
	// Until is the first moment at which it no longer holds; null if it has
	// no end.
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason,omitempty"`
	// Underlying is what the key would be without it.
	Underlying audit.State `json:"underlying"`
	Age        int         `json:"age_days"`
	// IdleAge is null if the last use was not read, as it decides nothing.
	IdleAge *int `json:"last_access_age_days"`
	// Ignored is why the rules do not accept it; empty if they do.
	Ignored string `json:"ignored,omitempty"`
}

func (p *pass) exemptionOf(user audit.User, key inventory.Key, v audit.Verdict) Exemption {
	e := Exemption{
		User: user.Name, KeyID: key.ID, Reason: v.Exemption.Reason, Underlying: v.Underlying,
		Age: v.Age, IdleAge: p.idleAge(key, v), Ignored: v.Exemption.Refusal.String(),
	}
	if end := v.Exemption.End; !end.IsZero() {
		e.Until = &end
	}
	return e
}

// endingWithin is how far ahead people hear of the end of an exemption.
const endingWithin = 14 * 24 * time.Hour

// takeExemption takes in the exemption of a key, if it has one that hides
// anything. The lock is held.
func (p *pass) takeExemption(ctx context.Context, user audit.User, key inventory.Key, v audit.Verdict) {
	if v.Refused() {
		p.Log.WarnContext(ctx, "an exemption is ignored: the key is evaluated as if it were not exempt, and its owner is warned before it is disabled",
			"user", user.Name, "key", key.ID, "because", v.Exemption.Refusal.String())
		p.summary.ExemptionsIgnored = append(p.summary.ExemptionsIgnored, p.exemptionOf(user, key, v))
	}
	if !v.Exempt {
		return
	}
	if record := p.records[key.ID]; record != nil && record.Warnings().HasRefusal() {
		p.acceptedAgain = append(p.acceptedAgain, record)
	}
	e := p.exemptionOf(user, key, v)
	switch {
	case !v.Underlying.NeedsWarning() && !v.Underlying.PastLimit():
	case e.Until != nil && e.Until.Sub(p.started) <= endingWithin:
		p.summary.ExemptionsEnding = append(p.summary.ExemptionsEnding, e)
	case e.Until == nil || e.Reason == "":
		p.summary.ExemptionsOpen = append(p.summary.ExemptionsOpen, e)
	}
}

// recordAcceptedAgain removes the recorded refusals of exemptions that are accepted
// again. If such an exemption is ignored once more, a new notice period begins.
func (p *pass) recordAcceptedAgain(ctx context.Context) {
	if len(p.acceptedAgain) == 0 {
		return
	}
	err := ledger.UpdateAll(ctx, p.Store, p.acceptedAgain, func(r *ledger.Record) error {
		r.MarkWarned(p.Now().UTC(), r.Warnings().WithoutRefusals())
		return nil
	})
	if err != nil {
		p.problem(account.Problem{Text: fmt.Sprintf("record that exemptions of %s are valid again: %s", text.Count(len(p.acceptedAgain), "key"), awserr.Message(err))})
	}
}

// openExemptionsOnceAMonth drops the exemptions without end or reason if they were
// already announced this month (UTC). It also drops them in the first run on an
// account that has only SLACK_URL and SNS_TOPIC, so that switching from
// aws-iam-sleuth adds no noise. Without state it announces on the 1st.
func (p *pass) openExemptionsOnceAMonth() {
	if len(p.summary.ExemptionsOpen) == 0 {
		return
	}
	if !p.openExemptionsDue() {
		p.summary.ExemptionsOpen = nil
	}
}

func (p *pass) openExemptionsDue() bool {
	if _, remembers := p.Store.(ledger.Runs); !remembers || p.Config.State.Kind == config.StateNone {
		return p.started.Day() == 1
	}
	announced := p.last.ExemptionsNotified
	thisMonth := announced.Year() == p.started.Year() && announced.Month() == p.started.Month()
	targets := p.Config.Targets
	first := p.last.Ended.IsZero() && !targets.Has("SLEUTH_SLACK_TOKEN") && !targets.Has("SLEUTH_TEAMS_URL") && !targets.Has("SLEUTH_NOTIFY_URLS")
	return !first && !thisMonth
}

func (s *Summary) sortExemptions() {
	for _, list := range [][]Exemption{s.ExemptionsEnding, s.ExemptionsOpen, s.ExemptionsIgnored} {
		slices.SortFunc(list, func(a, b Exemption) int {
			return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
		})
	}
}

// ToldOfAllOpenExemptions reports whether everyone notified of ExemptionsOpen was notified of all
// there are.
func (s Summary) ToldOfAllOpenExemptions() bool { return len(s.ExemptionsOpen) > 0 && !s.TimedOut }

// AboutExemptions is what runs have to say of exemptions, for everybody to
// read; empty if that is nothing. In a digest each line says which account
// it is of.
func AboutExemptions(digest bool, runs ...Summary) string {
	var ending, open []string
	for _, r := range runs {
		account := ""
		if digest {
			account = " in " + r.Account.String()
		}
		for _, e := range r.ExemptionsEnding {
			ending = append(ending, e.line(account))
		}
		for _, e := range r.ExemptionsOpen {
			open = append(open, e.line(account))
		}
	}
	var parts []string
	if n := len(ending); n > 0 {
		parts = append(parts, exemptions(n)+ends(n)+" within 14 days; after that the keys are evaluated like any other:\n"+strings.Join(ending, "\n"))
	}
	if n := len(open); n > 0 {
		parts = append(parts, exemptions(n)+have(n)+" no end or no reason. Set the tags KeyAutoExpire = False until DATE and KeyAutoExpireReason, or replace the keys:\n"+
			strings.Join(open, "\n"))
	}
	return strings.Join(parts, "\n\n")
}

func exemptions(n int) string { return text.Count(n, "exemption") }

func ends(n int) string {
	if n == 1 {
		return " ends"
	}
	return " end"
}

func have(n int) string {
	if n == 1 {
		return " has"
	}
	return " have"
}

// line is the exemption in one line.
func (e Exemption) line(account string) string {
	until, reason := "without an end", "no reason given"
	if e.Until != nil {
		until = "through " + dayOf(e.Until.Add(-time.Nanosecond))
	}
	if e.Reason != "" {
		reason = "reason: " + text.OneLine(e.Reason)
	}
	return fmt.Sprintf("key %s of user %s%s: %s; %s; without it the key %s", e.KeyID, text.OneLine(e.User), account, until, reason, e.wouldBe())
}

// wouldBe says what the key would be without the exemption.
func (e Exemption) wouldBe() string {
	age := fmt.Sprintf("created %s ago", text.Count(e.Age, "day"))
	if e.Underlying.Reason() == audit.Inactivity && e.IdleAge != nil {
		age = fmt.Sprintf("unused for %s", text.Count(*e.IdleAge, "day"))
	}
	if e.Underlying.PastLimit() {
		return fmt.Sprintf("is past its limit due to %s (%s)", e.Underlying.Reason(), age)
	}
	return fmt.Sprintf("is near its limit due to %s (%s)", e.Underlying.Reason(), age)
}

// dayOf is a day as messages write it.
func dayOf(t time.Time) string { return t.UTC().Format("Monday 2 January 2006") + " (UTC)" }

// aboutDoubt says to the owner of a key why it is not disabled, and what to do
// about its tag.
func aboutDoubt(v audit.Verdict) string {
	if v.Exemption.Misspelt != "" {
		return fmt.Sprintf("Its tag %q may be a misspelt KeyAutoExpire, and it is not disabled until that is corrected: rename the tag, or remove it.", v.Exemption.Misspelt)
	}
	return "Its KeyAutoExpire tag is unreadable, and it is not disabled until that is fixed: set the tag to True, False or 'False until YYYY-MM-DD'."
}

// aboutRefusal says to the owner of a key why its exemption is ignored, and
// what happens to the key unless that is corrected; "" if nothing is refused.
// At is when the key reaches its limit, by being disabled if Sleuth disables
// keys, or no earlier if notBefore is set; zero if that is not known.
func aboutRefusal(v audit.Verdict, at time.Time, notBefore, disables bool) string {
	if !v.Refused() {
		return ""
	}
	said := "Its exemption is ignored: " + v.Exemption.Refusal.String() + ". "
	if remedy := v.Exemption.Remedy(); remedy != "" {
		said += "To keep it, " + remedy + "; or replace the key"
	} else {
		said += "Replace the key"
	}
	switch {
	case at.IsZero():
		return said + "."
	case !disables:
		return said + " before it expires on " + text.Date(at) + "."
	}
	if notBefore {
		return said + " before it is disabled, which is not before " + text.Date(at) + "."
	}
	return said + " before it is disabled on " + text.Date(at) + "."
}

// idleAge is a key's age since last use; null if its last use was not read,
// as it decides nothing.
func (p *pass) idleAge(key inventory.Key, v audit.Verdict) *int {
	if !key.UseRead {
		return nil
	}
	return &v.IdleAge
}
