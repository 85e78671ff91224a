package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// TestDeletionOnMoto goes from the disabling of two keys to the deletion of one in
// an emulator that nobody here wrote: the owner of the other enables it for a day.
func TestDeletionOnMoto(t *testing.T) {
	t.Parallel()
	acct := mototest.Shared(t).Account(t)
	w := newWorld(t)
	w.now = time.Now().UTC().Truncate(time.Second)
	old := mototest.Key{Active: true, Created: w.now.AddDate(0, 0, -90), LastUsed: w.now.AddDate(0, 0, -1)}
	made := acct.AddUsers(t, []mototest.User{{Name: "ann", Keys: []mototest.Key{old}}, {Name: "bob", Keys: []mototest.Key{old}}})
	anns, bobs := made[0].Keys[0].ID, made[1].Keys[0].ID
	client := iam.NewFromConfig(acct.Config(t.Context()))
	set := func(status string) {
		t.Helper()
		_, err := client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: new("bob"), AccessKeyId: &bobs, Status: types.StatusType(status)})
		if err != nil {
			t.Fatal(err)
		}
	}
	later := func(days int) run.Summary {
		t.Helper()
		w.sleep(time.Duration(days) * day)
		return w.mustRun(deleting, func(r *run.Runner) { r.IAM, r.Account = client, account.Account{ID: acct.ID} })
	}
	if s := later(0); s.Disabled != 2 {
		t.Fatalf("disabled %d", s.Disabled)
	}
	if _, err := client.TagUser(t.Context(), &iam.TagUserInput{UserName: new("bob"), Tags: []types.Tag{{Key: new("KeyAutoExpire"), Value: new("False")}}}); err != nil {
		t.Fatal(err)
	}
	set("Active")
	later(1)
	set("Inactive")
	if _, err := client.UntagUser(t.Context(), &iam.UntagUserInput{UserName: new("bob"), TagKeys: []string{"KeyAutoExpire"}}); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{15, 13} {
		if s := later(days); s.Warned != 1 {
			t.Fatalf("warned %d", s.Warned)
		}
	}
	if s := later(1); s.Deleted != 1 || !strings.Contains(sentBy(w.slack), "ann's key, disabled due to creation age, is deleted. It is key "+anns) {
		t.Errorf("deleted %d, sent %q", s.Deleted, sentBy(w.slack))
	}
	for user, want := range map[string]int{"ann": 0, "bob": 1} {
		keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
		if err != nil || len(keys.AccessKeyMetadata) != want {
			t.Errorf("%s has %d keys, %v; want %d", user, len(keys.AccessKeyMetadata), err, want)
		}
	}
}
