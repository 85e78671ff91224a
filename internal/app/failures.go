package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// publishFailure puts the event of a failed run on the bus, if there is one, even
// if the run was interrupted. If that fails too, the problem says so.
func (s *session) publishFailure(ctx context.Context, b budget.Budget, failure eventbridge.Failure, problems ...account.Problem) []account.Problem {
	if s.dryRun || !s.cfg.Targets.Has("SLEUTH_EVENT_BUS") || failure.Failed == 0 {
		return nil
	}
	for _, problem := range problems {
		failure.Problems = append(failure.Problems, problem.Text)
	}
	bus, err := s.eventBus(s.cfg, s.accounts.home.aws)
	if err == nil {
		publishing, cancel := b.Context(context.WithoutCancel(ctx), budget.Event, s.Now())
		defer cancel()
		err = bus.PutFailure(publishing, failure)
	}
	if err == nil {
		return nil
	}
	text := awserr.Message(fmt.Errorf("the event of the failed run was not published: %w", err))
	s.log.ErrorContext(ctx, text, "account", failure.Account.ID)
	return []account.Problem{{Text: text}}
}

// publishDidNotBegin is the error of a run that could not begin, once the bus
// has its event. The account may be one that is not known.
func (s *session) publishDidNotBegin(ctx context.Context, of account.Account, why error) error {
	failure := eventbridge.Failure{Run: s.id, Account: of, At: s.Now(), Failed: 1}
	for _, problem := range s.publishFailure(ctx, s.budget, failure, account.Problem{Text: awserr.Message(why)}) {
		why = errors.Join(why, errors.New(problem.Text))
	}
	return why
}

// reportFailure puts the event of a run on the bus if the run failed.
func (s *session) reportFailure(ctx context.Context, b budget.Budget, summary *sleuth.Summary) {
	summary.Fail(s.publishFailure(ctx, b, eventbridge.Failure{
		Run: summary.Run, Account: summary.Account, At: summary.At, Started: summary.Started, Failed: summary.Failed,
		Users: summary.Users, Keys: summary.Keys, Warned: summary.Warned, Disabled: summary.Disabled, NoticesPending: summary.NoticesPending,
	}, summary.Problems...)...)
}

// reportFailures puts an event on the bus for what failed of no single account,
// such as a digest. It is of the account that the run is made from.
func (s *session) reportFailures(ctx context.Context, summary *org.Summary) {
	summary.Problems = append(summary.Problems, s.publishFailure(ctx, s.budget, eventbridge.Failure{
		Run: summary.Run, Account: account.Account{ID: s.accounts.home.Account.ID}, At: summary.At, Started: true, Failed: len(summary.Problems),
	}, summary.Problems...)...)
}

// reportFailedAnswer puts an event on the bus for an answer to leaked keys that
// failed.
func (s *session) reportFailedAnswer(ctx context.Context, answer *leak.Response) {
	answer.Problems = append(answer.Problems, s.publishFailure(ctx, s.budget, eventbridge.Failure{
		Run: answer.Run, Account: answer.Account, At: answer.At, Started: true, Failed: answer.Failed,
		Keys: len(answer.Keys), NoticesPending: answer.NoticesPending,
	}, answer.Problems...)...)
	answer.Failed = len(answer.Problems)
}
