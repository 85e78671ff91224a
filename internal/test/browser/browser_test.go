// Package browsertest looks at the HTML report as people do: in a browser.
// If there is no Chromium its tests are skipped, unless SLEUTH_REQUIRE_ALL
// is 1.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/iam-sleuth/sleuth/internal/report"
)

// patience is for machines that are busy: a test that waits longer has failed.
const patience = 3 * time.Minute

// browser is one Chromium for all tests, started by the first.
var browser struct {
	once sync.Once
	tab  context.Context // its first, to open others from
	stop context.CancelFunc
	err  error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(status)
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium here")
}

func startBrowser() {
	path, err := chromium()
	if err != nil {
		browser.err = err
		return
	}
	profile, err := os.MkdirTemp("", "sleuth-browser")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // as root, in containers
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	tab, stopTab := chromedp.NewContext(allocator)
	browser.stop = func() {
		stopTab()
		stopAllocator()
		_ = os.RemoveAll(profile)
	}
	browser.tab, browser.err = tab, chromedp.Do(tab)
}

// visit is a report that a tab has open.
type visit struct {
	context.Context
	t  testing.TB
	mu sync.Mutex
	// requests are the addresses that were asked for; complaints are errors and
	// warnings in the console.
	requests, complaints []string
}

// open writes a report to a file, as a mail's attachment is, and opens that
// in a tab of its own, after what is to be done before.
func open(t testing.TB, r report.Report, before ...chromedp.Action[chromedp.Void]) *visit {
	t.Helper()
	var page bytes.Buffer
	if err := report.WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	return openPage(t, page.Bytes(), before...)
}

// openPage opens a page from a file. At its end the test fails where the page
// has asked for anything, or complained.
func openPage(t testing.TB, page []byte, before ...chromedp.Action[chromedp.Void]) *visit {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.err != nil {
		if _, err := chromium(); err != nil && os.Getenv("SLEUTH_REQUIRE_ALL") != "1" {
			t.Skip("skipped: no Chromium here (Debian's package is chromium)")
		}
		t.Fatalf("start the browser: %v", browser.err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	v := &visit{t: t}
	tab, closeTab := chromedp.NewContext(browser.tab, chromedp.WithListener(v.hear))
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab); err != nil { // the tab lives as long as this context
		t.Fatalf("open a tab: %v", err)
	}
	timed, stop := context.WithTimeout(tab, patience)
	t.Cleanup(stop)
	v.Context = timed
	call(v, network.Enable, network.EnableParams{})
	v.do(before...)
	address := (&url.URL{Scheme: "file", Path: file}).String()
	v.do(chromedp.Navigate(address))
	t.Cleanup(func() { v.wasQuiet(address) })
	return v
}

func (v *visit) hear(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		v.complaints = append(v.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		v.complaints = append(v.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		v.complaints = append(v.complaints, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	}
}

// wasQuiet holds that the page loaded only itself, and nothing went wrong.
func (v *visit) wasQuiet(address string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, request := range v.requests {
		if request != address && !strings.HasPrefix(request, "data:") {
			v.t.Errorf("the page asked for %s", request)
		}
	}
	if len(v.requests) == 0 {
		v.t.Error("not even the page itself was seen to load: requests are not watched")
	}
	for _, complaint := range v.complaints {
		v.t.Errorf("in the console: %s", complaint)
	}
}

// do runs actions, and ends the test if one fails.
func (v *visit) do(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v, actions...); err != nil {
		v.t.Fatalf("in the browser: %v", err)
	}
}

// call gives the browser a command, and ends the test where it fails.
func call[P, R any](v *visit, command cdp.Command[P, R], parameters P) R {
	v.t.Helper()
	answer, err := chromedp.Call(v, command, parameters)
	if err != nil {
		v.t.Fatalf("in the browser: %s: %v", command.Method, err)
	}
	return answer
}

// ask evaluates an expression in the page.
func ask[T any](v *visit, expression string, options ...chromedp.EvaluateOption) T {
	v.t.Helper()
	answer, err := chromedp.Run(v, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		v.t.Fatalf("in the browser: %.200s: %v", expression, err)
	}
	return answer
}
