package app

import (
	"context"
	"time"

	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// invocation splits the time of what begins now and ends with ctx, which has a
// deadline in Lambda alone. Optional names the parts there are beside the event
// of a failure.
func (a *App) invocation(ctx context.Context, cfg config.Config, optional ...budget.Part) budget.Budget {
	deadline, _ := ctx.Deadline() // zero if there is none
	if cfg.Targets.Has("SLEUTH_EVENT_BUS") {
		optional = append(optional, budget.Event)
	}
	return budget.Invocation(a.Now(), deadline, optional...)
}

// pendingPart is what is sent after the runs on all accounts.
func pendingPart(cfg config.Config) budget.Part {
	if cfg.Digest {
		return budget.Digest
	}
	return budget.LeftOut
}

// onAccount splits the time of a run on one account that begins now.
func (s *session) onAccount() budget.Budget {
	var optional []budget.Part
	for part, takesPlace := range map[budget.Part]bool{
		budget.Notify:   !s.cfg.Digest,
		budget.Findings: s.keepsFindings(),
		budget.Evidence: s.leavesEvidence(),
		budget.Event:    s.cfg.Targets.Has("SLEUTH_EVENT_BUS"),
	} {
		if takesPlace {
			optional = append(optional, part)
		}
	}
	return budget.Account(s.Now(), s.endOf(budget.Work), optional...)
}

// endOf is when a part of the invocation that begins now has to end.
func (s *session) endOf(part budget.Part) time.Time { return s.budget.End(part, s.Now()) }

// during returns a context for a part of the invocation that begins now.
func (s *session) during(ctx context.Context, part budget.Part) (context.Context, context.CancelFunc) {
	return s.budget.Context(ctx, part, s.Now())
}
