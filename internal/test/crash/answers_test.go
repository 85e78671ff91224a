package crash

import (
	"net/http"
	"strings"
	"testing"
)

// asked are the IAM calls that a verdict, and the fresh read before a key is
// disabled, rest on.
var asked = []string{"ListUsers", "ListAccessKeys", "GetAccessKeyLastUsed", "ListUserTags", "UpdateAccessKey"}

// FuzzAnswers has AWS, or whatever stands between us and it, answer one kind of
// call with any text under any status. Whatever comes back, the run ends, and a
// key that is young, exempt or in doubt stays Active; an answer that is not one
// fails the run.
func FuzzAnswers(f *testing.F) {
	const wrap = `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>%</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	for action := range asked {
		for _, code := range []string{"AccessDenied", "NoSuchEntity", "Throttling", "InvalidClientTokenId", "ServiceUnavailable", "", "&#0;", "<"} {
			f.Add(uint8(action), 400, strings.Replace(wrap, "%", code, 1))
		}
		f.Add(uint8(action), 503, "")
		f.Add(uint8(action), 502, "<html><body>Bad Gateway</body></html>")
		f.Add(uint8(action), 404, "<ErrorResponse><Error><Code>NoSuchEntity")
		f.Add(uint8(action), 403, `{"__type":"AccessDenied"}`)
		f.Add(uint8(action), 302, "elsewhere")
		f.Add(uint8(action), 200, "<html><body>Please log in</body></html>")
		f.Add(uint8(action), 200, "\xff\xfe")
		f.Add(uint8(action), 200, "")
		f.Add(uint8(action), 200, "<empty/>")
	}
	f.Fuzz(func(t *testing.T, which uint8, status int, body string) {
		if status < 200 || status > 599 { // no final answers in HTTP
			t.Skip()
		}
		action := asked[int(which)%len(asked)]
		if status < 300 && (action == "UpdateAccessKey" || strings.Contains(body, "<"+action+"R")) {
			t.Skip() // an answer, and a false one is not ours to find out
		}
		w := newWorld(t, "123456789012", inMemory)
		settle(w, "OLD", "EXEMPT", "DOUBT", "YOUNG")
		p := &process{w: w, attempts: 2, knowsItself: true, fate: func(c call) fate {
			if !strings.HasPrefix(c.label, "aws "+action) {
				return fate{}
			}
			return fate{takes: hasNoEffect, then: isAnswered, status: status, body: &body}
		}}
		if _, err := p.run(t.Context()); err == nil {
			if action != "GetAccessKeyLastUsed" || status != http.StatusOK {
				t.Errorf("%s was answered %d %q, and the run succeeded", action, status, body)
			}
		}
		for _, user := range w.home.Users() {
			for _, key := range user.Keys {
				if !key.Active && key.ID != "AKIAYOUNG00000000002" && (user.Name != "OLD" || action == "UpdateAccessKey") {
					t.Errorf("key %s of user %s was disabled", key.ID, user.Name)
				}
			}
		}
	})
}
