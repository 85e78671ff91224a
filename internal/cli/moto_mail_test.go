package cli

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestMailAgainstMoto runs the released binary with SES in an emulator that
// nobody here wrote, and a webhook whose URL is a parameter: who has an Email tag
// or a user name that is an address gets mail about their own keys, and the
// webhook gets all.
func TestMailAgainstMoto(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	key := func(days int) mototest.Key {
		return mototest.Key{Active: true, Created: time.Now().UTC().AddDate(0, 0, -days)}
	}
	made := account.AddUsers(t, []mototest.User{
		{Name: "ann", Tags: map[string]string{"Email": "ann@example.com", "Name": "Ann Perkins"}, Keys: []mototest.Key{key(85), key(95)}},
		{Name: "dee@example.com", Keys: []mototest.Key{key(85)}},
		{Name: "ci", Keys: []mototest.Key{key(95)}},
		{Name: "fresh@example.com", Keys: []mototest.Key{key(5)}},
	})
	_, err := sesv2.NewFromConfig(account.Config(t.Context())).CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("example.com")})
	if err != nil {
		t.Fatal(err)
	}
	hook := startHook()
	t.Cleanup(hook.Close)
	keepSecret(t, account, "/sleuth/notify-urls", hook.address())

	process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run")
	process.Dir = t.TempDir()
	process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(), []string{
		"ENABLE_AUTO_EXPIRE=true", "EXPIRATION_AGE=90", "WARNING_AGE=80",
		"SLEUTH_EMAIL_FROM=Sleuth <keys@example.com>", "SLEUTH_NOTIFY_URLS=ssm:/sleuth/notify-urls",
	})
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); err != nil {
		t.Fatalf("sleuth run: %v\n%s\n%s", err, &stdout, &stderr)
	}
	if found := program.SecretIn(stdout.String()+stderr.String(), []string{hookToken, account.SecretAccessKey}); found != "" {
		t.Errorf("the output gives a secret away: %q", found)
	}

	var got []string
	for _, m := range account.SentMail(t, mototest.Region) {
		parts := []string{m.From, strings.Join(m.To, " ")}
		for i, user := range made {
			for j, k := range user.Keys {
				if strings.Contains(m.Body, k.ID) {
					parts = append(parts, fmt.Sprintf("key %d of user %d", j, i))
				}
			}
		}
		got = append(got, strings.Join(parts, ", "))
		if !strings.Contains(m.Body, account.ID) || m.Subject == "" {
			t.Errorf("the mail %q does not name the account:\n%s", m.Subject, m.Body)
		}
	}
	slices.Sort(got)
	want := []string{
		`"Sleuth" <keys@example.com>, ann@example.com, key 0 of user 0, key 1 of user 0`,
		`"Sleuth" <keys@example.com>, dee@example.com, key 0 of user 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was mailed (-want +got):\n%s", diff)
	}
	if len(hook.texts) != 1 || !strings.Contains(hook.texts[0], "ci's key is disabled") || !strings.Contains(hook.texts[0], "dee@example.com's key expires in 5 days") {
		t.Errorf("the webhook took %q", hook.texts)
	}
}
