package shoutrrr

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

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
	errSlack   = errors.New("set SLACK_URL or SLEUTH_SLACK_TOKEN for Slack: they mention people")
	errTeams   = errors.New("set SLEUTH_TEAMS_URL for Microsoft Teams, to the URL of a workflow: Microsoft has retired the connectors that teams:// is for")
	errUnknown = errors.New("no service of this kind is known; docs/shoutrrr.md lists those that are")
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

// send sets a service up with a client and sends a message through it. Each
// message gets a service of its own: the fields of an earlier one stay in
// some. Some sign in when they are set up.
func (s source) send(m message, client *http.Client) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if path := kinds[s.kind].needless; path != "" {
		client = &http.Client{Transport: without{path, client.Transport}}
	}
	service, err := s.service(client)
	if err != nil {
		return err
	}
	params := types.Params(maps.Clone(m.params))
	return service.Send(m.text, &params)
}

// service sets one up.
func (s source) service(client *http.Client) (types.Service, error) {
	u, err := url.Parse(s.url.Reveal())
	if err != nil {
		return nil, errNoURL
	}
	made := kinds[s.kind].make()
	if strings.Contains(u.Scheme, "+") {
		custom, ok := made.(types.CustomURLService)
		if !ok {
			return nil, errCustom
		}
		if u, err = custom.GetServiceURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	if complete := kinds[s.kind].complete; complete != nil {
		complete(u)
	}
	takes, ok := made.(types.HTTPClientSetter)
	if ok {
		takes.SetHTTPClient(client)
	}
	err = made.Initialize(u, nil)
	if ok && kinds[s.kind].replaces {
		takes.SetHTTPClient(client)
	}
	return made, err
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

// checkMail finds what is wrong with the URL of a mail server, which cannot be
// rehearsed.
func (s *Service) checkMail() error {
	u, err := url.Parse(s.source.url.Reveal())
	if err != nil {
		return errNoURL
	}
	if _, err := s.source.service(nil); err != nil {
		return fmt.Errorf("not a URL of this service: %w", s.innermost(err))
	}
	settings := query(u)
	_, password := u.User.Password()
	plain := strings.EqualFold(settings["encryption"], "none") || isNo(settings["usestarttls"]) || isNo(settings["starttls"])
	if password && plain && u.Port() != "465" && !httpclient.IsLoopback(u.Hostname()) {
		return errPlain
	}
	return nil
}

// isNo follows shoutrrr, which takes these words for false.
func isNo(text string) bool {
	switch strings.ToLower(text) {
	case "false", "0", "no":
		return true
	}
	return false
}
