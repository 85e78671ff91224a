package browser

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// severalAccounts is a page of three accounts, one of which was not read.
func severalAccounts(t *testing.T) []byte {
	t.Helper()
	production, staging := evidence(), reportOf(company()[5:24], today)
	production.Run = nil
	staging.Account = account.Account{ID: "210987654321", Alias: "acme-staging"}
	shut := report.New(account.Account{ID: "300000000003"}, today, report.Rules(rules))
	shut.Problems = append(shut.Problems, account.Problem{Text: "enter account 300000000003: AccessDenied"})
	var page bytes.Buffer
	if err := report.WriteAccountsHTML(&page, []report.Report{production, staging, shut}); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

func TestAccountsShareAPage(t *testing.T) {
	t.Parallel()
	v := openPage(t, severalAccounts(t), seen(1200, 1000, false, "screen", "light"))
	if heading := ask[string](v, `document.querySelector("h1").innerText`); heading != "3 AWS accounts" {
		t.Errorf("headed %q", heading)
	}
	if got := ask[string](v, status); got != "81 keys" {
		t.Errorf("says %q of the table", got)
	}
	if lines := ask[[]string](v, `[...document.querySelectorAll("[aria-labelledby=accounts] tbody tr")].map(e => e.innerText)`); len(lines) != 3 || !strings.Contains(lines[2], "with errors") {
		t.Errorf("of the accounts it shows %q", lines)
	}
	ask[bool](v, `([...document.querySelectorAll("#table thead button")].find(b => b.textContent === "Account").click(), true)`)
	if accounts := column(v, 8); !slices.IsSorted(accounts) || accounts[0] != "123456789012" {
		t.Errorf("by account: %q", accounts)
	}
	v.do(chromedp.SendKeys(chromedp.CSS("#search"), "210987654321"))
	if got := ask[string](v, status); got != "19 of 81 keys" {
		t.Errorf("searched for an account: %q", got)
	}
	if folder := os.Getenv("SLEUTH_PICTURES"); folder != "" {
		v.do(chromedp.KeyEvent("\u001b"))
		v.capture(filepath.Join(folder, "report-accounts.png"))
	}
}

func TestAccountsFitAPhone(t *testing.T) {
	t.Parallel()
	v := openPage(t, severalAccounts(t), seen(390, 844, true, "screen", "dark"))
	if wide := ask[int](v, "document.documentElement.scrollWidth"); wide > 390 {
		t.Errorf("the page is %d pixels wide on a screen of 390", wide)
	}
	for _, faint := range ask[[]string](v, faintTexts) {
		t.Errorf("too faint: %s", faint)
	}
}
