package leak

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// IAM is the calls an answer makes to IAM.
type IAM interface {
	inventory.IAM
	enforce.IAM
}

// Responder has what it takes to answer leaks in one account. It waits for no
// lease, as every second counts: whatever a run does to a key's record at the
// same moment is detected by the record's revision, and the record is read again.
type Responder struct {
	ID       string // names this answer in state and logs
	Account  account.Account
	Config   config.Config // Policy.OwnKeys set
	IAM      IAM
	Channels []notify.Channel
	Store    ledger.Store
	Log      *slog.Logger
	Now      func() time.Time // UTC
	// Budget splits the time of the answer. The zero Budget has no deadline.
	Budget budget.Budget
}

// responder is the working state of one response.
type responder struct {
	Responder
	event       string // its ARN; empty for a leak reported by hand
	reader      inventory.Reader
	deliverable map[string]bool // the channels that reach people
	records     map[string]*ledger.Record
	response    Response

	// pending are the records whose notices are to be sent next, said what is
	// to be said beside them.
	pending       []*ledger.Record
	announcements []string

	capped  bool     // SLEUTH_LEAK_MAX_DISABLE is reached
	overCap []string // the ids of the keys that it keeps active
}

// Respond handles every key of an event, and notifies. The response is complete
// even if its Err is not nil. No failure of one key or channel stops the
// others.
func (r Responder) Respond(ctx context.Context, event Event) Response {
	a := r.begin(event)
	ctx, cancel := a.Budget.Context(ctx, budget.Record, a.response.At)
	defer cancel()
	reading, stop := a.Budget.Context(ctx, budget.Disable, a.response.At)
	defer stop()
	a.load(reading)
	switch {
	case len(event.Keys) == 0 && len(event.Unclear) == 0:
		a.announce("AWS Health says that access keys of this account were found in public, and names none. Look at the event in the AWS Health Dashboard.")
	case len(event.Unclear) > 0:
		a.announce("AWS Health says that access keys of this account were found in public, and names these, which are not key ids: %s. Look at the event in the AWS Health Dashboard.", text.First(20, event.Unclear, ", "))
	}
	// Every key is handled before anybody is notified: a channel may be slow.
	for _, finding := range event.Keys {
		a.answerKey(reading, finding)
	}
	a.notify(ctx)
	return a.finish()
}

// Announce notifies every channel about keys that cannot be read: those of an
// account that is not covered, or that cannot be entered. The outcome is theirs.
func (r Responder) Announce(ctx context.Context, event Event, outcome Outcome, why string) Response {
	a := r.begin(event)
	ctx, cancel := a.Budget.Context(ctx, budget.Record, a.response.At)
	defer cancel()
	for _, finding := range event.Keys {
		a.response.Keys = append(a.response.Keys, Result{KeyID: finding.KeyID, Outcome: outcome, Detail: why})
	}
	keys := make([]string, len(event.Keys))
	for i, finding := range event.Keys {
		keys[i] = finding.KeyID
	}
	a.announce("Found in public: access keys of this account (%s). Nothing was done about them: %s. An administrator of the account has to disable them at once.", text.First(20, append(keys, event.Unclear...), ", "), why)
	a.notify(ctx)
	if outcome == Failed {
		a.problem("", fmt.Errorf("nothing was done about the leaked keys of account %s: %s", r.Account.ID, why))
	}
	return a.finish()
}

func (r Responder) begin(event Event) *responder {
	now := r.Now().UTC()
	a := &responder{
		Responder:   r,
		event:       event.ARN,
		reader:      inventory.Reader{IAM: r.IAM, Rules: r.Config.Rules, Now: now},
		deliverable: map[string]bool{},
		records:     map[string]*ledger.Record{},
		response: Response{
			Schema: report.Schema, Run: r.ID, Event: event.ARN, Account: r.Account, At: now,
			Keys: []Result{}, Problems: []account.Problem{},
		},
	}
	for _, c := range r.Channels {
		if notify.Delivers(c) {
			a.deliverable[c.Name()] = true
		}
	}
	return a
}

// load reads the records. Without them owners are notified, and no key is
// disabled, as nothing can be written down first.
func (a *responder) load(ctx context.Context) {
	records, err := a.Store.Load(ctx, a.Account.ID)
	_, others := ledger.SplitDamaged(err) // a damaged record is named once its key is handled
	if others != nil {
		a.problem("", fmt.Errorf("read what earlier runs have left in %s: %w", a.Store, others))
		return
	}
	for i := range records {
		a.records[records[i].KeyID()] = &records[i]
	}
}

// reload reads what is remembered of one key once more.
func (a *responder) reload(ctx context.Context, keyID string) error {
	newest, found, err := a.Store.Get(ctx, a.Account.ID, keyID)
	if err != nil {
		return err
	}
	delete(a.records, keyID)
	if found {
		a.records[keyID] = &newest
	}
	return nil
}

func (a *responder) now() time.Time { return a.Now().UTC() }

func (a *responder) problem(keyID string, err error) {
	user := ""
	if record := a.records[keyID]; record != nil {
		user = record.User()
	}
	a.Log.Error(awserr.Message(err), "user", user, "key", keyID)
	a.response.Problems = append(a.response.Problems, account.Problem{User: user, KeyID: keyID, Text: awserr.Message(err)})
}

// announce sends a general message to every channel.
func (a *responder) announce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.Log.Warn(text)
	a.announcements = append(a.announcements, text)
}

func (a *responder) finish() Response {
	a.reportCap()
	a.response.Finished = a.now()
	for _, result := range a.response.Keys {
		if record := a.records[result.KeyID]; record != nil && record.FinalPending() {
			a.response.NoticesPending++
		}
	}
	a.response.Failed = len(a.response.Problems)
	return a.response
}
