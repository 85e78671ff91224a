package leak

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
)

// notify hands every channel the notices that are pending on it, and the announcements
// with them. What a channel does not accept stays pending for the next run.
func (a *responder) notify(ctx context.Context) {
	pending, announcement := a.pending, strings.Join(a.announcements, "\n")
	a.pending, a.announcements = nil, nil
	pending = slices.DeleteFunc(pending, func(r *ledger.Record) bool { return !r.FinalPending() })
	if len(pending) == 0 && announcement == "" {
		return
	}
	batch := a.Config.NewBatch()
	batch.Account, batch.Run, batch.Announcement = a.Account, a.ID, announcement
	var items []outbox.Item
	for _, record := range pending {
		items = append(items, outbox.Final(record, account.Account{}))
	}
	box := outbox.Outbox{Channels: a.Channels, Ledger: a.Store, Now: a.Now, Log: a.Log}
	result := box.Deliver(ctx, a.Budget.End(budget.Notify, a.now()), batch, items)
	a.response.MessagesSent += result.Messages
	a.response.NoticesSent += result.Notices
	a.response.NoticesFailed += result.Failed
	for _, problem := range result.Problems {
		a.problem(problem.KeyID, problem.Err)
	}
	if announcement != "" && !a.announces() {
		a.problem("", errors.New("the announcement was not sent, as no channel accepts messages without an owner; set one that does, such as SLACK_URL or SNS_TOPIC: "+announcement))
	}
}

// announces reports whether some channel accepts an announcement, or prints it.
func (a *responder) announces() bool {
	return slices.ContainsFunc(a.Channels, func(c notify.Channel) bool {
		_, selective := c.(notify.Filtered)
		return !selective
	})
}
