package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// leakedCommand does by hand what AWS's word of a leaked key has the Lambda do.
type leakedCommand struct {
	Keys    []string `arg:"" name:"key" help:"Ids of the keys that were found in public."`
	Account string   `placeholder:"ID" help:"The keys' account. Required where ACCOUNTS is set."`
	Output  string   `short:"o" default:"table" enum:"table,json" help:"How to show the answer: ${enum}."`
	config.Settings
	DryRun bool `help:"Write nothing and send nothing; show what would be."`
}

// Run implements the command.
func (c *leakedCommand) Run(a *app) error {
	wrong := func(format string, args ...any) error {
		return &statusError{exitUsage, fmt.Errorf(format, args...)}
	}
	event := leak.Event{Account: c.Account}
	for _, key := range c.Keys {
		if !leak.IsKeyID(key) {
			return wrong("%q is no id of an access key: it must be 16 to 128 capital letters and digits, such as AKIAIOSFODNN7EXAMPLE", text.OneLine(key))
		}
		if finding := (leak.Finding{KeyID: key}); !slices.Contains(event.Keys, finding) {
			event.Keys = append(event.Keys, finding)
		}
	}
	a.warnOfLookAlikes(a.ctx)
	cfg, err := config.Check(c.Settings, a.stateOnThisMachine())
	switch {
	case err != nil:
		return err
	case c.Account != "" && !accountID.MatchString(c.Account):
		return wrong("--account=%q: must be 12 digits", text.OneLine(c.Account))
	case c.Account == "" && cfg.Scope.Several():
		return wrong("name the keys' account with --account, as ACCOUNTS covers several")
	}
	answer, err := a.answerLeak(a.ctx, cfg, event, c.DryRun, a.logger(cfg.Debug))
	if err != nil {
		return err
	}
	if c.Output == "json" {
		if err := report.WriteJSON(a.stdout, answer); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		if answer.Err() != nil {
			return &statusError{status: exitNotWhole}
		}
		return nil
	}
	return a.conclude(answer, answer.Err(), nil)
}

// ignored is the Lambda's result for an event of AWS Health that is about
// something else.
type ignored struct {
	Ignored string `json:"ignored"`
}

// leaked answers an event of AWS Health. What was not done is an error, so
// that the event comes again.
func (a *app) leaked(ctx context.Context, cfg config.Config, e leak.Event, log *slog.Logger) (any, error) {
	answer, err := a.answerLeak(ctx, cfg, e, false, log)
	if err != nil {
		return nil, err
	}
	if err := answer.Err(); err != nil {
		return nil, err
	}
	return answer, nil
}

// answerLeak deals with keys that were found in public. Without an answer
// nothing was done.
func (a *app) answerLeak(ctx context.Context, cfg config.Config, e leak.Event, dryRun bool, log *slog.Logger) (*leak.Answer, error) {
	began := a.now()
	id := runID(began)
	log = log.With("run", id)
	whole := a.invocation(ctx, cfg)
	working, cancel := whole.Context(ctx, budget.Work, began)
	defer cancel()
	covered, err := a.homeOf(working, cfg, id)
	if err != nil {
		return nil, err
	}
	s := &session{app: a, id: id, began: began, cfg: cfg, dryRun: dryRun, log: log, budget: whole}
	if e.Account == "" {
		e.Account = covered.door.HomeID
	}
	if err := s.open(working, covered.home); err != nil {
		return nil, a.didNotBegin(ctx, whole, cfg, covered.home, dryRun, id, account.Account{ID: e.Account}, withWayOut(err))
	}
	defer func() { _ = s.store.Close() }()
	answer, err := s.answerLeakIn(working, covered, e)
	if err != nil {
		return nil, err
	}
	s.tellOfFailedAnswer(ctx, covered, answer)
	log.InfoContext(ctx, "leaked keys are answered", "answer", answer)
	return answer, nil
}

// withWayOut says what to do where a file of state is taken: every second
// counts, and a run may take its time.
func withWayOut(err error) error {
	if _, inUse := errors.AsType[*ledger.InUseError](err); inUse {
		return fmt.Errorf("%w; to act at once, say --state=none: people are told, and nothing is remembered of it", err)
	}
	return err
}

// answerLeakIn deals with the keys of one account, if it is covered.
func (s *session) answerLeakIn(ctx context.Context, covered *organization, e leak.Event) (*leak.Answer, error) {
	log := s.log.With("account", e.Account)
	responder := leak.Responder{
		ID: s.id, Account: account.Account{ID: e.Account}, Config: s.cfg, Channels: s.channels, Store: s.store,
		Log: log, Now: s.now, DryRun: s.dryRun, Budget: budget.Leak(s.now(), s.endOf(budget.Work)),
	}
	covers, err := s.covers(ctx, covered, e.Account)
	if err == nil && !covers {
		why := "the settings do not cover the account"
		if e.ARN == "" {
			return nil, &statusError{exitUsage, fmt.Errorf("nothing was done about keys of account %s: %s; check --account and ACCOUNTS", e.Account, why)}
		}
		answer := responder.Announce(ctx, e, leak.NotCovered, why)
		return &answer, nil
	}
	if err == nil {
		inside, _, identity, entering := covered.enter(ctx, e.Account, log)
		if err = entering; err == nil {
			responder.Account, responder.IAM = identity.Account, iam.NewFromConfig(inside)
			responder.Config.Policy.OwnKeys = identity.OwnKeys
			answer := responder.Respond(ctx, e)
			return &answer, nil
		}
	}
	answer := responder.Announce(ctx, e, leak.Failed, awserr.Message(err))
	return &answer, nil
}

// covers reports whether the settings cover an account. AWS is asked only where
// they go by its units, as every second counts.
func (s *session) covers(ctx context.Context, covered *organization, account string) (bool, error) {
	switch scope := s.cfg.Scope; {
	case !scope.Several():
		return account == covered.door.HomeID, nil
	case !scope.Allows(account):
		return false, nil
	case len(scope.OUs) == 0:
		return true, nil
	}
	members, err := org.List(ctx, organizations.NewFromConfig(covered.home), s.cfg.Scope)
	return slices.Contains(members.Accounts, account), err
}
