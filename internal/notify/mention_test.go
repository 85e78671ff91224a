package notify_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

func TestWithoutMentions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"@here":              "@\u200bhere",
		"x+@here":            "x+@\u200bhere",
		"x.@channel":         "x.@\u200bchannel",
		"x-@all":             "x-@\u200ball",
		"_@here":             "_@\u200bhere",
		"é@here":             "é@\u200bhere",
		"@@here":             "@\u200b@\u200bhere",
		"two\nlines @here":   "two lines @\u200bhere",
		"ann@example.com":    "ann@example.com",
		"a.b+c@example.com.": "a.b+c@example.com.",
		"ann1@all.example":   "ann1@all.example",
		"":                   "",
	} {
		if got := notify.WithoutMentions(text); got != want {
			t.Errorf("%q became %+q, want %+q", text, got, want)
		}
	}
}

func FuzzWithoutMentions(f *testing.F) {
	for _, text := range channeltest.Hostile() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, content string) {
		got := notify.WithoutMentions(content)
		if found := channeltest.MattermostMentions(got); len(found) > 0 {
			t.Errorf("%q became %+q, which mentions %q", content, got, found)
		}
		if strings.ReplaceAll(got, "\u200b", "") != strings.ReplaceAll(text.OneLine(content), "\u200b", "") {
			t.Errorf("%q became %q, which looks different", content, got)
		}
	})
}
