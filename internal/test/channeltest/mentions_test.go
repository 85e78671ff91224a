package channeltest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func TestMattermostMentions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"@here and more": {"@here"}, "x+@here": {"@here"}, "x.@channel": {"@channel"}, "x-@All's key": {"@all"},
		"_@here": {"@here"}, "é@here": {"@here"}, "@here @all": {"@all", "@here"}, "x:@here.": {"@here"},
		"": nil, "here": nil, "x@here": nil, "ann@all.example.com": nil, "@hereabouts": nil, "@\u200bhere": nil,
	} {
		if diff := cmp.Diff(want, channeltest.MattermostMentions(text)); diff != "" {
			t.Errorf("%q mentions (-want +got):\n%s", text, diff)
		}
	}
}
