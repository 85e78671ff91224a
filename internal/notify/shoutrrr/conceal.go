package shoutrrr

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// minHidden is the length of the shortest part of a URL that is hidden: what is
// shorter may be any word. A password is hidden at any length but the least.
const minHidden, minPassword = 5, 3

// plainParts may stand in a URL and are no secret.
var plainParts = map[string]bool{
	"https": true, "hooks": true, "webhook": true, "webhooks": true, "services": true, "message": true, "messages": true, "events": true,
}

// hidden are the texts that would give a service's URL away, longest first: the
// URL, its parts, and the parts of those, as they are written and as they are
// meant.
func hidden(raw string) []secret.Value {
	parts := map[string]bool{raw: true}
	add := func(text string, least int) {
		for _, form := range forms(text) {
			if len(form) >= least && !plainParts[strings.ToLower(form)] {
				parts[form] = true
			}
		}
	}
	addParts := func(text string) {
		for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("/?&=@:;,#+", r) }) {
			add(part, minHidden)
		}
	}
	if scheme, rest, found := strings.Cut(raw, "://"); found {
		add(rest, minHidden)
		if _, inner, custom := strings.Cut(scheme, "+"); custom {
			add(inner+"://"+rest, minHidden)
		}
		addParts(rest)
	}
	if u, err := url.Parse(raw); err == nil {
		password, _ := u.User.Password()
		add(password, minPassword)
		for _, part := range []string{u.User.String(), u.User.Username(), u.Host, u.Hostname(), u.RequestURI(), u.Path, u.RawQuery, u.Fragment} {
			add(part, minHidden)
		}
		for _, values := range u.Query() {
			for _, value := range values {
				add(value, minHidden)
				addParts(value) // which may be a URL
			}
		}
	}
	longestFirst := make([]string, 0, len(parts))
	for part := range parts {
		longestFirst = append(longestFirst, part)
	}
	slices.SortFunc(longestFirst, func(a, b string) int { return len(b) - len(a) })
	values := make([]secret.Value, len(longestFirst))
	for i, part := range longestFirst {
		values[i] = secret.New(part)
	}
	return values
}

// forms are a part of a URL as it is written, and as others may write it.
func forms(text string) []string {
	all := []string{text}
	for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if meant, err := unescape(text); err == nil {
			all = append(all, meant, url.PathEscape(meant), url.QueryEscape(meant))
		}
	}
	return all
}

// conceal rewrites an error that may quote a URL. Of what it wraps, only the end
// of a context is kept.
func (s *Service) conceal(err error) error {
	err = httpclient.Conceal(err, s.hidden...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New(s.scrub(err.Error()))
}

// scrub is a text that others wrote as it can be shown: on one line, without
// secrets, and no longer than a reason needs.
func (s *Service) scrub(content string) string {
	content = strings.TrimSpace(text.OneLine(strings.TrimSpace(secret.Scrub(content, s.hidden...))))
	const most = 200
	if len(content) > most {
		content = strings.ToValidUTF8(content[:most], "") + "..."
	}
	return content
}
