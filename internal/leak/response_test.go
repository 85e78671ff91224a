package leak_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/leak"
)

// The answer by hand says that sessions go on, unless there is no key that
// sessions could have been made from.
func TestResponseSaysThatSessionsGoOn(t *testing.T) {
	t.Parallel()
	const sentence = "does not end the sessions that were made from it, which live for up to 36 hours: docs/leaks.md"
	for _, c := range []struct {
		key  string
		of   leak.Outcome
		want int
	}{
		{key1, leak.Disabled, 1},
		{key1, leak.Notified, 1},
		{key1, leak.AlreadyDisabled, 1},
		{key1, leak.Failed, 1},
		{key1, leak.Known, 0},
		{key1, leak.Gone, 0},
		{key1, leak.NotCovered, 0},
		{"ASIAIOSFODNN7EXAMPLE", leak.Notified, 0},
	} {
		answer := leak.Response{Keys: []leak.Result{{KeyID: c.key, Outcome: c.of}}}
		if got := strings.Count(answer.String(), sentence); got != c.want {
			t.Errorf("%s of %s: the sentence stands %d times, want %d, in\n%s", c.of, c.key, got, c.want, answer)
		}
	}
	two := leak.Response{Keys: []leak.Result{{KeyID: key1, Outcome: leak.Disabled}, {KeyID: key2, Outcome: leak.Notified}}}
	if got := strings.Count(two.String(), sentence); got != 1 {
		t.Errorf("with two keys the sentence stands %d times", got)
	}
}

// What cannot be disabled is for an administrator: AWS's quarantine policies
// deny the owner iam:UpdateAccessKey.
func TestAnnouncementNamesWhoHasToAct(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	answer := s.responder().Announce(t.Context(), leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}}, leak.NotCovered, "the settings do not cover the account")
	if answer.Err() != nil || len(s.channel.heard) != 1 || !strings.Contains(s.channel.heard[0], "An administrator of the account has to disable them at once.") {
		t.Errorf("the answer is %+v, heard was %q", answer, s.channel.heard)
	}
}

func TestFailureNamesWhoHasToAct(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	s.aws.denied = map[string]bool{"UpdateAccessKey": true}
	answer := s.responder().Respond(t.Context(), leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}})
	if answer.Err() == nil || len(s.channel.heard) != 1 || !strings.Contains(s.channel.heard[0], "an administrator has to disable it by hand") {
		t.Errorf("the answer is %+v, heard was %q", answer, s.channel.heard)
	}
}
