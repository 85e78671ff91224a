// Package findings keeps the keys that are due as findings in AWS Security Hub:
// each appears there, changes as the key does, and is archived once nothing is
// to be done about the key any more.
package securityhub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// Hub is an account's Security Hub, asked by posting JSON to a path.
type Hub interface {
	Post(ctx context.Context, operation, path string, in, out any) error
}

// mostAtOnce is how many findings a call takes, or a page has.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
const mostAtOnce = 100

// Keeper keeps the findings of one account.
type Keeper struct {
	Hub  Hub
	Home Home
	// Rules are those that keys were judged by, at Now (UTC).
	Rules audit.Rules
	Now   time.Time
	// Look reads one key as it stands; nil where nothing is to be done about it
	// any more.
	Look func(ctx context.Context, user, keyID string) (*report.Row, error)
	// Concurrency is how many keys are looked at side by side.
	Concurrency int
	// Explain puts an error into words for people; nil is its own text.
	Explain func(error) string
}

// Kept counts what was done.
type Kept struct {
	// Sent were new or had changed, Archived are resolved, Same needed nothing.
	Sent, Archived, Same int
}

// Keep brings the findings up to what a run knows. It is told twice with the
// same result as once. A finding is archived only where the key was read and
// needs nothing, or is gone: never for want of knowledge. What could not be
// done is among the problems.
func (k Keeper) Keep(ctx context.Context, known run.Known) (Kept, []report.Problem) {
	kept, err := k.active(ctx)
	if err != nil {
		return Kept{}, []report.Problem{{Text: "read the findings that Security Hub has: " + k.explain(hinted(err))}}
	}
	due := map[string]Finding{}
	for _, row := range known.Due {
		f := k.Home.finding(row, k.Rules, k.Now)
		due[f.ID] = f
	}
	resolved, problems := k.resolve(ctx, kept, due, known)

	var done Kept
	var send []Finding
	for id, f := range due {
		was, found := kept[id]
		if found && f.sameAs(was, k.Now) {
			done.Same++
			continue
		}
		if found {
			f.CreatedAt = was.CreatedAt
		}
		send = append(send, f)
	}
	done.Sent, done.Archived = len(send), len(resolved)
	send = append(send, resolved...)
	slices.SortFunc(send, func(a, b Finding) int { return cmp.Compare(a.ID, b.ID) })
	for batch := range slices.Chunk(send, mostAtOnce) {
		problems = append(problems, k.send(ctx, batch)...)
	}
	return done, problems
}

// resolve returns, as they are to be, the findings about whose keys nothing is
// to be done any more. Where the run did not read a key itself, it is looked at,
// and added to those that are due if it is.
func (k Keeper) resolve(ctx context.Context, kept, due map[string]Finding, known run.Known) (resolved []Finding, problems []report.Problem) {
	var mu sync.Mutex // guards due, resolved and problems
	var looking errgroup.Group
	looking.SetLimit(max(1, k.Concurrency))
	for id, f := range kept {
		mu.Lock()
		_, isDue := due[id]
		mu.Unlock()
		if isDue {
			continue
		}
		user, keyID := f.key()
		switch known.Of(user, keyID) {
		case run.Unsure:
		case run.Resolved:
			mu.Lock()
			resolved = append(resolved, f.resolved(k.Now))
			mu.Unlock()
		case run.Unread:
			looking.Go(func() error {
				row, err := k.Look(ctx, user, keyID)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					problems = append(problems, report.Problem{User: user, KeyID: keyID,
						Text: fmt.Sprintf("the finding about key %s of user %s is left as it is: %s", keyID, notify.OneLine(user), k.explain(err))})
				case row != nil:
					due[id] = k.Home.finding(*row, k.Rules, k.Now)
				default:
					resolved = append(resolved, f.resolved(k.Now))
				}
				return nil
			})
		}
	}
	_ = looking.Wait() // failures are problems, not errors
	slices.SortFunc(problems, func(a, b report.Problem) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return resolved, problems
}

// filter is one of GetFindings': the value must be that.
type filter struct{ Value, Comparison string }

func equal(value string) []filter { return []filter{{value, "EQUALS"}} }

type getFindings struct {
	Filters    map[string][]filter
	MaxResults int
	NextToken  string `json:",omitempty"`
}

var errPages = errors.New("the answer says that the next page is this one again")

// active are the findings of Sleuth's in the account that are not archived, by
// id.
func (k Keeper) active(ctx context.Context) (map[string]Finding, error) {
	in := getFindings{MaxResults: mostAtOnce, Filters: map[string][]filter{
		"GeneratorId": equal(GeneratorID), "ProductArn": equal(k.Home.productARN()), "AwsAccountId": equal(k.Home.Account.ID), "RecordState": equal(active),
	}}
	found := map[string]Finding{}
	for {
		var out struct {
			Findings  []Finding
			NextToken string
		}
		if err := k.Hub.Post(ctx, "GetFindings", "/findings", in, &out); err != nil {
			return nil, err
		}
		for _, f := range out.Findings {
			// Whatever the filters let through, what is not ours is left alone.
			if f.GeneratorID == GeneratorID && f.ProductArn == k.Home.productARN() && f.AwsAccountID == k.Home.Account.ID && f.RecordState == active {
				found[f.ID] = f
			}
		}
		switch out.NextToken {
		case "":
			return found, nil
		case in.NextToken:
			return nil, errPages
		}
		in.NextToken = out.NextToken
	}
}

// send sends a batch. A finding that Security Hub does not take is a problem of
// its key alone.
func (k Keeper) send(ctx context.Context, batch []Finding) (problems []report.Problem) {
	var out struct {
		SuccessCount   int
		FailedFindings []struct {
			ID           string `json:"Id"`
			ErrorCode    string
			ErrorMessage string
		}
	}
	err := k.Hub.Post(ctx, "BatchImportFindings", "/findings/import", map[string]any{"Findings": batch}, &out)
	if err != nil {
		return []report.Problem{{Text: fmt.Sprintf("send %s to Security Hub: %s", count(len(batch)), k.explain(hinted(err)))}}
	}
	for _, failure := range out.FailedFindings {
		problem := report.Problem{Text: fmt.Sprintf("Security Hub did not take the finding %s: %s: %s",
			notify.OneLine(failure.ID), failure.ErrorCode, notify.OneLine(failure.ErrorMessage))}
		for _, f := range batch {
			if f.ID == failure.ID {
				problem.User, problem.KeyID = f.key()
			}
		}
		problems = append(problems, problem)
	}
	if missing := len(batch) - out.SuccessCount - len(out.FailedFindings); missing > 0 {
		problems = append(problems, report.Problem{Text: fmt.Sprintf("Security Hub does not say what became of %s", count(missing))})
	}
	return problems
}

func (k Keeper) explain(err error) string {
	if k.Explain == nil {
		return err.Error()
	}
	return k.Explain(err)
}

func count(findings int) string {
	if findings == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", findings)
}

// hinted adds what to do about an error with a known remedy.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/CommonErrors.html
func hinted(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch api.ErrorCode() {
	case "InvalidAccessException":
		return fmt.Errorf("%w; enable Security Hub in this account and region, or unset FINDINGS", err)
	case "AccessDenied", "AccessDeniedException":
		return fmt.Errorf("%w; allow securityhub:GetFindings and securityhub:BatchImportFindings to the role that Sleuth has in the account", err)
	}
	return err
}
