package report_test

import (
	"fmt"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// TestFailuresOfOneCauseAreOneLine: what is the same for many users or accounts
// is said once, with the first five of them.
func TestFailuresOfOneCauseAreOneLine(t *testing.T) {
	t.Parallel()
	var failures []report.Failure
	for i := range 7 {
		id := fmt.Sprintf("11111111111%d", i)
		failures = append(failures, report.Failure{Account: id, Problem: account.Problem{
			Text: fmt.Sprintf("assume arn:aws:iam::%s:role/sleuth: AccessDenied (request 000%d); check its trust", id, i),
		}})
	}
	failures = append(failures, report.FailuresOf("", []account.Problem{
		{User: "ann", KeyID: "KEYA", Text: "disable key KEYA of user ann: no (request 1)"},
		{User: "bob", KeyID: "KEYB", Text: "disable key KEYB of user bob: no (request 2)"},
		{User: "cid", Text: "read the tags of user cid: no (request 3)"},
		{Text: "the digest was not sent"},
	})...)
	want := `failed, 7 times: assume arn:aws:iam::…:role/sleuth: AccessDenied; check its trust
  111111111110, 111111111111, 111111111112, 111111111113, 111111111114, and 2 more
failed, 2 times: disable key … of user …: no
  ann (KEYA), bob (KEYB)
failed: read the tags of user cid: no (request 3)
failed: the digest was not sent
`
	if got := report.Failures(failures); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
