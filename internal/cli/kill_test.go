package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

const (
	killRounds    = 5 // accounts, for each store
	killsPerRound = 5
)

// TestKill kills the released binary with SIGKILL, at random moments of its
// runs against moto, and lets it start again. In the end every key past its
// limit is Inactive, no other is, and every final notice was received: at least
// once on each channel, and at most once more for each kill.
func TestKill(t *testing.T) {
	t.Parallel()
	var kills atomic.Int64
	t.Cleanup(func() { t.Logf("%d kills", kills.Load()) })
	for _, store := range []string{"file", "dynamodb"} {
		for round := range killRounds {
			t.Run(fmt.Sprintf("%s %d", store, round+1), func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, store, uint64(round))
				for v.killed < killsPerRound {
					_, _ = v.start(t, true) // killed or not, it goes on
				}
				v.finish(t)
				v.check(t)
				kills.Add(int64(v.killed))
			})
		}
	}
}

// victim is an account, its channels, and the binary that is killed again and
// again at work on them.
type victim struct {
	account *mototest.Account
	slack   *channeltest.SlackServer
	queue   string
	env     []string
	random  *rand.Rand
	store   func(t *testing.T) ledger.Store
	leases  bool // outlive the process

	lines   map[string]string // of the final notices pending, by "user key"
	killed  int
	started int
	calls   int // that a run makes, as far as is known

	// The run under way is killed as this request arrives, counted from 1.
	requests atomic.Int64
	killAt   atomic.Int64
	process  atomic.Pointer[exec.Cmd]
	delay    atomic.Int64
}

func newVictim(t *testing.T, store string, seed uint64) *victim {
	t.Helper()
	moto := mototest.Shared(t)
	v := &victim{
		account: moto.Account(t),
		random:  rand.New(rand.NewPCG(seed, uint64(len(store)))), //nolint:gosec // replayable on purpose
		lines:   map[string]string{},
		calls:   35,
	}
	var topic string
	topic, v.queue = subscribedTopic(t, v.account)
	var err error
	if v.slack, err = channeltest.StartSlack(t.Context(), channeltest.SlackOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.slack.Close)

	where := "file:" + filepath.Join(t.TempDir(), "state.db")
	v.store = func(t *testing.T) ledger.Store {
		t.Helper()
		file, err := ledger.OpenFile(strings.TrimPrefix(where, "file:"))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	if store == "dynamodb" {
		where, v.leases = "dynamodb:sleuth-state", true
		client := dynamodb.NewFromConfig(v.account.Config(t.Context()))
		if _, err := client.CreateTable(t.Context(), ledger.TableDefinition("sleuth-state")); err != nil {
			t.Fatal(err)
		}
		v.store = func(*testing.T) ledger.Store { return ledger.NewDynamoDB(client, "sleuth-state") }
	}
	v.env = slices.Concat(program.Environment(t.TempDir()), v.account.Env(), []string{
		"AWS_ENDPOINT_URL=" + v.gallows(t, moto.URL, ""),
		"SLACK_URL=" + v.gallows(t, v.slack.URL(), v.slack.URL()[strings.LastIndex(v.slack.URL(), "/services/"):]),
		"SNS_TOPIC=" + topic, "SLEUTH_STATE=" + where, "SLEUTH_LEASE_SECONDS=1", "SLEUTH_CONCURRENCY=2", "SLEUTH_LINE_TEMPLATE=original",
		"ENABLE_AUTO_EXPIRE=true", "INACTIVITY_AGE=45", "INACTIVITY_WARNING_AGE=30",
	})
	v.addUser(t, "idle", nil, 60, 50, "inactivity")
	v.addUser(t, "warned", nil, 85, 1, "")
	v.addUser(t, "exempt", map[string]string{"KeyAutoExpire": "False"}, 300, 200, "")
	v.addUser(t, "first", nil, 95, 1, "creation age")
	return v
}

// addUser makes a user with one key; because is why it must be disabled, "" if
// it must not.
func (v *victim) addUser(t *testing.T, name string, tags map[string]string, age, idle int, because string) {
	t.Helper()
	now := time.Now()
	made := v.account.AddUsers(t, []mototest.User{{Name: name, Tags: tags, Keys: []mototest.Key{
		{Active: true, Created: now.AddDate(0, 0, -age), LastUsed: now.AddDate(0, 0, -idle)},
	}}})
	line := ""
	if because != "" {
		line = name + "'s key is disabled due to " + because + "."
	}
	v.lines[name+" "+made[0].Keys[0].ID] = line
}

// gallows passes requests on, and kills the run under way as the one that is
// its last arrives or a little later.
func (v *victim) gallows(t *testing.T, to, path string) string {
	t.Helper()
	target, err := url.Parse(strings.TrimSuffix(to, path))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the one that was signed
		},
		ErrorLog: log.New(io.Discard, "", 0), // killed clients go away: no news here
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.requests.Add(1) == v.killAt.Load() {
			if running := v.process.Load(); running != nil {
				time.AfterFunc(time.Duration(v.delay.Load()), func() { _ = running.Process.Kill() })
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + path
}

// start runs the binary, to its end or until it is killed. One that reached its
// end has left too little to do: there is more for the next.
func (v *victim) start(t *testing.T, kill bool) (stdout string, err error) {
	t.Helper()
	v.started++
	if v.started > 20*killsPerRound {
		t.Fatalf("%d starts and only %d kills", v.started, v.killed)
	}
	v.requests.Store(0)
	v.killAt.Store(0)
	if kill {
		v.killAt.Store(1 + v.random.Int64N(int64(v.calls)))
		v.delay.Store(v.random.Int64N(int64(20 * time.Millisecond)))
	}
	process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run")
	process.Dir, process.Env = t.TempDir(), v.env
	var out, said bytes.Buffer
	process.Stdout, process.Stderr = &out, &said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	v.process.Store(process)
	err = process.Wait()
	v.process.Store(nil)
	if v.leases {
		defer time.Sleep(1100 * time.Millisecond) // a dead run's lease is a second long
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		v.calls = int(v.requests.Load())
		if kill {
			v.addUser(t, fmt.Sprintf("next-%d", v.started), nil, 90, 2, "creation age")
		}
	case errors.As(err, &exit) && exit.ExitCode() < 0:
		v.killed++
	default:
		t.Fatalf("a run that was not killed failed: %v\n%s\n%s", err, &out, &said)
	}
	return out.String(), err
}

// finish runs in peace until a run says nothing final any more.
func (v *victim) finish(t *testing.T) {
	t.Helper()
	const most = 4
	for range most {
		before := len(v.finals(v.slack.Received()))
		if stdout, _ := v.start(t, false); strings.Contains(stdout, "disabled 0") && len(v.finals(v.slack.Received())) == before {
			return
		}
	}
	t.Errorf("after %d runs that nobody killed it is not quiet", most)
}

// finals are the final notices among texts.
func (*victim) finals(texts []string) (lines []string) {
	for line := range strings.SplitSeq(strings.Join(texts, "\n"), "\n") {
		if strings.Contains(line, "'s key is disabled due to ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (v *victim) check(t *testing.T) {
	t.Helper()
	for key, status := range statuses(t, v.account) {
		want := "Active"
		if v.lines[key] != "" {
			want = "Inactive"
		}
		if status != want {
			t.Errorf("%s is %s, want %s", key, status, want)
		}
	}
	for channel, heard := range map[string][]string{
		"slack": v.finals(v.slack.Received()),
		"sns":   v.finals(linesReceived(t, v.account, v.queue)),
	} {
		counts := map[string]int{}
		for _, line := range heard {
			counts[line]++
		}
		for _, line := range v.lines {
			if line == "" {
				continue
			}
			if n := counts[line]; n < 1 || n > 1+v.killed {
				t.Errorf("%s received %q %d times, want 1 to %d", channel, line, n, 1+v.killed)
			}
			delete(counts, line)
		}
		for line := range counts {
			t.Errorf("%s received %q, which nobody was to say", channel, line)
		}
	}
	store := v.store(t)
	defer func() { _ = store.Close() }()
	records, err := store.Load(t.Context(), v.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		t.Error("nothing is remembered: this was no test of the state")
	}
	for _, r := range records {
		if r.Pending() {
			t.Errorf("still pending: %+v", r)
		}
	}
}
