package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

func (w wiring) events(context.Context) ([]notify.Channel, error) {
	bus, err := w.eventBus(w.cfg, w.aws)
	if err != nil {
		return nil, err
	}
	return w.previewed(bus), nil
}

// eventBus speaks to the bus's own region, whatever ours is.
func (a *app) eventBus(cfg config.Config, home aws.Config) (*eventbridge.Bus, error) {
	region, err := eventbridge.RegionOf(cfg.EventBus)
	if err != nil {
		return nil, err
	}
	client := awsevents.NewFromConfig(home, func(o *awsevents.Options) { o.Region = region })
	return eventbridge.New(cfg.EventBus, client, eventbridge.Options{Now: a.now, Retry: patience()})
}

// putFailure puts the event of a failed run on the bus, if there is one, even
// if the run was interrupted.
func (a *app) putFailure(ctx context.Context, b budget.Budget, cfg config.Config, home aws.Config, failure eventbridge.Failure) error {
	if cfg.EventBus == "" {
		return nil
	}
	bus, err := a.eventBus(cfg, home)
	if err == nil {
		telling, cancel := b.Context(context.WithoutCancel(ctx), budget.Event, a.now())
		defer cancel()
		err = bus.PutFailure(telling, failure)
	}
	if err != nil {
		return fmt.Errorf("the event of the failed run was not published: %w", err)
	}
	return nil
}

// didNotBegin is the error of a run that could not begin, once the bus has its
// event. The account may be one that is not known.
func (a *app) didNotBegin(ctx context.Context, b budget.Budget, cfg config.Config, home aws.Config, dryRun bool, id string, account account.Account, why error) error {
	if dryRun {
		return why
	}
	err := a.putFailure(ctx, b, cfg, home, eventbridge.Failure{Run: id, Account: account, At: a.now(), Failed: 1, Problems: []string{awserr.Message(why)}})
	return errors.Join(why, err)
}

// tellOfFailure puts the event of a run on the bus if the run failed. Where that
// fails too, it is one more problem of the run.
func (s *session) tellOfFailure(ctx context.Context, b budget.Budget, summary *sleuth.Summary) {
	if s.dryRun || summary.Failed == 0 {
		return
	}
	if err := s.putFailure(ctx, b, s.cfg, s.home, failureOf(*summary)); err != nil {
		s.log.ErrorContext(ctx, awserr.Message(err), "account", summary.Account.ID)
		summary.Fail(account.Problem{Text: awserr.Message(err)})
	}
}

func failureOf(summary sleuth.Summary) eventbridge.Failure {
	return eventbridge.Failure{
		Run: summary.Run, Account: summary.Account, At: summary.At, Begun: summary.Begun, Failed: summary.Failed, Problems: textsOf(summary.Problems),
		Users: summary.Users, Keys: summary.Keys, Warned: summary.Warned, Disabled: summary.Disabled, NoticesPending: summary.NoticesPending,
	}
}

// tellOfFailures puts an event on the bus for what failed of no single account,
// such as a digest. It is of the account that the run is made from.
func (s *session) tellOfFailures(ctx context.Context, covered *organization, summary *org.Summary) {
	if s.dryRun || len(summary.Problems) == 0 {
		return
	}
	err := s.putFailure(ctx, s.budget, s.cfg, s.home, eventbridge.Failure{
		Run: summary.Run, Account: account.Account{ID: covered.door.HomeID}, At: summary.At, Begun: true,
		Failed: len(summary.Problems), Problems: textsOf(summary.Problems),
	})
	if err != nil {
		s.log.ErrorContext(ctx, awserr.Message(err))
		summary.Problems = append(summary.Problems, account.Problem{Text: awserr.Message(err)})
	}
}

// tellOfFailedAnswer is tellOfFailure for an answer to leaked keys.
func (s *session) tellOfFailedAnswer(ctx context.Context, covered *organization, answer *leak.Answer) {
	if s.dryRun || len(answer.Problems) == 0 {
		return
	}
	err := s.putFailure(ctx, s.budget, s.cfg, covered.home, eventbridge.Failure{
		Run: answer.Run, Account: answer.Account, At: answer.At, Begun: true, Failed: answer.Failed, Problems: textsOf(answer.Problems),
		Keys: len(answer.Keys), NoticesPending: answer.NoticesPending,
	})
	if err != nil {
		s.log.ErrorContext(ctx, awserr.Message(err), "account", answer.Account.ID)
		answer.Problems = append(answer.Problems, account.Problem{Text: awserr.Message(err)})
		answer.Failed = len(answer.Problems)
	}
}

func textsOf(problems []account.Problem) []string {
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.Text
	}
	return texts
}

// didNotCover is didNotBegin for a run over several accounts. Where not even
// our own account was reached, there is no bus either.
func (a *app) didNotCover(ctx context.Context, b budget.Budget, cfg config.Config, covered *organization, dryRun bool, id string, why error) error {
	if covered == nil {
		return why
	}
	return a.didNotBegin(ctx, b, cfg, covered.home, dryRun, id, account.Account{ID: covered.door.HomeID}, why)
}
