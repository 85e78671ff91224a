package run

import (
	"context"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// logTagProblems says in the log which tags the owners of keys lack that the
// channels of this run would use.
func (p *pass) logTagProblems(ctx context.Context) {
	var notices []notify.Notice
	for _, s := range p.steps {
		if s.decision.Action != audit.Nothing {
			notices = append(notices, p.notice(s, s.user, s.verdict))
		}
	}
	for _, problem := range notify.TagProblems(p.Channels, notices) {
		p.Log.Log(ctx, problem.Level, problem.Text, "user", problem.User, "tag", problem.Tag, "value", problem.Value)
	}
}
