package docs_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

func TestMessagesPageShowsTheDefaultTemplates(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/messages.md")
	defaults := notify.DefaultTemplates()
	for name, text := range map[string]string{
		"SLEUTH_LINE_TEMPLATE": defaults.Line, "SLEUTH_LIST_TEMPLATE": defaults.List,
		"SLEUTH_PERSONAL_TEMPLATE": defaults.Personal, "SLEUTH_SUBJECT_TEMPLATE": defaults.Subject,
	} {
		if !strings.Contains(page, "```text\n"+strings.TrimRight(text, "\n")+"\n```") {
			t.Errorf("docs/messages.md does not show the default of %s as it is:\n%s", name, text)
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
		{"SLEUTH_LINE_TEMPLATE", notify.SoonerFields{}, ".Sooner."},
		{"SLEUTH_LIST_TEMPLATE", notify.ListFields{}, "."},
		{"SLEUTH_PERSONAL_TEMPLATE", notify.LetterFields{}, "."},
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
