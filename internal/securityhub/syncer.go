// Package securityhub keeps the keys that are due as findings in AWS Security Hub:
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

	"github.com/aws/aws-sdk-go-v2/aws"
	awshub "github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Hub is an account's Security Hub.
type Hub interface {
	GetFindings(context.Context, *awshub.GetFindingsInput, ...func(*awshub.Options)) (*awshub.GetFindingsOutput, error)
	BatchImportFindings(context.Context, *awshub.BatchImportFindingsInput, ...func(*awshub.Options)) (*awshub.BatchImportFindingsOutput, error)
}

var _ Hub = (*awshub.Client)(nil)

// maxPerCall is how many findings a call takes, or a page has.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
const maxPerCall = 100

// Syncer keeps the findings of one account in step with its keys.
type Syncer struct {
	Hub  Hub
	Home Home
	// Now (UTC) is when keys were evaluated.
	Now time.Time
	// Look reads one key as it stands; nil if nothing is to be done about it
	// any more.
	Look func(ctx context.Context, user, keyID string) (*audit.Judged, error)
	// Concurrency is how many keys are looked at side by side.
	Concurrency int
	// Explain puts an error into words for people; nil is its own text.
	Explain func(error) string
}

// SyncResult counts what was done.
type SyncResult struct {
	// Sent were new or had changed, Archived are resolved, Same needed nothing.
	Sent, Archived, Same int
}

// Sync brings the findings up to what a run knows. Calling it twice has the
// same result as once. A finding is archived only if the key was read and
// needs nothing, or is gone: never for want of knowledge. What could not be
// done is among the problems.
func (k Syncer) Sync(ctx context.Context, known run.KeyStatuses) (SyncResult, []account.Problem) {
	kept, err := k.active(ctx)
	if err != nil {
		return SyncResult{}, []account.Problem{{Text: "read the findings that Security Hub has: " + k.explain(hinted(err))}}
	}
	due := map[string]types.AwsSecurityFinding{}
	for _, judged := range known.Due {
		f := k.Home.finding(judged, k.Now)
		due[aws.ToString(f.Id)] = f
	}
	archive, problems := k.resolve(ctx, kept, due, known)

	var done SyncResult
	var send []types.AwsSecurityFinding
	for id, f := range due {
		was, found := kept[id]
		if found && same(f, was, k.Now) {
			done.Same++
			continue
		}
		if found {
			f.CreatedAt = was.CreatedAt
		}
		send = append(send, f)
	}
	done.Sent, done.Archived = len(send), len(archive)
	send = append(send, archive...)
	slices.SortFunc(send, func(a, b types.AwsSecurityFinding) int { return cmp.Compare(aws.ToString(a.Id), aws.ToString(b.Id)) })
	for batch := range slices.Chunk(send, maxPerCall) {
		problems = append(problems, k.send(ctx, batch)...)
	}
	return done, problems
}

// resolve returns, as they are to be, the findings about whose keys nothing is
// to be done any more. If the run did not read a key itself, it is looked at,
// and added to those that are due if it is.
func (k Syncer) resolve(ctx context.Context, kept, due map[string]types.AwsSecurityFinding, known run.KeyStatuses) (archive []types.AwsSecurityFinding, problems []account.Problem) {
	var mu sync.Mutex // guards due, archive and problems
	var looking errgroup.Group
	looking.SetLimit(max(1, k.Concurrency))
	for id, f := range kept {
		mu.Lock()
		_, isDue := due[id]
		mu.Unlock()
		if isDue {
			continue
		}
		user, keyID := userAndKey(f)
		switch known.Of(user, keyID) {
		case run.Unknown:
		case run.Resolved:
			mu.Lock()
			archive = append(archive, resolved(f, k.Now))
			mu.Unlock()
		case run.NotRead:
			looking.Go(func() error {
				judged, err := k.Look(ctx, user, keyID)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					problems = append(problems, account.Problem{User: user, KeyID: keyID,
						Text: fmt.Sprintf("the finding about key %s of user %s is left as it is: %s", keyID, text.OneLine(user), k.explain(err))})
				case judged != nil:
					due[id] = k.Home.finding(*judged, k.Now)
				default:
					archive = append(archive, resolved(f, k.Now))
				}
				return nil
			})
		}
	}
	_ = looking.Wait() // failures are problems, not errors
	slices.SortFunc(problems, func(a, b account.Problem) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return archive, problems
}

func equal(value string) []types.StringFilter {
	return []types.StringFilter{{Value: &value, Comparison: types.StringFilterComparisonEquals}}
}

var errPages = errors.New("the answer says that the next page is this one again")

// active are the findings of Sleuth's in the account that are not archived, by
// id. A page that names itself as the next one is an error: the SDK's paginator
// would end there, and what the pages after it hold would be taken for unknown.
func (k Syncer) active(ctx context.Context) (map[string]types.AwsSecurityFinding, error) {
	in := &awshub.GetFindingsInput{MaxResults: aws.Int32(maxPerCall), Filters: &types.AwsSecurityFindingFilters{
		GeneratorId: equal(GeneratorID), ProductArn: equal(k.Home.productARN()), AwsAccountId: equal(k.Home.Account.ID),
		RecordState: equal(string(types.RecordStateActive)),
	}}
	found := map[string]types.AwsSecurityFinding{}
	for {
		out, err := k.Hub.GetFindings(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, f := range out.Findings {
			if k.Home.owns(f) {
				found[aws.ToString(f.Id)] = f
			}
		}
		switch aws.ToString(out.NextToken) {
		case "":
			return found, nil
		case aws.ToString(in.NextToken):
			return nil, errPages
		}
		in.NextToken = out.NextToken
	}
}

// owns reports whether an active finding is ours: whatever the filters let
// through, what is not is left alone.
func (h Home) owns(f types.AwsSecurityFinding) bool {
	return aws.ToString(f.GeneratorId) == GeneratorID && aws.ToString(f.ProductArn) == h.productARN() &&
		aws.ToString(f.AwsAccountId) == h.Account.ID && f.RecordState == types.RecordStateActive
}

// send sends a batch. A finding that Security Hub does not take is a problem of
// its key alone.
func (k Syncer) send(ctx context.Context, batch []types.AwsSecurityFinding) (problems []account.Problem) {
	out, err := k.Hub.BatchImportFindings(ctx, &awshub.BatchImportFindingsInput{Findings: batch})
	if err != nil {
		return []account.Problem{{Text: fmt.Sprintf("send %s to Security Hub: %s", count(len(batch)), k.explain(hinted(err)))}}
	}
	for _, failure := range out.FailedFindings {
		problems = append(problems, refused(failure, batch))
	}
	if missing := len(batch) - int(aws.ToInt32(out.SuccessCount)) - len(out.FailedFindings); missing > 0 {
		problems = append(problems, account.Problem{Text: fmt.Sprintf("Security Hub does not say what became of %s", count(missing))})
	}
	return problems
}

// refused is the problem of the key whose finding in the batch was not taken.
func refused(failure types.ImportFindingsError, batch []types.AwsSecurityFinding) account.Problem {
	id := aws.ToString(failure.Id)
	problem := account.Problem{Text: fmt.Sprintf("Security Hub did not take the finding %s: %s: %s",
		text.OneLine(id), aws.ToString(failure.ErrorCode), text.OneLine(aws.ToString(failure.ErrorMessage)))}
	for _, f := range batch {
		if aws.ToString(f.Id) == id {
			problem.User, problem.KeyID = userAndKey(f)
		}
	}
	return problem
}

func (k Syncer) explain(err error) string {
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
		return fmt.Errorf("%w; enable Security Hub in this account and region, or unset SLEUTH_SECURITY_HUB", err)
	case "AccessDenied", "AccessDeniedException":
		return fmt.Errorf("%w; allow securityhub:GetFindings and securityhub:BatchImportFindings to the role that Sleuth has in the account", err)
	}
	return err
}
