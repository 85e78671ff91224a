package run

import (
	"cmp"
	"context"
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

// reportRefusedAddresses logs the addresses outside SLEUTH_EMAIL_DOMAIN of those who
// are notified in this run.
func (p *pass) reportRefusedAddresses(ctx context.Context) {
	var notified []audit.User
	for _, s := range p.steps {
		if s.decision.Action != audit.Nothing || s.decision.Hold == audit.HeldAsUnreachable {
			notified = append(notified, s.user)
		}
	}
	for _, r := range p.retirements {
		notified = append(notified, r.user)
	}
	for _, user := range notified {
		for _, refused := range p.Config.Owners.Of(user).Refused {
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
