package run

import (
	"context"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// logTagProblems logs in one line how many owners of keys lack a tag that the
// channels of this run would use, and each of them in a line for debugging.
func (p *pass) logTagProblems(ctx context.Context) {
	var notices []notify.Notice
	for _, s := range p.steps {
		if s.decision.Action != audit.Nothing {
			notices = append(notices, p.notice(s, s.user, s.key, s.verdict))
		}
	}
	problems := notify.TagProblems(p.Channels, notices)
	if len(problems) == 0 {
		return
	}
	users, tags := lacking(problems)
	p.Log.InfoContext(ctx, "some users have no valid tag for messages, which show their user names instead; 'sleuth check' lists them",
		"users", users, "tag", strings.Join(tags, ", "))
	for _, problem := range problems {
		p.Log.DebugContext(ctx, problem.Text, "user", problem.User, "tag", problem.Tag, "value", problem.Value)
	}
}

// lacking returns how many users have problems, which are ordered by user, and
// the names of the tags.
func lacking(problems []notify.TagProblem) (users int, tags []string) {
	for i, problem := range problems {
		if i == 0 || problem.User != problems[i-1].User {
			users++
		}
		tags = append(tags, problem.Tag)
	}
	slices.Sort(tags)
	return users, slices.Compact(tags)
}
