package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ReportIAM is the calls that a credential report takes.
type ReportIAM interface {
	GenerateCredentialReport(context.Context, *iam.GenerateCredentialReportInput, ...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error)
	GetCredentialReport(context.Context, *iam.GetCredentialReportInput, ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error)
}

// CredentialReport gets the account's credential report. IAM makes one at most
// every four hours and hands out the last in between.
type CredentialReport struct {
	IAM ReportIAM
	// Sleep waits between two looks at a report in the making, until ctx ends.
	Sleep func(context.Context, time.Duration) error
	Log   *slog.Logger
	// Patience is how long to wait for a report in all; zero is two minutes.
	Patience time.Duration
}

// ErrReportNotThere is returned if IAM takes longer to make a report than
// we wait. One that is asked for later is likely to be there.
var ErrReportNotThere = errors.New("the credential report was not there")

const (
	// A small account's report is there within a second, a large one's takes
	// a while; every look is a call.
	firstLook   = 500 * time.Millisecond
	longestWait = 10 * time.Second
	// longestPatience is how long we wait in all before reading live instead.
	longestPatience = 2 * time.Minute
)

// reportText is a report that was handed out.
type reportText struct {
	content []byte
	made    time.Time // UTC
}

// usable returns the report if the reader can narrow its reading by it, and
// says why if it cannot. It has then been read from end to end: a report is
// relied on completely or not at all.
func (c *CredentialReport) usable(ctx context.Context, r Reader) (reportText, error) {
	lowest := r.UserRules.Strictest(r.Rules)
	switch {
	case r.Everything:
		return reportText{}, errors.New("every key is to be shown")
	case !newestCovered(r.Now, lowest, r.Now):
		return reportText{}, errors.New("a warning age of 0 days concerns keys younger than any report")
	}
	text, err := c.get(ctx)
	if err != nil {
		return reportText{}, err
	}
	if !newestCovered(text.made, lowest, r.Now) {
		return reportText{}, fmt.Errorf("the report of %s is too old to know every key that may be due", text.made.Format(time.RFC3339))
	}
	users, matter := 0, 0
	seen := map[string]bool{}
	for row, err := range ParseReport(text.content) {
		switch {
		case err != nil:
			return reportText{}, err
		case seen[row.User]:
			return reportText{}, fmt.Errorf("the report names user %s twice", row.User)
		case row.Doubt != nil:
			c.Log.WarnContext(ctx, "a user is read live, as the credential report cannot be understood", "user", row.User, "because", row.Doubt.Error())
		}
		seen[row.User] = true
		users++
		if row.NeedsRead(r.choose(row.user(), false).Strictest, r.Now) {
			matter++
		}
	}
	c.Log.InfoContext(ctx, "the credential report narrows the reading", "made", text.made, "users", users, "read_live", matter)
	return text, nil
}

// get has a report made, waits for it and fetches it.
func (c *CredentialReport) get(ctx context.Context) (reportText, error) {
	patience := cmp.Or(c.Patience, longestPatience)
	for wait, waited := firstLook, time.Duration(0); ; wait = min(2*wait, longestWait) {
		made, err := c.IAM.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
		if err != nil {
			return reportText{}, fmt.Errorf("have a credential report made: %w", err)
		}
		if made.State == types.ReportStateTypeComplete {
			text, err := c.fetch(ctx)
			if err == nil || !notYet(err) {
				return text, err
			}
		}
		if waited >= patience {
			return reportText{}, fmt.Errorf("%w after %s", ErrReportNotThere, waited)
		}
		err = c.Sleep(ctx, wait)
		if errors.Is(err, context.DeadlineExceeded) {
			return reportText{}, fmt.Errorf("%w before time was up", ErrReportNotThere)
		}
		if err != nil {
			return reportText{}, fmt.Errorf("wait for the credential report: %w", err)
		}
		waited += wait
	}
}

func (c *CredentialReport) fetch(ctx context.Context) (reportText, error) {
	out, err := c.IAM.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	if err != nil {
		return reportText{}, fmt.Errorf("fetch the credential report: %w", err)
	}
	if out.GeneratedTime == nil {
		return reportText{}, errors.New("fetch the credential report: it does not say when it was made")
	}
	return reportText{content: out.Content, made: out.GeneratedTime.UTC()}, nil
}

// notYet reports whether a report ran out or is being made again just between
// our looking and our fetching.
func notYet(err error) bool {
	var (
		expired  *types.CredentialReportExpiredException
		making   *types.CredentialReportNotReadyException
		notThere *types.CredentialReportNotPresentException
	)
	return errors.As(err, &expired) || errors.As(err, &making) || errors.As(err, &notThere)
}

// Sleep waits by the real clock, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
