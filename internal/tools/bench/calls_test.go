package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/cli"
)

// asSleuth is set if this program is to be sleuth.
const asSleuth = "BENCH_TEST_AS_SLEUTH"

func TestMain(m *testing.M) {
	if os.Getenv(asSleuth) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestCallsOfAFullAccount holds what docs/performance.md says, call by call. A
// key that is disabled takes three reads and a write, whatever the mode.
func TestCallsOfAFullAccount(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	const (
		users    = 5000
		warned   = 200 // users, both keys of each
		disabled = 100 // keys, two of each user
	)
	// The last uses that messages show are those of the credential report, unless
	// a later one can change a verdict.
	warnedByAge := map[string]int{"GetAccessKeyLastUsed": 2 * warned}
	// The first ten are read on their own. Each page holds 1,000 users.
	tags := map[string]int{"ListUserTags": 10, "GetAccountAuthorizationDetails": 5}
	report := map[string]int{"GenerateCredentialReport": 2, "GetCredentialReport": 1}
	list := map[string]int{"ListUsers": 5}
	disabling := map[string]int{"ListUserTags": disabled, "ListAccessKeys": disabled, "GetAccessKeyLastUsed": disabled, "UpdateAccessKey": disabled}
	around := map[string]int{"GetCallerIdentity": 1, "ListAccountAliases": 1, "Publish": 1}
	for _, c := range []struct {
		scenario
		want  []map[string]int
		total int
	}{
		{
			// Other credentials take the report once more.
			scenario{note: "audit", audits: true},
			[]map[string]int{
				list, tags, report, {"GenerateCredentialReport": 1, "GetCredentialReport": 1}, {"ListAccessKeys": users},
				{"GetCallerIdentity": 1, "ListAccountAliases": 1, "ListServiceSpecificCredentials": 1},
			}, 5028,
		},
		{
			// There is one group, and no policy; a page holds 1,000 users and groups.
			scenario{note: "audit, risk", audits: true, settings: []string{"SLEUTH_RISK=true"}},
			[]map[string]int{
				list, tags, report, {"GenerateCredentialReport": 1, "GetCredentialReport": 1}, {"ListAccessKeys": users},
				{"GetCallerIdentity": 1, "ListAccountAliases": 1, "ListServiceSpecificCredentials": 1}, {"GetAccountAuthorizationDetails": 6},
			}, 5034,
		},
		{
			scenario{note: "live, inactivity", settings: []string{"INACTIVITY_AGE=30", "INACTIVITY_WARNING_AGE=20"}},
			[]map[string]int{list, tags, report, warnedByAge, disabling, around, {"ListAccessKeys": users}}, 5826,
		},
		{
			scenario{note: "live"},
			[]map[string]int{list, tags, report, disabling, around, {"ListAccessKeys": users}}, 5426,
		},
		{
			scenario{note: "report", byReport: true},
			[]map[string]int{tags, report, disabling, around, {"ListAccessKeys": warned + disabled/keysPerUser}}, 671,
		},
		{
			scenario{note: "report, inactivity", byReport: true, settings: []string{"INACTIVITY_AGE=30", "INACTIVITY_WARNING_AGE=20"}},
			[]map[string]int{tags, report, warnedByAge, disabling, around, {"ListAccessKeys": warned + disabled/keysPerUser}}, 1071,
		},
	} {
		t.Run(c.note, func(t *testing.T) {
			t.Parallel()
			want, total := map[string]int{}, 0
			for _, calls := range c.want {
				for action, n := range calls {
					want[action] += n
					total += n
				}
			}
			if total != c.total {
				t.Errorf("%d calls are named, want %d", total, c.total)
			}
			// On a busy machine a connection may break off within an answer, which
			// is then asked for again: a call more than usual.
			got := callsOf(t, c.scenario, users)
			for range 2 {
				if !maps.Equal(got, want) {
					t.Logf("calls %v", got)
					got = callsOf(t, c.scenario, users)
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("calls %v,\nwant %v", got, want)
			}
		})
	}
}

// TestCallsUnderRules holds the calls of a run under five rules, one on groups and
// one on tags: beside what the settings alone take, a page for each 1,000 members
// of the group. Nothing is disabled in the first run: its owner was not warned yet.
func TestCallsUnderRules(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	const users = 5000
	due := 0 // users with a key that may be due: in the group it is from 50 days on
	for i := range users {
		oldest := max(keyAge(i, 0), keyAge(i, 1))
		if oldest >= 80 || i < ruledMembers && oldest >= 50 {
			due++
		}
	}
	around := map[string]int{"GetCallerIdentity": 1, "ListAccountAliases": 1, "GetGroup": 2, "ListUserTags": 10, "GetAccountAuthorizationDetails": 5,
		"GenerateCredentialReport": 2, "GetCredentialReport": 1}
	for _, c := range []struct {
		scenario
		want  map[string]int
		total int
	}{
		{scenario{note: "live", settings: underRules()}, map[string]int{"ListUsers": 5, "ListAccessKeys": users, "Publish": 2}, 5029},
		{scenario{note: "report", settings: underRules(), byReport: true}, map[string]int{"ListAccessKeys": due, "Publish": 2}, 763},
	} {
		t.Run(c.note, func(t *testing.T) {
			t.Parallel()
			maps.Copy(c.want, around)
			got := map[string]int{}
			for range 3 { // a connection may break off, as above
				if got = callsOf(t, c.scenario, users); maps.Equal(got, c.want) {
					break
				}
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("calls %v,\nwant %v", got, c.want)
			}
			total := 0
			for _, n := range got {
				total += n
			}
			if total != c.total {
				t.Errorf("%d calls; docs/performance.md says %d", total, c.total)
			}
		})
	}
}

// callsOf runs sleuth on an account, and returns the calls by action.
func callsOf(t *testing.T, s scenario, users int) map[string]int {
	t.Helper()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	fill(server.Home(), users, time.Now())
	id, secret := server.Home().Credentials()
	aws := remoteAWS{started: started{URL: server.URL(), AccessKeyID: id, Secret: secret, SNSTopic: server.Home().AddTopic("keys")}}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := bench{concurrency: 8}
	process := exec.CommandContext(t.Context(), program, s.args()...)
	process.Env = append(append(append(aws.environment(), s.settings...), b.settings(s)...), "SLEUTH_STATE=file:"+t.TempDir()+"/state", asSleuth+"=1")
	if _, err := finish(process); err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, call := range server.Calls() {
		calls[call.Action]++
	}
	return calls
}
