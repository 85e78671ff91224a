package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Workflows call what a contributor can call, and may do no more than they need.
// Their syntax is actionlint's business.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	for name, runs := range map[string][]string{
		"ci":      {".ci/run", "pip install --requirement .ci/requirements.txt"},
		"release": {"args: release --clean", "subject-checksums: dist/SHA256SUMS", "subject-checksums: dist/digests.txt", "make registry", "terraform-aws-iam-sleuth.git"},
		"weekly":  {"run: make fuzz", "run: make vuln", "run: go mod verify"},
	} {
		file := ".github/workflows/" + name + ".yml"
		text, workflow := read(t, file), documents(t, file)[0]
		for _, want := range runs {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not contain %q", file, want)
			}
		}
		if got := fmt.Sprint(at(t, workflow, "permissions")); got != "map[contents:read]" {
			t.Errorf("%s gives all jobs the permissions %s", file, got)
		}
		jobs, _ := at(t, workflow, "jobs").(map[string]any)
		for job, of := range jobs {
			if minutes, ok := at(t, of, "timeout-minutes").(int); !ok || minutes > 300 {
				t.Errorf("%s: job %s has no timeout", file, job)
			}
		}
		for _, action := range regexp.MustCompile(`uses: (\S+)`).FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`@v[0-9]`).MatchString(action[1]) {
				t.Errorf("%s: action %s has no version", file, action[1])
			}
		}
		if strings.Count(text, "actions/checkout@") != strings.Count(text, "persist-credentials: false") {
			t.Errorf("%s: a checkout leaves its credentials behind", file)
		}
	}
}

// The release's text is the changelog's section of that version.
func TestChangelogHasTheSectionOfARelease(t *testing.T) {
	t.Parallel()
	changelog := read(t, "CHANGELOG.md")
	for _, want := range []string{"\n## 0.1.0 ", "\n### Upgrade notes\n", "\n### Added\n"} {
		if !strings.Contains(changelog, want) {
			t.Errorf("CHANGELOG.md has no %q", want)
		}
	}
}

func TestDependabotLooksWhereVersionsAre(t *testing.T) {
	t.Parallel()
	updates, _ := at(t, documents(t, ".github/dependabot.yml")[0], "updates").([]any)
	manifests := map[string]string{"gomod": "go.mod", "github-actions": ".github/workflows/*.yml", "docker": "Dockerfile", "pip": "requirements.txt", "terraform": "*.tf"}
	for _, update := range updates {
		entry, _ := update.(map[string]any)
		ecosystem, _ := entry["package-ecosystem"].(string)
		folders, _ := entry["directories"].([]any)
		if folder, single := entry["directory"]; single {
			folders = append(folders, folder)
		}
		for _, folder := range folders {
			found, err := filepath.Glob(filepath.Join(root, fmt.Sprint(folder), manifests[ecosystem]))
			if err != nil || len(found) == 0 || manifests[ecosystem] == "" {
				t.Errorf("%s: nothing for it in %v", ecosystem, folder)
			}
		}
		delete(manifests, ecosystem)
	}
	if len(manifests) > 0 {
		t.Errorf("nothing looks for new versions in %v", manifests)
	}
}

// What a public project has is there, and says what its reader looks for.
func TestCommunityFiles(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"SECURITY.md":                        "gh attestation verify",
		"CODE_OF_CONDUCT.md":                 "If something goes wrong",
		".github/pull_request_template.md":   "A test fails without the change",
		".github/ISSUE_TEMPLATE/config.yml":  "/security/advisories/new",
		".github/ISSUE_TEMPLATE/bug.yml":     "sleuth config",
		".github/ISSUE_TEMPLATE/feature.yml": "What do you want to get done?",
		".ci/requirements.txt":               "moto[server]==",
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q (%v)", file, want, err)
		}
	}
	for _, form := range []string{"bug", "feature"} {
		file := ".github/ISSUE_TEMPLATE/" + form + ".yml"
		body, _ := at(t, documents(t, file)[0], "body").([]any)
		if len(body) < 3 {
			t.Errorf("%s asks for nothing", file)
		}
	}
}

// The topics and queues of the examples are encrypted.
func TestExamplesAreEncrypted(t *testing.T) {
	t.Parallel()
	encrypted := map[string]string{"aws_sns_topic": "kms_master_key_id", "aws_sqs_queue": "sqs_managed_sse_enabled"}
	examples, err := filepath.Glob(filepath.Join(root, "terraform/examples/*/*.tf"))
	check(t, err)
	found := 0
	for _, file := range examples {
		text, err := os.ReadFile(file)
		check(t, err)
		for _, resource := range regexp.MustCompile(`(?ms)^resource "(aws_sns_topic|aws_sqs_queue)" "(\w+)" \{\n(.*?)^\}`).FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(resource[3], encrypted[resource[1]]) {
				t.Errorf("%s: %s.%s has no %s", file, resource[1], resource[2], encrypted[resource[1]])
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d topics and queues", found)
	}
}
