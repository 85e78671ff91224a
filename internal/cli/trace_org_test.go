package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// TestTraceOverAnOrganization: with and without a digest, a run over several
// accounts keeps who uses their keys, though no account waits for it.
func TestTraceOverAnOrganization(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"account", "digest"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m := newManyAccounts(t)
			m.env = append(m.env, "SLEUTH_TRACE=true", "SLEUTH_NOTIFY_MODE="+mode, "SLEUTH_EXTERNAL_ID=handshake")
			for i, account := range m.accounts {
				for _, age := range []int{85, 95} {
					account.AddTrailEvents(awsfake.TrailEvent{
						At: time.Now().Add(-time.Hour), KeyID: fmt.Sprintf("AKIA%dOF%d", age, i), Service: "s3", Name: "ListBuckets", Source: "203.0.113.7", UserAgent: "aws-cli/2 os/macos",
					})
				}
			}
			if status, stdout, stderr := m.run("run"); status != exitIncomplete || strings.Contains(stdout, "look up") {
				t.Errorf("exit status %d:\n%s\n%s", status, stdout, stderr)
			}
			_, stdout, _ := m.run("state", "list", "--output=json")
			var stored []struct {
				KeyID string `json:"key_id"`
				Uses  struct {
					Calls int `json:"calls"`
				} `json:"uses"`
			}
			if err := json.Unmarshal([]byte(stdout), &stored); err != nil {
				t.Fatal(err)
			}
			for _, one := range stored {
				if one.Uses.Calls != 1 {
					t.Errorf("%d calls of key %s are kept, want 1", one.Uses.Calls, one.KeyID)
				}
			}
			if want := 2 * len(covered); len(stored) != want {
				t.Errorf("%d records, want %d", len(stored), want)
			}
		})
	}
}
