package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// tell sends what this run has to say.
func (p *pass) tell(ctx context.Context) {
	warnings := map[string]*step{}
	var notices []notify.Notice
	for _, s := range p.steps {
		p.checkTags(ctx, s)
		if s.decision.Action == audit.Warn {
			notices = append(notices, p.warning(s))
			warnings[s.key.ID] = s
		}
	}
	p.summary.Warned = len(notices)
	p.openExemptionsOnceAMonth(ctx)
	p.summary.sortExemptions()
	if p.Digest {
		p.leaveForDigest(ctx, &warned{notices, warnings})
		return
	}
	announced := p.deliver(ctx, &warned{notices, warnings}, joined(p.summary.Announcement, AboutExemptions(false, p.summary)))
	if announced && p.summary.ToldOfAllOpenExemptions() {
		p.last.ExemptionsTold = p.started
	}
	if len(p.tells) > 0 && !p.DryRun {
		p.summary.Warned = len(p.warned)
	}
}

// warned is the warnings of a run, and the steps they come from by key id.
type warned struct {
	notices []notify.Notice
	steps   map[string]*step
}

// deliver hands every channel the final notices it has no receipt for, the
// warnings and the announcement, and records what it took. It reports whether
// some channel took the announcement.
func (p *pass) deliver(ctx context.Context, w *warned, announcement string) bool {
	if w == nil {
		w = &warned{}
	}
	var posts []notify.Post
	for _, channel := range p.Channels {
		bulletin := p.Config.Blank()
		bulletin.Account, bulletin.Run = p.Account, p.ID
		bulletin.Announcement, bulletin.Notices = announcement, slices.Clone(w.notices)
		for _, record := range p.finals {
			if _, told := record.Receipts[channel.Name()]; !told && record.Final != nil {
				bulletin.Notices = append(bulletin.Notices, *record.Final)
			}
		}
		posts = append(posts, notify.Post{Channel: channel, Bulletin: bulletin})
	}
	p.checkReach(w)
	telling, cancel := p.timeToTell(ctx)
	defer cancel()
	// A receipt is recorded even where no time is left to tell any more.
	deliveries := notify.Deliver(telling, posts, func(_ context.Context, channel string, m notify.Message) error {
		if p.DryRun || !p.tells[channel] {
			return nil
		}
		return p.receipt(ctx, channel, m, w.steps)
	})
	for _, d := range deliveries {
		if p.tells[d.Channel] { // what is only printed is not sent
			p.summary.MessagesSent += d.Sent
			p.summary.NoticesSent += d.Told
		}
		for _, failure := range d.Failures {
			p.summary.NoticesFailed += len(failure.Notices)
			for _, n := range failure.Notices {
				p.Log.ErrorContext(ctx, "a notice was not delivered", "channel", d.Channel, "user", n.User, "key", n.KeyID, "notice", string(n.Kind))
			}
			p.problem(report.Problem{Text: fmt.Sprintf("%s was not told of %s: %s", d.Channel, notify.NameKeys(failure.Notices), awserr.Message(failure.Err))})
		}
	}
	if len(p.Channels) == 0 {
		p.settleUntold(ctx)
	}
	p.settleTold(ctx)
	return !p.DryRun && notify.Announced(posts, deliveries)
}

// joined are the parts of an announcement, with an empty line between them.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n\n")
}

// checkReach names the people whom no channel can tell. They are not told, and
// what is owed to them stays so.
func (p *pass) checkReach(w *warned) {
	owed := slices.Clone(w.notices)
	for _, record := range p.finals {
		if record.Final != nil {
			owed = append(owed, *record.Final)
		}
	}
	for _, n := range notify.Unreachable(p.Channels, owed) {
		p.summary.NoticesFailed++
		p.problem(report.Problem{User: n.User, KeyID: n.KeyID,
			Text: fmt.Sprintf("nobody was told of key %s of user %s: %s", n.KeyID, n.User, notify.NoWay)})
	}
}

// receipt records that a channel took a message. Receipts of one run come from
// several channels at once; records are written under one lock.
func (p *pass) receipt(ctx context.Context, channel string, m notify.Message, steps map[string]*step) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now().UTC()
	var changed []*ledger.Record
	for _, n := range m.Notices {
		record := p.records[n.KeyID]
		switch {
		case n.Kind.Final() && record != nil && record.Final != nil:
			record.Receive(channel, now, notify.Owed(p.Channels, n))
		case !n.Kind.Final() && steps[n.KeyID] != nil && notify.Warns(p.Channels, channel, n):
			p.warned[n.KeyID] = true
			if record = p.recordToWarn(n); record.Owed() {
				continue // what is owed comes before what was warned
			}
			s := steps[n.KeyID]
			record.Told = record.Told.Told(s.verdict, p.Config.Rules, s.decision, p.started)
		default:
			continue
		}
		record.Changed = now
		changed = append(changed, record)
	}
	return p.Store.Put(ctx, changed...)
}

// recordToWarn returns the record of a key whose owner was warned. The lock is
// held.
func (p *pass) recordToWarn(n notify.Notice) *ledger.Record {
	record := p.records[n.KeyID]
	switch {
	case record == nil:
		record = &ledger.Record{Account: p.Account.ID, KeyID: n.KeyID, User: n.User}
		p.records[n.KeyID] = record
	case record.Disabled != nil && !record.Owed():
		record.StartAnew()
	}
	return record
}

// settleTold closes the records whose receipts came before this run, where the
// channel that was owed is no longer set.
func (p *pass) settleTold(ctx context.Context) {
	if p.DryRun || len(p.tells) == 0 {
		return
	}
	now := p.Now().UTC()
	for _, record := range p.finals {
		if !record.FinalOwed() {
			continue
		}
		if record.Final != nil && !record.ToldBy(notify.Owed(p.Channels, *record.Final)) {
			continue
		}
		record.Settled, record.Changed = now, now
		if err := p.Store.Put(ctx, record); err != nil {
			p.problem(report.Problem{User: record.User, KeyID: record.KeyID, Text: fmt.Sprintf("record that nothing is owed: %s", awserr.Message(err))})
		}
	}
}

// settleUntold closes the records of keys that were disabled where nobody is
// to be told, so that a channel set up later does not begin with old news.
func (p *pass) settleUntold(ctx context.Context) {
	if p.DryRun || len(p.finals) == 0 {
		return
	}
	now := p.Now().UTC()
	var closed []*ledger.Record
	for _, record := range p.finals {
		if record.Final != nil && record.Final.Kind == notify.Exposed {
			// What anybody can use is no old news, whenever a channel is set.
			p.problem(report.Problem{User: record.User, KeyID: record.KeyID, Text: fmt.Sprintf(
				"nobody was told that key %s of user %s was found in public; set a channel, such as SLACK_URL or SNS_TOPIC", record.KeyID, record.User)})
			continue
		}
		record.Settled, record.Changed = now, now
		closed = append(closed, record)
	}
	if len(closed) == 0 {
		return
	}
	p.Log.WarnContext(ctx, "keys were disabled and nobody is told, as no channel is set, such as SLACK_URL", "keys", len(closed))
	if err := p.Store.Put(ctx, closed...); err != nil {
		p.problem(report.Problem{Text: fmt.Sprintf("record that nothing is owed: %s", awserr.Message(err))})
	}
}

// checkTags says in the log which tags a person to be told lacks.
func (p *pass) checkTags(ctx context.Context, s *step) {
	if s.decision.Action == audit.Nothing {
		return
	}
	if _, ok := slack.Mention(s.user.Name, s.user.Slack()); !ok {
		p.Log.ErrorContext(ctx, "the Slack tag is missing or is no Slack id, so the plain user name stands in the message; "+
			"set it to U... for a person or subteam-S... for a group", "user", s.user.Name, "slack", s.user.Slack())
	}
	if s.user.NameTag() == "" {
		p.Log.ErrorContext(ctx, "the Name tag is missing; set it to the person's name, as messages to them begin with it", "user", s.user.Name)
	}
}

func (p *pass) warning(s *step) notify.Notice {
	n := p.notice(s, s.user, s.verdict)
	n.Kind, n.DaysLeft, n.At = notify.Expiring, s.decision.DaysLeft, s.decision.At
	switch {
	case s.verdict.State.PastLimit() && s.decision.Hold != audit.HeldForNotice:
		n.Kind, n.DaysLeft = notify.PastLimit, 0
		if s.decision.Hold != audit.HeldByPolicy {
			n.Aside = "It was not disabled: " + s.decision.Hold.String() + "."
		}
	case s.decision.OtherDaysLeft < n.DaysLeft:
		n.Sooner = &notify.Sooner{Reason: otherReason(n.Reason), DaysLeft: s.decision.OtherDaysLeft}
	}
	if s.verdict.Doubt && n.Kind == notify.Expiring && p.policy.AutoExpire {
		n.Aside = "Its KeyAutoExpire tag is unreadable, and it is not disabled until that is mended: set the tag to True, False or 'False until YYYY-MM-DD'."
	}
	at := n.At
	if n.Kind == notify.PastLimit {
		at = time.Time{} // nobody knows
	}
	n.Aside = strings.TrimSpace(n.Aside + " " + aboutRefusal(s.verdict, at, p.policy.AutoExpire))
	return n
}

func otherReason(r audit.Reason) audit.Reason {
	if r == audit.CreationAge {
		return audit.Inactivity
	}
	return audit.CreationAge
}

func (p *pass) finalNotice(s *step) func(audit.User, audit.Verdict) notify.Notice {
	return func(user audit.User, v audit.Verdict) notify.Notice {
		n := p.notice(s, user, v)
		n.Kind = notify.Disabled
		if v.Refused() {
			n.Aside = "Its exemption was not honoured: " + v.Exemption.Refusal.String() + "."
		}
		return n
	}
}

func (p *pass) notice(s *step, user audit.User, v audit.Verdict) notify.Notice {
	return notify.Notice{
		KeyID:    s.key.ID,
		User:     user.Name,
		SlackTag: user.Slack(),
		Name:     user.NameTag(),
		Email:    user.Email(),
		Created:  s.key.Created,
		LastUsed: s.key.LastUsed,
		NameKey:  s.keys > 1,
		Reason:   v.State.Reason(),
	}
}
