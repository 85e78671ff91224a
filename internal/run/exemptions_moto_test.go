package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// TestExemptionsOnMoto goes through a month in an emulator that nobody here
// wrote: one key is exempt by a tag of its own while the user's other is not,
// one exemption is ignored, and one ends.
func TestExemptionsOnMoto(t *testing.T) {
	t.Parallel()
	acct := mototest.Shared(t).Account(t)
	w := newWorld(t)
	w.now = time.Now().UTC().Truncate(time.Second)
	old := func() mototest.Key {
		return mototest.Key{Active: true, Created: w.now.AddDate(0, 0, -400), LastUsed: w.now.AddDate(0, 0, -1)}
	}
	made := acct.AddUsers(t, []mototest.User{
		{Name: "endless", Tags: map[string]string{"KeyAutoExpire": "False"}, Keys: []mototest.Key{old()}},
		{Name: "two", Keys: []mototest.Key{old(), old()}},
	})
	endless, spared, due := made[0].Keys[0].ID, made[1].Keys[0].ID, made[1].Keys[1].ID
	client := iam.NewFromConfig(acct.Config(t.Context()))
	lastDay := w.now.AddDate(0, 0, 20)
	_, err := client.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("two"), Tags: []types.Tag{
		{Key: aws.String("KeyAutoExpire:" + spared), Value: aws.String("False until " + lastDay.Format(time.DateOnly))},
		{Key: aws.String("KeyAutoExpireReason:" + spared), Value: aws.String("the last build")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	day := func(days int) {
		t.Helper()
		w.sleep(time.Duration(days) * 24 * time.Hour)
		w.mustRun(atMost90Days, func(r *run.Runner) {
			r.IAM, r.Account = client, account.Account{ID: acct.ID}
		})
	}
	wantActive := func(user, keyID string, want bool) {
		t.Helper()
		keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys.AccessKeyMetadata {
			if *key.AccessKeyId == keyID && (key.Status == types.StatusTypeActive) != want {
				t.Errorf("on %v key %s of %s is %s", w.clock(), keyID, user, key.Status)
			}
		}
	}

	day(0)
	wantActive("endless", endless, true)
	wantActive("two", spared, true)
	wantActive("two", due, false)
	if said := sentBy(w.slack); !strings.Contains(said, "endless's key expires in 40 days") || !strings.Contains(said, "Its exemption is ignored: it has no end") ||
		!strings.Contains(said, "two's key is disabled due to creation age. It is key "+due+".") || strings.Contains(said, spared) {
		t.Errorf("sent %q", said)
	}
	day(10)
	if said := strings.Join(w.slack.said, "\n"); !strings.Contains(said, "key "+spared+" of user two: through "+lastDay.Format("Monday 2 January 2006")+" (UTC); reason: the last build;") {
		t.Errorf("said %q", said)
	}
	day(10)
	wantActive("two", spared, true)
	day(1)
	wantActive("two", spared, false)
	day(18)
	wantActive("endless", endless, true)
	day(1)
	wantActive("endless", endless, false)
	if said := sentBy(w.slack); !strings.Contains(said, "endless's key is disabled due to creation age. Its exemption was ignored") {
		t.Errorf("sent %q", said)
	}
}
