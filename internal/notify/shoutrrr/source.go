package shoutrrr

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// source is a service's URL, read.
type source struct {
	kind string
	url  secret.Value
}

var (
	errNoURL   = errors.New("not a URL, such as discord://TOKEN@WEBHOOK_ID")
	errSlack   = errors.New("set SLACK_URL or SLACK_TOKEN for Slack: they mention people")
	errTeams   = errors.New("set SLEUTH_TEAMS_URL for Microsoft Teams, to the URL of a workflow: Microsoft has retired the connectors that teams:// is for")
	errUnknown = errors.New("no service of this kind is known; docs/services.md lists those that are")
	errCustom  = errors.New("this service has no URL that begins with KIND+https://")
)

// readSource reads which service a URL is for. An error does not hold the URL.
func readSource(raw string) (source, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" { // not wrapped: it quotes the URL
		return source{}, errNoURL
	}
	name, _, _ := strings.Cut(strings.ToLower(u.Scheme), "+")
	name = cmp.Or(otherNames[name], name)
	if name == "slack" {
		return source{}, errSlack
	}
	if name == "teams" {
		return source{}, errTeams
	}
	if _, known := kinds[name]; !known {
		return source{}, errUnknown
	}
	return source{name, secret.New(raw)}, nil
}

// service sets one up.
func (s source) service() (made types.Service, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	u, err := url.Parse(s.url.Reveal())
	if err != nil {
		return nil, errNoURL
	}
	made = kinds[s.kind].make()
	if strings.Contains(u.Scheme, "+") {
		custom, ok := made.(types.CustomURLService)
		if !ok {
			return nil, errCustom
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	return made, made.Initialize(u, nil)
}

// titled reports whether the URL has a title of its own.
func (s source) titled() bool {
	u, err := url.Parse(s.url.Reveal())
	if err != nil {
		return false
	}
	settings := query(u)
	return settings["title"] != "" || s.kind == "smtp" && settings["subject"] != ""
}

// checkUnseen finds what is wrong with the URL of a service that cannot be
// rehearsed.
func (s source) checkUnseen() error {
	u, err := url.Parse(s.url.Reveal())
	if err != nil {
		return errNoURL
	}
	hide := &Service{hidden: hidden(s.url.Reveal())}
	if s.kind == "matrix" { // signs in when it is set up
		err = (&matrix.Config{}).SetURL(u)
		if err == nil && (u.Host == "" || u.User == nil) {
			err = errors.New("the host or the token is missing")
		}
	} else {
		_, err = s.service()
	}
	if err != nil {
		return fmt.Errorf("not a URL of this service: %w", hide.innermost(err))
	}
	if httpclient.IsLoopback(u.Hostname()) {
		return nil
	}
	settings := query(u)
	_, password := u.User.Password()
	plain := isYes(settings["disabletls"])
	if s.kind == "smtp" {
		plain = password && (strings.EqualFold(settings["encryption"], "none") || isNo(settings["usestarttls"]) || isNo(settings["starttls"])) && u.Port() != "465"
	}
	if plain {
		return errPlain
	}
	return nil
}

func isYes(text string) bool {
	return text != "" && !isNo(text)
}

// isNo follows shoutrrr, which takes these words for false.
func isNo(text string) bool {
	switch strings.ToLower(text) {
	case "false", "0", "no":
		return true
	}
	return false
}
