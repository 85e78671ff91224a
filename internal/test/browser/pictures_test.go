package browser

import (
	"bytes"
	"context"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestPictures takes the pictures in docs/pictures again if SLEUTH_PICTURES
// names that folder; 'make pictures' does.
func TestPictures(t *testing.T) {
	folder := os.Getenv("SLEUTH_PICTURES")
	if folder == "" {
		t.Skip("skipped: pictures are taken by 'make pictures'")
	}
	soon := 20
	ahead := reportOf(company(), today.AddDate(0, 0, 30))
	ahead.Forecast = report.NewForecast(today)
	unread := reportOf(company(), today)
	unread.Problems = append(unread.Problems, account.Problem{User: "mallory", Text: "read the keys of mallory: ListAccessKeys: AccessDenied: not authorized to perform iam:ListAccessKeys"})

	for _, shot := range []struct {
		name   string
		of     report.Report
		width  int64
		height int64
		mobile bool
		media  string
		scheme string
	}{
		{"report-desktop", reportOf(company(), today), 1200, 1190, false, "screen", "light"},
		{"report-table", reportOf(company(), today), 1200, 900, false, "screen", "light"},
		{"report-dark", reportOf(company(), today), 1200, 1150, false, "screen", "dark"},
		{"report-phone", reportOf(company(), today), 390, 844, true, "screen", "light"},
		{"report-phone-table", reportOf(company(), today), 390, 844, true, "screen", "light"},
		{"report-print", reportOf(company(), today), a4, 973, false, "print", "light"},
		{"report-print-table", reportOf(company(), today), a4, 973, false, "print", "light"},
		{"report-forecast", ahead, 1200, 760, false, "screen", "light"},
		{"report-unread", unread, 1200, 500, false, "screen", "light"},
		{"report-evidence", evidence(), 1200, 900, false, "screen", "light"},
		{"report-others", evidence(), 1200, 420, false, "screen", "light"},
	} {
		t.Run(shot.name, func(t *testing.T) {
			v := open(t, shot.of, seen(shot.width, shot.height, shot.mobile, shot.media, shot.scheme))
			if shot.name == "report-others" {
				ask[bool](v, "(scrollTo(0, document.getElementById('others').offsetTop - 20), true)")
			}
			if shot.media == "print" {
				ask[bool](v, "dispatchEvent(new Event('beforeprint'))")
			}
			if strings.HasSuffix(shot.name, "-table") {
				ask[bool](v, "(scrollTo(0, document.getElementById('keys').offsetTop - 20), true)")
			}
			v.capture(filepath.Join(folder, shot.name+".png"))
		})
	}
	t.Run("terminal", func(t *testing.T) {
		v := openPage(t, terminal(t, unread.Only(report.Filter{DaysLeft: &soon}), 96), seen(860, 610, false, "screen", "dark"))
		v.capture(filepath.Join(folder, "terminal.png"))
	})
	t.Run("trace", func(t *testing.T) {
		v := openPage(t, onTerminal(traceOfDemo(t)), seen(1100, 400, false, "screen", "dark"))
		height := ask[int64](v, "document.documentElement.scrollHeight")
		if _, err := chromedp.Run(v, seen(1100, height, false, "screen", "dark")); err != nil {
			t.Fatal(err)
		}
		v.capture(filepath.Join(folder, "trace.png"))
	})
}

// TestMessagePictures takes those of messages, likewise.
func TestMessagePictures(t *testing.T) {
	folder := os.Getenv("SLEUTH_PICTURES")
	if folder == "" {
		t.Skip("skipped: pictures are taken by 'make pictures'")
	}
	webhook, err := slack.NewWebhook(secret.New(slack.PrintOnly), slack.Options{Echo: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	app, err := slack.NewApp(secret.New("xoxb-none"), slack.AppOptions{})
	if err != nil {
		t.Fatal(err)
	}
	news := newsOfTheDay()
	chen := news
	chen.Notices = news.Notices[2:3]
	bjorn := news
	bjorn.Notices = news.Notices[:1]
	leak := news
	leak.Notices = []notify.Notice{news.Notices[0]}
	leak.Notices[0].Kind, leak.Notices[0].Reason, leak.Notices[0].At = notify.LeakedDisabled, audit.Exposure, today
	direct := app.Direct("C0")
	for name, page := range map[string][]byte{
		"message-channel": inSlack(t, "# aws-keys", webhook.Compose(news)),
		"message-warning": inSlack(t, "Sleuth", direct.Compose(bjorn)),
		"message-final":   inSlack(t, "Sleuth", direct.Compose(chen)),
		"message-traced":  inSlack(t, "Sleuth", direct.Compose(rotating())),
		"message-leak":    inSlack(t, "Sleuth", direct.Compose(leak)),
	} {
		t.Run(name, func(t *testing.T) {
			v := openPage(t, page, seen(860, 300, false, "screen", "light"))
			height := ask[int64](v, "document.documentElement.scrollHeight")
			if _, err := chromedp.Run(v, seen(860, height, false, "screen", "light")); err != nil {
				t.Fatal(err)
			}
			v.capture(filepath.Join(folder, name+".png"))
		})
	}
}

// capture takes a picture, which must not be too big for a repository.
func (v *visit) capture(file string) {
	v.t.Helper()
	picture, err := chromedp.Run(v, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		v.t.Fatal(err)
	}
	if len(picture) > 300_000 {
		v.t.Errorf("%s takes %d bytes; the repository takes 300,000 at most", filepath.Base(file), len(picture))
	}
}

// terminal shows what the command prints on a terminal as a page.
func terminal(t *testing.T, r report.Report, width int) []byte {
	t.Helper()
	paint := func(state audit.State, text string) string {
		switch {
		case state.PastLimit():
			return "\x1b[31m" + text + "\x1b[0m"
		case state.NeedsWarning():
			return "\x1b[33m" + text + "\x1b[0m"
		}
		return text
	}
	var shown bytes.Buffer
	if err := report.WriteText(&shown, r, report.Screen{Width: width, Paint: paint}); err != nil {
		t.Fatal(err)
	}
	lines := strings.NewReplacer("\x1b[31m", "<b class=red>", "\x1b[33m", "<b class=yellow>", "\x1b[0m", "</b>").Replace(html.EscapeString(shown.String()))
	return onTerminal("<i>$</i> sleuth audit --days-left 20 --sort days-left\n" + lines)
}

// traceOfDemo is what 'sleuth trace' prints in the demo, as HTML.
func traceOfDemo(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "demo").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(out), "$ sleuth trace")
	shown, _, ends := strings.Cut(shown, "\n$ ")
	if !found || !ends {
		t.Fatalf("the demo shows no trace: %s", out)
	}
	return "<i>$</i> sleuth trace" + html.EscapeString(strings.TrimRight(shown, "\n"))
}

// onTerminal shows lines, which are HTML, as a terminal does.
func onTerminal(lines string) []byte {
	return []byte(`<!doctype html><meta charset=utf-8><style>
body { margin: 0; padding: 22px 26px; background: #14171c; color: #d8dbe0; }
pre { margin: 0; white-space: pre-wrap; font: 14px/1.5 "DejaVu Sans Mono", Menlo, Consolas, monospace; }
b { font-weight: 400; } .red { color: #f5968c; } .yellow { color: #efbf5f; } i { font-style: normal; color: #84b6ee; }
</style><pre>` + lines + `</pre>`)
}

// seen sets how a page is looked at.
func seen(width, height int64, mobile bool, media, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 1, Mobile: mobile,
		}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
