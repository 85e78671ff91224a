package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestEvidenceOfAnOrganization: every account has its own, those that could
// not be entered as well.
func TestEvidenceOfAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	folder := filepath.Join(t.TempDir(), "evidence")
	m.env = append(m.env, "SLEUTH_EVIDENCE=file:"+folder, "SLEUTH_NOTIFY_MODE=digest")
	if status, stdout, _ := m.run("run", "--dry-run"); status != exitIncomplete || strings.Count(stdout, "evidence would be left as "+folder) != 8 {
		t.Errorf("exit status %d of a dry run:\n%s", status, stdout)
	}
	if len(program.Evidence(t, folder)) != 0 {
		t.Error("a dry run left evidence")
	}
	m.run("run")
	found := program.Evidence(t, folder)
	if len(found) != 8 {
		t.Errorf("evidence on %d accounts, want 8", len(found))
	}
	for _, i := range covered {
		one := found[m.accounts[i].ID()]
		if one.Run == nil || !one.Run.Complete() || one.Run.Disabled != 1 || !one.Run.Digest || len(one.Rows) != 2 || one.Scope != report.AllCredentials {
			t.Errorf("account %d: %+v", i, one)
		}
	}
	// A later audit compares each account with its own.
	status, stdout, _ := m.run("audit", "--since", "file:"+folder)
	if status != exitIncomplete || strings.Count(stdout, ": 1 change: 1 disabled.") != len(covered) {
		t.Errorf("exit status %d of an audit:\n%s", status, stdout)
	}
	shut := found[m.accounts[3].ID()]
	if shut.Run == nil || shut.Run.Started || len(shut.Problems) != 1 {
		t.Errorf("the account that could not be entered: %+v", shut)
	}
}

// TestEvidenceInABucket leaves evidence in moto's S3, and reads its credential
// report.
func TestEvidenceInABucket(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	account := moto.Account(t)
	now := time.Now().UTC()
	made := account.AddUsers(t, []mototest.User{
		{Name: "ann", Keys: []mototest.Key{{Active: true, Created: now.AddDate(0, 0, -95)}}},
		{Name: "bob", Keys: []mototest.Key{{Active: true, Created: now.AddDate(0, 0, -5)}}},
	})
	client := s3.NewFromConfig(account.Config(t.Context()), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := "evidence-" + account.ID
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
	}); err != nil {
		t.Fatal(err)
	}
	sleuth := func(to string, args ...string) (int, string) {
		process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), append(args, "run")[:max(1, len(args))]...)
		process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(), []string{"ENABLE_AUTO_EXPIRE=true", "SLEUTH_ALLOW_SILENT=true", "SLEUTH_STATE=none", "SLEUTH_EVIDENCE=" + to})
		var out bytes.Buffer
		process.Stdout, process.Stderr = &out, &out
		_ = process.Run() // the status says how it went
		return process.ProcessState.ExitCode(), out.String()
	}
	if status, out := sleuth("s3://" + bucket + "/keys/prod"); status != exitOK {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	listed, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(listed.Contents) != 2 {
		t.Fatalf("%d objects, %v", len(listed.Contents), err)
	}
	for i, want := range []string{"text/html; charset=utf-8", "application/json"} {
		key := aws.ToString(listed.Contents[i].Key)
		if !strings.HasPrefix(key, "keys/prod/"+account.ID+"/"+now.Format("2006/")) {
			t.Errorf("left as %s", key)
		}
		object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(object.ContentType); got != want {
			t.Errorf("%s is %s", key, got)
		}
		text, err := io.ReadAll(object.Body)
		if err != nil || !strings.Contains(string(text), made[0].Keys[0].ID) || !strings.Contains(string(text), made[1].Keys[0].ID) {
			t.Errorf("%s does not name both keys: %v", key, err)
		}
		var one report.Report
		if want == "application/json" && (json.Unmarshal(text, &one) != nil || one.Run == nil || !one.Run.Complete() || one.Run.Disabled != 1 || one.CredentialsAsOf == nil) {
			t.Errorf("left %s", text)
		}
	}

	// An audit reads it, although the client asks another region first.
	if status, out := sleuth("", "audit", "--since", "s3://"+bucket+"/keys/prod"); status != exitOK || !strings.Contains(out, "1 change: 1 disabled.") {
		t.Errorf("exit status %d\n%s", status, out)
	}
	if status, out := sleuth("", "audit", "--since", "s3://"+bucket+"-that-is-not-there/keys"); status != exitIncomplete || !strings.Contains(out, "name the bucket that runs leave evidence in") {
		t.Errorf("exit status %d\n%s", status, out)
	}

	status, out := sleuth("s3://" + bucket + "-that-is-not-there/keys")
	if status != exitIncomplete || !strings.Contains(out, "failed: leave the evidence of the run: s3://"+bucket+"-that-is-not-there/keys/"+account.ID+"/") ||
		!strings.Contains(out, "name another in SLEUTH_EVIDENCE") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
