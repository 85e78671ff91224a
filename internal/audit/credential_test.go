package audit_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

func TestJudgeCredential(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 45, InactivityWarningAge: 30}
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	for _, c := range []struct {
		name   string
		of     audit.Credential
		state  audit.State
		shown  bool
		urgent bool
	}{
		{"a new root key", audit.Credential{Kind: audit.RootAccessKey, Active: true, Changed: ago(0)}, audit.Expired, true, true},
		{"an old root key", audit.Credential{Kind: audit.RootAccessKey, Active: true, Changed: ago(900)}, audit.Expired, true, true},
		{"a root key that is off", audit.Credential{Kind: audit.RootAccessKey, Changed: ago(900)}, audit.Disabled, true, false},
		{"a password in use", audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: ago(79), LastUsed: ago(29)}, audit.Good, false, false},
		{"an old password", audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: ago(80), LastUsed: ago(1)}, audit.Aging, true, false},
		{"a password past its limit", audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: ago(90), LastUsed: ago(1)}, audit.Expired, true, false},
		{"a password nobody uses", audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: ago(60), LastUsed: ago(30)}, audit.Idle, true, false},
		{"a password never used", audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: ago(45)}, audit.IdleExpired, true, false},
		{"a certificate, of whose use nothing is known", audit.Credential{Kind: audit.SigningCertificate, Active: true, Changed: ago(79)}, audit.Good, true, false},
		{"an old certificate", audit.Credential{Kind: audit.SigningCertificate, Active: true, Changed: ago(80)}, audit.Aging, true, false},
		{"a certificate past its limit", audit.Credential{Kind: audit.SigningCertificate, Active: true, Changed: ago(90)}, audit.Expired, true, false},
		{"an API key, of whose use nothing is known", audit.Credential{Kind: audit.APIKey, Active: true, Changed: ago(79)}, audit.Good, true, false},
		{"an API key past its limit", audit.Credential{Kind: audit.APIKey, Active: true, Changed: ago(90)}, audit.Expired, true, false},
		{"an API key that is off", audit.Credential{Kind: audit.APIKey, Changed: ago(90)}, audit.Disabled, true, false},
		{"an API key past its own end", audit.Credential{Kind: audit.APIKey, Active: true, Changed: ago(90), Expires: ago(0)}, audit.Disabled, true, false},
		{"an API key before its own end", audit.Credential{Kind: audit.APIKey, Active: true, Changed: ago(90), Expires: ago(-1)}, audit.Expired, true, false},
		{"a certificate that is off", audit.Credential{Kind: audit.SigningCertificate, Changed: ago(90)}, audit.Disabled, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := audit.JudgeCredential(c.of, rules, now)
			if v.State != c.state || c.of.Shown(v) != c.shown || c.of.Urgent() != c.urgent {
				t.Errorf("%s, shown %t, urgent %t", v.State, c.of.Shown(v), c.of.Urgent())
			}
		})
	}
}

func TestNeverExpires(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		audit.Credential
		want bool
	}{
		{audit.Credential{Kind: audit.APIKey, Active: true}, true},
		{audit.Credential{Kind: audit.APIKey}, false},
		{audit.Credential{Kind: audit.APIKey, Active: true, Expires: time.Now()}, false},
		{audit.Credential{Kind: audit.ConsolePassword, Active: true}, false},
	} {
		if got := c.NeverExpires(); got != c.want {
			t.Errorf("%+v: %t", c.Credential, got)
		}
	}
}
