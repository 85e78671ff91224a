package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// TraceOptions say which key is looked up, and how far back.
type TraceOptions struct {
	KeyID string
	// Account is the key's; empty is the one that the ledger knows the key of, or
	// else the home account.
	Account string
	Days    int
	// Progress is called with the regions that are done, those there are, and the
	// calls found; may be nil.
	Progress func(done, regions, calls int)
}

// Traced is what is known of the use of one key. Times are UTC.
type Traced struct {
	Schema  int             `json:"schema"`
	At      time.Time       `json:"at"`
	Account account.Account `json:"account"`
	KeyID   string          `json:"key_id"`
	// Status is IAM's; empty if the account has no such key now, and then all that
	// follows is unknown.
	Status      audit.Status `json:"status,omitempty"`
	User        string       `json:"user,omitempty"`
	Description string       `json:"description,omitempty"`
	Created     *time.Time   `json:"created"`
	LastUsed    *time.Time   `json:"last_used"`
	Service     string       `json:"last_used_service,omitempty"`
	Region      string       `json:"last_used_region,omitempty"`
	Console     string       `json:"console,omitempty"`
	// Uses is who used the key, and Earlier what a run has kept; nil if none has.
	Uses    callers.Uses  `json:"uses"`
	Earlier *callers.Uses `json:"earlier,omitempty"`
	// Disabled is when a run disabled the key; nil if none did.
	Disabled *time.Time        `json:"disabled,omitempty"`
	Problems []account.Problem `json:"problems"`
}

// Err returns an error if something could not be read; the problems say what.
func (t Traced) Err() error {
	if len(t.Problems) == 0 {
		return nil
	}
	return errors.New("not everything could be read")
}

// Trace finds out who uses a key. It changes nothing.
func (a *App) Trace(ctx context.Context, cfg config.Config, o TraceOptions) (*Traced, error) {
	e, err := a.connectHome(ctx, cfg, "trace-"+runID(a.Now()))
	if err != nil {
		return nil, err
	}
	now := a.Now().UTC()
	t := &Traced{Schema: report.Schema, At: now, KeyID: o.KeyID, Problems: []account.Problem{}}
	record := a.recordOf(ctx, cfg, e, t)
	if o.Account == "" && record != nil {
		o.Account = record.Account()
	}
	switch {
	case o.Account == "" && cfg.Scope.Several():
		return nil, refuse("it is not known which account key %s is of; name the account with --account", o.KeyID)
	case o.Account == "":
		o.Account = e.home.Account.ID
	}
	m, err := e.enter(ctx, o.Account, a.Logger(cfg.Log))
	if err != nil {
		return nil, err
	}
	t.Account = m.Account
	t.remember(record)
	if err := t.readKey(ctx, m); err != nil {
		return nil, err
	}
	t.lookUp(ctx, trace.Tracer{
		Cloud: trace.NewCloudTrail(m.aws, m.Partition), Budget: trace.NewBudget(cfg.TraceBudget.Calls, cfg.TraceBudget.Within, now),
		Since: now.AddDate(0, 0, -o.Days), Now: a.Now, Progress: o.Progress,
	})
	return t, nil
}

// recordOf returns what the ledger knows of the key, in any account that it may
// be of; nil if nothing. A ledger that cannot be read is a problem, as it only
// adds to what is looked up.
func (a *App) recordOf(ctx context.Context, cfg config.Config, e *accountSet, t *Traced) *ledger.Record {
	if cfg.State.Kind != config.StateFile && cfg.State.Kind != config.StateDynamoDB {
		return nil
	}
	store, err := a.OpenStore(ctx, cfg, e.home.aws, true)
	if err != nil {
		t.problem(err)
		return nil
	}
	defer func() { _ = store.Close() }()
	load := store.List
	if !cfg.Scope.Several() {
		load = func(ctx context.Context) ([]ledger.Record, error) { return store.Load(ctx, e.home.Account.ID) }
	}
	records, err := load(ctx)
	if _, other := ledger.SplitDamaged(err); other != nil {
		t.problem(other)
	}
	for _, record := range records {
		if record.KeyID() == t.KeyID {
			return &record
		}
	}
	return nil
}

func (t *Traced) problem(err error) {
	t.Problems = append(t.Problems, account.Problem{User: t.User, KeyID: t.KeyID, Text: awserr.Message(err)})
}

// remember takes in what a run has kept of the key.
func (t *Traced) remember(record *ledger.Record) {
	if record == nil {
		return
	}
	t.User = record.User()
	if uses := record.Uses(); uses.LookedUp() {
		t.Earlier = &uses
	}
	if disabled := record.Disabled(); disabled != nil {
		t.Disabled = &disabled.At
	}
}

// readKey reads the key as IAM shows it. One that no longer exists may still
// have been used.
func (t *Traced) readKey(ctx context.Context, m member) error {
	reader := inventory.Reader{IAM: awsclient.NewIAM(m.aws)}
	name, err := reader.Owner(ctx, t.KeyID)
	var user audit.User
	var key audit.Key
	if err == nil && name != "" {
		user, key, err = reader.ReadKey(ctx, audit.User{Name: name}, t.KeyID)
	}
	switch {
	case inventory.IsGone(err) || err == nil && name == "":
		return nil
	case err != nil:
		return fmt.Errorf("read key %s: %w", t.KeyID, err)
	}
	t.Status, t.User, t.Description = key.Status, user.Name, user.Description(key.ID)
	t.Created, t.Service, t.Region = &key.Created, key.Service, key.Region
	if !key.LastUsed.IsZero() {
		t.LastUsed = &key.LastUsed
	}
	t.Console = audit.ConsoleURL(m.Partition, user.Name)
	return nil
}

// lookUp looks the key up.
func (t *Traced) lookUp(ctx context.Context, tracer trace.Tracer) {
	lookups := tracer.Start(ctx)
	lookups.Add(trace.Key{ID: t.KeyID, Region: t.Region})
	for _, err := range lookups.Finish(ctx) {
		t.problem(err)
	}
	t.Uses = lookups.Of(t.KeyID)
}

// runDays is how far back a run looks: as far as there are events, as few are
// read.
const runDays = trace.MaxDays

// tracerFor looks up who uses keys of an account; nil if the settings ask for
// none.
func (s *session) tracerFor(m member) *trace.Tracer {
	if !s.cfg.Trace {
		return nil
	}
	return &trace.Tracer{
		Cloud: trace.NewCloudTrail(m.aws, m.Partition), Budget: s.lookups, Since: s.Now().UTC().AddDate(0, 0, -runDays), Now: s.Now,
	}
}

// leaveForLater keeps what a run on an account leaves until all have ended.
func (s *session) leaveForLater(work func(context.Context) error) {
	s.leftMu.Lock()
	defer s.leftMu.Unlock()
	s.left = append(s.left, work)
}

// doWhatIsLeft does all of it side by side. Its failures are logged: what was
// looked up is looked up again in the next run.
func (s *session) doWhatIsLeft(ctx context.Context) {
	var group sync.WaitGroup
	for _, work := range s.left {
		group.Go(func() {
			if err := work(ctx); err != nil {
				s.log.ErrorContext(ctx, "what was looked up was not recorded", "error", awserr.Message(err))
			}
		})
	}
	group.Wait()
}
