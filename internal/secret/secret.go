// Package secret holds values that must never be printed: webhook URLs,
// tokens and passwords.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Redacted is what a Value shows wherever it is printed.
const Redacted = "<secret>"

// Value is a string that no formatter, encoder or logger can print. Only
// Reveal gives it away, so a search for Reveal finds every use of it. The zero
// Value is an unset secret.
type Value struct {
	// A pointer, as package fmt shows its address where a Value stands in an
	// unexported field and none of the methods below can be called.
	text *string
}

// New wraps text.
func New(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{&text}
}

// Reveal returns the text itself, for the one place that needs it.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// IsSet reports whether there is a text at all.
func (v Value) IsSet() bool { return v.text != nil }

// String returns Redacted, or nothing for an unset Value.
func (v Value) String() string {
	if !v.IsSet() {
		return ""
	}
	return Redacted
}

// Format covers every verb of package fmt, %#v and %x included.
func (v Value) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, v.String()) }

// MarshalText covers encoders: JSON, XML, CSV.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// LogValue covers log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// Scrub removes every occurrence of the secrets from a text that others wrote,
// such as an error of an HTTP client that quotes its URL.
func Scrub(text string, secrets ...Value) string {
	for _, s := range secrets {
		if s.IsSet() {
			text = strings.ReplaceAll(text, s.Reveal(), Redacted)
		}
	}
	return text
}
