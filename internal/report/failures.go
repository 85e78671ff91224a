package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Failure is a problem and the id of the account that it is of; empty if there
// is but one account, or it is of none.
type Failure struct {
	Account string
	account.Problem
}

// FailuresOf are the problems of an account.
func FailuresOf(accountID string, problems []account.Problem) []Failure {
	failures := make([]Failure, len(problems))
	for i, problem := range problems {
		failures[i] = Failure{accountID, problem}
	}
	return failures
}

// Failures says what failed, a line for each cause in the order in which they
// come up, with the names below it of whom it concerns. What has a cause of its
// own is said in full.
func Failures(failures []Failure) string {
	var causes []string
	byCause := map[string][]Failure{}
	for _, f := range failures {
		cause := f.cause()
		if byCause[cause] == nil {
			causes = append(causes, cause)
		}
		byCause[cause] = append(byCause[cause], f)
	}
	var out strings.Builder
	for _, cause := range causes {
		all := byCause[cause]
		if len(all) == 1 {
			fmt.Fprintf(&out, "failed: %s%s\n", all[0].prefix(), all[0].Text)
			continue
		}
		fmt.Fprintf(&out, "failed, %d times: %s\n", len(all), cause)
		if names := firstNames(all); names != "" {
			fmt.Fprintf(&out, "  %s\n", names)
		}
	}
	return out.String()
}

func (f Failure) prefix() string {
	if f.Account == "" {
		return ""
	}
	return f.Account + ": "
}

var requestID = regexp.MustCompile(` \(request [^ )]+\)`)

// cause is the problem's text without what differs from one user, key, account
// or request to the next.
func (f Failure) cause() string {
	cause := requestID.ReplaceAllString(f.Text, "")
	if f.User != "" {
		cause = strings.ReplaceAll(cause, "user "+f.User, "user …")
	}
	for _, id := range []string{f.KeyID, f.Account} {
		if id != "" {
			cause = strings.ReplaceAll(cause, id, "…")
		}
	}
	return cause
}

// name is whom the problem concerns; empty if nobody knows.
func (f Failure) name() string {
	switch {
	case f.User == "" && f.KeyID != "":
		return f.prefix() + "key " + f.KeyID
	case f.User == "":
		return f.Account
	}
	if f.KeyID != "" {
		return fmt.Sprintf("%s%s (%s)", f.prefix(), f.User, f.KeyID)
	}
	return f.prefix() + f.User
}

// mostNames is how many names a reader takes in.
const mostNames = 5

// firstNames are the names of those whom problems concern, as many as a reader
// takes in.
func firstNames(failures []Failure) string {
	var names []string
	for _, f := range failures {
		if name := f.name(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return text.First(mostNames, names, ", ")
}
