package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// nameOf is what the organization of these tests calls its accounts, whatever
// their aliases.
func nameOf(i int) string {
	if i == 0 {
		return "home"
	}
	return fmt.Sprintf("name-%d", i)
}

// manyAccounts is an organization of the home account and nine others, each
// with a key to disable and one to warn of: the second wants an external id,
// the third denies the role, the fourth is suspended, the fifth is in a unit
// of its own, the sixth is excluded.
type manyAccounts struct {
	t        *testing.T
	aws      *awsfake.Server
	accounts []*awsfake.Account
	unit     string // that all but the fifth are in
	topic    string
	env      []string
	typed    string // what is typed at the command's questions
}

func newManyAccounts(t *testing.T) *manyAccounts {
	t.Helper()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	m := &manyAccounts{t: t, aws: server}
	organization := server.Organize()
	m.unit = organization.AddUnit(organization.Root(), "people")
	elsewhere := organization.AddUnit(organization.Root(), "elsewhere")
	now := time.Now()
	m.accounts = append(m.accounts, server.Home())
	for i := range 9 {
		account := server.Account(fmt.Sprintf("30000000000%d", i+1))
		unit := m.unit
		if i+1 == 5 {
			unit = elsewhere
		}
		organization.Join(account, unit, nameOf(i+1))
		m.accounts = append(m.accounts, account)
	}
	for i, account := range m.accounts {
		account.SetAlias(fmt.Sprintf("alias-%d", i))
		for _, age := range []int{85, 95} {
			account.AddUser(awsfake.User{
				Name: fmt.Sprintf("user%d-%d", i, age), Tags: map[string]string{"Name": "Ann", "Slack": "U1"},
				Keys: []awsfake.Key{{ID: fmt.Sprintf("AKIA%dOF%d", age, i), Active: true, Created: now.AddDate(0, 0, -age), LastUsed: now}},
			})
		}
	}
	m.accounts[2].RequireExternalID("handshake")
	m.accounts[3].DenyAssume(true)
	organization.SetStatus(m.accounts[4].ID(), awsfake.AccountSuspended)
	m.topic = server.Home().AddTopic("keys")
	m.env = append(program.Environment(t.TempDir()),
		"AWS_ENDPOINT_URL="+server.URL(), "AWS_ACCESS_KEY_ID=AKIAOPERATOROFSLEUTH", "AWS_SECRET_ACCESS_KEY="+storySecret, "AWS_REGION=us-east-1",
		"SLEUTH_ACCOUNTS=organization", "SLEUTH_OUS="+organization.Root(), "SLEUTH_EXCLUDE_ACCOUNTS="+m.accounts[6].ID(),
		"SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_EXTERNAL_ID=handshake", "ENABLE_AUTO_EXPIRE=true", "SNS_TOPIC="+m.topic)
	return m
}

// run runs the command, and returns its exit status and what it printed.
func (m *manyAccounts) run(args ...string) (status int, stdout, stderr string) {
	m.t.Helper()
	var out, log bytes.Buffer
	command := exec.CommandContext(m.t.Context(), program.Build(m.t, "sleuth"), args...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = m.env, strings.NewReader(m.typed), &out, &log
	if err := command.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			m.t.Fatal(err)
		}
		status = exit.ExitCode()
	}
	return status, out.String(), log.String()
}

// disabled is which accounts' keys are disabled, by their numbers.
func (m *manyAccounts) disabled() (numbers []int) {
	for i, account := range m.accounts {
		if key, _ := account.Key(fmt.Sprintf("AKIA95OF%d", i)); !key.Active {
			numbers = append(numbers, i)
		}
		if key, _ := account.Key(fmt.Sprintf("AKIA85OF%d", i)); !key.Active {
			m.t.Errorf("the key of account %d that was only to be warned of is disabled", i)
		}
	}
	return numbers
}

var covered = []int{0, 1, 2, 5, 7, 8, 9}

func TestRunOverAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	status, stdout, _ := m.run("run")
	if status != exitIncomplete {
		t.Errorf("exit status %d, want %d, as one account could not be entered", status, exitIncomplete)
	}
	if got := m.disabled(); !slices.Equal(got, covered) {
		t.Errorf("disabled in %v, want %v", got, covered)
	}
	for _, want := range []string{
		"\n8 accounts, 1 not entered, 1 suspended, 1 excluded\n", "\nwarned 7, disabled 7, notices sent 14, failed 1\n",
		"failed: 300000000003: enter account 300000000003: assume arn:aws:iam::300000000003:role/sleuth-member:",
		"\n300000000002  name-2",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it did not print %q:\n%s", want, stdout)
		}
	}
	// One message an account, headed by it.
	published := m.aws.Home().Published()
	if len(published) != len(covered) {
		t.Errorf("%d messages, want %d", len(published), len(covered))
	}
	for i, account := range m.accounts {
		head := fmt.Sprintf("AWS account %s (%s)\n", account.ID(), nameOf(i))
		said := slices.ContainsFunc(published, func(p awsfake.Published) bool {
			return strings.HasPrefix(p.Message, head) && strings.Contains(p.Message, fmt.Sprintf("user%d-95's key is disabled", i))
		})
		if said != slices.Contains(covered, i) {
			t.Errorf("account %d had its message: %t", i, said)
		}
	}

	// Each gets its final notice once; the next run only warns.
	m.aws.Home().ResetPublished()
	m.run("run")
	for _, p := range m.aws.Home().Published() {
		if strings.Contains(p.Message, "is disabled") {
			t.Errorf("notified twice:\n%s", p.Message)
		}
	}
}

func TestDigestOfAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	status, stdout, _ := m.run("run", "--notify-mode=digest")
	if status != exitIncomplete || !strings.Contains(stdout, "\nwarned 7, disabled 7, notices sent 14, failed 1\n") {
		t.Errorf("exit status %d:\n%s", status, stdout)
	}
	if got := m.disabled(); !slices.Equal(got, covered) {
		t.Errorf("disabled in %v, want %v", got, covered)
	}
	published := m.aws.Home().Published()
	if len(published) != 1 {
		t.Fatalf("%d messages, want one digest", len(published))
	}
	text, last := published[0].Message, 0
	for _, i := range []int{0, 1, 2, 5, 7, 8, 9} { // the home account's id comes first as well
		for _, next := range []string{fmt.Sprintf("AWS account %s (%s)", m.accounts[i].ID(), nameOf(i)), fmt.Sprintf("user%d-85's key expires in 5 days", i), fmt.Sprintf("user%d-95's key is disabled", i)} {
			at := strings.Index(text[last:], next)
			if at < 0 {
				t.Fatalf("no %q after %d characters:\n%s", next, last, text)
			}
			last += at
		}
	}
}

func TestDryRunOverAnOrganization(t *testing.T) {
	t.Parallel()
	for _, notify := range []string{"account", "digest"} {
		t.Run(notify, func(t *testing.T) {
			t.Parallel()
			m := newManyAccounts(t)
			status, stdout, _ := m.run("run", "--dry-run", "--notify-mode="+notify)
			if status != exitIncomplete || !strings.Contains(stdout, "\nwould warn 7, disable 7, failed 1\n") {
				t.Errorf("exit status %d:\n%s", status, stdout)
			}
			messages := map[string]int{"account": 7, "digest": 1}[notify]
			if got := strings.Count(stdout, "sns message: "); got != messages {
				t.Errorf("%d messages are shown, want %d:\n%s", got, messages, stdout)
			}
			if len(m.disabled()) > 0 || len(m.aws.Home().Published()) > 0 || m.aws.Count("UpdateAccessKey") > 0 {
				t.Error("a dry run changed or sent something")
			}
		})
	}
}

// TestACrashBeforeTheDigest: the run is killed once it has disabled a key; the
// next digest has the final notice.
func TestACrashBeforeTheDigest(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	command := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run", "--notify-mode=digest", "--account-concurrency=1")
	command.Env = m.env
	m.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", Nth: 3, AfterEffect: true, Do: func() { _ = command.Process.Kill() }, Drop: true})
	_ = command.Run() // killed
	if got := m.disabled(); len(got) != 3 || len(m.aws.Home().Published()) > 0 {
		t.Fatalf("disabled in %v, %d messages: it was not killed when it should have been", got, len(m.aws.Home().Published()))
	}
	m.aws.ClearFaults()
	m.run("run", "--notify-mode=digest")
	published := m.aws.Home().Published()
	if len(published) != 1 {
		t.Fatalf("%d messages, want one digest", len(published))
	}
	for _, i := range covered {
		if got := strings.Count(published[0].Message, fmt.Sprintf("user%d-95's key is disabled", i)); got != 1 {
			t.Errorf("account %d's final notice was given %d times", i, got)
		}
	}
}

func TestReactivateInAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.env = append(m.env, "SLEUTH_EXCLUDE_ACCOUNTS=300000000003,300000000006") // all that can be entered
	status, _, stderr := m.run("run")
	if status != exitOK {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	id := regexp.MustCompile(`"run":"([^"]+)"`).FindStringSubmatch(stderr)[1]
	m.env = slices.DeleteFunc(m.env, func(v string) bool {
		return strings.HasPrefix(v, "SNS_TOPIC=") || strings.HasPrefix(v, "ENABLE_AUTO_EXPIRE=")
	})

	m.typed = "y\n" // and no more: the second account is asked for and not answered
	status, stdout, stderr := m.run("reactivate", "--run="+id)
	if got := m.disabled(); status != exitIncomplete || len(got) != len(covered)-1 || !strings.Contains(stdout, "In AWS account "+m.accounts[0].ID()) {
		t.Errorf("exit status %d, disabled still in %v:\n%s%s", status, got, stdout, stderr)
	}
	status, stdout, stderr = m.run("reactivate", "--yes", "AKIA95OF7")
	if got := m.disabled(); status != exitOK || slices.Contains(got, 7) || len(got) != len(covered)-2 {
		t.Errorf("exit status %d, disabled still in %v:\n%s%s", status, got, stdout, stderr)
	}
	status, stdout, stderr = m.run("reactivate", "--yes", "--run="+id)
	if got := m.disabled(); status != exitOK || len(got) > 0 {
		t.Errorf("exit status %d, disabled still in %v:\n%s%s", status, got, stdout, stderr)
	}
	for _, arguments := range [][]string{{"--run=never"}, {"AKIAUNKNOWN"}} {
		if status, _, stderr := m.run(append([]string{"reactivate", "--yes"}, arguments...)...); status != exitIncomplete {
			t.Errorf("%v: exit status %d: %s", arguments, status, stderr)
		}
	}
}

func TestReactivateFromTheSummary(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.run("run", "--state=none")
	if got := m.disabled(); len(got) != len(covered) {
		t.Fatalf("disabled in %v", got)
	}
	m.env = slices.DeleteFunc(m.env, func(v string) bool {
		return strings.HasPrefix(v, "SNS_TOPIC=") || strings.HasPrefix(v, "ENABLE_AUTO_EXPIRE=")
	})
	m.typed = `{"schema":1,"run":"r","accounts":[
		{"account":{"id":"300000000001"},"disabled_keys":[{"user":"user1-95","key_id":"AKIA95OF1"}]},
		{"account":{"id":"300000000002"},"disabled_keys":[{"user":"user2-95","key_id":"AKIA95OF2"}]}]}`
	status, _, stderr := m.run("reactivate", "--yes", "--summary=-")
	if got := m.disabled(); status != exitOK || slices.Contains(got, 1) || slices.Contains(got, 2) || len(got) != len(covered)-2 {
		t.Errorf("exit status %d, disabled still in %v: %s", status, got, stderr)
	}
	for _, summary := range []string{
		`{"run":"r","accounts":[{"account":{"id":"300000000006"},"disabled_keys":[{"user":"u","key_id":"k"}]}]}`, // excluded
		`{"run":"r","dry_run":true,"accounts":[{"account":{"id":"300000000001"}}]}`, `{"run":"r","accounts":[]}`, `[]`,
	} {
		m.typed = summary
		if status, _, _ := m.run("reactivate", "--yes", "--summary=-"); status == exitOK {
			t.Errorf("it took %s", summary)
		}
	}
}

func TestAuditOfAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.env = slices.DeleteFunc(m.env, func(v string) bool { return strings.HasPrefix(v, "SNS_TOPIC=") })
	for _, c := range []struct {
		output string
		wants  map[string]int // how often each stands in what is printed
	}{
		{"table", map[string]int{"AKIA95OF": 7, "\nAWS account 300000000002 (name-2)\n": 1, "\n8 accounts, 1 not entered, 1 suspended, 1 excluded\n14 users, 14 keys: 7 old, 7 expire\n": 1}},
		{"markdown", map[string]int{"AKIA95OF": 7, "# Access keys of": 8}},
		{"csv", map[string]int{"\n300000000002,user2-95,U1,AKIA95OF2,": 1, "AKIA95OF": 7}},
		{"json", map[string]int{`"not_entered": 1`: 1, `"key_id": "AKIA95OF`: 7}},
		{"html", map[string]int{">AKIA95OF": 7, "<h1>8 AWS accounts</h1>": 1, `<th scope="row">300000000002</th><td><bdi>name-2</bdi></td>`: 1, ">with errors<": 1, `<td class="account">300000000002</td></tr>`: 2}},
		{"ocsf", map[string]int{`"severity": "High"`: 7, `"uid": "300000000002"`: 2, `"name": "name-2"`: 2}},
		{"sarif", map[string]int{`"version": "2.1.0"`: 1, `"uri": "aws/300000000002/iam/users/user2-95"`: 1, `"executionSuccessful": false`: 1, `"executionSuccessful": true`: 7}},
	} {
		status, stdout, stderr := m.run("audit", "--output="+c.output)
		if status != exitIncomplete || !strings.Contains(stderr, "enter account 300000000003") {
			t.Errorf("%s: exit status %d: %s", c.output, status, stderr)
		}
		for text, want := range c.wants {
			if got := strings.Count(stdout, text); got != want {
				t.Errorf("%s: %q stands %d times, want %d:\n%s", c.output, text, got, want, stdout)
			}
		}
	}
	if status, _, _ := m.run("audit", "--exclude-accounts=300000000003", "--fail-on=expire"); status != exitFailOn {
		t.Errorf("exit status %d, want %d", status, exitFailOn)
	}
	for _, call := range m.aws.Calls() {
		if !strings.HasPrefix(call.Action, "List") && !strings.HasPrefix(call.Action, "Get") && call.Action != "GenerateCredentialReport" && call.Action != "AssumeRole" && call.Action != "DescribeOrganization" {
			t.Errorf("an audit called %s", call.Action)
		}
	}
}

func TestSettingsOfAccountsAreChecked(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.env = append(m.env, "SLEUTH_ACCOUNTS=12345", "SLEUTH_EXCLUDE_ACCOUNTS=x", "SLEUTH_OUS=ou-1", "SLEUTH_MEMBER_ROLE=a b", "SLEUTH_EXTERNAL_ID=?", "SLEUTH_ACCOUNT_CONCURRENCY=0", "SLEUTH_NOTIFY_MODE=all")
	status, _, stderr := m.run("run")
	if status != exitUsage || m.aws.Count("") > 0 {
		t.Errorf("exit status %d after %d calls", status, m.aws.Count(""))
	}
	for _, variable := range []string{"SLEUTH_ACCOUNTS", "SLEUTH_EXCLUDE_ACCOUNTS", "SLEUTH_OUS", "SLEUTH_MEMBER_ROLE", "SLEUTH_EXTERNAL_ID", "SLEUTH_ACCOUNT_CONCURRENCY", "SLEUTH_NOTIFY_MODE"} {
		if !strings.Contains(stderr, "\n  "+variable+"=") {
			t.Errorf("%s is not named:\n%s", variable, stderr)
		}
	}
	m.env = append(m.env, "SLEUTH_ACCOUNTS=", "SLEUTH_EXCLUDE_ACCOUNTS=300000000001", "SLEUTH_OUS=ou-ab12-34cdefgh", "SLEUTH_MEMBER_ROLE=r", "SLEUTH_EXTERNAL_ID=id", "SLEUTH_ACCOUNT_CONCURRENCY=", "SLEUTH_NOTIFY_MODE=digest")
	_, _, stderr = m.run("run")
	if got := strings.Count(stderr, "needs SLEUTH_ACCOUNTS"); got != 5 {
		t.Errorf("%d settings that would be ignored are named, want 5:\n%s", got, stderr)
	}
}
