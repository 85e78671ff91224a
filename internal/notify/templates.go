package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Original is the Line of TemplateTexts for lists as aws-iam-sleuth writes them:
// each line is only its sentence, and there are no default instructions above.
const Original = "original"

// TemplateTexts are the texts of the messages as Go templates; an empty one is the
// default. docs/messages.md shows each with its fields.
type TemplateTexts struct {
	Line     string // of LineFields: the line about one key in a list; or Original
	List     string // of ListFields: the text above a list
	Personal string // of DirectMessageFields: the message to one person
	Subject  string // of DirectMessageFields: the subject of a mail to one person
}

// DefaultTemplates are the default texts.
func DefaultTemplates() TemplateTexts {
	return TemplateTexts{Line: defaultLine, List: defaultList, Personal: defaultPersonal, Subject: defaultSubject}
}

// The names of the templates.
const (
	LineTemplate     = "line"
	ListTemplate     = "list"
	PersonalTemplate = "personal"
	SubjectTemplate  = "subject"
)

// LineFields are the fields of a line about one key.
type LineFields struct {
	// Mention is the owner as the channel mentions them, User the name of the
	// IAM user.
	Mention, User string
	Key           string // the key's id
	// Description is the key's, as the IAM console shows it; it may be empty.
	Description string
	// ShownKeyID is the key's id if the user has several keys, and otherwise
	// empty.
	ShownKeyID string
	Account    string // its id, and its name or alias
	Kind       Kind
	// Disables: an Expiring key is disabled at its limit.
	Disables bool
	// NotBefore: Date is the first moment at which the key may be disabled, as
	// SLEUTH_DISABLE_WHEN and SLEUTH_FREEZE allow it.
	NotBefore bool
	// Deletes: a Disabled key is deleted later, after warnings.
	Deletes bool
	// Days is the number of whole days until an Expiring key reaches its limit, or
	// a Deleting one is deleted.
	Days   int
	Reason audit.Reason
	// Date is the day and time (UTC) at which the key reaches its limit or will be
	// deleted, or was disabled or deleted; empty if not known.
	Date string
	// LastUsed is the day and time (UTC) of the last use; Used is a phrase with
	// the service and the region: "was last used on ..." or "was never used". They
	// are empty if not known. A last use from the credential report ends with when
	// that was made: ", as of 11:00 UTC".
	LastUsed, Used string
	// Console is the address of the user's keys in the IAM console.
	Console string
	// UsedBy says in one sentence who used the key most; empty if that is not for
	// lists, or not known.
	UsedBy string
	// EarlierLimit is set if the other limit comes first.
	EarlierLimit *EarlierLimitFields
	// Note is one more sentence, or empty.
	Note string
}

// EarlierLimitFields are the limit before the one that the line is about.
type EarlierLimitFields struct {
	Days   int
	Reason audit.Reason
}

// ListFields are the fields of the text above a list.
type ListFields struct {
	Kind   Kind
	Reason audit.Reason
	Keys   int // the number of keys in the list
}

// DirectMessageFields are the fields of a message to one person.
type DirectMessageFields struct {
	Name string // the person's, or the user's if that is not known
	Keys []KeyFields
	// Instructions are the administrator's for the reasons of the keys, each once, or
	// the default ones.
	Instructions []Heading
	// Disables: one of the keys is disabled at its limit.
	Disables bool
}

// Has reports whether one of the keys has a notice of this kind.
func (f DirectMessageFields) Has(kind Kind) bool {
	return slices.ContainsFunc(f.Keys, func(k KeyFields) bool { return k.Kind == kind })
}

// KeyFields are the fields of one key in a message to one person.
type KeyFields struct {
	LineFields
	Created string // day and time (UTC); empty if not known
	// Pair says what the key and the user's other key show of the rotation; empty if
	// nothing.
	Pair string
	// Callers is who used the key, in several lines; empty if that is not to be
	// looked up.
	Callers string
}

// Templates turn notices into text. The zero Templates has the default
// texts. It is safe for use by several goroutines.
type Templates struct {
	line, list, personal, subject *template.Template
	// original: lists are kept as aws-iam-sleuth writes them.
	original bool
}

// TemplateProblem is a template that cannot be used.
type TemplateProblem struct {
	Template string // its name
	Text     string
	Err      error
}

// ParseTemplates reads the templates and tries each on examples of every kind of
// notice; one that fails is a problem.
func ParseTemplates(t TemplateTexts) (Templates, []TemplateProblem) {
	var w Templates
	var problems []TemplateProblem
	if w.original = strings.TrimSpace(t.Line) == Original; w.original {
		t.Line = originalLine
	}
	for _, one := range []struct {
		name, text string
		into       **template.Template
		try        func(*template.Template) error
	}{
		{LineTemplate, t.Line, &w.line, tryLine},
		{ListTemplate, t.List, &w.list, tryList},
		{PersonalTemplate, t.Personal, &w.personal, tryDirectMessage},
		{SubjectTemplate, t.Subject, &w.subject, tryDirectMessage},
	} {
		if strings.TrimSpace(one.text) == "" {
			continue
		}
		parsed, err := template.New(one.name).Option("missingkey=error").Parse(one.text)
		if err == nil {
			err = one.try(parsed)
		}
		if err != nil {
			problems = append(problems, TemplateProblem{one.name, one.text, err})
			continue
		}
		*one.into = parsed
	}
	return w, problems
}

func tryLine(t *template.Template) error {
	for _, fields := range examples() {
		if err := tryOn(t, fields); err != nil {
			return err
		}
	}
	return nil
}

func tryList(t *template.Template) error {
	for _, fields := range examples() {
		if err := tryOn(t, ListFields{fields.Kind, fields.Reason, 2}); err != nil {
			return err
		}
	}
	return nil
}

func tryDirectMessage(t *template.Template) error {
	var all []KeyFields
	for _, fields := range examples() {
		all = append(all, KeyFields{LineFields: fields, Created: text.Date(exampleTime), Pair: exampleKey + " shows no use in IAM."})
		if err := tryOn(t, DirectMessageFields{Name: "Tobias Funke", Keys: all[len(all)-1:], Instructions: []Heading{{"a title", "a text"}}}); err != nil {
			return err
		}
	}
	return tryOn(t, DirectMessageFields{Name: "tfunke", Keys: all, Disables: true})
}

// maxTemplate is how many bytes a template may write per key: more than anybody
// reads, and little enough for thousands of keys in memory.
const maxTemplate = 64 << 10

var (
	errSaysNothing = errors.New("it says nothing")
	errTooLong     = fmt.Errorf("it writes more than %d bytes", maxTemplate)
)

func tryOn(t *template.Template, fields any) error {
	_, err := execute(t, fields)
	return err
}

// execute returns the text of a template. An empty or too long text is an error.
func execute(t *template.Template, fields any) (string, error) {
	out := bounded{left: maxTemplate}
	if dm, ok := fields.(DirectMessageFields); ok {
		out.left *= max(1, len(dm.Keys))
	}
	if err := t.Execute(&out, fields); err != nil {
		return "", err
	}
	written := out.text.String()
	if strings.TrimSpace(text.Lines(written)) == "" {
		return "", errSaysNothing
	}
	return written, nil
}

// bounded is a writer that fails after a number of bytes.
type bounded struct {
	text strings.Builder
	left int
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errTooLong
	}
	return b.text.Write(p)
}

// exampleKey is the id that AWS uses in its own examples.
const exampleKey = "AKIAIOSFODNN7EXAMPLE" //nolint:gosec // the id of a key, and of none that is

var exampleTime = time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)

// examples are lines of every kind.
func examples() []LineFields {
	var lines []LineFields
	for _, kind := range []Kind{Expiring, PastLimit, Disabled, Deleting, Deleted, LeakedDisabled, LeakedActive} {
		for _, reason := range []audit.Reason{audit.CreationAge, audit.Inactivity} {
			if kind == LeakedDisabled || kind == LeakedActive {
				reason = audit.Exposure
			}
			lines = append(lines, LineFields{
				Mention: "tfunke", User: "tfunke", Key: exampleKey, ShownKeyID: exampleKey,
				Account: "AWS account 123456789012", Kind: kind, Days: 8, Reason: reason, Date: text.Date(exampleTime),
				Description: "laptop", Disables: true, LastUsed: text.Date(exampleTime), Used: "was last used on " + text.Date(exampleTime),
				Console:      Notice{User: "tfunke"}.ConsoleURL(),
				EarlierLimit: &EarlierLimitFields{2, audit.Inactivity}, Note: "An aside.", UsedBy: "Used by aws-cli.",
			}, LineFields{
				Mention: "tfunke", User: "tfunke", Key: exampleKey,
				Account: "AWS account 123456789012", Kind: kind, Reason: reason,
			})
		}
	}
	return lines
}

// defaults are parsed when the first message is written, as most invocations write
// none.
//
//nolint:gochecknoglobals // read once, and never changed
var defaults = sync.OnceValue(func() Templates {
	parsed := func(name, text string) *template.Template {
		return template.Must(template.New(name).Parse(text))
	}
	return Templates{
		line: parsed(LineTemplate, defaultLine), list: parsed(ListTemplate, defaultList),
		personal: parsed(PersonalTemplate, defaultPersonal), subject: parsed(SubjectTemplate, defaultSubject),
	}
})

// render executes chosen, or byDefault if that is nil, fails or prints nothing.
func render(chosen, byDefault *template.Template, fields any) string {
	if chosen != nil {
		if text, err := execute(chosen, fields); err == nil {
			return text
		}
	}
	var out strings.Builder
	if err := byDefault.Execute(&out, fields); err != nil {
		out.WriteString(err.Error())
	}
	return out.String()
}

// Escaper makes names and tags safe to show in a channel's text.
type Escaper func(string) string

// Line is the notice in one line. mention is the owner as the channel mentions
// them. clean is applied to everything but the mention.
func (w Templates) Line(n Notice, mention string, clean Escaper) string {
	return strings.ReplaceAll(strings.ReplaceAll(render(w.line, defaults().line, n.fields(mention, clean)), "\r", " "), "\n", " ")
}

func (n Notice) fields(mention string, clean Escaper) LineFields {
	f := LineFields{
		Mention: mention, User: clean(n.User), Key: clean(n.KeyID), Account: clean(n.Account.String()), Kind: n.Kind,
		Days: n.DaysLeft, Reason: n.Reason, Date: text.Date(n.At), Note: clean(n.Note), Disables: n.Disables, NotBefore: n.NotBefore, Deletes: n.Deletes,
		Description: clean(text.Shorten(text.OneLine(n.Description), maxDescription)),
		LastUsed:    n.lastUsed(), Used: n.used(clean), Console: n.ConsoleURL(),
	}
	if n.Uses != nil {
		f.UsedBy = n.Uses.Brief(clean)
	}
	if n.ShowKeyID {
		f.ShownKeyID = f.Key
	}
	if n.EarlierLimit != nil {
		f.EarlierLimit = &EarlierLimitFields{n.EarlierLimit.DaysLeft, n.EarlierLimit.Reason}
	}
	return f
}

// maxDescription is how many bytes of a key's description are shown.
const maxDescription = 80

// used is a phrase about the key's last use; empty if that is not known.
func (n Notice) used(clean Escaper) string {
	if n.NeverUsed {
		return "was never used" + n.asOf()
	}
	if n.LastUsed.IsZero() {
		return ""
	}
	with := strings.Join(slices.DeleteFunc([]string{clean(n.Service), clean(n.Region)}, func(s string) bool { return s == "" }), ", ")
	if with != "" {
		with = " (" + with + ")"
	}
	return "was last used on " + text.Date(n.LastUsed) + with + n.asOf()
}

// lastUsed is the moment of the last use; empty if that is not known.
func (n Notice) lastUsed() string {
	if n.LastUsed.IsZero() {
		return ""
	}
	return text.Date(n.LastUsed) + n.asOf()
}

// asOf says of a last use from the credential report when that was made. It is
// less than a day old, so that the time of day is enough.
func (n Notice) asOf() string {
	if n.LastUsedAsOf.IsZero() {
		return ""
	}
	return ", as of " + text.Clock(n.LastUsedAsOf)
}

// ListTitle is the text above a list.
func (w Templates) ListTitle(reason audit.Reason, kind Kind, keys int) string {
	return render(w.list, defaults().list, ListFields{kind, reason, keys})
}
