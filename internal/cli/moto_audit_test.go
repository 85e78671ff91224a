package cli

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestAuditAgainstMoto has the released binary show an account of an emulator
// that nobody here wrote, in every form: keys, exemptions of one key alone and
// what the credential report knows.
func TestAuditAgainstMoto(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	key := func(days int) mototest.Key {
		return mototest.Key{Active: true, Created: time.Now().UTC().AddDate(0, 0, -days)}
	}
	made := account.AddUsers(t, []mototest.User{
		{Name: "ann", Keys: []mototest.Key{key(95)}},
		{Name: "bob", Tags: map[string]string{"KeyAutoExpire": "False", "KeyAutoExpireReason": "cannot take a role"}, Keys: []mototest.Key{key(200)}},
		{Name: "cem", Keys: []mototest.Key{key(5)}},
	})
	audit := func(args ...string) []byte {
		t.Helper()
		process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), append([]string{"audit"}, args...)...)
		process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env())
		var stdout, stderr bytes.Buffer
		process.Stdout, process.Stderr = &stdout, &stderr
		if err := process.Run(); err != nil {
			t.Fatalf("sleuth audit %v: %v\n%s", args, err, &stderr)
		}
		return stdout.Bytes()
	}

	var shown struct {
		Scope string
		Rows  []struct {
			KeyID        string `json:"key_id"`
			State        string
			ExemptReason string `json:"exempt_reason"`
		}
		CredentialsAsOf string `json:"credentials_as_of"`
		Problems        []any
	}
	if err := json.Unmarshal(audit("--output=json"), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Scope != "all" || shown.CredentialsAsOf == "" || len(shown.Problems) > 0 {
		t.Errorf("scope %q, credentials as of %q, problems %v", shown.Scope, shown.CredentialsAsOf, shown.Problems)
	}
	got := map[string]string{}
	for _, row := range shown.Rows {
		got[row.KeyID] = strings.TrimSpace(row.State + " " + row.ExemptReason)
	}
	want := map[string]string{made[0].Keys[0].ID: "expire", made[1].Keys[0].ID: "good cannot take a role", made[2].Keys[0].ID: "good"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}

	var ocsf []struct {
		Class    int `json:"class_uid"`
		Status   string
		Resource []struct{ UID string } `json:"resources"`
	}
	if err := json.Unmarshal(audit("--output=ocsf"), &ocsf); err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, finding := range ocsf {
		status[finding.Resource[0].UID] = finding.Status
		if finding.Class != 2003 {
			t.Errorf("a finding of class %d", finding.Class)
		}
	}
	if diff := cmp.Diff(map[string]string{made[0].Keys[0].ID: "New", made[1].Keys[0].ID: "Suppressed"}, status); diff != "" {
		t.Errorf("findings as OCSF (-want +got):\n%s", diff)
	}

	var sarif struct {
		Version string
		Runs    []struct {
			Results []struct{ RuleID, Level string }
		}
	}
	if err := json.Unmarshal(audit("--output=sarif"), &sarif); err != nil {
		t.Fatal(err)
	}
	if sarif.Version != "2.1.0" || len(sarif.Runs) != 1 || len(sarif.Runs[0].Results) != 1 || sarif.Runs[0].Results[0].Level != "error" {
		t.Errorf("findings as SARIF: %+v", sarif)
	}
	for output, wants := range map[string]string{"html": "cannot take a role", "markdown": "| `bob` |", "table": "2 good", "csv": made[0].Keys[0].ID} {
		if text := audit("--output=" + output); !bytes.Contains(text, []byte(wants)) {
			t.Errorf("no %q in %s:\n%.600s", wants, output, text)
		}
	}
}
