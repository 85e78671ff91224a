// Package run is one pass over one account, from reading to reporting. The
// command line and the Lambda both come through here.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// IAM is the calls a run makes to IAM.
type IAM interface {
	inventory.IAM
	inventory.BulkIAM
	inventory.RuleIAM
	enforce.IAM
	enforce.DeletionIAM
}

// Runner has what a run needs. Everything is injected, time included.
type Runner struct {
	ID      string // names this run in state and logs
	Account account.Account
	Config  config.Config // Policy.OwnKeys set
	IAM     IAM
	// Report narrows the reading; nil reads every user.
	Report *inventory.CredentialReport
	// RuleErrs say which organizational units, that rules name, could not be read.
	RuleErrs []error
	// LastUses spares the reading of last uses; nil reads each live.
	LastUses *inventory.CredentialReport
	Channels []notify.Channel
	Store    ledger.Store
	// Breaker gives up channels that do not answer; nil is one of the run's own.
	Breaker *outbox.Breaker
	Log     *slog.Logger
	Now     func() time.Time // UTC
	// Digest leaves the notices pending in Store, for a digest of several accounts;
	// Channels then only says which channels they are due on.
	Digest bool
	// Table keeps a row for every key, for showing them.
	Table bool
	// Began is when the run was asked for, before anything was waited for; zero
	// is now. Another run that has ended since has done the work.
	Began time.Time
	// Budget splits the time of the run. Work is started only so far that what
	// was done can be notified and recorded. The zero Budget has no deadline.
	Budget budget.Budget
	// Tracer looks up who uses keys; nil looks up none.
	Tracer *trace.Tracer
	// Afterwards takes what is to be done once the runs on other accounts have
	// ended; nil does it before the run ends.
	Afterwards func(func(context.Context) error)
	// Ticker says when to renew the lease; nil is time.NewTicker.
	Ticker ledger.Ticker
	// Progress is called after each user read, and Stage as something else than
	// reading begins, and with "" as reading does; both may be nil.
	Progress func(users int)
	Stage    func(what string)
	// Known is what the run learned, for Look; nil is nothing.
	Known *KeyStatuses
}

// Run makes the pass. The summary is complete even if the error is not nil;
// the error then says, in one line each, what was not done. No failure of one
// user, key or channel stops the others.
func (r Runner) Run(ctx context.Context) (Summary, error) {
	p := r.newPass()
	working, cancel := p.Budget.Context(ctx, budget.Record, p.started)
	defer cancel()
	err := p.underLease(working, func(ctx context.Context) error {
		p.summary.Started = true
		if err := p.load(ctx); err != nil {
			return err
		}
		p.settle(ctx)
		p.beginTrace(ctx)
		p.read(ctx)
		p.recordEnabled(ctx)
		p.recordAcceptedAgain(ctx)
		p.plan(ctx)
		p.enforce(ctx)
		p.planDeletions(ctx) // after the keys that are due, as it takes of their time
		p.deleteKeys(ctx)
		p.notify(ctx)
		p.endTrace(ctx)
		return nil
	})
	if err != nil {
		p.problem(account.Problem{Text: awserr.Message(err)})
	}
	return p.finish()
}

// pass is the working state of one run.
type pass struct {
	Runner
	began       time.Time // when the process was asked to run
	started     time.Time // the moment that keys are judged at
	resumeAfter string    // the last user that was read, if time was up
	last        ledger.LastRun
	reader      inventory.Reader
	deliverable map[string]bool // the channels that reach people
	policy      audit.Policy
	lookups     *trace.Lookups // nil if nothing is looked up

	mu            sync.Mutex // guards what follows
	records       map[string]*ledger.Record
	damaged       map[string]bool // keys whose record cannot be understood
	steps         []*step
	acceptedAgain []*ledger.Record // of keys whose exemption is accepted again
	enabledAgain  []*ledger.Record // of keys that Sleuth disabled and that are Active
	retirements   []*retirement    // disabled keys to warn about, or to delete
	finals        []*ledger.Record // final notices pending, of this run and earlier ones
	ruleProblems  ruleProblems
	statuses      KeyStatuses
	summary       Summary
}

// step is one key that something may have to be done about.
type step struct {
	user audit.User
	key  audit.Key
	keys int // how many keys the user has
	// limits are those of the user.
	limits audit.Limits
	// pair is the key and the user's other one, as they were read; the zero Pair
	// without one. BothDue says that the run is to disable the other one as well.
	pair     audit.Pair
	bothDue  bool
	verdict  audit.Verdict
	decision audit.Decision
	changed  bool // meanwhile, so that the verdict no longer holds
}

func (r Runner) newPass() *pass {
	now := r.Now().UTC()
	p := &pass{
		Runner:  r,
		began:   cmp.Or(r.Began.UTC(), now),
		started: now,
		policy:  r.Config.Policy,
		reader: inventory.Reader{
			IAM:         r.IAM,
			Bulk:        r.IAM,
			Report:      r.Report,
			LastUses:    r.LastUses,
			Log:         r.Log,
			Concurrency: r.Config.Concurrency,
			Rules:       r.Config.Rules,
			UserRules:   r.Config.UserRules.In(r.Account.ID, nil),
			RuleIAM:     r.IAM,
			Exemptions:  r.Config.Exemptions,
			Now:         now,
			Everything:  r.Table,
		},
		statuses:    newKeyStatuses(r.Report != nil),
		records:     map[string]*ledger.Record{},
		damaged:     map[string]bool{},
		deliverable: map[string]bool{},
	}
	if p.Breaker == nil {
		p.Breaker = &outbox.Breaker{}
	}
	for _, c := range r.Channels {
		if notify.Delivers(c) {
			p.deliverable[c.Name()] = true
		}
	}
	p.summary = Summary{Schema: report.Schema, Run: r.ID, Account: r.Account, At: now, Silent: len(r.Channels) == 0, Tally: report.NewTally()}
	return p
}

func (p *pass) load(ctx context.Context) error {
	records, err := p.Store.Load(ctx, p.Account.ID)
	for i := range records {
		p.records[records[i].KeyID()] = &records[i]
	}
	if err == nil {
		return nil
	}
	damaged, others := ledger.SplitDamaged(err)
	if others != nil {
		return fmt.Errorf("read what earlier runs have left in %s: %w", p.Store, err)
	}
	for _, d := range damaged {
		p.damaged[d.KeyID] = true
		p.problem(account.Problem{KeyID: d.KeyID, Text: d.Error()})
	}
	return nil
}

// settle finds out the outcome of what an earlier run left unfinished, and sends
// the notices that are still pending.
//
// It has a share of the time: what an earlier run left must not keep this one
// from reading and disabling.
func (p *pass) settle(ctx context.Context) {
	until := p.Budget.End(budget.Reconcile, p.Now())
	reconciling, cancel := budget.Until(ctx, until, p.Now())
	defer cancel()
	unchecked, did := 0, "disabled"
	for _, record := range p.records {
		switch {
		case record.Intent() == nil && record.Deletion().Intent == nil:
		case reconciling.Err() != nil:
			unchecked++
			if record.Intent() == nil {
				did = "disabled or deleted"
			}
		case record.Intent() != nil:
			p.settleIntent(reconciling, record)
		default:
			p.settleDeletion(reconciling, record)
		}
		if record.FinalPending() {
			p.finals = append(p.finals, record)
		}
	}
	if unchecked > 0 {
		p.problem(account.Problem{Text: fmt.Sprintf("there was no time to check whether an earlier run %s %s; the next run checks it", did, text.Count(unchecked, "key"))})
	}
	if len(p.finals) == 0 || p.Digest {
		return
	}
	p.Log.InfoContext(ctx, "final notices are pending from earlier runs", "notices", len(p.finals))
	p.deliver(ctx, until, p.finalItems(), "")
	p.finals = nil // what could not be delivered stays pending for the next run
}

// settleIntent finds out the outcome of an attempt of an earlier run.
func (p *pass) settleIntent(ctx context.Context, record *ledger.Record) {
	enforcer := p.enforcer()
	enforcer.Reader = p.readerOfInactive()
	outcome, err := enforcer.Settle(ctx, record)
	switch {
	case err != nil:
		p.problem(account.Problem{User: record.User(), KeyID: record.KeyID(), Text: awserr.Message(err)})
	case outcome == enforce.Pending:
		p.Log.WarnContext(ctx, "an earlier run tried to disable this key, and whether it did cannot be known yet", "user", record.User(), "key", record.KeyID())
	}
	if outcome == enforce.Disabled {
		p.Log.WarnContext(ctx, "an earlier run disabled this key but ended before it could notify the owner", "user", record.User(), "key", record.KeyID())
	}
}

func (p *pass) read(ctx context.Context) {
	p.stage("")
	reading, cancel := p.Budget.Context(ctx, budget.Read, p.Now())
	defer cancel()
	p.reader.AlsoRead = p.mayBeEnabled()
	p.reader.MayStart = func() bool { return p.Budget.MayBegin(budget.Read, p.Now()) }
	p.readGroups(reading)
	err := p.reader.Read(reading, func(s inventory.UserKeys) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.judge(ctx, s)
		if p.Progress != nil {
			p.Progress(p.summary.Users)
		}
	})
	p.statuses.whole = err == nil
	if err != nil && !p.Budget.MayBegin(budget.Read, p.Now()) {
		p.summary.TimedOut = true
	}
	var unfinished *inventory.UnfinishedError
	switch {
	case errors.As(err, &unfinished):
		p.problem(account.Problem{Text: fmt.Sprintf("%s, %s in; the next run begins behind it", awserr.Message(err), text.Count(p.summary.Users, "user"))})
		p.resumeAfter = unfinished.Last
	case err != nil:
		p.problem(account.Problem{Text: fmt.Sprintf("%s; users after the first %d were not seen", awserr.Message(err), p.summary.Users)})
	}
}

// judge takes in one user. The lock is held.
func (p *pass) judge(ctx context.Context, s inventory.UserKeys) {
	p.summary.Users++
	p.recordReadability(s)
	if s.Skipped != nil {
		p.summary.CountPassed(s.Skipped.Active, s.Skipped.Inactive)
		return
	}
	if s.Err != nil {
		p.problemLocked(account.Problem{User: s.User.Name, Text: awserr.Message(s.Err)})
		return
	}
	for _, problem := range p.ruleProblems.of(s.RuleErr) {
		p.problemLocked(problem)
	}
	p.checkExemptionTags(ctx, s)
	limits := p.limitsOf(s.User, s.TagsRead)
	for _, key := range s.Keys {
		p.noteEnabled(key.Key)
		if key.Err != nil {
			p.problemLocked(account.Problem{User: s.User.Name, KeyID: key.ID, Text: awserr.Message(key.Err)})
		}
		if key.Err != nil && audit.NeedsLastUse(key.Key, time.Time{}, limits.Ages, p.started) {
			continue
		}
		v := limits.Judge(s.User, key.Key, p.Config.Exemptions, p.started)
		p.summary.Count(v)
		p.takeExemption(ctx, s.User, key, v)
		p.Log.DebugContext(ctx, "evaluated a key", "user", s.User.Name, "key", key.ID, "verdict", v.State.String(),
			"exempt", v.Exempt, "age_days", v.Age, "last_access_age_days", p.idleAge(key, v))
		if p.Table {
			row := p.rowOf(s.User, key.Key, v)
			row.ShowPair(p.pairOf(s, key.Key), p.started)
			p.summary.Rows = append(p.summary.Rows, row)
		}
		if !p.damaged[key.ID] && audit.NeedsTags(v) {
			p.steps = append(p.steps, &step{user: s.User, key: key.Key, keys: len(s.Keys), limits: limits, verdict: v, pair: p.pairOf(s, key.Key)})
			p.traceKey(s.User, key, limits, v)
		}
	}
}

// plan turns verdicts into decisions, and applies the cap.
func (p *pass) plan(ctx context.Context) {
	disable := 0
	for _, s := range p.steps {
		s.decision = p.decide(s.user, s.key, s.limits, s.verdict, p.started)
		if s.decision.Action == audit.Disable {
			disable++
		}
		if s.decision.Hold > audit.HeldByPolicy {
			p.hold(ctx, s)
		}
		if s.decision.Hold == audit.HeldAsUnreachable {
			p.problem(account.Problem{User: s.user.Name, KeyID: s.key.ID,
				Text: fmt.Sprintf("key %s of user %s is past its limit and was not disabled: %s", s.key.ID, s.user.Name, outbox.ErrUnreachable)})
		}
	}
	if !p.Config.MaxDisable.Exceeded(disable, p.summary.Active()) {
		return
	}
	p.summary.Announcement = fmt.Sprintf("No key was disabled: this run would have disabled %d of %d active keys, more than SLEUTH_MAX_DISABLE=%s allows. "+
		"Check the settings, then raise SLEUTH_MAX_DISABLE for one run.", disable, p.summary.Active(), p.Config.MaxDisable.Text)
	p.problem(account.Problem{Text: p.summary.Announcement})
	for _, s := range p.steps {
		if s.decision.Action == audit.Disable {
			s.decision = s.decision.Held(audit.HeldByCap, s.verdict, s.limits.Ages, p.warningsOf(s.key), p.policyFor(s.limits, s.verdict))
			p.hold(ctx, s)
		}
	}
}

// decide judges by what is remembered of the key as well. No key is disabled
// whose owner would not hear of it, unless no channel is configured at all,
// which the settings allow only by name.
func (p *pass) decide(user audit.User, key audit.Key, limits audit.Limits, v audit.Verdict, now time.Time) audit.Decision {
	d := p.decideByHistory(key, limits, v, now)
	if d.Action == audit.Disable && len(p.Channels) > 0 && !notify.CanReach(p.Channels, p.noticeOf(user, key, v)) {
		return audit.Decision{Hold: audit.HeldAsUnreachable}
	}
	return d
}

// warningsOf is which warnings the owner of an Active key received.
func (p *pass) warningsOf(key audit.Key) audit.History {
	if record := p.records[key.ID]; record != nil {
		return p.historyOf(*record)
	}
	return audit.History{}
}

func (p *pass) decideByHistory(key audit.Key, limits audit.Limits, v audit.Verdict, now time.Time) audit.Decision {
	var history audit.History
	if record := p.records[key.ID]; record != nil {
		disabled := record.Disabled()
		if disabled != nil && key.Status == audit.Active && now.Sub(disabled.At) < enforce.ConsistencyWindow {
			return audit.Decision{Hold: audit.HeldAsJustChanged}
		}
		history = p.historyOf(*record)
		if key.Status != audit.Active {
			history = record.Warnings()
		}
	}
	return audit.Decide(key, v, limits.Ages, history, p.policyFor(limits, v), now)
}

// historyOf is which warnings the owner of an Active key received. A key that
// Sleuth disabled and that was enabled again starts over.
func (p *pass) historyOf(record ledger.Record) audit.History {
	if record.Disabled() != nil {
		return audit.History{}
	}
	return record.Warnings()
}

func (p *pass) enforcer() enforce.Enforcer {
	return enforce.Enforcer{
		IAM:    p.IAM,
		Reader: p.reader,
		Ledger: p.Store,
		Now:    func() time.Time { return p.Now().UTC() },
		Run:    p.ID,
		Due:    p.due,
		Decide: func(user audit.User, key audit.Key, now time.Time) (audit.Verdict, audit.Decision) {
			limits := p.limitsOf(user, true)
			v := limits.Judge(user, key, p.Config.Exemptions, now)
			return v, p.decideLocking(user, key, limits, v, now)
		},
	}
}

// due says on which channels a final notice is due: on those of this run.
func (p *pass) due(n notify.Notice) ledger.Due { return outbox.Due(p.Channels, n) }

func (p *pass) decideLocking(user audit.User, key audit.Key, limits audit.Limits, v audit.Verdict, now time.Time) audit.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.decide(user, key, limits, v, now)
}

// enforce disables what the plan says, several keys side by side but those of
// one user one after the other.
func (p *pass) enforce(ctx context.Context) {
	byUser := map[string][]*step{}
	var users []string
	for _, s := range p.steps {
		if s.decision.Action != audit.Disable {
			continue
		}
		if byUser[s.user.Name] == nil {
			users = append(users, s.user.Name)
		}
		byUser[s.user.Name] = append(byUser[s.user.Name], s)
	}
	for _, steps := range byUser {
		for _, s := range steps {
			s.bothDue = len(steps) > 1
		}
	}
	if len(users) > 0 {
		p.stage("disabling keys of " + text.Count(len(users), "user"))
	}
	disabling, cancel := p.Budget.Context(ctx, budget.Disable, p.Now())
	defer cancel()
	var group errgroup.Group
	group.SetLimit(max(1, p.Config.Concurrency))
	for _, user := range users {
		group.Go(func() error {
			for _, s := range byUser[user] {
				p.disable(disabling, s)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are problems of the pass, not errors
}

func (p *pass) stage(what string) {
	if p.Stage != nil {
		p.Stage(what)
	}
}

func (p *pass) disable(ctx context.Context, s *step) {
	if !p.Budget.MayBegin(budget.Disable, p.Now()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.summary.TimedOut = true
		p.problemLocked(account.Problem{User: s.user.Name, KeyID: s.key.ID,
			Text: fmt.Sprintf("time was up before key %s of user %s could be disabled; it is left to the next run", s.key.ID, s.user.Name)})
		return
	}
	record := p.recordFor(s)
	p.noteUses(record) // written with the intent
	enforcer, fresh := p.rememberingEnforcer()
	outcome, err := enforcer.Disable(ctx, s.user, s.key, s.verdict, p.finalNotice(s), record)
	if err != nil {
		p.problem(account.Problem{User: s.user.Name, KeyID: s.key.ID, Text: awserr.Message(err)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, enforce.ErrUndecided) {
		p.summary.Undecided++
	}
	switch {
	case outcome == enforce.Disabled:
		p.Log.InfoContext(ctx, "disabled a key", "user", record.User(), "key", s.key.ID, "because", record.Disabled().Reason.String(),
			"age_days", s.verdict.Age, "last_access_age_days", p.idleAge(inventory.Key{Key: s.key}, s.verdict))
		p.addFinal(ctx, record)
		p.summary.Disabled++
		p.summary.DisabledKeys = append(p.summary.DisabledKeys, account.KeyRef{User: record.User(), KeyID: s.key.ID})
		p.summary.DisabledRows = append(p.summary.DisabledRows, p.rowOf(s.user, s.key, s.verdict))
	case outcome == enforce.Changed && closed(*fresh):
		s.decision = *fresh // its owner is warned, if that is due
		p.hold(ctx, s)
	case outcome == enforce.Changed:
		p.Log.InfoContext(ctx, "a key is no longer due, and was left alone", "user", s.user.Name, "key", s.key.ID)
		p.summary.Changed++
		s.changed = true
	case outcome == enforce.Pending:
		p.Log.WarnContext(ctx, "a key is left alone until it is known what became of an earlier attempt to disable it", "user", s.user.Name, "key", s.key.ID)
		p.summary.Held++
	}
}

// addFinal takes in a key that was just disabled. The lock is held.
func (p *pass) addFinal(ctx context.Context, record *ledger.Record) {
	if !record.FinalPending() {
		p.Log.WarnContext(ctx, "a key is disabled and nobody is notified, as no channel is configured, such as SLACK_URL", "user", record.User(), "key", record.KeyID())
		return
	}
	p.finals = append(p.finals, record)
}

// recordFor returns the key's record; that of a key that was enabled again
// starts over, and keeps a final notice that is still pending.
func (p *pass) recordFor(s *step) *ledger.Record {
	record := p.recordAsItIs(s)
	_ = p.reopened(record) // it applies
	return record
}

// recordAsItIs returns the key's record, also if this run disabled the key.
func (p *pass) recordAsItIs(s *step) *ledger.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	record := p.records[s.key.ID]
	if record == nil {
		made := ledger.New(p.Account.ID, s.key.ID, s.user.Name)
		record = &made
		p.records[s.key.ID] = record
	}
	return record
}

func (p *pass) finish() (Summary, error) {
	p.summary.Finished = p.Now().UTC()
	for _, record := range p.records {
		if record.Pending() {
			p.summary.NoticesPending++
		}
	}
	p.summary.KeyStatuses = p.keyStatuses()
	p.showHeld()
	p.summary.sort()
	return p.summary, p.summary.Err()
}

func (p *pass) problem(problem account.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problemLocked(problem)
}

func (p *pass) problemLocked(problem account.Problem) {
	p.Log.Error(problem.Text, "user", problem.User, "key", problem.KeyID)
	p.summary.Problems = append(p.summary.Problems, problem)
}
