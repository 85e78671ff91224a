package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// RequestError says that what was asked for cannot be done. Nothing was done.
type RequestError struct{ error }

func (e *RequestError) Unwrap() error { return e.error }

func refuse(format string, args ...any) error { return &RequestError{fmt.Errorf(format, args...)} }

// RespondToLeak deals with keys that were found in public. An event without an
// account is about the home account. Without an answer nothing was done.
func (a *App) RespondToLeak(ctx context.Context, cfg config.Config, e leak.Event, dryRun bool) (*leak.Response, error) {
	began := a.Now()
	s := a.newSession(ctx, cfg, runID(began), began, dryRun)
	working, cancel := s.budget.Context(ctx, budget.Work, began)
	defer cancel()
	var err error
	if s.accounts, err = s.connectHome(working, cfg, s.id); err != nil {
		return nil, err
	}
	if e.Account == "" {
		e.Account = s.accounts.home.Account.ID
	}
	if err := s.open(working); err != nil {
		return nil, s.publishDidNotBegin(ctx, account.Account{ID: e.Account}, withWayOut(err))
	}
	defer func() { _ = s.store.Close() }()
	answer, err := s.respondToLeak(working, e)
	if err != nil {
		return nil, err
	}
	answer.DryRun = s.dryRun
	s.reportFailedAnswer(ctx, answer)
	s.log.InfoContext(ctx, "responded to leaked keys", "response", answer)
	return answer, nil
}

// withWayOut says what to do if a file of state is locked: every second
// counts, and a run may take its time.
func withWayOut(err error) error {
	if _, inUse := errors.AsType[*ledger.InUseError](err); inUse {
		return fmt.Errorf("%w; to act at once, say --state=none: people are notified, and nothing is remembered of it", err)
	}
	return err
}

// respondToLeak deals with the keys of one account, if it is covered.
func (s *session) respondToLeak(ctx context.Context, e leak.Event) (*leak.Response, error) {
	log := s.log.With("account", e.Account)
	responder := leak.Responder{
		ID: s.id, Account: s.accounts.account(e.Account), Config: s.cfg, Channels: s.channels, Store: s.store,
		Log: log, Now: s.Now, Budget: budget.Leak(s.Now(), s.endOf(budget.Work)),
	}
	covers, err := s.accounts.covers(ctx, e.Account)
	if err == nil && !covers {
		if e.ARN == "" {
			return nil, refuse("nothing was done about keys of account %s: the settings do not cover the account; check --account and SLEUTH_ACCOUNTS", e.Account)
		}
		answer := responder.Announce(ctx, e, leak.NotCovered, "the settings do not cover the account")
		return &answer, nil
	}
	if err == nil {
		m, entering := s.accounts.enter(ctx, e.Account, log)
		if err = entering; err == nil {
			responder.Account, responder.IAM = m.Account, s.iamOf(awsclient.NewIAM(m.aws))
			responder.Config.Policy.OwnKeys = m.OwnKeys
			answer := responder.Respond(ctx, e)
			return &answer, nil
		}
	}
	answer := responder.Announce(ctx, e, leak.Failed, awserr.Message(err))
	return &answer, nil
}
