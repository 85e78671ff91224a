package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// bucket is as much of S3 as the steps of a run use: objects are put and got.
type bucket struct {
	mu      sync.Mutex
	objects map[string]string // by bucket and key
}

func startBucket(t *testing.T) (*bucket, string) {
	t.Helper()
	b := &bucket{objects: map[string]string{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return b, server.URL
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch text, found := b.objects[r.URL.Path]; {
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		b.objects[r.URL.Path] = string(body)
	case !found:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
	default:
		fmt.Fprint(w, text)
	}
}

// change edits the list of a run, and may keep it under another run's id.
func (b *bucket) change(t *testing.T, run, as string, edit func(list map[string]any)) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	path := func(run string) string { return "/results/runs/" + run + "/members.json" }
	var list map[string]any
	if err := json.Unmarshal([]byte(b.objects[path(run)]), &list); err != nil {
		t.Fatalf("the list of run %s: %v", run, err)
	}
	edit(list)
	encoded, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	b.objects[path(as)] = string(encoded)
}

// stepped is a function whose runs Step Functions makes, over two accounts of an
// organization of three: the third is left out by the settings.
type stepped struct {
	*deployed
	*bucket
}

const steppedOne, steppedTwo, steppedOut = "300000000001", "300000000002", "300000000003"

func newStepped(t *testing.T) stepped {
	t.Helper()
	bucket, url := startBucket(t)
	d := deploy(t, "ENABLE_AUTO_EXPIRE=true", "SLACK_URL={webhook}", "SLEUTH_ACCOUNTS=organization", "SLEUTH_EXCLUDE_ACCOUNTS="+steppedOut+",123456789012",
		"SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_RESULTS_BUCKET=results", "AWS_ENDPOINT_URL_S3="+url)
	organization := d.aws.Organize()
	for _, id := range []string{steppedOne, steppedTwo, steppedOut} {
		account := d.aws.Account(id)
		organization.Join(account, organization.Root(), "account")
		account.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIAANN" + id, Active: true, Created: daysAgo(95)}}})
	}
	return stepped{d, bucket}
}

// list begins a run, and returns its id and when it began.
func (s stepped) list(t *testing.T, event string) (run, began string) {
	t.Helper()
	result, failure := s.send(t, event)
	if failure != nil {
		t.Fatal(failure)
	}
	return fmt.Sprint(result["run"]), fmt.Sprint(result["began"])
}

func step(action, account, run, began string) string {
	if account != "" {
		account = fmt.Sprintf(`,"account":%q`, account)
	}
	return fmt.Sprintf(`{"action":%q,"run":%q,"began":%q,"dry_run":false%s}`, action, run, began, account)
}

func (s stepped) active(t *testing.T, account string) bool {
	t.Helper()
	key, _ := s.aws.Account(account).Key("AKIAANN" + account)
	return key.Active
}

// refused sends an event that must be refused, and must disable nothing.
func (s stepped) refused(t *testing.T, event, want string) {
	t.Helper()
	if result, failure := s.send(t, event); failure == nil || !strings.Contains(failure.Message, want) {
		t.Errorf("%s: %v, %v; want an error with %q", event, result, failure, want)
	}
	for _, account := range []string{steppedOne, steppedTwo, steppedOut} {
		if !s.active(t, account) {
			t.Errorf("%s: the key of account %s was disabled", event, account)
		}
	}
}

// TestAStepIsHeldToTheSettings: whatever the list of a run says, or the event,
// the settings decide which accounts are covered; and a list that is old, or of
// another run, decides nothing.
func TestAStepIsHeldToTheSettings(t *testing.T) {
	t.Parallel()
	s := newStepped(t)
	run, began := s.list(t, `{"action":"list"}`)

	s.change(t, run, run, func(list map[string]any) { list["accounts"] = []string{steppedOne, steppedOut} })
	s.refused(t, step("account", steppedOut, run, began), "the settings do not cover it")
	s.refused(t, step("account", steppedTwo, run, began), "is not among those of run")
	s.refused(t, step("account", steppedOne, run, "2026-03-02T12:00:00Z"), "at another time than the event")

	const old = "20260302T120000Z-abcdef"
	s.change(t, run, old, func(map[string]any) {})
	s.refused(t, step("account", steppedOne, old, began), "it is of run")
	const longAgo = "2026-03-02T12:00:00Z"
	s.change(t, run, old, func(list map[string]any) { list["run"], list["began"] = old, longAgo })
	s.refused(t, step("account", steppedOne, old, longAgo), "more than a day old")
	s.refused(t, step("summarize", "", old, longAgo), "more than a day old")
	tomorrow := time.Now().UTC().Add(26 * time.Hour).Format(time.RFC3339)
	s.change(t, run, old, func(list map[string]any) { list["run"], list["began"] = old, tomorrow })
	s.refused(t, step("account", steppedOne, old, tomorrow), "in the future")

	// What the summary says of an account that is not covered is not its result.
	result, failure := s.send(t, step("summarize", "", run, began))
	if failure != nil || !strings.Contains(fmt.Sprint(result["error"]), steppedOut+": the settings do not cover it") {
		t.Errorf("the summary: %v, %v", result, failure)
	}

	if result, failure := s.send(t, step("account", steppedOne, run, began)); failure != nil || s.active(t, steppedOne) {
		t.Errorf("the account that is covered: %v, %v; its key is active: %t", result, failure, s.active(t, steppedOne))
	}
}

// TestAStepOfADryRunIsDry, whatever its own event says.
func TestAStepOfADryRunIsDry(t *testing.T) {
	t.Parallel()
	s := newStepped(t)
	run, began := s.list(t, `{"action":"list","dry_run":true}`)
	for _, account := range []string{steppedOne, steppedTwo} {
		if result, failure := s.send(t, step("account", account, run, began)); failure != nil || !s.active(t, account) {
			t.Errorf("account %s: %v, %v; its key is active: %t", account, result, failure, s.active(t, account))
		}
	}
	if result, failure := s.send(t, step("summarize", "", run, began)); failure != nil || result["complete"] != true {
		t.Errorf("the summary: %v, %v", result, failure)
	}
	if received := s.slack.Received(); len(received) != 0 {
		t.Errorf("Slack received %q", received)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if summary := s.objects["/results/runs/"+run+"/summary.json"]; !strings.Contains(summary, `"dry_run":true`) || strings.Contains(summary, `"dry_run":false`) {
		t.Errorf("the summary is %s", summary)
	}
}
