package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/config"
)

func TestCronJob(t *testing.T) {
	t.Parallel()
	var job map[string]any
	var kinds []string
	for _, d := range documents(t, "deploy/kubernetes/cronjob.yaml") {
		kind, _ := d["kind"].(string)
		kinds = append(kinds, kind)
		if kind == "CronJob" {
			job = d
		}
	}
	if diff := cmp.Diff([]string{"Namespace", "ServiceAccount", "CronJob"}, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}
	pod := at(t, job, "spec", "jobTemplate", "spec", "template", "spec")
	container := at(t, pod, "containers", 0)
	for _, want := range []struct {
		of    any
		path  []any
		value any
	}{
		{job, []any{"apiVersion"}, "batch/v1"},
		{job, []any{"spec", "concurrencyPolicy"}, "Forbid"},
		{job, []any{"spec", "jobTemplate", "spec", "backoffLimit"}, 0},
		{pod, []any{"restartPolicy"}, "Never"},
		{pod, []any{"enableServiceLinks"}, false}, // else a service's name could make an unknown setting
		{pod, []any{"securityContext", "runAsNonRoot"}, true},
		{pod, []any{"securityContext", "runAsUser"}, 65532},
		{pod, []any{"securityContext", "runAsGroup"}, 65532},
		{container, []any{"securityContext", "readOnlyRootFilesystem"}, true},
		{container, []any{"securityContext", "allowPrivilegeEscalation"}, false},
		{container, []any{"args"}, []any{"run"}},
	} {
		if diff := cmp.Diff(want.value, at(t, want.of, want.path...)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", want.path, diff)
		}
	}
	given := map[string]string{}
	entries, _ := at(t, container, "env").([]any)
	for i := range entries {
		name, isName := at(t, entries[i], "name").(string)
		value, isText := at(t, entries[i], "value").(string)
		if !isName || !isText {
			t.Errorf("not a name with a text: %v", entries[i])
		}
		given[name] = value
	}
	checkSettings(t, given)
	cfg, err := checked(given)
	check(t, err)
	if cfg.State.Kind != config.StateDynamoDB || cfg.Targets["SLACK_URL"].Source == "" {
		t.Errorf("state is %v, and the webhook %v", cfg.State, cfg.Targets["SLACK_URL"])
	}
}

// checkSettings holds the names in an environment to what there is.
func checkSettings(t *testing.T, given map[string]string) {
	t.Helper()
	for name := range given {
		if !slices.Contains(settingNames(), name) && !strings.HasPrefix(name, "AWS_") {
			t.Errorf("%s is no setting", name)
		}
	}
}

func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	service := read(t, "deploy/systemd/sleuth.service")
	given := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^Environment=([A-Z_]+)=(.*)$`).FindAllStringSubmatch(service, -1) {
		given[line[1]] = line[2]
	}
	checkSettings(t, given)
	cfg, err := checked(given)
	check(t, err)
	if cfg.State.Kind != config.StateFile {
		t.Errorf("state is %v", cfg.State)
	}
	if !strings.Contains(read(t, "deploy/systemd/sleuth.timer"), "OnCalendar=Mon..Fri 12:00") {
		t.Error("the timer does not run at noon on weekdays")
	}

	for _, line := range []string{
		"UMask=0077", "ProtectProc=invisible", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes",
		"ProtectControlGroups=yes", "RestrictNamespaces=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
	} {
		if !strings.Contains(service, "\n"+line+"\n") {
			t.Errorf("the service lacks %s", line)
		}
	}

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("not verified, as there is no systemd-analyze here")
		return
	}
	// The program need not be installed here: another stands in for it.
	folder := t.TempDir()
	for name, text := range map[string]string{"sleuth.service": service, "sleuth.timer": read(t, "deploy/systemd/sleuth.timer")} {
		text = strings.Replace(text, "ExecStart=/usr/local/bin/sleuth", "ExecStart="+tool(t, "true"), 1)
		check(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	verify := exec.CommandContext(t.Context(), analyze, "verify", filepath.Join(folder, "sleuth.service"), filepath.Join(folder, "sleuth.timer"))
	said, err := verify.CombinedOutput()
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, folder) { // not of other units of this machine
			t.Error(line)
		}
	}
	if err != nil && len(said) == 0 {
		t.Error(err)
	}
}

func TestReleaseConfiguration(t *testing.T) {
	t.Parallel()
	release := documents(t, ".goreleaser.yaml")[0]
	for _, want := range []struct {
		path  []any
		value any
	}{
		{[]any{"version"}, 2},
		{[]any{"builds", 0, "main"}, "./cmd/sleuth"},
		{[]any{"builds", 0, "env"}, []any{"CGO_ENABLED=0"}},
		{[]any{"builds", 0, "goarch"}, []any{"amd64", "arm64"}},
		{[]any{"builds", 0, "mod_timestamp"}, "{{ .CommitTimestamp }}"},
		{[]any{"checksum", "extra_files", 0, "glob"}, "build/lambda/*.zip"},
		{[]any{"release", "extra_files", 0, "glob"}, "build/lambda/*.zip"},
		{[]any{"sboms", 0, "artifacts"}, "archive"},
		{[]any{"dockers_v2", 0, "dockerfile"}, "Dockerfile"},
		{[]any{"dockers_v2", 0, "platforms"}, []any{"linux/amd64", "linux/arm64"}},
		{[]any{"brews", 0, "directory"}, "Formula"},
	} {
		if diff := cmp.Diff(want.value, at(t, release, want.path...)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", want.path, diff)
		}
	}
	flags, _ := at(t, release, "builds", 0, "flags").([]any)
	if !slices.Contains(flags, any("-trimpath")) {
		t.Errorf("the binaries are built with %v", flags)
	}
	if hook, _ := at(t, release, "before", "hooks", 1).(string); !strings.HasPrefix(hook, "make lambda ") {
		t.Errorf("the Lambda zips are built by %q", hook)
	}
	for _, line := range []string{"FROM gcr.io/distroless/static", ":nonroot\n", "USER 65532", "COPY ${TARGETPLATFORM}/sleuth "} {
		if !strings.Contains(read(t, "Dockerfile"), line) {
			t.Errorf("the Dockerfile has no %q", line)
		}
	}
	if goreleaser, err := exec.LookPath("goreleaser"); err == nil {
		if said, err := exec.CommandContext(t.Context(), goreleaser, "check", filepath.Join(root, ".goreleaser.yaml")).CombinedOutput(); err != nil {
			t.Errorf("goreleaser check: %v\n%s", err, said)
		}
	}
}
