package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/test/npm"
)

// kindsOfPages is a page of every kind that Sleuth writes.
func kindsOfPages(t *testing.T) map[string][]byte {
	t.Helper()
	forecast := reportOf(company(), today.AddDate(0, 0, 30))
	forecast.Forecast = report.NewForecast(today)
	failed := evidence()
	failed.Run.Announcement = "No key was disabled"
	failed.Notes = []string{"something to know"}
	failed.Problems = []account.Problem{{User: "zoe", Text: "read zoe: AccessDenied"}, {Text: "slack was not notified"}}
	apiKeys := evidence()
	apiKeys.AddCredentials([]audit.Credential{
		{Kind: audit.APIKey, User: "chen.wei", ID: "ACCAEXAMPLE1234567890", Service: "bedrock.amazonaws.com", Active: true, Changed: daysAgo(40)},
		{Kind: audit.APIKey, User: "sftp-bridge", ID: "ACCAEXAMPLE1234567891", Service: "codecommit.amazonaws.com", Active: true, Changed: daysAgo(140), Expires: daysAgo(-40)},
	})
	many := make([]person, 250)
	for i := range many {
		many[i] = person{name: fmt.Sprintf("member-%03d", i), age: i % 130, idle: i % 50}
	}
	return map[string][]byte{
		"audit":              pageOf(t, reportOf(company(), today)),
		"forecast":           pageOf(t, forecast),
		"filtered":           pageOf(t, reportOf(company(), today).Only(report.Filter{Users: []string{"c*"}})),
		"nothing":            pageOf(t, reportOf(nil, today)),
		"several pages":      pageOf(t, reportOf(many, today)),
		"crowded":            pageOf(t, crowded()),
		"evidence":           pageOf(t, evidence()),
		"evidence, failed":   pageOf(t, failed),
		"compared":           pageOf(t, compared(reportOf(company(), today))),
		"API keys":           pageOf(t, apiKeys),
		"risk":               pageOf(t, risky(reportOf(company(), today))),
		"accounts, risk":     accountsPage(t, risky(reportOf(company(), today)), risky(crowded())),
		"accounts":           severalAccounts(t),
		"accounts, compared": accountsPage(t, compared(reportOf(company(), today)), compared(crowded())),
		"accounts, crowded":  crowdedAccounts(t, asIs),
		"accounts, forecast": accountsPage(t, forecast, forecast),
	}
}

func accountsPage(t *testing.T, reports ...report.Report) []byte {
	t.Helper()
	var page bytes.Buffer
	if err := report.WriteAccountsHTML(&page, reports); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// TestAxe: axe-core finds nothing wrong with the accessibility of any page, on
// a desk and on a phone, in light and in dark.
func TestAxe(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(npm.Installed(t, npm.AxeCore), "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range kindsOfPages(t) {
		for device, look := range map[string]chromedp.Action[chromedp.Void]{
			"a desk in light": seen(1200, 1000, false, "screen", "light"),
			"a phone in dark": seen(390, 844, true, "screen", "dark"),
		} {
			t.Run(name+" on "+device, func(t *testing.T) {
				t.Parallel()
				v := openPage(t, page, look)
				ask[bool](v, string(source)+"; true")
				for _, violation := range ask[[]string](v, axeViolations, chromedp.EvalAwaitPromise) {
					t.Error(violation)
				}
			})
		}
	}
}

// axeViolations lists what breaks axe-core's rules, best practices included,
// with where.
const axeViolations = `axe.run(document, { resultTypes: ["violations"] }).then((found) => {
  if (found.passes.length < 20) return ["only " + found.passes.length + " rules were applied"];
  return found.violations.map((rule) => rule.id + ": " + rule.help + ": " +
    rule.nodes.slice(0, 3).map((node) => node.target + " " + node.html.slice(0, 120) + " " + node.failureSummary).join("; "));
})`

// TestAxeNoticesWrongs: a page with a fault of each kind is not let through.
func TestAxeNoticesWrongs(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(npm.Installed(t, npm.AxeCore), "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, reportOf(company(), today), seen(1200, 1000, false, "screen", "light"))
	ask[bool](v, `(document.documentElement.removeAttribute("lang"), document.querySelectorAll("section").forEach((e) => { e.removeAttribute("aria-labelledby"); e.setAttribute("aria-label", "same"); }), true)`)
	ask[bool](v, string(source)+"; true")
	found := strings.Join(ask[[]string](v, axeViolations, chromedp.EvalAwaitPromise), "\n")
	for _, rule := range []string{"html-has-lang", "landmark-unique"} {
		if !strings.Contains(found, rule) {
			t.Errorf("%s is not noticed in\n%s", rule, found)
		}
	}
}

// TestNuHTMLChecker: every page is valid HTML with valid CSS, without a warning.
func TestNuHTMLChecker(t *testing.T) {
	t.Parallel()
	pages := kindsOfPages(t)
	complaints := nuComplaints(t, pages)
	for _, complaint := range complaints {
		t.Error(complaint)
	}
	pages = map[string][]byte{"wrong": bytes.Replace(pages["nothing"], []byte("</main>"), []byte("<p id=x><p id=x></main>"), 1)}
	if found := nuComplaints(t, pages); len(found) == 0 || !strings.Contains(found[0], "Duplicate ID") {
		t.Errorf("a duplicate id is not noticed: %q", found)
	}
}

// nuComplaints is what the Nu HTML checker finds in pages, by their names.
func nuComplaints(t *testing.T, pages map[string][]byte) []string {
	t.Helper()
	jar := filepath.Join(npm.Installed(t, npm.VNU), "build", "dist", "vnu.jar")
	java := npm.Program(t, "java")
	folder := t.TempDir()
	arguments := []string{"-Xss4m", "-jar", jar, "--format", "json", "--stdout", "--exit-zero-always"}
	for name, page := range pages {
		file := filepath.Join(folder, name+".html")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, file)
	}
	var errors bytes.Buffer
	checker := exec.CommandContext(t.Context(), java, arguments...)
	checker.Stderr = &errors
	said, err := checker.Output()
	if err != nil {
		t.Fatalf("run the Nu HTML checker: %v: %s", err, &errors)
	}
	var answer struct {
		Messages []struct {
			Type, SubType, URL, Message, Extract string
			LastLine                             int
		}
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		t.Fatalf("the Nu HTML checker answers %.200q: %v", said, err)
	}
	var complaints []string
	for _, m := range answer.Messages {
		// The checker does not compare hashes. The browser does, and openPage
		// fails if the page's own style or script is blocked.
		if !strings.Contains(m.Message, "violates Content Security Policy") {
			complaints = append(complaints, fmt.Sprintf("%s:%d: %s %s: %s: %q", filepath.Base(m.URL), m.LastLine, m.Type, m.SubType, m.Message, m.Extract))
		}
	}
	return complaints
}
