package channeltest

import "github.com/iam-sleuth/sleuth/internal/notify"

// Sentence is a notice in one line of SLEUTH_LINE_TEMPLATE=original, for tests of what
// is decided rather than of how it is put. The owner is named.
func Sentence(n notify.Notice) string {
	words, problems := notify.ParseTemplates(notify.TemplateTexts{Line: notify.Original})
	if len(problems) > 0 {
		panic(problems[0].Err) // the template is a constant
	}
	return words.Line(n, n.User, func(text string) string { return text })
}
