package browser

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// The page's own words for what stands in it, as a script may ask.
const (
	usersShown = `[...document.querySelectorAll("#table tbody th > bdi")].map(e => e.textContent)`
	status     = `document.getElementById("shown").textContent`
)

// column is what stands in one of the table's columns, from above.
func column(v *visit, n int) []string {
	return ask[[]string](v, fmt.Sprintf(`[...document.querySelectorAll("#table tbody tr")].map(row => row.cells[%d].textContent)`, n))
}

func TestPageLoads(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	if title := ask[string](v, "document.title"); title != "Access keys of AWS account 123456789012 (acme-production)" {
		t.Errorf("title %q", title)
	}
	if got := ask[string](v, status); got != "62 keys" {
		t.Errorf("says %q of the table", got)
	}
	if n := len(ask[[]string](v, usersShown)); n != 62 {
		t.Errorf("shows %d keys", n)
	}
	if background := ask[string](v, "getComputedStyle(document.body).backgroundColor"); background != "rgb(255, 255, 255)" {
		t.Errorf("style is not in force: the background is %s", background)
	}
	if n := ask[int](v, `document.querySelectorAll(".charts.wide rect").length`); n < 10 {
		t.Errorf("the charts have %d bars", n)
	}
}

func TestWrongsAreNoticed(t *testing.T) {
	t.Parallel()
	// What the other tests rely on: a page that asks or complains is caught.
	v := open(t, reportOf(company(), today))
	ask[bool](v, `console.error("wrong"), new Image().src = "https://example.invalid/x.png", document.body.setAttribute("style", "color: red"), true`)
	v.mu.Lock()
	defer v.mu.Unlock()
	heard := strings.Join(v.complaints, "\n")
	if !strings.Contains(heard, "console.error") || strings.Count(heard, "Content Security Policy") != 2 {
		t.Errorf("heard only:\n%s", heard)
	}
	const asked = "https://example.invalid/x.png"
	if !slices.Contains(v.requests, asked) {
		t.Errorf("saw it ask only for %q", v.requests)
	}
	v.complaints = nil
	v.requests = slices.DeleteFunc(v.requests, func(request string) bool { return request == asked })
}

func TestSorts(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	press := func(head string) {
		t.Helper()
		ask[bool](v, fmt.Sprintf(`([...document.querySelectorAll("#table thead button")].find(b => b.textContent === %q).click(), true)`, head))
	}
	sorted := func() string {
		return ask[string](v, `[...document.querySelectorAll("#table [aria-sort]")].map(e => e.textContent + " " + e.ariaSort).join()`)
	}

	press("User")
	users := ask[[]string](v, usersShown)
	if !slices.IsSorted(users) || sorted() != "User ascending" {
		t.Errorf("by user (%s): %q", sorted(), users)
	}
	press("User")
	slices.Reverse(users)
	if got := ask[[]string](v, usersShown); !slices.Equal(got, users) || sorted() != "User descending" {
		t.Errorf("by user, reversed (%s): %q", sorted(), got)
	}

	press("Age")
	ages := column(v, 4)
	if ages[0] != "0" || ages[len(ages)-1] != "512" || !slices.IsSortedFunc(ages, byNumber) {
		t.Errorf("by age (%s): %q", sorted(), ages)
	}

	press("Days left")
	left := column(v, 2)
	if left[0] != "-276" || left[len(left)-1] != "–" {
		t.Errorf("by days left: %q", left)
	}
	press("Days left")
	if left = column(v, 2); left[0] == "–" || left[len(left)-1] != "–" {
		t.Errorf("by days left, reversed: what has none is not last: %q", left)
	}

	press("State")
	press("State")
	if states := column(v, 1); !strings.HasPrefix(states[0], "disabled") || states[3] != "expire" {
		t.Errorf("by state, reversed: %q", states)
	}
}

func byNumber(a, b string) int {
	var x, y int
	_, _ = fmt.Sscan(a, &x)
	_, _ = fmt.Sscan(b, &y)
	return x - y
}

func TestFiltersAndSearches(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	choose := func(state string) {
		t.Helper()
		v.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("input[value=%s]", state))))
	}
	shows := func(want string, keys ...string) {
		t.Helper()
		if got := ask[string](v, status); got != want {
			t.Errorf("says %q, want %q", got, want)
		}
		if got := ask[[]string](v, usersShown); !slices.Equal(got, keys) {
			t.Errorf("shows %q, want %q", got, keys)
		}
	}
	choose("expire")
	shows("2 of 62 keys", "legacy-reports", "chen.wei")
	choose("stagnant_expire")
	shows("3 of 62 keys", "legacy-reports", "chen.wei", "emeka.nwosu")
	choose("expire")
	choose("stagnant_expire")
	choose("exempt")
	shows("3 of 62 keys", "backup-agent", "data-import", "sftp-bridge")
	choose("exempt")

	v.do(chromedp.SetValue(chromedp.CSS("#left"), "7"))
	ask[bool](v, `document.getElementById("left").dispatchEvent(new Event("input", { bubbles: true }))`)
	shows("7 of 62 keys", "legacy-reports", "chen.wei", "emeka.nwosu", "ci-deploy", "ivan.petrov", "bjorn.lindqvist", "dolores.reyes")

	v.do(chromedp.SendKeys(chromedp.CSS("#search"), "LINDQVIST björn"))
	shows("1 of 62 keys", "bjorn.lindqvist")
	v.do(chromedp.SendKeys(chromedp.CSS("#search"), " nobody"))
	shows("0 of 62 keys")
	v.do(chromedp.KeyEvent(kb.Escape))
	if got := ask[string](v, status); got != "7 of 62 keys" {
		t.Errorf("after Escape in the search: %q", got)
	}
}

func TestKeyboardReachesEverything(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	var reached []string
	for range 40 {
		v.do(chromedp.KeyEvent(kb.Tab))
		at := ask[string](v, `(e => e.id || e.value || e.textContent || e.className)(document.activeElement)`)
		reached = append(reached, at)
		if at == "Slack" {
			break
		}
		if outline := ask[string](v, `(e => getComputedStyle(e.matches(".chip input") ? e.nextElementSibling : e).outlineStyle)(document.activeElement)`); outline != "solid" {
			t.Errorf("nobody sees that %q has the focus: its outline is %s", at, outline)
		}
	}
	for _, wanted := range []string{
		"Skip to the table of keys", "search", "left",
		"expire", "stagnant_expire", "old", "stagnant", "good", "exempt", "disabled",
		"User", "State", "Days left", "Limit on", "Age", "Unused", "Key", "Slack",
	} {
		if !slices.Contains(reached, wanted) {
			t.Errorf("the Tab key does not reach %q, only %q", wanted, reached)
		}
	}
	v.do(chromedp.KeyEvent(kb.Enter))
	if got := ask[string](v, `document.querySelector("[aria-sort]").textContent`); got != "Slack" {
		t.Errorf("Enter on a heading sorts by %q", got)
	}
}

func TestNamesStayText(t *testing.T) {
	t.Parallel()
	people := []person{
		{name: `<script>document.title="taken"</script>`, display: `</script><script>alert(1)</script>`, age: 97, idle: 2},
		{name: `"><img src=x onerror=alert(1)>`, display: `<style>body{display:none}</style>`, age: 85, idle: 2, exempt: "False", reason: `<a href="javascript:alert(1)">x</a>`},
		{name: "{{.}} ${1} \u202eolleh", display: "<svg/onload=alert(1)>", age: 5, idle: 2},
	}
	r := reportOf(people, today)
	r.Account.Alias = "<b>acme</b>"
	r.Problems = []account.Problem{{Text: `<iframe src="https://example.invalid/">`}}
	v := open(t, r)
	if title := ask[string](v, "document.title"); strings.Contains(title, "taken") {
		t.Error("a name ran as a script")
	}
	if n := ask[int](v, `document.querySelectorAll("img, iframe, a:not(.skip):not([href^='https://console.aws.amazon.com/']), h1 b, svg[onload], script:not(:last-of-type), body style").length`); n != 0 {
		t.Errorf("names became %d elements", n)
	}
	got := ask[[]string](v, usersShown)
	slices.Sort(got)
	want := []string{people[1].name, people[0].name, "{{.}} ${1} ?olleh"}
	if !slices.Equal(got, want) {
		t.Errorf("shown as %q, want %q", got, want)
	}
	v.do(chromedp.SendKeys(chromedp.CSS("#search"), "<svg/onload"))
	if got := ask[string](v, status); got != "1 of 3 keys" {
		t.Errorf("searched for as text: %q", got)
	}
}

func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today), chromedp.Func(withoutScripts))
	// Asked by the browser itself: the page can run nothing.
	nodes, err := chromedp.Run(v, chromedp.Nodes(chromedp.CSSAll("#table tbody tr")))
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) != 62 {
		t.Errorf("%d rows without scripts", len(nodes))
	}
	for _, control := range []string{"#controls", "#pages", "#shown"} {
		if err := chromedp.Do(v, chromedp.WaitNotVisible(chromedp.CSS(control))); err != nil {
			t.Errorf("%s is there, and does nothing: %v", control, err)
		}
	}
}

// TestTheTableIsShownOnceItIsReady: laying out every key while the page loads
// would take most of the time.
func TestTheTableIsShownOnceItIsReady(t *testing.T) {
	t.Parallel()
	const watching = `document.addEventListener("readystatechange", () => {
		if (document.readyState === "interactive") window.atFirst = getComputedStyle(document.querySelector("#table tbody")).display;
	})`
	v := open(t, reportOf(company(), today), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watching})
		return err
	}))
	const display = `getComputedStyle(document.querySelector("#table tbody")).display`
	if got := ask[string](v, `atFirst + " " + `+display); got != "none table-row-group" {
		t.Errorf("at first and then the rows are displayed as %q", got)
	}
}

// TestAScriptThatFails leaves the plain table of every key.
func TestAScriptThatFails(t *testing.T) {
	t.Parallel()
	whole := pageOf(t, reportOf(company(), today))
	at := bytes.LastIndex(whole, []byte("<script>")) + len("<script>")
	v := openPage(t, slices.Insert(slices.Clone(whole), at, ' ')) // another than the page's policy allows
	if rows := ask[int](v, `[...document.querySelectorAll("#table tbody tr")].filter(row => row.checkVisibility()).length`); rows != 62 {
		t.Errorf("%d rows are shown, want all 62", rows)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if heard := strings.Join(v.complaints, "\n"); len(v.complaints) != 1 || !strings.Contains(heard, "Content Security Policy") {
		t.Errorf("heard %s", heard)
	}
	v.complaints = nil
}

// TestTenThousandKeys holds that a full account stays usable: a page at a
// time on the screen, and all of it on paper.
func TestTenThousandKeys(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(fullAccount(), today))
	rows := func() int { return ask[int](v, `document.querySelectorAll("#table tbody tr").length`) }
	if got := ask[string](v, status); got != "10,000 keys, 1 to 100 shown" || rows() != 100 {
		t.Errorf("%d rows: %s", rows(), got)
	}
	v.do(chromedp.Click(chromedp.CSS("#on")), chromedp.Click(chromedp.CSS("#on")))
	if got := ask[string](v, status+` + document.getElementById("place").textContent`); got != "10,000 keys, 201 to 300 shownPage 3 of 100" {
		t.Errorf("two pages on: %s", got)
	}
	v.do(chromedp.SendKeys(chromedp.CSS("#search"), "member-0999"))
	if got := ask[string](v, status); got != "10 of 10,000 keys" {
		t.Errorf("searched: %s", got)
	}
	v.do(chromedp.KeyEvent(kb.Escape))
	if printed := ask[int](v, `(dispatchEvent(new Event("beforeprint")), document.querySelectorAll("#table tbody tr").length)`); printed != 10_000 {
		t.Errorf("%d rows on paper", printed)
	}
	if shown := ask[int](v, `(dispatchEvent(new Event("afterprint")), document.querySelectorAll("#table tbody tr").length)`); shown != 100 {
		t.Errorf("%d rows after printing", shown)
	}
}

func TestFitsAPhone(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today), seen(390, 844, true, "screen", "light"))
	if wide := ask[int](v, "document.documentElement.scrollWidth"); wide > 390 {
		t.Errorf("the page is %d pixels wide on a screen of 390", wide)
	}
	if small := ask[[]string](v, `[...document.querySelectorAll("button, select, input[type=search], .chip span")].filter(e => e.checkVisibility() && !e.closest("thead") && e.getBoundingClientRect().height < 40).map(e => e.id || e.textContent)`); len(small) > 0 {
		t.Errorf("too small for a finger: %q", small)
	}
}

// TestContrast holds every text to a contrast of 5 to 1, in light and in dark;
// WCAG 2.2 asks for 4.5 (AA).
func TestContrast(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			r := reportOf(company(), today)
			r.Forecast = report.NewForecast(today)
			r.Problems = []account.Problem{{Text: "read zoe: AccessDenied"}}
			v := open(t, r, seen(1200, 900, false, "screen", scheme))
			for _, faint := range ask[[]string](v, faintTexts) {
				t.Errorf("too faint: %s", faint)
			}
			if n := ask[int](v, `[...document.querySelectorAll("body *")].length`); n < 500 {
				t.Errorf("only %d elements were looked at", n)
			}
		})
	}
}

// faintTexts lists texts whose contrast with what lies behind them is too low.
const faintTexts = `(() => {
  const parts = (colour) => { const n = colour.match(/[\d.]+/g).map(Number); return { rgb: n.slice(0, 3), a: n.length > 3 ? n[3] : 1 }; };
  const light = (rgb) => { const [r, g, b] = rgb.map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const faint = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (["SCRIPT", "title", "desc"].includes(e.tagName)) continue;
    const style = getComputedStyle(e), ink = parts(e.namespaceURI.endsWith("svg") ? style.fill : style.color).rgb;
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 5) faint.add(e.tagName + " " + e.className + " " + e.textContent.slice(0, 30));
  }
  return [...faint];
})()`

func withoutScripts(ctx context.Context, _ *chromedp.Target) error {
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return err
}

// TestPrintsEveryKey prints for real: what is on other pages of the screen's
// table must be on paper too.
func TestPrintsEveryKey(t *testing.T) {
	t.Parallel()
	people := make([]person, 400)
	for i := range people {
		people[i] = person{name: fmt.Sprintf("member-%03d", i), age: i % 70, idle: i % 20}
	}
	pages := func(people []person) int {
		v := open(t, reportOf(people, today))
		pdf, err := chromedp.Run(v, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
		if err != nil {
			t.Fatal(err)
		}
		return len(regexp.MustCompile(`/Type ?/Page\b`).FindAll(pdf, -1))
	}
	some, all := pages(people[:100]), pages(people)
	if some < 2 || all < 2*some {
		t.Errorf("100 keys take %d pages and 400 take %d", some, all)
	}
}
