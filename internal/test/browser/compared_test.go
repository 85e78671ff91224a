package browser

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// compared is a report that was compared with evidence of eleven months.
func compared(r report.Report) report.Report {
	var trend []changes.Point
	var newest changes.Snapshot
	for months := 11; months > 0; months-- {
		then := r.Snapshot()
		then.At = r.At.AddDate(0, -months, 0)
		then.Run = "20260905T070000Z-3fa91c"
		for i := range then.Keys {
			key := &then.Keys[i]
			switch (i + months) % 7 {
			case 0:
				key.State, key.SlackID = audit.Disabled, "U00000001"
			case 1:
				key.KeyID += "OLD"
			case 2:
				key.State, key.AutoExpire = audit.Expired, "TRUE"
			}
			key.Age += 5 * months
		}
		trend = append(trend, changes.PointOf(then))
		newest = then
	}
	r.AddHistory(&newest, trend)
	return r
}

func TestComparedPageShowsChangesAndTrend(t *testing.T) {
	t.Parallel()
	v := open(t, compared(reportOf(company(), today)))
	if n := ask[int](v, `document.querySelectorAll("[aria-labelledby=trend] .charts.wide rect").length`); n < 30 {
		t.Errorf("the trend has %d bars", n)
	}
	if shown := ask[string](v, `document.querySelector("[aria-labelledby=changed]").innerText`); !strings.Contains(shown, "What changed since") || !strings.Contains(shown, "rotated") || !strings.Contains(shown, "in the place of AKIA") {
		t.Errorf("the changes are\n%s", shown)
	}
	// Bars keep to their plot and to the months below it.
	outside := ask[[]string](v, `[...document.querySelectorAll("[aria-labelledby=trend] svg[role=img]")].flatMap(svg => {
		const box = svg.viewBox.baseVal;
		return [...svg.querySelectorAll("rect, text")].filter(e => { const b = e.getBBox(); return b.x < 0 || b.y < 0 || b.x + b.width > box.width || b.y + b.height > box.height }).map(e => e.outerHTML);
	})`)
	if len(outside) > 0 {
		t.Errorf("outside of the drawing: %q", outside)
	}
}

func TestComparedPageFitsAndIsLegible(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			for _, phone := range []bool{true, false} {
				width := int64(1280)
				if phone {
					width = 390
				}
				v := open(t, compared(reportOf(company(), today)), seen(width, 844, phone, "screen", scheme))
				if wide := ask[int](v, "document.documentElement.scrollWidth"); wide > int(width) {
					t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
				}
				for _, faint := range ask[[]string](v, faintTexts) {
					t.Errorf("too faint on a screen of %d: %s", width, faint)
				}
			}
		})
	}
}
