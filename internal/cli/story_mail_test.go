package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// hookToken is a secret within the URL of a story's webhook.
const hookToken = "topSecretOfTheHook"

// hook is a webhook of somebody's own, behind SLEUTH_NOTIFY_URLS.
type hook struct {
	channeltest.Script
	*httptest.Server

	mu    sync.Mutex
	texts []string
}

func startHook() *hook {
	h := &hook{}
	h.Server = httptest.NewServer(h.Handler(func(w http.ResponseWriter, r *http.Request, body []byte, a channeltest.Answer) {
		switch {
		case a.Kind == channeltest.Throttled:
			w.WriteHeader(http.StatusTooManyRequests)
		case a.Kind == channeltest.Failing:
			w.WriteHeader(http.StatusBadGateway)
		case a.Kind == channeltest.Refusing, r.URL.Path != "/"+hookToken:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "nobody with "+r.URL.Path+" may post here")
		default:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.texts = append(h.texts, string(body))
		}
	}))
	return h
}

func (h *hook) address() string { return "generic+" + h.URL + "/" + hookToken }

// showHook shows what the webhook took.
func showHook(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "hook")
	say(ts, "") // with nothing to show, the last answer must not stand
	h := worldOf(ts).hook
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, text := range h.texts {
		say(ts, "== message %d\n%s", i+1, text)
	}
}

// scriptHook says how the webhook is to answer the next requests.
func scriptHook(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "hook-answers [fine|busy:SECONDS|failing|refusing|hanging|closing]...")
	worldOf(ts).hook.Next(slackAnswers(ts, args)...)
}

// showMail shows the mail that was sent through SES.
func showMail(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "mail")
	say(ts, "") // with nothing to show, the last answer must not stand
	for i, m := range worldOf(ts).aws.Home().SentMail() {
		say(ts, "== mail %d from %s to %s: %s\n%s", i+1, m.From, strings.Join(m.To, " "), m.Subject, m.Text)
	}
}

// verifySender lets an address send mail through SES.
func verifySender(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "verify ADDRESS")
	worldOf(ts).aws.Home().VerifySender(args[0])
}
