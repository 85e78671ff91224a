package browser

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/iam-sleuth/sleuth/internal/report"
)

// spilling lists the cells whose text reaches beyond them, into the next column.
const spilling = `[...document.querySelectorAll("th, td")].filter((cell) => {
  if (!cell.checkVisibility() || !cell.textContent.trim()) return false;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const texts = [...range.getClientRects()], box = cell.getBoundingClientRect();
  return !cell.querySelector(".unseen") && texts.some((r) => r.right > box.right + .5 || r.left < box.left - .5);
}).map((cell) => cell.textContent)`

// broken lists the texts that a selector finds and that stand on several lines
// although they have no place to break.
func broken(selector string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => {
  const range = document.createRange();
  range.selectNodeContents(e);
  let lines = 0, bottom = -1e9;
  for (const r of [...range.getClientRects()].filter((r) => r.width > 0).sort((a, b) => a.top - b.top)) {
    if (r.top > bottom - 4) { lines++; bottom = r.bottom; }
  }
  return e.checkVisibility() && !/[\s-]/.test(e.textContent) && lines > 1;
}).map((e) => e.textContent)`, selector)
}

// withoutLong leaves out the texts that no column has room for, which may be broken.
func withoutLong(texts []string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return len(text) >= 40 })
}

// crowded is an account that has what a table finds hard: a name of 64
// characters, a long reason, a long display name.
func crowded() report.Report {
	people := append(company(),
		person{name: strings.Repeat("w", 64), display: strings.Repeat("W", 200), age: 95, idle: 2},
		person{name: strings.Repeat("m", 64), display: "M", age: 1203, idle: 1100, exempt: "False", reason: strings.Repeat("because of that ", 15)},
	)
	r := reportOf(people, today)
	of := evidence()
	r.Scope, r.Credentials, r.Run = of.Scope, of.Credentials, of.Run
	r.Credentials[1].User = strings.Repeat("w", 64)
	return r
}

// ruled has limits of rules for kinds of users.
func ruled(r report.Report) report.Report {
	for i := range r.Rows {
		r.Rows[i].Rule = []string{"settings", "machines", "contractors of the north", "break-glass"}[i%4]
	}
	return r
}

func crowdedAccounts(t *testing.T, change func(report.Report) report.Report) []byte {
	t.Helper()
	first, second := change(crowded()), reportOf(company(), today)
	first.Run = nil
	second.Account.ID, second.Account.Alias = "210987654321", strings.Repeat("a", 63)
	var page bytes.Buffer
	if err := report.WriteAccountsHTML(&page, []report.Report{first, second}); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// crowdedPages are those of one account and of several, with rules and without.
func crowdedPages(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"one account": pageOf(t, crowded()), "several accounts": crowdedAccounts(t, asIs),
		"under rules": pageOf(t, ruled(crowded())), "several under rules": crowdedAccounts(t, ruled),
	}
}

func asIs(r report.Report) report.Report { return r }

func pageOf(t testing.TB, r report.Report) []byte {
	t.Helper()
	var page bytes.Buffer
	if err := report.WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// The widths of A4 and Letter within the page's margins, at 96 pixels an inch.
const (
	a4     = 688
	letter = 710
)

// On paper nothing can be scrolled: every text keeps to its column.
func TestPrintedColumnsDoNotRunIntoEachOther(t *testing.T) {
	t.Parallel()
	for name, page := range crowdedPages(t) {
		for paper, width := range map[string]int64{"A4": a4, "Letter": letter} {
			t.Run(name+" on "+paper, func(t *testing.T) {
				t.Parallel()
				v := openPage(t, page, seen(width, 900, false, "print", "light"))
				ask[bool](v, `dispatchEvent(new Event("beforeprint"))`)
				if cells := ask[[]string](v, spilling); len(cells) > 0 {
					t.Errorf("these run into the next column: %q", cells)
				}
				if texts := withoutLong(ask[[]string](v, broken("td, tbody th, th > bdi, .state"))); len(texts) > 0 {
					t.Errorf("these are broken in pieces: %q", texts)
				}
				if wide := ask[int64](v, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("the page is %d pixels wide on paper of %d", wide, width)
				}
				for _, faint := range ask[[]string](v, faintTexts) {
					t.Errorf("too faint: %s", faint)
				}
			})
		}
	}
}

// On a phone a table may be scrolled sideways, and is legible then: no name, id
// or number is crushed, and a name that is longer than the screen is wide leaves
// room beside it for the next column.
func TestPhoneCrushesNothing(t *testing.T) {
	t.Parallel()
	for name, page := range crowdedPages(t) {
		for _, width := range []int64{390, 320} {
			t.Run(fmt.Sprintf("%s at %d", name, width), func(t *testing.T) {
				t.Parallel()
				v := openPage(t, page, seen(width, 844, true, "screen", "light"))
				if wide := ask[int64](v, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
				}
				if cells := ask[[]string](v, spilling); len(cells) > 0 {
					t.Errorf("these run into the next column: %q", cells)
				}
				if texts := withoutLong(ask[[]string](v, broken("td, tbody th, th > bdi, .state"))); len(texts) > 0 {
					t.Errorf("these are broken in pieces: %q", texts)
				}
				far := ask[[]string](v, fmt.Sprintf(`[...document.querySelectorAll(".scroll tbody td:nth-child(2)")].filter(e => e.getBoundingClientRect().left > %d * .6).map(e => e.textContent)`, width))
				if len(far) > 0 {
					t.Errorf("the first column pushes these to the right: %q", far)
				}
			})
		}
	}
}

// If the system's colours replace ours, a chosen state still differs from one
// that is not.
func TestForcedColoursShowWhatIsChosen(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	if !ask[bool](v, `matchMedia("(forced-colors: active)").matches`) {
		t.Fatal("the browser does not force colours")
	}
	const looks = `["expire", "old"].map((state) => {
  const chip = document.querySelector("input[value=" + state + "] + span"), style = getComputedStyle(chip);
  return [style.backgroundColor, style.color, getComputedStyle(chip, "::before").content].join(" ");
})`
	before := ask[[]string](v, looks)
	v.do(chromedp.Click(chromedp.CSS("input[value=expire]")))
	after := ask[[]string](v, looks)
	if before[0] != before[1] || after[0] == after[1] || after[1] != before[1] {
		t.Errorf("before a choice %q, after it %q", before, after)
	}
	if !strings.Contains(after[0], "✓") {
		t.Errorf("a chosen state has no mark: %q", after[0])
	}
}

// Landmarks that a screen reader lists have names that distinguish them.
func TestLandmarksHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	refused := crowded()
	refused.Rows[0].ExemptIgnored = "it has no end"
	for name, page := range map[string][]byte{"one account": pageOf(t, refused), "several accounts": crowdedAccounts(t, asIs)} {
		v := openPage(t, page)
		landmarks := ask[[]string](v, `[...document.querySelectorAll("section[aria-labelledby], section[aria-label], [role=region], nav, main, form[aria-label], header, footer")].map((e) => {
  const by = e.getAttribute("aria-labelledby");
  const role = e.getAttribute("role") || (e.tagName === "SECTION" ? "region" : e.tagName.toLowerCase());
  return role + ": " + (e.getAttribute("aria-label") || (by ? document.getElementById(by).textContent : ""));
})`)
		if len(landmarks) < 10 {
			t.Errorf("%s: found only %q", name, landmarks)
		}
		slices.Sort(landmarks)
		if unique := slices.Compact(slices.Clone(landmarks)); len(unique) != len(landmarks) {
			t.Errorf("%s: some have one name: %q", name, landmarks)
		}
	}
}

// What was searched, filtered and sorted is what is printed, the paper says so,
// and all of it is as it was afterwards.
func TestPrintingKeepsAndNamesTheChoice(t *testing.T) {
	t.Parallel()
	people := make([]person, 450)
	for i := range people {
		people[i] = person{name: fmt.Sprintf("member-%03d", i), age: i % 130, idle: i % 20}
	}
	v := open(t, reportOf(people, today))
	const printed = `document.getElementById("printed").textContent`
	printing := func() string {
		t.Helper()
		return ask[string](v, `(dispatchEvent(new Event("beforeprint")), `+printed+`)`)
	}
	if got := printing(); got != "" {
		t.Errorf("with every key printed, the paper says %q", got)
	}
	ask[bool](v, `(dispatchEvent(new Event("afterprint")), [...document.querySelectorAll("#table thead button")].find(b => b.textContent === "Age").click(), true)`)
	v.do(chromedp.Click(chromedp.CSS("input[value=good]")), chromedp.SendKeys(chromedp.CSS("#search"), "member"), chromedp.Click(chromedp.CSS("#on")))
	const state = status + ` + "|" + document.getElementById("place").textContent + "|" + document.querySelector("[aria-sort]").textContent + "|" + document.querySelector("#table tbody bdi").textContent`
	before := ask[string](v, state)
	if !strings.Contains(before, "101 to 200 shown|Page 2 of") {
		t.Fatalf("before printing: %s", before)
	}
	got := printing()
	if want := `Printed: 300 of 450 keys. State: good. Search: "member". Sorted by Age, ascending.`; got != want {
		t.Errorf("the paper says %q, want %q", got, want)
	}
	if rows := ask[int](v, `document.querySelectorAll("#table tbody tr").length`); rows != 300 {
		t.Errorf("%d rows on paper", rows)
	}
	// Chromium would leave buttons out of a heading that it repeats on a page.
	if n := ask[int](v, `document.querySelectorAll("#table thead button").length`); n != 0 {
		t.Errorf("%d buttons on paper", n)
	}
	ask[bool](v, `dispatchEvent(new Event("afterprint"))`)
	if n := ask[int](v, `document.querySelectorAll("#table thead button").length`); n != 8 {
		t.Errorf("%d buttons after printing, want 8", n)
	}
	if after := ask[string](v, state); after != before {
		t.Errorf("before printing %q, after it %q", before, after)
	}
	if ask[bool](v, `document.getElementById("printed").checkVisibility()`) {
		t.Error("what is for the paper stands on the screen")
	}
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if !ask[bool](v, `document.getElementById("printed").checkVisibility()`) {
		t.Error("what is for the paper is not on it")
	}
}

// A browser that restores what was typed, as when going back, shows what it
// says.
func TestRestoredChoicesAreInForce(t *testing.T) {
	t.Parallel()
	v := open(t, reportOf(company(), today))
	ask[bool](v, `(document.querySelector("input[value=expire]").checked = true, dispatchEvent(new Event("pageshow")))`)
	if got := ask[string](v, status); got != "2 of 62 keys" {
		t.Errorf("with a state chosen before the page was shown: %q", got)
	}
}

// The last page has more than the footer on it, wherever the page before ends.
func TestTheFooterIsNotAloneOnTheLastPage(t *testing.T) {
	t.Parallel()
	folks := company()
	for n := 15; n <= len(folks); n += 3 {
		v := open(t, reportOf(folks[:n], today))
		pdf, err := chromedp.Run(v, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
		if err != nil {
			t.Fatal(err)
		}
		pages := textsOfPages(t, pdf)
		// The footer is a line or two; what the states mean, above it, is more.
		if last := pages[len(pages)-1]; len(pages) < 2 || last < 10 {
			t.Errorf("with %d keys there are %d pages, with these numbers of texts: %v", n, len(pages), pages)
		}
	}
}

// textsOfPages counts the operators that show text on each page of a PDF as
// Chromium writes it.
func textsOfPages(t *testing.T, pdf []byte) (counts []int) {
	t.Helper()
	for _, page := range regexp.MustCompile(`(?s)/Type /Page\n.*?/Contents (\d+) 0 R`).FindAllSubmatch(pdf, -1) {
		_, object, found := bytes.Cut(pdf, []byte("\n"+string(page[1])+" 0 obj\n"))
		_, stream, begins := bytes.Cut(object, []byte("stream\n"))
		if !found || !begins {
			t.Fatalf("the PDF has no object %s", page[1])
		}
		content, err := zlib.NewReader(bytes.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		shown, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(regexp.MustCompile(`T[jJ]\b`).FindAll(shown, -1)))
	}
	if len(counts) == 0 {
		t.Fatal("found no pages in the PDF")
	}
	return counts
}

// Numbers on the page are written in one way, and figures say what they count.
func TestFiguresAgree(t *testing.T) {
	t.Parallel()
	people := make([]person, 10_000)
	for i := range people {
		people[i] = person{name: fmt.Sprintf("member-%05d", i), age: i % 130, idle: i % 50}
	}
	people[0].age, people[1].age, people[1].exempt = 1402, 2999, "False"
	r := reportOf(people, today)
	v := open(t, r)
	if plain := ask[[]string](v, `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = new Set();
  for (let n; (n = walker.nextNode());) {
    const of = n.parentElement.closest("script, style, .key, bdi, .id, .when, footer");
    if (!of && /(^|[^\dA-Za-z-])\d{4,}/.test(n.data.replace(/\b20\d\d\b/g, ""))) found.add(n.data.trim());
  }
  return [...found];
})()`); len(plain) > 0 {
		t.Errorf("numbers without a separator: %q", plain)
	}
	text := ask[string](v, `document.body.textContent`)
	for _, want := range []string{"10,000", "oldest not exempt: 1,402 days"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	ask[bool](v, `([...document.querySelectorAll("#table thead button")].find(b => b.textContent === "Age").click(), [...document.querySelectorAll("#table thead button")].find(b => b.textContent === "Age").click(), true)`)
	if ages := column(v, 4); ages[0] != "2,999" || ages[1] != "1,402" || ages[2] != "129" {
		t.Errorf("sorted by age: %q", ages[:3])
	}
}
