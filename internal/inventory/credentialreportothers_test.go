package inventory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

func TestOthersAreReadFromTheReport(t *testing.T) {
	t.Parallel()
	a := newAccount(t, awsfake.WithReportPolls(1))
	a.Home().SetRoot(awsfake.Root{
		Created: daysAgo(900),
		Keys: []awsfake.Key{
			{Active: true, Created: daysAgo(3), LastUsed: daysAgo(1)},
			{Created: daysAgo(700)},
		},
		Certificates: []awsfake.Certificate{{Active: true, Rotated: daysAgo(800)}},
	})
	a.add("keys-only", 300)
	a.Home().AddUser(awsfake.User{Name: "one,with \"comma", Created: daysAgo(400), PasswordLastUsed: daysAgo(2), PasswordChanged: daysAgo(95)})
	a.Home().AddUser(awsfake.User{Name: "with-mfa", Created: daysAgo(400), Password: true, MFA: true, PasswordChanged: daysAgo(1)})
	a.Home().AddUser(awsfake.User{Name: "two", Created: daysAgo(400), Password: true, Certificates: []awsfake.Certificate{
		{Active: false, Rotated: daysAgo(50)}, {Active: true, Rotated: daysAgo(60)},
	}})

	found, err := a.reader.Report.OtherCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.OtherCredentials{Made: now, All: []audit.Credential{
		{Kind: audit.RootAccessKey, User: "<root_account>", Number: 1, Active: true, Changed: daysAgo(3), LastUsed: daysAgo(1)},
		{Kind: audit.RootAccessKey, User: "<root_account>", Number: 2, Changed: daysAgo(700)},
		{Kind: audit.SigningCertificate, User: "<root_account>", Number: 1, Active: true, Changed: daysAgo(800)},
		{Kind: audit.ConsolePassword, User: "one,with \"comma", Active: true, Changed: daysAgo(95), LastUsed: daysAgo(2)},
		{Kind: audit.ConsolePassword, User: "two", Active: true, Changed: daysAgo(400)},
		{Kind: audit.SigningCertificate, User: "two", Number: 2, Active: true, Changed: daysAgo(60)},
		{Kind: audit.ConsolePassword, User: "with-mfa", Active: true, Changed: daysAgo(1)},
	}, PasswordAlone: map[string]bool{"keys-only": false, `one,with "comma`: true, "two": true, "with-mfa": false}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestOthersGivesUpWaiting(t *testing.T) {
	t.Parallel()
	a := newAccount(t, awsfake.WithReportPolls(1000))
	a.reader.Report.Patience = 10 * time.Second
	_, err := a.reader.Report.OtherCredentials(t.Context())
	var slept time.Duration
	for _, d := range a.slept {
		slept += d
	}
	if !errors.Is(err, inventory.ErrReportNotThere) || slept < 10*time.Second || slept > 20*time.Second {
		t.Errorf("after %s: %v", slept, err)
	}
}

func TestOthersGivesUpAtTheDeadline(t *testing.T) {
	t.Parallel()
	a := newAccount(t, awsfake.WithReportPolls(1000))
	a.reader.Report.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	if _, err := a.reader.Report.OtherCredentials(t.Context()); !errors.Is(err, inventory.ErrReportNotThere) {
		t.Errorf("got %v", err)
	}
}

func TestOthersSaysWhatIsNotAllowed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]awsfake.Fault{
		"to have one made": {Action: "GenerateCredentialReport", Status: 403, Code: "AccessDenied"},
		"to fetch it":      {Action: "GetCredentialReport", Status: 403, Code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			a.Inject(fault)
			if _, err := a.reader.Report.OtherCredentials(t.Context()); !inventory.IsDenied(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if inventory.IsDenied(context.Canceled) {
		t.Error("a cancellation is taken for a denial")
	}
}

const othersHeader = "user,password_enabled,password_last_used,password_last_changed," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n"

func TestOthersDoubts(t *testing.T) {
	t.Parallel()
	const (
		moment = "2025-05-01T09:00:00+00:00"
		noKeys = "false,N/A,N/A,false,N/A,N/A,"
		none   = "false,N/A,false,N/A\n"
	)
	rootKey := audit.Credential{Kind: audit.RootAccessKey, User: audit.RootUser, Number: 1, Active: true}
	for _, c := range []struct {
		name, row, doubt string
		want             []audit.Credential
	}{
		{"a password without a date", "u,true,N/A,N/A," + noKeys + none, "password_last_changed", nil},
		{"a password with a bad date", "u,true,N/A,lately," + noKeys + none, `"lately"`, nil},
		{"a password of 1970", "u,true,N/A,1970-01-01T00:00:00+00:00," + noKeys + none, "1970 is not a plausible year", nil},
		{"a password of the last day there is", "u,true,N/A,9999-12-31T00:00:00+00:00," + noKeys + none, "9999 is not a plausible year", nil},
		{"a password last used in year 1", "u,true,0001-01-01T00:00:00+00:00," + moment + "," + noKeys + none, "1 is not a plausible year", []audit.Credential{
			{Kind: audit.ConsolePassword, User: "u", Active: true, Changed: time.Date(2025, time.May, 1, 9, 0, 0, 0, time.UTC)},
		}},
		{"a root key of the last day there is", "<root_account>,not_supported,no_information,not_supported,true,9999-12-31T00:00:00+00:00,N/A,false,N/A,N/A," + none, "9999", []audit.Credential{rootKey}},
		{"neither on nor off", "u,perhaps,N/A,N/A," + noKeys + none, `"perhaps"`, nil},
		{"a certificate without a date", "u,false,N/A,N/A," + noKeys + "true,N/A,false,N/A\n", "cert_1_last_rotated", nil},
		{"a root key without a date", "<root_account>,not_supported,no_information,not_supported,true,N/A,N/A,false,N/A,N/A," + none, "", []audit.Credential{rootKey}},
		{"a certificate that is off", "u,false,N/A,N/A," + noKeys + "false," + moment + ",false,N/A\n", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found, err := inventory.ParseOtherCredentials([]byte(othersHeader + c.row))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, found.All); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			doubts := errors.Join(found.Doubts...)
			if (c.doubt == "") != (doubts == nil) || doubts != nil && !strings.Contains(doubts.Error(), c.doubt) {
				t.Errorf("doubts: %v", doubts)
			}
		})
	}
	for name, text := range map[string]string{
		"no header":       "",
		"columns missing": "user,password_enabled\n",
		"a torn row":      othersHeader + "u,false\n",
	} {
		if _, err := inventory.ParseOtherCredentials([]byte(text)); err == nil {
			t.Errorf("%s: taken as it is", name)
		}
	}
}

// FuzzParseOthers holds that no text makes the parser panic, and that a
// password or certificate it finds is in use and has a date.
func FuzzParseOthers(f *testing.F) {
	f.Add([]byte(othersHeader + "u,true,N/A,2025-05-01T09:00:00+00:00,false,N/A,N/A,false,N/A,N/A,true,2025-05-01T09:00:00+00:00,false,N/A\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, _ := inventory.ParseOtherCredentials(text)
		for _, c := range found.All {
			if c.Kind != audit.RootAccessKey && (!c.Active || c.Changed.IsZero()) {
				t.Errorf("found %+v", c)
			}
		}
	})
}

// TestUnclearMFAIsUnknown: a user of whom the report does not say it plainly is
// neither with nor without MFA.
func TestUnclearMFAIsUnknown(t *testing.T) {
	t.Parallel()
	const header = "user,password_enabled,password_last_used,password_last_changed,mfa_active," +
		"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date," +
		"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n"
	const rest = ",false,N/A,N/A,false,N/A,N/A,false,N/A,false,N/A\n"
	const password = ",N/A,2026-02-01T00:00:00+00:00,"
	text := header + "yes,true" + password + "true" + rest + "no,true" + password + "false" + rest +
		"odd,true" + password + "perhaps" + rest + "none,false,N/A,N/A,false" + rest + "unclear,maybe" + password + "false" + rest
	found, err := inventory.ParseOtherCredentials([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"yes": false, "no": true, "none": false}, found.PasswordAlone); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	without := strings.Replace(text, "mfa_active", "another_column", 1)
	if found, err := inventory.ParseOtherCredentials([]byte(without)); err != nil || len(found.PasswordAlone) != 1 {
		t.Errorf("without the column: %v, %v", found.PasswordAlone, err)
	}
}
