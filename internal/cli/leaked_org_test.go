package cli

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestLeakedInAnOrganization: the key's account is entered by its role, if the
// settings cover it.
func TestLeakedInAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.env = append(m.env, "SLEUTH_LEAK_RESPONSE=disable", "SLEUTH_OUS="+m.unit)
	const key = "AKIALEAKED000000000"
	for i, account := range m.accounts {
		account.AddUser(awsfake.User{Name: "leaker", Keys: []awsfake.Key{{ID: key + string(rune('0'+i)), Active: true, Created: time.Now()}}})
	}
	published := func() string {
		var texts []string
		for _, p := range m.aws.Home().Published() {
			texts = append(texts, p.Message)
		}
		return strings.Join(texts, "\n")
	}
	for _, c := range []struct {
		account, status int
		says, heard     string
	}{
		{1, exitOK, "AWS account 300000000001 (name-1)\nkey AKIALEAKED0000000001 of user leaker: disabled\n", "AKIALEAKED0000000001 was found in public and is disabled."},
		{3, exitIncomplete, "assume arn:aws:iam::300000000003:role/sleuth-member", "account 300000000003\n"},
		{4, exitUsage, "the settings do not cover the account", ""}, // suspended
		{5, exitUsage, "the settings do not cover the account", ""}, // in another unit
		{6, exitUsage, "the settings do not cover the account", ""}, // excluded
	} {
		id := m.accounts[c.account].ID()
		before := len(published())
		status, stdout, stderr := m.run("leaked", key+string(rune('0'+c.account)), "--account", id)
		if status != c.status || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("account %d: exit status %d, want %d and %q:\n%s%s", c.account, status, c.status, c.says, stdout, stderr)
		}
		if heard := published()[before:]; !strings.Contains(heard, c.heard) || (heard == "") != (c.heard == "") {
			t.Errorf("account %d: heard was %q, want %q", c.account, heard, c.heard)
		}
	}
	for i, account := range m.accounts {
		if one, _ := account.Key(key + string(rune('0'+i))); one.Active != (i != 1) {
			t.Errorf("the key of account %d is active: %t", i, one.Active)
		}
	}
	if status, _, stderr := m.run("leaked", key+"1"); status != exitUsage || !strings.Contains(stderr, "--account") {
		t.Errorf("without the account: exit status %d, %s", status, stderr)
	}
}

// TestLeakedAgainstMoto runs the released binary, with its state in a table,
// against an emulator that nobody here wrote.
func TestLeakedAgainstMoto(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	account, elsewhere := moto.Account(t), moto.Account(t)
	now := time.Now().UTC()
	young := mototest.Key{Active: true, Created: now.AddDate(0, 0, -2)}
	made := account.AddUsers(t, []mototest.User{
		{Name: "ann", Tags: map[string]string{"Slack": "U1ANN"}, Keys: []mototest.Key{young, young}},
		{Name: "bob", Keys: []mototest.Key{{Created: now.AddDate(0, 0, -2)}}},
	})
	others := elsewhere.AddUsers(t, []mototest.User{{Name: "eve", Keys: []mototest.Key{young}}})
	leaked, kept, off, foreign := made[0].Keys[0].ID, made[0].Keys[1].ID, made[1].Keys[0].ID, others[0].Keys[0].ID
	if _, err := dynamodb.NewFromConfig(account.Config(t.Context())).CreateTable(t.Context(), ledger.TableDefinition("sleuth")); err != nil {
		t.Fatal(err)
	}
	slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	run := func(args ...string) (string, error) {
		process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), args...)
		process.Dir = t.TempDir()
		process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(), []string{
			"AWS_ENDPOINT_URL=" + moto.URL, "SLEUTH_LEAK_RESPONSE=disable", "SLEUTH_STATE=dynamodb:sleuth", "SLACK_URL=" + slack.URL()})
		var stdout, stderr bytes.Buffer
		process.Stdout, process.Stderr = &stdout, &stderr
		err := process.Run()
		return stdout.String() + stderr.String(), err
	}
	if out, err := run("leaked", leaked, off); err != nil || !strings.Contains(out, "of user ann: disabled") || !strings.Contains(out, "of user bob: was disabled already") {
		t.Errorf("%v\n%s", err, out)
	}
	want := map[string]string{"ann " + leaked: "Inactive", "ann " + kept: "Active", "bob " + off: "Inactive"}
	if got := statuses(t, account); len(got) != len(want) || got["ann "+leaked] != "Inactive" || got["ann "+kept] != "Active" {
		t.Errorf("the keys are %v, want %v", got, want)
	}
	heard := slack.Received()
	if len(heard) != 1 || !strings.Contains(heard[0], "<@U1ANN>'s key "+leaked+" was found in public and is disabled.") {
		t.Errorf("Slack received %q", heard)
	}
	// What is remembered is so in the table.
	if out, err := run("leaked", leaked, off); err != nil || strings.Count(out, "handled before") != 2 || len(slack.Received()) != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("leaked", "AKIANOSUCHKEY0000001"); err == nil || !strings.Contains(out, "IAM knows no such key") {
		t.Errorf("%v\n%s", err, out)
	}
	// moto shows the owner of a key of another account as well, which AWS does
	// not: nothing is done there either.
	if out, err := run("leaked", foreign); err == nil || statuses(t, elsewhere)["eve "+foreign] != "Active" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLeakedBesideARun: a run has the file of state, and every second counts.
func TestLeakedBesideARun(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.aws.Home().AddUser(awsfake.User{Name: "leaker", Keys: []awsfake.Key{{ID: "AKIALEAKED0000000001", Active: true, Created: time.Now()}}})
	path := filepath.Join(t.TempDir(), "state.db")
	held, err := ledger.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	m.env = append(m.env, "SLEUTH_ACCOUNTS=", "SLEUTH_OUS=", "SLEUTH_EXCLUDE_ACCOUNTS=", "SLEUTH_MEMBER_ROLE=", "SLEUTH_EXTERNAL_ID=", "SLEUTH_LEAK_RESPONSE=disable", "SLEUTH_STATE=file:"+path)
	if status, _, stderr := m.run("leaked", "AKIALEAKED0000000001"); status != exitIncomplete || !strings.Contains(stderr, "in use by another sleuth") || !strings.Contains(stderr, "--state=none") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, stdout, stderr := m.run("leaked", "AKIALEAKED0000000001", "--state=none"); status != exitOK || !strings.Contains(stdout, "of user leaker: disabled") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}
