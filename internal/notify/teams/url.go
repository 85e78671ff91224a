package teams

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// hosts are the domains that the URLs of workflows lie in.
var hosts = []string{".logic.azure.com", ".api.powerplatform.com"}

// retiredHosts are those of the connectors, with what lies below them.
var retiredHosts = []string{"webhook.office.com", "outlook.office.com", "outlook.office365.com"}

var (
	errNoURL      = errors.New("must be the https:// URL of a Teams workflow, ssm:/parameter/name or secretsmanager:secret-id")
	errHost       = errors.New("must be the URL of a Teams workflow, at *.logic.azure.com or *.api.powerplatform.com")
	errIncomplete = errors.New("must be the complete URL of a Teams workflow, with its sig=...; quote it in a shell, where & ends a command")
	errRetired    = errors.New("is the URL of an Office 365 connector, which Microsoft has retired; create a workflow in Teams and set SLEUTH_TEAMS_URL to its URL, see docs/teams.md")
)

// CheckURL reports whether a text can be the URL of a workflow: https, or on
// this machine. The error does not hold it.
func CheckURL(text string) error {
	if IsRetired(text) {
		return errRetired
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" { // not wrapped: it quotes the URL
		return errNoURL
	}
	local := httpclient.IsLoopback(u.Hostname())
	switch {
	case u.User != nil, u.Scheme != "https" && (u.Scheme != "http" || !local):
		return errNoURL
	case !local && !slices.ContainsFunc(hosts, func(domain string) bool { return strings.HasSuffix(strings.ToLower(u.Hostname()), domain) }):
		return errHost
	case u.Query().Get("sig") == "":
		return errIncomplete
	}
	return nil
}

// IsRetired reports whether a text is the URL of a connector, as Microsoft gave
// it or in one of shoutrrr's forms.
func IsRetired(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return strings.HasPrefix(strings.ToLower(text), "teams:")
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	if scheme == "teams" {
		return true
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(retiredHosts, func(retired string) bool {
		return host == retired || strings.HasSuffix(host, "."+retired)
	})
}

// minHidden is the length of the shortest part of a URL that is hidden: what is
// shorter may be any word.
const minHidden = 6

// plainParts stand in every workflow's URL.
var plainParts = map[string]bool{
	"workflows": true, "triggers": true, "manual": true, "invoke": true, "direct": true, "api-version": true,
	"powerautomate": true, "automations": true,
}

// hiddenParts are the texts that would give the URL away, longest first: all of
// it, what follows the host, and each part of that, as written and as meant.
func hiddenParts(webhook secret.Value) []secret.Value {
	parts := []string{webhook.Reveal()}
	if u, err := url.Parse(webhook.Reveal()); err == nil {
		parts = append(parts, u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery)
		parts = append(parts, strings.FieldsFunc(u.RequestURI(), func(r rune) bool { return strings.ContainsRune("/?&=", r) })...)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(part) < minHidden || plainParts[part] })
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	hidden := make([]secret.Value, len(parts))
	for i, part := range parts {
		hidden[i] = secret.New(part)
	}
	return hidden
}
