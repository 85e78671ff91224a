package shoutrrr

import (
	"cmp"
	"net"
	"net/url"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/googlechat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/lark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/signal"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/wecom"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/zulip"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/bark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ifttt"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/join"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushbullet"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/notifiarr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// kind is a service that shoutrrr speaks.
type kind struct {
	make func() types.Service
	// maxBytes is how many bytes of text a message holds, with room for what
	// shoutrrr and the service put around it.
	maxBytes int
	// title: the service shows a title above the text.
	title bool
	// chat: the service may take "@here" and the like in a text for a mention.
	chat bool
	// params are what its URL is not asked for.
	params map[string]string
	// replaces: the service replaces the client that it was given when it is
	// set up, and is given it again. (Others lose their headers if they are.)
	replaces bool
	// complete adds what shoutrrr does not know of an incomplete URL; nil is
	// nothing.
	complete func(*url.URL)
	// needless is the path of a request that no message needs, and that is
	// answered with 404 here.
	needless string
	// smtp: the service speaks no HTTP, so that of an attempt only its error is
	// seen.
	smtp bool
}

// kinds are the services by the scheme of their URLs. shoutrrr's own router is
// not used: it shows URLs in its errors.
// Its "slack", "teams" and "logger" are left out: for the first two there are
// channels of our own, and the third notifies nobody.
//
// The limits of the text are those of the services' documentation and of
// shoutrrr, whichever is less; most count characters, of which a byte is at
// most one.
var kinds = map[string]kind{
	// A push goes through Apple's service, which takes 4 KB in all.
	"bark": {make: func() types.Service { return &bark.Service{} }, maxBytes: 2_000, title: true},
	// https://discord.com/developers/docs/resources/webhook: with a title the
	// text is an embed, which calls nobody; shoutrrr cuts it into pieces of
	// 2,000 characters.
	"discord": {make: func() types.Service { return &discord.Service{} }, maxBytes: 1_900, title: true, chat: true,
		params: map[string]string{"splitlines": "no"}},
	"generic": {make: func() types.Service { return &generic.Service{} }, maxBytes: 60_000, title: true},
	"gotify":  {make: func() types.Service { return &gotify.Service{} }, maxBytes: 30_000, title: true},
	// https://developers.google.com/workspace/chat/create-messages: 4,096 characters
	"googlechat": {make: func() types.Service { return &googlechat.Service{} }, maxBytes: 4_000, chat: true},
	"ifttt":      {make: func() types.Service { return &ifttt.Service{} }, maxBytes: 3_000},
	// The text is part of a URL.
	"join": {make: func() types.Service { return &join.Service{} }, maxBytes: 1_500, title: true},
	"lark": {make: func() types.Service { return &lark.Service{} }, maxBytes: 4_000, title: true, chat: true},
	// https://spec.matrix.org/latest/client-server-api/#size-limits: 65,536 bytes an event
	"matrix": {make: func() types.Service { return &matrix.Service{} }, maxBytes: 30_000, chat: true},
	// https://developers.mattermost.com/integrate/webhooks/incoming/: 16,383 characters
	"mattermost": {make: func() types.Service { return &mattermost.Service{} }, maxBytes: 15_000, chat: true, replaces: true},
	"notifiarr":  {make: func() types.Service { return &notifiarr.Service{} }, maxBytes: 1_900, chat: true},
	// https://docs.ntfy.sh/publish/#limitations: 4,096 bytes
	"ntfy": {make: func() types.Service { return &ntfy.Service{} }, maxBytes: 4_000, title: true},
	// https://docs.opsgenie.com/docs/alert-api: 15,000 characters
	"opsgenie": {make: func() types.Service { return &opsgenie.Service{} }, maxBytes: 14_000, title: true},
	// https://developer.pagerduty.com/docs/send-alert-event: 1,024 characters,
	// past which shoutrrr cuts.
	"pagerduty": {make: func() types.Service { return &pagerduty.Service{} }, maxBytes: 1_000,
		complete: func(u *url.URL) {
			u.Host = net.JoinHostPort(cmp.Or(u.Hostname(), "events.pagerduty.com"), cmp.Or(u.Port(), "443"))
		}},
	"pushbullet": {make: func() types.Service { return &pushbullet.Service{} }, maxBytes: 4_000, title: true},
	// https://pushover.net/api#limits: 1,024 characters
	"pushover": {make: func() types.Service { return &pushover.Service{} }, maxBytes: 1_000, title: true},
	// The administrator's setting Maximum Allowed Characters Per Message, 5,000
	// unless it was changed.
	"rocketchat": {make: func() types.Service { return &rocketchat.Service{} }, maxBytes: 4_800, chat: true},
	"signal":     {make: func() types.Service { return &signal.Service{} }, maxBytes: 2_000},
	"smtp":       {make: func() types.Service { return &smtp.Service{} }, maxBytes: 240_000, title: true, smtp: true},
	// https://core.telegram.org/bots/api#sendmessage: 4,096 characters
	"telegram": {make: func() types.Service { return &telegram.Service{} }, maxBytes: 3_800, title: true, chat: true,
		params: map[string]string{"parsemode": "None"}},
	// https://developer.work.weixin.qq.com/document/path/91770: 2,048 bytes
	"wecom": {make: func() types.Service { return &wecom.Service{} }, maxBytes: 2_000, chat: true},
	// https://zulip.com/api/send-message: 10,000 characters. For each message
	// shoutrrr would register for events, to ask for a larger limit.
	"zulip": {make: func() types.Service { return &zulip.Service{} }, maxBytes: 9_500, chat: true,
		needless: "/api/v1/register"},
}

// otherNames are further schemes for the same service.
var otherNames = map[string]string{"hangouts": "googlechat"}
