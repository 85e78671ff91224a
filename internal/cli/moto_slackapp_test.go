package cli

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestSlackAppAgainstMoto runs the released binary with a Slack app, whose token
// is a parameter, against an emulator that nobody here wrote: each person hears
// of their own keys, found by tag, by the Email tag or by a user name.
func TestSlackAppAgainstMoto(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	key := func(days int) []mototest.Key {
		return []mototest.Key{{Active: true, Created: time.Now().UTC().AddDate(0, 0, -days)}}
	}
	account.AddUsers(t, []mototest.User{
		{Name: "ann", Tags: map[string]string{"Slack": "U0ANN", "Name": "Ann"}, Keys: key(85)},
		{Name: "bob", Tags: map[string]string{"Email": "bob@example.com", "Name": "Bob"}, Keys: key(95)},
		{Name: "dee@example.com", Keys: key(85)},
		{Name: "ci", Tags: map[string]string{"Slack": "subteam-S0CI", "Name": "CI"}, Keys: key(95)},
		{Name: "gone", Tags: map[string]string{"Slack": "U0GONE", "Name": "Gone"}, Keys: key(85)},
		{Name: "fresh", Tags: map[string]string{"Slack": "U0FRESH"}, Keys: key(5)},
	})
	api, err := channeltest.StartSlackAPI(t.Context(), channeltest.SlackAPIOptions{Interval: 900 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	api.Know("bob@example.com", "W0BOB")
	api.Know("dee@example.com", "W0DEE")
	api.Refuse("U0GONE", "user_disabled")
	keepSecret(t, account, "/sleuth/slack-token", api.Token())

	process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run")
	process.Dir = t.TempDir()
	process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(), []string{
		"ENABLE_AUTO_EXPIRE=true", "EXPIRATION_AGE=90", "WARNING_AGE=80",
		"SLEUTH_SLACK_TOKEN=ssm:/sleuth/slack-token", "SLEUTH_SLACK_CHANNEL=" + channeltest.SlackChannel, "SLEUTH_SLACK_API_URL=" + api.URL(),
	})
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); err != nil {
		t.Fatalf("sleuth run: %v\n%s\n%s", err, &stdout, &stderr)
	}
	if found := program.SecretIn(stdout.String()+stderr.String(), append(api.Secrets(), account.SecretAccessKey)); found != "" {
		t.Errorf("the output gives a secret away: %q", found)
	}

	var got []string
	for _, p := range api.Posts() {
		shown := strings.Join(p.Shown(), "\n")
		if !strings.Contains(shown, account.ID) {
			t.Errorf("the message to %s does not name the account:\n%s", p.Channel, shown)
		}
		about := "about several"
		if strings.Contains(shown, "What happens next") {
			about = "about " + ownerIn(shown)
		}
		got = append(got, strings.Join(append([]string{p.Channel, about, "mentions"}, p.Mentions...), " "))
	}
	slices.Sort(got)
	want := []string{
		channeltest.SlackChannel + " about gone mentions U0GONE",
		channeltest.SlackChannel + " about several mentions S0CI",
		"U0ANN about ann mentions",
		"W0BOB about bob mentions",
		"W0DEE about dee@example.com mentions",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what Slack received (-want +got):\n%s", diff)
	}
}

// ownerIn is the user whose key a direct message is about.
func ownerIn(message string) string {
	_, after, _ := strings.Cut(message, "user ")
	owner, _, _ := strings.Cut(after, " in AWS account")
	return owner
}
