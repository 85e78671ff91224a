package run

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Summary is what one run found and did; the Lambda's result. Times are UTC.
type Summary struct {
	Schema   int             `json:"schema"`
	Run      string          `json:"run"`
	Account  account.Account `json:"account"`
	At       time.Time       `json:"at"`
	Finished time.Time       `json:"finished"`
	DryRun   bool            `json:"dry_run"`
	// Started reports whether the account was entered, with no other run at work on it.
	Started bool `json:"started"`
	// Silent: no channel is configured, so that nobody was notified.
	Silent bool `json:"silent"`
	// Skipped says why there was nothing to do, as another run has done it; the
	// run then did not begin, and did not fail. Empty for all others.
	Skipped string `json:"skipped,omitempty"`
	report.Tally

	account.Counts

	// TimedOut reports whether time was up before everything was read or done.
	TimedOut bool `json:"timed_out"`
	// APICalls counts the calls to AWS, each attempt, and Throttles those of
	// them that were turned away as too many. Both are set by who connected.
	APICalls  int `json:"api_calls"`
	Throttles int `json:"throttles"`

	DisabledKeys []account.KeyRef `json:"disabled_keys"`
	HeldKeys     []HeldKey        `json:"held_keys,omitempty"`
	// DeletedKeys are the keys that Sleuth deleted, or in a dry run would have.
	DeletedKeys    []report.DeletedKey `json:"deleted_keys,omitempty"`
	UnreadableTags []string            `json:"unreadable_tags"`
	// RefusedAddresses are of people who are notified in this run, if they can be.
	RefusedAddresses []RefusedAddress `json:"refused_addresses,omitempty"`
	// ExemptionsEnding are those that end within 14 days, ExemptionsOpen those
	// without an end or a reason, in the one run a month that announces them. Both
	// are only of keys that are past a limit or near one.
	ExemptionsEnding []Exemption `json:"exemptions_ending,omitempty"`
	ExemptionsOpen   []Exemption `json:"exemptions_open,omitempty"`
	// ExemptionsIgnored are those that SLEUTH_MAX_EXEMPTION_DAYS and
	// SLEUTH_REQUIRE_EXEMPTION_REASON do not allow.
	ExemptionsIgnored []Exemption       `json:"exemptions_ignored,omitempty"`
	Announcement      string            `json:"announcement,omitempty"`
	Problems          []account.Problem `json:"problems"`

	// Rows is kept only if the table is wanted.
	Rows []report.Row `json:"-"`
	// DisabledRows are the keys that were disabled, or in a dry run would have been.
	DisabledRows []report.Row `json:"-"`
	// Undecided counts the keys whose disabling was cut short: the next run finds
	// out whether they were disabled.
	Undecided int `json:"-"`
	// KeyStatuses is kept only where findings are.
	KeyStatuses *KeyStatuses `json:"-"`
}

// SilentLine says in a summary that nobody was notified.
const SilentLine = "nobody was notified: no channel is configured, such as SLACK_URL or SNS_TOPIC\n"

// KeyRef names a key.
type KeyRef = account.KeyRef

func (s *Summary) sort() {
	slices.SortFunc(s.DisabledKeys, func(a, b account.KeyRef) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortFunc(s.HeldKeys, func(a, b HeldKey) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortFunc(s.DeletedKeys, func(a, b report.DeletedKey) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.Sort(s.UnreadableTags)
	s.sortExemptions()
	slices.SortStableFunc(s.Problems, func(a, b account.Problem) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortFunc(s.Rows, func(a, b report.Row) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortFunc(s.DisabledRows, func(a, b report.Row) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	s.Failed = len(s.Problems)
	// Lists are written as [] rather than null.
	s.DisabledKeys = append([]account.KeyRef{}, s.DisabledKeys...)
	s.UnreadableTags = append([]string{}, s.UnreadableTags...)
	s.Problems = append([]account.Problem{}, s.Problems...)
}

// Fail takes in problems that came up after the run itself.
func (s *Summary) Fail(problems ...account.Problem) {
	s.Problems = append(s.Problems, problems...)
	s.Failed = len(s.Problems)
}

// errIncomplete heads the error of a run that did not do all it should.
var errIncomplete = errors.New("the run did not complete")

// Err returns an error that says what was not done, nil if all was.
func (s Summary) Err() error {
	if len(s.Problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errIncomplete, s.firstProblems())
}

// firstProblems is the problems in one line, as many as a reader can take in.
func (s Summary) firstProblems() string {
	const most = 5
	var texts []string
	for i, problem := range s.Problems {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(s.Problems)-most))
			break
		}
		texts = append(texts, problem.Text)
	}
	return strings.Join(texts, "; ")
}

// String is the summary for people, a few short lines; what failed comes first.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s", s.Account, report.Failures(report.FailuresOf("", s.Problems)))
	if s.Skipped != "" {
		b.WriteString(s.Skipped + "\n")
		return b.String()
	}
	fmt.Fprintf(&b, "%s\n", s.Tally)
	warned, disabled, deleted := "warned", "disabled", "deleted"
	if s.DryRun {
		warned, disabled, deleted = "would warn", "disable", "delete"
	}
	fmt.Fprintf(&b, "%s %d, %s %d", warned, s.Warned, disabled, s.Disabled)
	if s.Deleted > 0 {
		fmt.Fprintf(&b, ", %s %d", deleted, s.Deleted)
	}
	for _, c := range []struct {
		n    int
		what string
	}{{s.Held, "held"}, {s.Changed, "changed meanwhile"}, {s.NoticesSent, "notices sent"}, {s.Failed, "failed"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %s %d", c.what, c.n)
		}
	}
	b.WriteString("\n")
	if s.Silent {
		b.WriteString(SilentLine)
	}
	return b.String()
}
