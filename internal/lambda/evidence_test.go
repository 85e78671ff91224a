package lambda

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

func TestLambdaLeavesEvidence(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := deploy(t, "SNS_TOPIC={topic}", "SLEUTH_EVIDENCE=file:"+folder)
	d.aws.Home().AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(85)}}})
	if _, failure := d.invoke(t); failure != nil {
		t.Fatal(failure.Message)
	}
	if one := program.Evidence(t, folder)[d.aws.Home().ID()]; one.Run == nil || !one.Run.Complete() || len(one.Rows) != 1 {
		t.Errorf("left %+v", one)
	}
}

func TestLambdaFailsWithoutItsEvidence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, "SNS_TOPIC={topic}", "SLEUTH_EVIDENCE=file:"+file)
	if _, failure := d.invoke(t); failure == nil || !strings.Contains(failure.Message, "leave the evidence of the run: "+file) {
		t.Errorf("got %+v", failure)
	}
}
