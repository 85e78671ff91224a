package run

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// RefusedAddress is an address of an owner outside SLEUTH_EMAIL_DOMAIN, to which no
// mail goes.
type RefusedAddress struct {
	User    string `json:"user"`
	Tag     string `json:"tag"`
	Address string `json:"address"`
}

// reportOwners logs, of those who are notified in this run, the addresses outside
// SLEUTH_EMAIL_DOMAIN and the teams without a channel.
func (p *pass) reportOwners(ctx context.Context) {
	notified := map[string]audit.User{}
	for _, s := range p.steps {
		if s.decision.Action != audit.Nothing || s.decision.Hold == audit.HeldAsUnreachable {
			notified[s.user.Name] = s.user
		}
	}
	for _, r := range p.retirements {
		notified[r.user.Name] = r.user
	}
	for _, name := range slices.Sorted(maps.Keys(notified)) {
		user := notified[name]
		owner := p.Config.Owners.Of(user)
		if owner.Team != "" && owner.TeamChannel == "" {
			p.Log.WarnContext(ctx, "the team of this user has no channel, so that its channel is not notified", "user", user.Name, "tag", p.Config.Owners.TeamTag, "value", owner.Team)
		}
		for _, refused := range owner.Refused {
			r := RefusedAddress{user.Name, refused.From, refused.Address}
			if slices.Contains(p.summary.RefusedAddresses, r) {
				continue
			}
			p.summary.RefusedAddresses = append(p.summary.RefusedAddresses, r)
			p.Log.WarnContext(ctx, notify.AddressRefused, "user", r.User, "tag", r.Tag, "value", r.Address)
		}
	}
	slices.SortFunc(p.summary.RefusedAddresses, func(a, b RefusedAddress) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Tag, b.Tag))
	})
}

// rowOf shows a verdict, with the Slack id by SLEUTH_SLACK_TAGS.
func (p *pass) rowOf(user audit.User, key audit.Key, v audit.Verdict) report.Row {
	row := report.RowOf(user, key, v)
	row.SlackID = cmp.Or(p.Config.Owners.Of(user).Slack, user.Name)
	return row
}
