package eventbridge

import (
	"context"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Failure is a run that failed, or that could not begin.
type Failure struct {
	Run     string
	Account account.Account // the id is empty if it is not known
	At      time.Time
	// Started reports whether the account was entered.
	Started bool
	// Failed counts the problems; Problems are the texts of the first of them.
	Failed   int
	Problems []string
	// What the run found and did nonetheless.
	Users, Keys, Warned, Disabled, NoticesPending int
}

// An event has only the first problems; all are in the
// log.
const (
	maxProblems = 5
	maxText     = 1000 // characters of one problem
)

type failedDetail struct {
	Schema   int              `json:"schema"`
	Run      string           `json:"run,omitempty"`
	Account  *account.Account `json:"account,omitempty"`
	At       time.Time        `json:"at"`
	Started  bool             `json:"started"`
	Failed   int              `json:"failed"`
	Problems []string         `json:"problems"`

	Users          int `json:"users"`
	Keys           int `json:"keys"`
	Warned         int `json:"warned"`
	Disabled       int `json:"disabled"`
	NoticesPending int `json:"notices_pending"`
}

// PutFailure puts the event of a failed run on the bus.
func (b *Bus) PutFailure(ctx context.Context, f Failure) error {
	return b.put(ctx, []entry{newEntry(RunFailed, detailOf(f))})
}

func detailOf(f Failure) failedDetail {
	d := failedDetail{
		Schema: Schema, Run: f.Run, At: moment(f.At), Started: f.Started, Failed: f.Failed, Problems: []string{},
		Users: f.Users, Keys: f.Keys, Warned: f.Warned, Disabled: f.Disabled, NoticesPending: f.NoticesPending,
	}
	if f.Account.ID != "" {
		account := oneLineAccount(f.Account)
		d.Account = &account
	}
	for _, problem := range f.Problems[:min(len(f.Problems), maxProblems)] {
		text := []rune(text.OneLine(problem))
		if len(text) > maxText {
			text = append(text[:maxText:maxText], '…')
		}
		d.Problems = append(d.Problems, string(text))
	}
	return d
}
