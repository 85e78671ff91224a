package run

import (
	"context"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// checkExemptionTags says in the log which tags say nothing: those that cannot
// be read, and those of keys that the user does not have. The lock is held.
func (p *pass) checkExemptionTags(ctx context.Context, s inventory.Subject) {
	ids := make([]string, len(s.Keys))
	for i, key := range s.Keys {
		ids[i] = key.ID
	}
	for _, tag := range audit.UnreadableTags(s.User, ids) {
		p.Log.ErrorContext(ctx, "a KeyAutoExpire tag is unreadable; the user's keys are not disabled, or the key's alone where the tag names one. Use False, True or 'False until YYYY-MM-DD'",
			"user", s.User.Name, "tag", tag.Key, "value", tag.Value)
		if !slices.Contains(p.summary.UnreadableTags, s.User.Name) {
			p.summary.UnreadableTags = append(p.summary.UnreadableTags, s.User.Name)
		}
	}
	for _, tag := range audit.StaleTags(s.User, ids) {
		p.Log.WarnContext(ctx, "a tag speaks for a key that the user does not have; it has no effect, and can be removed",
			"user", s.User.Name, "tag", tag.Key, "value", tag.Value)
	}
}
