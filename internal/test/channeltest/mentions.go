package channeltest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// MattermostMentions are the groups that Mattermost would notify of a text, by
// the rules of its server and of its clients. The server looks at words of
// letters, digits and :.-_@, without what of :.-_ stands around them, and then
// between those; the clients at an @ behind anything but an ASCII letter or
// digit.
//
// https://github.com/mattermost/mattermost/blob/master/server/channels/app/mention_parser_standard.go
func MattermostMentions(text string) []string {
	var found []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(":.-_@", r)
	}) {
		word = strings.ToLower(strings.Trim(word, ":.-_"))
		for _, part := range append([]string{word}, strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(".-:", r) })...) {
			if mentionable[part] {
				found = append(found, part)
			}
		}
	}
	for _, match := range clientMention.FindAllStringSubmatch(text, -1) {
		found = append(found, strings.ToLower(match[1]))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var (
	mentionable   = map[string]bool{"@here": true, "@channel": true, "@all": true, "@everyone": true}
	clientMention = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])(@(?:here|channel|all|everyone))\b`)
)
