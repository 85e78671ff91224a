package docs_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/test/docs"
)

func TestTemplatesAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/messages.md")
	for file, text := range docs.Templates() {
		if diff := cmp.Diff(text, read(t, file)); diff != "" {
			t.Errorf("%s is not the default; run 'make docs' (-want +got):\n%s", file, diff)
		}
		if link := "(" + strings.TrimPrefix(file, "docs/") + ")"; !strings.Contains(page, link) {
			t.Errorf("docs/messages.md does not link to %s", file)
		}
	}
}

func TestMessagesPageNamesEveryField(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/messages.md")
	for _, c := range []struct {
		section string
		of      any
		within  string // what the fields are reached by
	}{
		{"SLEUTH_LINE_TEMPLATE", notify.LineFields{}, "."},
		{"SLEUTH_LINE_TEMPLATE", notify.EarlierLimitFields{}, ".EarlierLimit."},
		{"SLEUTH_LIST_TEMPLATE", notify.ListFields{}, "."},
		{"SLEUTH_PERSONAL_TEMPLATE", notify.DirectMessageFields{}, "."},
		{"SLEUTH_PERSONAL_TEMPLATE", notify.KeyFields{}, "."},
	} {
		_, section, found := strings.Cut(page, "### "+c.section+"\n")
		if !found {
			t.Fatalf("docs/messages.md has no section %s", c.section)
		}
		section, _, _ = strings.Cut(section, "\n### ")
		_, table, _ := strings.Cut(section, "|---|---|")
		of := reflect.TypeOf(c.of)
		for i := range of.NumField() {
			if of.Field(i).Anonymous {
				continue
			}
			if field := "`" + c.within + of.Field(i).Name + "`"; !strings.Contains(table, field) {
				t.Errorf("docs/messages.md does not name %s of %s", field, c.section)
			}
		}
	}
	if !strings.Contains(page, "`.Has KIND`") {
		t.Error("docs/messages.md does not name .Has")
	}
}
