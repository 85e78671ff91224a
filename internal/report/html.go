package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

//go:embed page/page.html.tmpl
var pageTemplate string

//go:embed page/page.css
var pageStyle string

//go:embed page/loading.js
var loadingScript string

//go:embed page/page.js
var pageScript string

// WriteHTML writes the report as one page that needs nothing else: no network,
// no files beside it. Its policy lets only its own style and scripts run, and
// nothing be loaded, so that no text in it can do more than be read.
func WriteHTML(w io.Writer, r Report) error { return writePage(w, newPage(r)) }

func writePage(w io.Writer, p page) error {
	layout, err := template.New("page").Funcs(template.FuncMap{
		"day":     dayInWords,
		"date":    dateOf,
		"through": exemptThrough,
		"tidy":    onOneLine,
		"kind":    kindOf,
		"tone":    toneOf,
		"moment":  inWords,
		"number":  number,
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("read the page's layout: %w", err)
	}
	out := bufio.NewWriter(w)
	if err := layout.Execute(out, p); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

// number writes an int, or a *int that may be nil, as every number of the page
// is written.
func number(n any) string {
	switch n := n.(type) {
	case int:
		return text.Grouped(n)
	case *int:
		if n != nil {
			return text.Grouped(*n)
		}
	}
	return unknown
}

// page is what the layout shows.
type page struct {
	Report
	Title    string
	Policy   string
	Style    template.CSS
	Loading  template.JS
	Script   template.JS
	When     string
	ReadAt   string // of a forecast
	Sentence string
	Figures  []figure
	Wide     []chart
	Narrow   []chart
	Kinds    []kindLabel
	Trends   []chart // wide
	Thin     []chart // the same, narrow
	Changed  *changed
	Risks    []riskLine
	RiskSum  string // empty if what users may do was not asked for
	Horizon  int
	DueHint  string
	Calendar []dueLine
	Exempted []Row
	Refused  []Row // whose exemption is ignored
	// Accounts has a line for each account, if there are several.
	Accounts []accountLine
	Warning  string
	OthersAt string
	Facets   []facet
	Meanings [][2]string
}

// figure is one of the numbers at the top.
type figure struct {
	Value, Label, Note string
	Tone               string // past, warned or nothing
}

// kindLabel explains a colour.
type kindLabel struct{ Kind, Label string }

// dueLine is one line of the calendar.
type dueLine struct {
	From, To string // To is empty for what is past a limit
	Past     bool
	Keys     int
	// Share is the bar's length in percent of the longest.
	Share int
	Who   []string
	More  int
}

// facet is one choice of the table's filter.
type facet struct {
	Name string
	Keys int
}

func newPage(r Report) page {
	f := figuresOf(r)
	past, weeks := calendar(r)
	p := page{
		Report:   r,
		Title:    "Access keys of " + r.Account.String(),
		Policy:   contentPolicy(),
		Style:    template.CSS(pageStyle),    //nolint:gosec // our own, embedded
		Loading:  template.JS(loadingScript), //nolint:gosec // our own, embedded
		Script:   template.JS(pageScript),    //nolint:gosec // our own, embedded
		When:     inWords(r.At),
		Sentence: inOneSentence(f, weeks, r, onOneLine),
		Figures:  topFigures(f, r),
		Horizon:  horizon,
		DueHint:  whatIsDue,
		Calendar: calendarLines(past, weeks),
		Facets:   facets(r.Rows),
		Meanings: r.whatStatesMean(),
		Warning:  r.warning(),
		OthersAt: r.credentialsAsOf(),
	}
	if r.Forecast != nil {
		p.Title = "Forecast: access keys of " + r.Account.String()
		p.ReadAt = inWords(r.Forecast.ReadAt)
	}
	p.Exempted, p.Refused = exemptions(r.Rows)
	p.Changed = changedIn([]Report{r})
	if hasRisk(r.Rows) {
		p.Risks, p.RiskSum = riskLines(r.Rows, asIs), riskInOneSentence(r.Rows)
	}
	p.Trends, p.Thin = trendCharts(r.Trend)
	if f.Active > 0 {
		p.Wide, p.Narrow = charts(r)
	}
	for _, kind := range kinds() {
		p.Kinds = append(p.Kinds, kindLabel{kind, kindInWords(kind)})
	}
	return p
}

// contentPolicy allows the page's own style and scripts by their hashes, and
// nothing else.
func contentPolicy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(pageStyle) + "; script-src " + hash(loadingScript) + " " + hash(pageScript) +
		"; img-src data:; base-uri 'none'; form-action 'none'"
}

func topFigures(f figures, r Report) []figure {
	top := []figure{
		{Value: text.Grouped(f.Active), Label: "active keys", Note: "of " + text.Count(r.Users, "user")},
		{Value: f.share(), Label: "within policy", Note: f.oldest()},
		{Value: text.Grouped(f.Past), Label: "past a limit", Note: "rotate or remove"},
		{Value: text.Grouped(f.Warned), Label: "warned", Note: "limit ahead"},
		{Value: text.Grouped(f.Exempt), Label: "exempt", Note: text.Grouped(f.NoEnd) + " without an end"},
		{Value: text.Grouped(f.Disabled), Label: "disabled", Note: "Inactive in IAM"},
	}
	if f.Past > 0 {
		top[2].Tone = kindPast
	}
	if f.Warned > 0 {
		top[3].Tone = kindWarned
	}
	return top
}

// charts draws the ages for a wide and for a narrow page. Last use has a chart
// of its own if it has limits of its own.
func charts(r Report) (wide, narrow []chart) {
	all := []histogram{{
		id: "age", title: "Days since creation", age: func(row Row) int { return row.Age },
		warn: r.Rules.WarningAge, limit: r.Rules.ExpirationAge,
	}}
	if r.Rules.InactivityAge != r.Rules.ExpirationAge || r.Rules.InactivityWarningAge != r.Rules.WarningAge {
		all = append(all, histogram{
			id: "use", title: "Days since last use", age: func(row Row) int { return row.IdleAge },
			warn: r.Rules.InactivityWarningAge, limit: r.Rules.InactivityAge,
		})
	}
	for _, h := range all {
		h.width = 1040
		if len(all) > 1 {
			h.width = 508
		}
		wide = append(wide, h.draw(r.Rows))
		h.id, h.width = h.id+"-narrow", 350
		narrow = append(narrow, h.draw(r.Rows))
	}
	return wide, narrow
}

func calendarLines(past []due, weeks []week) []dueLine {
	line := func(from, to string, keys []due) dueLine {
		names, more := who(keys, 4)
		return dueLine{From: from, To: to, Keys: len(keys), Who: names, More: more}
	}
	var lines []dueLine
	if len(past) > 0 {
		lines = append(lines, line("Past a limit", "", past))
		lines[0].Past = true
	}
	const shortDay = "Mon 2 Jan"
	quiet := false // weeks with nothing in them are one line
	for _, w := range weeks {
		if quiet && len(w.Keys) == 0 {
			lines[len(lines)-1].To = w.To.Format(shortDay)
			continue
		}
		quiet = len(w.Keys) == 0
		lines = append(lines, line(w.From.Format(shortDay), w.To.Format(shortDay), w.Keys))
	}
	most := 1
	for _, l := range lines {
		most = max(most, l.Keys)
	}
	for i := range lines {
		lines[i].Share = (100*lines[i].Keys + most - 1) / most
	}
	return lines
}

// toneOf is the colour of another credential's state.
func toneOf(c Credential) string {
	switch {
	case c.State.PastLimit():
		return kindPast
	case c.State.NeedsWarning():
		return kindWarned
	case c.State == audit.Disabled:
		return "disabled"
	}
	return "good"
}

// facets are the states to filter by, the most pressing first, and the exempt,
// who are good in their own way.
func facets(rows []Row) []facet {
	counts := map[string]int{}
	for _, row := range rows {
		counts[facetOf(row)]++
	}
	var shown []facet
	for _, name := range []string{
		audit.Expired.String(), audit.IdleExpired.String(), audit.Aging.String(), audit.Idle.String(),
		audit.Good.String(), facetExempt, audit.Disabled.String(),
	} {
		if n := counts[name]; n > 0 {
			shown = append(shown, facet{name, n})
		}
	}
	return shown
}

const facetExempt = "exempt"

func facetOf(row Row) string {
	if row.Exempt {
		return facetExempt
	}
	return row.State.String()
}

// Facet is what a key is filtered by in the page.
func (r Row) Facet() string { return facetOf(r) }
