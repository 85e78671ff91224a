package shoutrrr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const (
	uuid = "11111111-4444-4444-8444-cccccccccccc"
	hex  = "aabbccddeeff00112233445566778899"
)

// urls is one of each kind, with where its requests go; "" is where that is not
// seen.
var urls = map[string]struct{ url, host string }{
	"bark":       {"bark://:" + token + "@bark.example.com", "bark.example.com"},
	"discord":    {"discord://" + token + "@12345678901234567", "discord.com"},
	"generic":    {"generic://hooks.example.com/" + token, "hooks.example.com"},
	"gotify":     {"gotify://gotify.example.com/Aaa.bbb.ccc.ddd", "gotify.example.com"},
	"googlechat": {"googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=bar&token=" + token, "chat.googleapis.com"},
	"ifttt":      {"ifttt://" + token + "/?events=keys", "maker.ifttt.com"},
	"join":       {"join://shoutrrr:" + token + "@join/?devices=one", "joinjoaomgcd.appspot.com"},
	"lark":       {"lark://open.larksuite.com/" + token, "open.larksuite.com"},
	"matrix":     {"matrix://:" + token + "@matrix.example.com/?rooms=!keys:example.com", "matrix.example.com"},
	"mattermost": {"mattermost://mattermost.example.com/" + token, "mattermost.example.com"},
	"notifiarr":  {"notifiarr://" + token + "?channel=123456789012345678", "notifiarr.com"},
	"ntfy":       {"ntfy://ntfy.sh/" + token, "ntfy.sh"},
	"opsgenie":   {"opsgenie://api.opsgenie.com/" + uuid, "api.opsgenie.com:443"},
	"pagerduty":  {"pagerduty://events.pagerduty.com/" + hex, "events.pagerduty.com:443"},
	"pushbullet": {"pushbullet://o." + hex + "/device", "api.pushbullet.com"},
	"pushover":   {"pushover://shoutrrr:" + token + "@user/", "api.pushover.net"},
	"rocketchat": {"rocketchat://rocketchat.example.com/" + token + "/" + hex, "rocketchat.example.com"},
	"signal":     {"signal://signal.example.com:8080/+1234567890/+0987654321?token=" + token, "signal.example.com:8080"},
	"smtp":       {"smtp://user:" + token + "@mail.example.com:587/?from=keys@example.com&to=ops@example.com", ""},
	"telegram":   {"telegram://123456789:AAAAAAAAA-" + token + "@telegram?chats=@keys", "api.telegram.org"},
	"wecom":      {"wecom://" + token, "qyapi.weixin.qq.com"},
	"zulip":      {"zulip://bot@example.com:" + token + "@acme.zulipchat.com/?stream=keys&topic=sleuth", "acme.zulipchat.com"},
}

// network keeps what is sent, and answers as it is told to.
type network struct {
	mu      sync.Mutex
	hosts   []string
	bodies  []string
	headers []http.Header
	answers []*http.Response
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	n.hosts, n.bodies = append(n.hosts, r.URL.Scheme+"://"+r.URL.Host), append(n.bodies, r.URL.RawQuery+string(body))
	n.headers = append(n.headers, r.Header)
	if len(n.answers) == 0 {
		return nil, errors.New("dial " + r.URL.String())
	}
	next := n.answers[0]
	n.answers = n.answers[1:]
	return next, nil
}

func answering(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func once(n *network) shoutrrr.Options {
	return shoutrrr.Options{HTTP: &http.Client{Transport: n}, Retry: retry.Policy{Attempts: 1}}
}

// Each kind takes a message of its greatest length whole, sends it to its own
// host over TLS, and says nothing of its URL when that fails.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(shoutrrr.Kinds(), slices.Sorted(mapKeys(urls))); diff != "" {
		t.Fatalf("no URL of every kind (-kinds +tested):\n%s", diff)
	}
	for kind, test := range urls {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			wire := &network{}
			channel := one(t, test.url, once(wire))
			if channel.Name() != kind {
				t.Errorf("named %q", channel.Name())
			}
			messages := channel.Compose(channeltest.Crowd(2_500))
			if len(messages) == 0 || test.host == "" {
				return
			}
			message := slices.MaxFunc(messages, func(a, b notify.Message) int { return len(a.Body) - len(b.Body) })
			err := channel.Send(t.Context(), message)
			if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), hex) {
				t.Errorf("error is %v, want one without the URL", err)
			}
			if diff := cmp.Diff([]string{"https://" + test.host}, wire.hosts); diff != "" {
				t.Fatalf("sent to (-want +got):\n%s\n%v", diff, err)
			}
			last := message.Notices[len(message.Notices)-1]
			if !strings.Contains(wire.bodies[0], last.User) {
				t.Errorf("the last notice is not in what is sent: %.300s", wire.bodies[0])
			}
		})
	}
}

// A name or a reason mentions nobody in any chat.
func TestNoChatMentions(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"discord", "googlechat", "lark", "matrix", "mattermost", "notifiarr", "rocketchat", "telegram", "wecom", "zulip"} {
		channel := one(t, urls[kind].url, shoutrrr.Options{})
		for _, text := range []string{"@here", "x+@here", "x.@channel", "x-@all", "_@everyone", "<!here>", "<at user_id='all'>", "<users/all>"} {
			b := channeltest.Crowd(1)
			b.Notices[0].User, b.Notices[0].Note = text, text
			for _, m := range channel.Compose(b) {
				if found := channeltest.MattermostMentions(m.Body); len(found) > 0 || strings.Contains(m.Body, text) {
					t.Errorf("%s: %q mentions %q in %q", kind, text, found, m.Body)
				}
			}
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// A channel's name tells its receipts from others', so it may change neither
// with the URL nor with what stands around it.
func TestNames(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][]string{
		"discord zulip": {"discord", "zulip"},
		"zulip discord": {"zulip", "discord"},
		"generic zulip generic\n zulip\tgeneric  ": {"generic", "zulip", "generic-2", "zulip-2", "generic-3"},
	} {
		var list []string
		for _, kind := range strings.Fields(given) {
			list = append(list, urls[kind].url)
		}
		channels, err := shoutrrr.New(secret.New(strings.Join(list, "\n ")), shoutrrr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range channels {
			got = append(got, c.Name())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"topsecretnourl":                                                    "number 2: not a URL",
		"::topsecret":                                                       "number 2: not a URL",
		"zulip://topsecretx@%zz":                                            "number 2, zulip: not a URL",
		"topsecretkind://topsecret@host":                                    "number 2: no service of this kind",
		"slack://hook:topsecretA-topsecretB@webhook":                        "number 2, slack: set SLACK_URL",
		"logger://topsecret":                                                "number 2, logger: no service of this kind",
		"teams://topsecret1@topsecret2/topsecret3":                          "number 2, teams: set SLEUTH_TEAMS_URL",
		"discord://topsecret12@/":                                           "number 2, discord: not a URL of this service",
		"discord://topsecret12@topsecret13?topsecretsetting=1":              "number 2, discord: not a URL of this service",
		"discord+https://topsecret":                                         "number 2, discord: not a URL of this service: this service has no URL that begins with",
		"generic://topsecrethost/x?template=topsecretmissing":               "number 2, generic: not a URL of this service",
		"generic+http://topsecrethost/topsecret":                            "number 2, generic: must not go over plain http",
		"generic://topsecrethost/topsecret?disabletls=yes":                  "number 2, generic: must not go over plain http",
		"mattermost://topsecrethost/topsecrettoken?disabletls=yes":          "number 2, mattermost: must not go over plain http",
		"ntfy://topsecrethost/topsecrettopic?scheme=http":                   "number 2, ntfy: must not go over plain http",
		"matrix://:topsecret@topsecrethost/?rooms=a&disabletls=yes":         "number 2, matrix: must not go over plain http",
		"smtp://u:topsecret@topsecrethost/?from=a@b.c&to=a@b.c&starttls=no": "number 2, smtp: must not go over plain http",
		"matrix://topsecrethost":                                            "number 2, matrix: not a URL of this service",
		"pagerduty://events.pagerduty.com/topsecret":                        "number 2, pagerduty: not a URL of this service",
		"telegram://topsecrettoken@telegram?chats=a":                        "number 2, telegram: not a URL of this service",
		"zulip://topsecret":                                                 "number 2, zulip: not a URL of this service",
		"zulip://bot@example.com:topsecret@topsecrethost.example.com/":      "number 2, zulip: not a URL of this service",
		"opsgenie://": "number 2",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			channels, err := shoutrrr.New(secret.New("generic://a.example.com/x "+url), shoutrrr.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Fatalf("error is %v, want %q", err, want)
			}
			if strings.Contains(strings.ToLower(err.Error()), "topsecret") {
				t.Errorf("the URL is in %q", err)
			}
			if channels != nil {
				t.Error("there are channels all the same")
			}
		})
	}
}

// What a service of this machine gets may go over plain http.
func TestPlainHTTPToThisMachine(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"generic+http://127.0.0.1:1/x", "generic+http://localhost/x", "generic+http://[::1]:1/x",
		"smtp://u:password@localhost:25/?from=a@example.com&to=b@example.com&starttls=no",
	} {
		one(t, url, shoutrrr.Options{})
	}
}

// A service judges what it is answered: one that says it took nothing did not.
func TestServiceJudgesItsAnswer(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{"bark": `{"code":400,"message":"no such device"}`, "pushbullet": `{"type":"other"}`} {
		wire := &network{answers: []*http.Response{answering(200, body)}}
		err := one(t, urls[kind].url, once(wire)).Send(t.Context(), notify.Message{Subject: "s", Body: "b"})
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: error is %v", kind, err)
		}
	}
}

// If a message takes a request for each chat, a chat that took it is not
// asked again because the next did not. Telegram says in its answer how long to
// wait.
func TestEachChatGetsAMessageOnce(t *testing.T) {
	t.Parallel()
	wire := &network{answers: []*http.Response{
		answering(200, `{"ok":true,"result":{}}`),
		answering(429, `{"ok":false,"error_code":429,"parameters":{"retry_after":17}}`),
		answering(200, `{"ok":true,"result":{}}`),
	}}
	clock := channeltest.NewClock()
	channel := one(t, "telegram://123456789:AAAAAAAAA-"+token+"@telegram?chats=@one,@two",
		shoutrrr.Options{HTTP: &http.Client{Transport: wire}, Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}})
	if err := channel.Send(t.Context(), notify.Message{Subject: "s", Body: "b"}); err != nil {
		t.Fatal(err)
	}
	var chats []string
	for _, body := range wire.bodies {
		var sent struct {
			Chat string `json:"chat_id"`
		}
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
		chats = append(chats, sent.Chat)
	}
	if diff := cmp.Diff([]string{"@one", "@two", "@two"}, chats); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if got := clock.Elapsed(); got < 17*time.Second || got > 19*time.Second {
		t.Errorf("waited %s, want 17 s", got)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	answer := answering(307, "")
	answer.Header.Set("Location", "https://elsewhere.example.com/")
	wire := &network{answers: []*http.Response{answer}}
	err := one(t, urls["generic"].url, once(wire)).Send(t.Context(), notify.Message{Body: "b"})
	if err == nil || !strings.Contains(err.Error(), "a redirect, which is not followed") || len(wire.hosts) != 1 {
		t.Errorf("%d requests, error %v", len(wire.hosts), err)
	}
}

// Titles: that of the URL goes before ours, and a title of one message does not
// stick to the next.
func TestTitleInURLWins(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"generic://a.example.com/x?template=json":             `{"message":"b","title":"Sleuth: 1 key"}`,
		"generic://a.example.com/x?template=json&title=Mine":  `{"message":"b"}`,
		"generic://a.example.com/x?template=json&$team=cloud": `{"message":"b","team":"cloud","title":"Sleuth: 1 key"}`,
	} {
		wire := &network{answers: []*http.Response{answering(200, "")}}
		if err := one(t, url, once(wire)).Send(t.Context(), notify.Message{Subject: "Sleuth: 1 key", Body: "b"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, wire.bodies[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
	title := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		title = r.Header.Get("Title")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	channel := one(t, "ntfy://"+strings.TrimPrefix(server.URL, "http://")+"/keys?scheme=http", shoutrrr.Options{Interval: time.Nanosecond})
	for _, subject := range []string{"first", "second"} {
		if err := channel.Send(t.Context(), notify.Message{Subject: subject, Body: "b"}); err != nil || title != subject {
			t.Errorf("titled %q, want %q: %v", title, subject, err)
		}
	}
}

// Matrix joins the room first: what it answers is retried, and what fails is said
// without the token.
func TestMatrix(t *testing.T) {
	t.Parallel()
	failing := 1
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") == "" && r.URL.Query().Get("access_token") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		switch {
		case failing > 0:
			failing--
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"error":"at `+r.URL.String()+` with `+token+`"}`)
		case strings.Contains(r.URL.Path, "/join/"):
			_, _ = io.WriteString(w, `{"room_id":"!room:example.com"}`)
		default:
			told = append(told, string(body))
			_, _ = io.WriteString(w, `{"event_id":"1"}`)
		}
	}))
	t.Cleanup(server.Close)
	clock := channeltest.NewClock()
	options := shoutrrr.Options{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}}
	channel := one(t, "matrix://:"+token+"@"+strings.TrimPrefix(server.URL, "http://")+"/?rooms=keys&disabletls=yes", options)
	message := channel.Compose(notify.Batch{Notices: []notify.Notice{{User: "@room", KeyID: "K", Kind: notify.Disabled, Reason: audit.CreationAge}}})[0]
	if err := channel.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "key is disabled") || strings.Contains(told[0], "@room") {
		t.Errorf("told %q", told)
	}
	failing = 50
	if err := channel.Send(t.Context(), message); err == nil || strings.Contains(fmt.Sprintf("%+v", err), token) || !strings.Contains(err.Error(), "after 5 attempts") {
		t.Errorf("error is %v", err)
	}
}

// Telegram's failures reach shoutrrr's caller only if they are as documented.
func TestHiddenFailure(t *testing.T) {
	t.Parallel()
	for body, status := range map[string]int{
		"<html>Log in":           200,
		"":                       200,
		`{"ok":false}`:           200,
		"bad gateway":            400,
		`{"result":{"ok":true}}`: 200,
	} {
		wire := &network{answers: []*http.Response{answering(status, body)}}
		err := one(t, urls["telegram"].url, once(wire)).Send(t.Context(), notify.Message{Subject: "s", Body: "b"})
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%d %q: error is %v", status, body, err)
		}
	}
}

// A service that is given a client keeps what it sends beside the message.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for kind, header := range map[string]string{"pushbullet": "Access-Token", "matrix": "Authorization", "opsgenie": "Authorization"} {
		wire := &network{}
		if err := one(t, urls[kind].url, once(wire)).Send(t.Context(), notify.Message{Subject: "s", Body: "b"}); err == nil {
			t.Errorf("%s: no error", kind)
		}
		if len(wire.headers) != 1 || wire.headers[0].Get(header) == "" {
			t.Errorf("%s: sent %v, want a header %s", kind, wire.headers, header)
		}
	}
}

func TestNothingProcessWideIsReplaced(t *testing.T) {
	t.Parallel()
	for kind := range urls {
		one(t, urls[kind].url, shoutrrr.Options{})
	}
	if http.DefaultClient.Transport != nil {
		t.Errorf("the transport of http.DefaultClient is %T", http.DefaultClient.Transport)
	}
}

// A URL may hold another, with a secret as a part of it.
func TestSecretWithinAURLWithinAURL(t *testing.T) {
	t.Parallel()
	wire := &network{answers: []*http.Response{answering(403, "no signature like "+token)}}
	const url = "generic://a.example.com/x?next=https%3A%2F%2Fb.example.com%2F%3Fsig%3D" + token
	err := one(t, url, once(wire)).Send(t.Context(), notify.Message{Subject: "s", Body: "b"})
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "no signature like") {
		t.Errorf("error is %v, want the answer without the secret", err)
	}
}
