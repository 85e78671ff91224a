package browser

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// slower is how many times slower than this machine's the processor is made that
// the page of a full account is measured on.
const slower = 4

// BenchmarkPageOfAFullAccount opens the page of 10,000 keys on a slow processor:
// until it is there to be used, and from a key pressed in its search, or a heading
// pressed to sort, until what was asked for is on the screen.
func BenchmarkPageOfAFullAccount(b *testing.B) {
	page := pageOf(b, reportOf(fullAccount(), today))
	var use, search, sort float64
	for range b.N {
		v := openPage(b, page, chromedp.Func(onSlowProcessor))
		use += ask[float64](v, untilPainted, chromedp.EvalAwaitPromise)
		search += ask[float64](v, fmt.Sprintf(timed, `search.value = "member-0999", search.dispatchEvent(new Event("input", { bubbles: true }))`), chromedp.EvalAwaitPromise)
		if got := ask[string](v, status); got != "10 of 10,000 keys" {
			b.Fatalf("searched: %s", got)
		}
		ask[bool](v, `(search.value = "", search.dispatchEvent(new Event("input", { bubbles: true })), true)`)
		sort += ask[float64](v, fmt.Sprintf(timed, `document.querySelectorAll("#table thead button")[4].click()`), chromedp.EvalAwaitPromise)
	}
	b.ReportMetric(use/float64(b.N)/1000, "s/use")
	b.ReportMetric(search/float64(b.N), "ms/search")
	b.ReportMetric(sort/float64(b.N), "ms/sort")
	b.ReportMetric(float64(len(page))/1e6, "MB")
	b.ReportMetric(0, "ns/op")
}

const (
	// untilPainted is the time from opening the page until it is painted, in
	// milliseconds.
	untilPainted = `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`
	// timed is the time from doing something until what it changes is painted.
	timed = `new Promise((done) => { const began = performance.now(); %s; requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))); })`
)

func onSlowProcessor(ctx context.Context, _ *chromedp.Target) error {
	_, err := chromedp.Call(ctx, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slower})
	return err
}

// fullAccount is a key of each of 10,000 people.
func fullAccount() []person {
	people := make([]person, 10_000)
	for i := range people {
		people[i] = person{name: fmt.Sprintf("member-%05d", i), display: fmt.Sprintf("Member %d", i), age: i % 130, idle: i % 50}
	}
	return people
}
