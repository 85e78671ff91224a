package securityhub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	awshub "github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/securityhub"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

const day = 24 * time.Hour

// world is an account with Security Hub, and a clock that only the test moves.
type world struct {
	t    *testing.T
	aws  aws.Config
	iam  *iam.Client
	hub  *awshub.Client
	home securityhub.Home
	now  time.Time

	fake    *awsfake.Server // nil on moto
	account *awsfake.Account

	cfg      config.Config
	byReport bool
}

func newWorld(t *testing.T, cfg aws.Config, acct string) *world {
	t.Helper()
	w := &world{
		t: t, aws: cfg, iam: iam.NewFromConfig(cfg), hub: awshub.NewFromConfig(cfg),
		home: securityhub.Home{Account: account.Account{ID: acct}, Partition: "aws", Region: "us-east-1"},
		now:  time.Now().UTC().Truncate(time.Second),
		cfg: config.Config{
			Rules:       audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20},
			Concurrency: 4, Lease: time.Minute, SecurityHub: true,
		},
	}
	if _, err := w.hub.EnableSecurityHub(t.Context(), &awshub.EnableSecurityHubInput{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func onFake(t *testing.T) *world {
	t.Helper()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	id, secret := server.Home().Credentials()
	cfg := awsclient.ConnectTo(server.URL(), id, secret, 4)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	w := newWorld(t, cfg, server.Home().ID())
	w.fake, w.account = server, server.Home()
	return w
}

// user makes a user with a key, made and last used so many days ago, and
// returns the key's id.
func (w *world) user(name string, created, used int) string {
	w.t.Helper()
	return w.account.AddUser(awsfake.User{Name: name, Keys: []awsfake.Key{
		{Active: true, Created: w.now.AddDate(0, 0, -created), LastUsed: w.now.AddDate(0, 0, -used)},
	}}).Keys[0].ID
}

func (w *world) runner() run.Runner {
	r := run.Runner{
		ID: "a-run", Account: w.home.Account, Config: w.cfg, IAM: w.iam, Store: ledger.NewMemory(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	}
	if w.byReport {
		r.Report = &inventory.CredentialReport{IAM: w.iam, Sleep: func(context.Context, time.Duration) error { return nil }, Log: r.Log}
	}
	return r
}

// keep makes a run, and keeps the findings by it.
func (w *world) keep() (securityhub.SyncResult, []account.Problem) {
	w.t.Helper()
	runner := w.runner()
	summary, _ := runner.Run(w.t.Context())
	return securityhub.Syncer{
		Hub: w.hub, Home: w.home, Now: w.now, Look: runner.Look, Concurrency: 4,
	}.Sync(w.t.Context(), *summary.KeyStatuses)
}

// mustKeep is keep for a call that must succeed.
func (w *world) mustKeep(sent, archived, same int) {
	w.t.Helper()
	kept, problems := w.keep()
	if len(problems) > 0 {
		w.t.Fatalf("problems: %v", problems)
	}
	if want := (securityhub.SyncResult{Sent: sent, Archived: archived, Same: same}); kept != want {
		w.t.Errorf("kept %+v, want %+v", kept, want)
	}
}

// found is every finding that Security Hub has, archived ones too, by key.
func (w *world) found() map[string]awsfake.Finding {
	w.t.Helper()
	all := map[string]awsfake.Finding{}
	pages := awshub.NewGetFindingsPaginator(w.hub, &awshub.GetFindingsInput{})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range out.Findings {
			kept := w.asKept(f)
			all[kept.Text("Resources", 0, "Details", "AwsIamAccessKey", "AccessKeyId")] = kept
		}
	}
	return all
}

// asKept is a finding by the names that it has in Security Hub, which the SDK's
// fields are named for.
func (w *world) asKept(f hubtypes.AwsSecurityFinding) (kept awsfake.Finding) {
	w.t.Helper()
	encoded, err := json.Marshal(f)
	if err == nil {
		err = json.Unmarshal(encoded, &kept)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return kept
}

// says is the finding of a key in a few words.
func (w *world) says(key string) string {
	w.t.Helper()
	f, ok := w.found()[key]
	if !ok {
		return "none"
	}
	return strings.Join([]string{f.Text("RecordState"), f.Text("Compliance", "Status"), f.Text("FindingProviderFields", "Severity", "Label"), f.Text("ProductFields", "sleuth/state")}, " ")
}

func (w *world) want(key, want string) {
	w.t.Helper()
	if got := w.says(key); got != want {
		w.t.Errorf("the finding of %s says %s, want %s", key, got, want)
	}
}

// lifeOfAFinding: it appears, is left alone, changes, and is archived.
func lifeOfAFinding(w *world, user, key string) {
	w.t.Helper()
	w.mustKeep(1, 0, 0)
	w.want(key, "ACTIVE FAILED LOW old")
	first := w.found()[key]
	w.mustKeep(0, 0, 1)

	w.now = w.now.Add(30 * day)
	w.mustKeep(1, 0, 0)
	w.want(key, "ACTIVE FAILED MEDIUM expire")
	changed := w.found()[key]
	if changed.Text("Id") != first.Text("Id") || changed.Text("CreatedAt") != first.Text("CreatedAt") || changed.Text("UpdatedAt") == first.Text("UpdatedAt") {
		w.t.Errorf("the finding %s of %s, updated %s, became %s of %s, updated %s", first.Text("Id"), first.Text("CreatedAt"), first.Text("UpdatedAt"),
			changed.Text("Id"), changed.Text("CreatedAt"), changed.Text("UpdatedAt"))
	}
	if len(w.found()) != 1 {
		w.t.Errorf("%d findings, want 1", len(w.found()))
	}

	_, err := w.iam.UpdateAccessKey(w.t.Context(), &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &key, Status: types.StatusTypeInactive})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mustKeep(0, 1, 0)
	w.want(key, "ARCHIVED PASSED MEDIUM resolved")
	w.mustKeep(0, 0, 0)

	_, err = w.iam.UpdateAccessKey(w.t.Context(), &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &key, Status: types.StatusTypeActive})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mustKeep(1, 0, 0)
	w.want(key, "ACTIVE FAILED MEDIUM expire")
}

func TestLifeOfAFinding(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	w.cfg.Rules.InactivityAge, w.cfg.Rules.InactivityWarningAge = 90, 80
	w.user("good", 5, 1)
	lifeOfAFinding(w, "ada", w.user("ada", 60, 1))
}

func TestLifeOfAFindingOnMoto(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	w := newWorld(t, account.Config(t.Context()), account.ID)
	made := account.AddUsers(t, []mototest.User{
		{Name: "ada", Keys: []mototest.Key{{Active: true, Created: w.now.AddDate(0, 0, -60), LastUsed: w.now.AddDate(0, 0, -1)}}},
		{Name: "good", Keys: []mototest.Key{{Active: true, Created: w.now.AddDate(0, 0, -5)}}},
	})
	// moto's last use stands still, so that the key would be unused at last.
	w.cfg.Rules.InactivityAge, w.cfg.Rules.InactivityWarningAge = 90, 80
	lifeOfAFinding(w, "ada", made[0].Keys[0].ID)
}

// TestFindingSaysAllThereIs, in words that Security Hub takes.
func TestFindingSaysAllThereIs(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	w.now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	old, stagnant := w.user("ada", 60, 1), w.user("bob", 40, 35)
	w.account.SetTag("ada", "KeyAutoExpire", "what")
	never := w.account.AddUser(awsfake.User{Name: "cleo", Keys: []awsfake.Key{{Active: true, Created: w.now.AddDate(0, 0, -25)}}}).Keys[0].ID
	w.mustKeep(3, 0, 0)
	all := w.found()
	for key, want := range map[string][2]string{
		old: {"Access key " + old + " of IAM user ada nears its limit due to creation age",
			"It was created on Thursday 1 January 2026, 12:00 UTC, and reaches its limit on Wednesday 1 April 2026, 12:00 UTC. The user's KeyAutoExpire tag is unreadable, so that Sleuth does not disable the key."},
		stagnant: {"Access key " + stagnant + " of IAM user bob is past its limit due to inactivity",
			"It was last used on Monday 26 January 2026, 12:00 UTC, and reached its limit on Wednesday 25 February 2026, 12:00 UTC."},
		never: {"Access key " + never + " of IAM user cleo nears its limit due to inactivity",
			"It was created on Thursday 5 February 2026, 12:00 UTC and never used since, and reaches its limit on Saturday 7 March 2026, 12:00 UTC."},
	} {
		if got := all[key].Text("Title"); got != want[0] {
			t.Errorf("title %q, want %q", got, want[0])
		}
		if got := all[key].Text("Description"); got != want[0]+". "+want[1] {
			t.Errorf("description %q, want %q", got, want[0]+". "+want[1])
		}
	}
	f := all[old]
	for path, want := range map[string]string{
		"Id": "iam-sleuth/123456789012/" + old, "GeneratorId": "iam-sleuth/access-keys", "CreatedAt": "2026-02-20T12:00:00Z", "UpdatedAt": "2026-03-02T12:00:00Z",
		"ProductArn": "arn:aws:securityhub:us-east-1:123456789012:product/123456789012/default",
	} {
		if got := f.Text(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	for name, want := range map[string]string{"UserName": "ada", "Status": "Active", "CreatedAt": "2026-01-01T12:00:00Z", "PrincipalType": "IAMUser"} {
		if got := f.Text("Resources", 0, "Details", "AwsIamAccessKey", name); got != want {
			t.Errorf("the key's %s is %s, want %s", name, got, want)
		}
	}
	if f.Text("Resources", 0, "Type") != "AwsIamAccessKey" || f.Text("Workflow", "Status") != "NEW" || f.Text("Remediation", "Recommendation", "Text") == "" {
		t.Errorf("the finding is %v", f)
	}
}

// TestFindingsWithoutKnowledgeStay: what was not read is not resolved.
func TestFindingsWithoutKnowledgeStay(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world){
		"a user's keys": func(w *world) {
			w.fake.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "ada", Code: "AccessDenied"})
		},
		"a user's tags": func(w *world) {
			w.fake.Inject(awsfake.Fault{Action: "ListUserTags", User: "ada", Code: "AccessDenied"})
		},
		"the users": func(w *world) { w.fake.Inject(awsfake.Fault{Action: "ListUsers", Code: "AccessDenied"}) },
		"the second page of users": func(w *world) {
			w.fake.SetPageLimit(1)
			w.account.AddUser(awsfake.User{Name: "a-first"})
			w.fake.Inject(awsfake.Fault{Action: "ListUsers", Nth: 2, Code: "AccessDenied"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onFake(t)
			key := w.user("ada", 60, 1)
			w.mustKeep(1, 0, 0)
			before := w.found()[key]
			spoil(w)
			kept, problems := w.keep()
			if kept != (securityhub.SyncResult{}) || len(problems) > 0 {
				t.Errorf("kept %+v, problems %v", kept, problems)
			}
			if after := w.found()[key]; !maps.EqualFunc(before, after, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
				t.Errorf("the finding %v became %v", before, after)
			}
		})
	}
}

// TestResolved: whatever takes a key off the list archives its finding.
func TestResolved(t *testing.T) {
	t.Parallel()
	for name, resolve := range map[string]func(*world, string){
		"the key is disabled":         func(w *world, key string) { w.account.SetKeyStatus(key, false) },
		"the user is gone":            func(w *world, _ string) { w.account.RemoveUser("ada") },
		"the user is exempt":          func(w *world, _ string) { w.account.SetTag("ada", "KeyAutoExpire", "False") },
		"the key is in use again":     func(w *world, key string) { w.account.UseKey(key, w.now, "s3", "us-east-1") },
		"the rules are looser":        func(w *world, _ string) { w.cfg.Rules.InactivityWarningAge, w.cfg.Rules.InactivityAge = 28, 60 },
		"the run itself has disabled": func(w *world, _ string) { w.now = w.now.Add(10 * day); w.cfg.Policy.AutoExpire = true },
	} {
		for _, byReport := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by report: %t", name, byReport), func(t *testing.T) {
				t.Parallel()
				w := onFake(t)
				w.byReport = byReport
				key := w.user("ada", 40, 25)
				w.mustKeep(1, 0, 0)
				w.want(key, "ACTIVE FAILED LOW stagnant")
				resolve(w, key)
				w.mustKeep(0, 1, 0)
				w.want(key, "ARCHIVED PASSED LOW resolved")
				w.mustKeep(0, 0, 0)
			})
		}
	}
}

// TestAReportOfSomeHoursAgoArchivesNothing: it shows the key as disabled, which
// it no longer is.
func TestAReportOfSomeHoursAgoArchivesNothing(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	key := w.user("ada", 60, 1)
	w.mustKeep(1, 0, 0)
	w.account.SetKeyStatus(key, false)
	if _, err := w.iam.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}); err != nil {
		t.Fatal(err)
	}
	w.account.SetKeyStatus(key, true)
	w.byReport = true
	w.mustKeep(0, 0, 1)
	w.want(key, "ACTIVE FAILED LOW old")

	w.fake.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "ada", Code: "AccessDenied"})
	_, problems := w.keep()
	if len(problems) != 1 || problems[0].KeyID != key || !strings.Contains(problems[0].Text, "is left as it is") {
		t.Errorf("problems %v", problems)
	}
	w.want(key, "ACTIVE FAILED LOW old")
}

// TestOthersFindingsAreLeftAlone, and what people made of ours.
func TestOthersFindingsAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	key := w.user("ada", 60, 1)
	w.mustKeep(1, 0, 0)
	out, err := w.hub.GetFindings(t.Context(), &awshub.GetFindingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	foreign := out.Findings[0]
	foreign.Id, foreign.GeneratorId = aws.String("another"), aws.String("another-tool")
	if _, err := w.hub.BatchImportFindings(t.Context(), &awshub.BatchImportFindingsInput{Findings: []hubtypes.AwsSecurityFinding{foreign}}); err != nil {
		t.Fatal(err)
	}
	w.account.SetWorkflow("iam-sleuth/123456789012/"+key, "SUPPRESSED")
	w.account.RemoveUser("ada")
	w.mustKeep(0, 1, 0)
	for _, f := range w.account.Findings() {
		if ours := f.Text("Id") != "another"; ours != (f.Text("RecordState") == "ARCHIVED") || ours && f.Text("Workflow", "Status") != "SUPPRESSED" {
			t.Errorf("%s is %s, %s", f.Text("Id"), f.Text("RecordState"), f.Text("Workflow", "Status"))
		}
	}
}

// TestManyFindings come and go in batches and pages.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	for i := range 250 {
		w.user(fmt.Sprintf("user-%03d", i), 60, 1)
	}
	w.mustKeep(250, 0, 0)
	if got := w.fake.Count("BatchImportFindings"); got != 3 {
		t.Errorf("%d calls for 250 findings, want 3", got)
	}
	w.fake.SetPageLimit(40)
	w.account.RemoveUser("user-007")
	w.mustKeep(0, 1, 249)
	if got := w.fake.Count("GetFindings"); got != 1+7 {
		t.Errorf("%d calls to read them, want 8", got)
	}
	if got := w.fake.Count("BatchImportFindings"); got != 4 {
		t.Errorf("%d calls in all, want 4: one more for what changed", got)
	}
}

// TestUnchangedFindingsAreRefreshed before Security Hub deletes them.
func TestUnchangedFindingsAreRefreshed(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	w.cfg.Rules = audit.Rules{ExpirationAge: 400, WarningAge: 50, InactivityAge: 400, InactivityWarningAge: 390}
	w.user("ada", 60, 1)
	w.mustKeep(1, 0, 0)
	w.now = w.now.Add(29 * day)
	w.mustKeep(0, 0, 1)
	w.now = w.now.Add(2 * day)
	w.mustKeep(1, 0, 0)
}

// TestWhatSecurityHubRefuses is a problem, with a hint where there is one.
func TestWhatSecurityHubRefuses(t *testing.T) {
	t.Parallel()
	refused := func(id string) string {
		return `{"FailedCount":1,"SuccessCount":1,"FailedFindings":[{"Id":"` + id + `","ErrorCode":"InvalidInput","ErrorMessage":"no\nsuch thing"}]}`
	}
	for name, test := range map[string]struct {
		fault awsfake.Fault
		want  string
	}{
		"not turned on":          {awsfake.Fault{Action: "GetFindings", Code: "InvalidAccessException"}, "enable Security Hub in this account and region"},
		"reading not allowed":    {awsfake.Fault{Action: "GetFindings", Code: "AccessDeniedException"}, "allow securityhub:GetFindings"},
		"sending not allowed":    {awsfake.Fault{Action: "BatchImportFindings", Code: "AccessDeniedException"}, "send 2 findings to Security Hub: "},
		"one of them":            {awsfake.Fault{Action: "BatchImportFindings", Body: refused("iam-sleuth/123456789012/KEYADA")}, "InvalidInput: no such thing"},
		"nothing said":           {awsfake.Fault{Action: "BatchImportFindings", Body: `{}`}, "does not say what became of 2 findings"},
		"the same page for ever": {awsfake.Fault{Action: "GetFindings", Body: `{"Findings":[],"NextToken":"1"}`}, "the next page is this one again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onFake(t)
			for _, name := range []string{"ada", "bob"} {
				w.account.AddUser(awsfake.User{Name: name, Keys: []awsfake.Key{{ID: "KEY" + strings.ToUpper(name), Active: true, Created: w.now.AddDate(0, 0, -60), LastUsed: w.now}}})
			}
			w.fake.Inject(test.fault)
			_, problems := w.keep()
			if len(problems) != 1 || !strings.Contains(problems[0].Text, test.want) {
				t.Fatalf("problems %v, want one with %q", problems, test.want)
			}
			if name == "one of them" && (problems[0].User != "ada" || problems[0].KeyID != "KEYADA") {
				t.Errorf("the problem is of key %q of user %q", problems[0].KeyID, problems[0].User)
			}
		})
	}
}

// TestHostileNames stay on their line.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	w := onFake(t)
	judged := audit.Judged{User: audit.User{Name: "a\n\u202eb\x1b[31m"}, Key: audit.Key{ID: "KEY", Created: w.now}, Verdict: audit.Verdict{State: audit.Aging, ExpiresAt: w.now.Add(day)}}
	_, problems := securityhub.Syncer{Hub: w.hub, Home: w.home, Now: w.now}.Sync(t.Context(), run.KeyStatuses{Due: []audit.Judged{judged}})
	if len(problems) > 0 || len(w.account.Findings()) != 1 {
		t.Fatalf("problems %v, findings %v", problems, w.account.Findings())
	}
	if f := w.account.Findings()[0]; strings.ContainsAny(f.Text("Title")+f.Text("Description"), "\n\u202e\x1b") {
		t.Errorf("the finding is %v", f)
	}
}
