package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

const hidden = "xoxb-very-hidden"

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	type holder struct {
		Token  secret.Value
		Nested struct{ URL *secret.Value }
		hidden secret.Value // no method of it can be called by package fmt
	}
	value := secret.New(hidden)
	h := holder{Token: value, hidden: value}
	h.Nested.URL = &value

	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
		fmt.Fprintf(&printed, verb+"\n", value)
		fmt.Fprintf(&printed, verb+"\n", h)
		fmt.Fprintf(&printed, verb+"\n", []secret.Value{value})
	}
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asXML, err := xml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(asJSON)
	printed.Write(asXML)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "value", value, "holder", h)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "value", value, "holder", h)
	func() {
		defer func() { fmt.Fprint(&printed, recover()) }()
		panic(value)
	}()

	for _, leak := range []string{hidden, fmt.Sprintf("%x", hidden)} {
		if strings.Contains(printed.String(), leak) {
			t.Errorf("the secret was printed as %q in:\n%s", leak, printed.String())
		}
	}
	if !strings.Contains(printed.String(), secret.Redacted) {
		t.Errorf("nothing says that a secret was there:\n%s", printed.String())
	}
	if value.Reveal() != hidden {
		t.Errorf("Reveal() = %q, want the text", value.Reveal())
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	got := secret.Scrub(`Post "https://x/`+hidden+`": refused`, secret.New(hidden), secret.Value{})
	if want := `Post "https://x/<secret>": refused`; got != want {
		t.Errorf("Scrub() = %q, want %q", got, want)
	}
}
