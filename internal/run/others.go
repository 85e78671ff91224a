package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/risk"
)

// begin starts to read something. What it returns waits for it.
func begin[T any](read func() (T, error)) (wait func() (T, error)) {
	wait = sync.OnceValues(read)
	go func() { _, _ = wait() }()
	return wait
}

// StartCredentialReport begins to read the credentials other than users' access keys, as
// a credential report may take AWS some seconds to make. What it returns waits
// for them, judges them as of the report's moment and adds them to it. From nil
// leaves them out.
//
// That we may not ask for them, or that AWS takes too long, is a note in the
// report; what else goes wrong is a problem.
func StartCredentialReport(ctx context.Context, from *inventory.CredentialReport) (add func(*report.Report)) {
	if from == nil {
		return func(r *report.Report) { r.Scope = report.AccessKeysOnly }
	}
	read := begin(func() (inventory.OtherCredentials, error) { return from.OtherCredentials(ctx) })
	return func(r *report.Report) {
		found, err := read()
		r.Scope = report.AllCredentials
		const missing = "root access keys, console passwords and signing certificates are not shown"
		switch {
		case inventory.IsDenied(err):
			r.Notes = append(r.Notes, missing+"; allow iam:GenerateCredentialReport and iam:GetCredentialReport, or set SLEUTH_CREDENTIALS=access-keys")
			return
		case errors.Is(err, inventory.ErrReportNotThere):
			r.Notes = append(r.Notes, missing+": AWS was still making the credential report; it is likely to be there in some minutes")
			return
		case err != nil:
			r.Problems = append(r.Problems, account.Problem{Text: fmt.Sprintf("%s: %s", missing, awserr.Message(err))})
		}
		for _, doubt := range found.Doubts {
			r.Problems = append(r.Problems, account.Problem{Text: doubt.Error()})
		}
		if !found.Made.IsZero() {
			r.CredentialsAsOf = &found.Made
		}
		r.NotePasswords(found.PasswordAlone)
		r.Credentials = report.CredentialsOf(found.All, audit.Rules(r.Rules), r.At)
	}
}

// StartRisk begins to read what the policies of users let them do. What it returns
// waits for that and adds it to the report. Nil leaves it out. What could not be
// read is not evaluated, and a problem.
func StartRisk(ctx context.Context, from inventory.BulkIAM) (add func(*report.Report)) {
	if from == nil {
		return func(*report.Report) {}
	}
	read := begin(func() (*risk.Account, error) { return inventory.ReadPolicies(ctx, from) })
	return func(r *report.Report) {
		found, err := read()
		if err == nil {
			r.AddRisk(found.Of)
			return
		}
		const missing = "what users may do is not evaluated"
		why := fmt.Sprintf("%s: %s", missing, awserr.Message(err))
		if inventory.IsDenied(err) {
			why = missing + "; allow iam:GetAccountAuthorizationDetails, or leave SLEUTH_RISK out"
		}
		r.Problems = append(r.Problems, account.Problem{Text: why})
		r.AddRisk(func(string) risk.Risk { return risk.Unknown("the policies could not be read") })
	}
}

// StartAPIKeys begins to read the service-specific credentials of all users. What it
// returns waits for them, judges them as of the report's moment and adds them. Nil
// leaves them out. That we may not ask for them is a note; what else goes wrong is
// a problem.
func StartAPIKeys(ctx context.Context, from inventory.APIKeyIAM, now time.Time) (add func(*report.Report)) {
	if from == nil {
		return func(*report.Report) {}
	}
	var doubts []error
	read := begin(func() (keys []audit.Credential, err error) {
		keys, doubts, err = inventory.ReadAPIKeys(ctx, from, now)
		return keys, err
	})
	return func(r *report.Report) {
		keys, err := read()
		const missing = "API keys of services are not shown"
		switch {
		case inventory.IsDenied(err):
			r.Notes = append(r.Notes, missing+"; allow iam:ListServiceSpecificCredentials, or set SLEUTH_CREDENTIALS=access-keys")
		case err != nil:
			r.Problems = append(r.Problems, account.Problem{Text: missing + " completely: " + awserr.Message(err)})
		}
		for _, doubt := range doubts {
			r.Problems = append(r.Problems, account.Problem{Text: doubt.Error()})
		}
		r.AddCredentials(keys)
	}
}
