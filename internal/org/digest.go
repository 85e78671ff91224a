package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// Digest tells through every channel, in one bulletin, what runs on several
// accounts have left in state. What a channel does not take stays there: final
// notices are owed to the next digest, and warnings are judged afresh.
type Digest struct {
	ID           string // names the digest in leases
	Organization string // its id; empty for a list of accounts
	// Blank is a bulletin with nothing in it yet but the words to say it in.
	Blank    notify.Bulletin
	Channels []notify.Channel
	Store    ledger.Store
	Log      *slog.Logger
	Lease    time.Duration
	Now      func() time.Time
	DryRun   bool
}

// Delivered is what became of a digest.
type Delivered struct {
	// NoticesSent counts notices taken by channels, each channel on its own;
	// MessagesSent the messages they were in.
	NoticesSent, NoticesFailed, MessagesSent int
	// Settled counts, by account, the keys of whose final notices nothing is
	// owed any more.
	Settled  map[string]int
	Problems []report.Problem
}

// Send makes the digest of these runs. Runs that did not begin have left
// nothing; whoever kept them off tells.
func (d Digest) Send(ctx context.Context, runs []run.Summary) Delivered {
	p := &posting{Digest: d, delivered: Delivered{Settled: map[string]int{}}, records: map[keyRef]*ledger.Record{}, tells: map[string]bool{}}
	if len(d.Channels) == 0 {
		return p.delivered
	}
	for _, c := range d.Channels {
		if notify.TellsPeople(c) {
			p.tells[c.Name()] = true
		}
	}
	var begun []run.Summary
	for _, r := range runs {
		if r.Begun {
			begun = append(begun, r)
		}
	}
	if d.DryRun {
		for _, r := range begun {
			for _, n := range r.Untold {
				p.take(r.Account, n)
			}
		}
		p.deliver(ctx, begun)
		return p.delivered
	}
	// No run may judge what is being told.
	telling, held := hold(ctx, d.Store, d.ID, d.Lease, d.Now)
	var group errgroup.Group
	group.SetLimit(loadConcurrency)
	for _, r := range begun {
		if r.Warned == 0 && r.NoticesOwed == 0 && len(r.ExemptionsOpen) == 0 {
			continue
		}
		group.Go(func() error {
			err := held.take(telling, r.Account.ID)
			if err == nil {
				err = p.load(telling, r)
			}
			if err != nil {
				p.problem(fmt.Errorf("what account %s has for the digest is left to the next one: %w", r.Account.ID, err))
			}
			return nil
		})
	}
	_ = group.Wait() // failures are problems of the digest, not errors
	if p.deliver(telling, begun) {
		p.problem(p.rememberExemptions(telling, begun, held.leases()))
	}
	p.problem(held.release(ctx))
	return p.delivered
}

// loadConcurrency is how many accounts' records are read at once.
const loadConcurrency = 16

// posting is the working state of one digest.
type posting struct {
	Digest
	delivered Delivered
	tells     map[string]bool // the channels that reach people
	records   map[keyRef]*ledger.Record
	pending   []notify.Notice

	mu sync.Mutex // guards what is above while accounts are loaded and channels deliver
}

type keyRef struct{ account, key string }

func refOf(n notify.Notice) keyRef { return keyRef{n.Account.ID, n.KeyID} }

func (p *posting) problem(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.delivered.Problems = append(p.delivered.Problems, report.Problem{Text: awserr.Message(err)})
	}
}

func (p *posting) take(account notify.Account, n notify.Notice) {
	n.Account = account
	p.pending = append(p.pending, n)
}

// load finds what one run has left, and what earlier ones still owe.
func (p *posting) load(ctx context.Context, r run.Summary) error {
	records, err := p.Store.Load(ctx, r.Account.ID)
	if _, others := ledger.Damaged(err); others != nil { // the run has named the damaged
		return others
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range records {
		record := &records[i]
		owed := record.FinalOwed() && record.Final != nil
		warned := record.Warning != nil && record.Warning.Run == r.Run
		if !owed && !warned {
			continue
		}
		p.records[keyRef{r.Account.ID, record.KeyID}] = record
		if owed {
			p.take(r.Account, *record.Final)
		}
		if warned {
			p.take(r.Account, record.Warning.Notice)
		}
	}
	return nil
}

// rememberExemptions remembers, of the accounts that it holds, that people were
// told of the exemptions without end or reason.
func (p *posting) rememberExemptions(ctx context.Context, begun []run.Summary, held map[string]time.Time) error {
	runs, remembers := p.Store.(ledger.Runs)
	if !remembers {
		return nil
	}
	var failed []error
	for _, r := range begun {
		if _, ours := held[r.Account.ID]; !ours || !r.ToldOfAllOpenExemptions() {
			continue
		}
		last, err := runs.LastRun(ctx, r.Account.ID)
		if err == nil {
			last.ExemptionsTold = r.At
			err = runs.SetLastRun(ctx, r.Account.ID, last)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("record that the exemptions without end or reason in account %s were told of, so they are told of again: %w", r.Account.ID, err))
		}
	}
	return errors.Join(failed...)
}

// deliver hands every channel what it has no receipt for. It reports whether
// some channel took the announcement.
func (p *posting) deliver(ctx context.Context, begun []run.Summary) bool {
	announcement := announcementOf(begun)
	var posts []notify.Post
	for _, channel := range p.Channels {
		bulletin := p.Blank
		bulletin.Digest, bulletin.Run, bulletin.Announcement = p.title(begun), p.ID, announcement
		for _, n := range p.pending {
			if n.Kind.Final() && p.taken(n, channel.Name()) {
				continue
			}
			bulletin.Notices = append(bulletin.Notices, n)
		}
		bulletin.Notices = mentionOnce(bulletin)
		posts = append(posts, notify.Post{Channel: channel, Bulletin: bulletin})
	}
	for _, n := range notify.Unreachable(p.Channels, p.pending) {
		p.delivered.NoticesFailed++
		p.problem(fmt.Errorf("nobody was told of key %s of user %s in account %s: %s", n.KeyID, n.User, n.Account.ID, notify.NoWay))
	}
	deliveries := notify.Deliver(ctx, posts, func(ctx context.Context, channel string, m notify.Message) error {
		if p.DryRun || !p.tells[channel] {
			return nil
		}
		return p.receipt(ctx, channel, m)
	})
	for _, one := range deliveries {
		if p.tells[one.Channel] { // what is only printed is not sent
			p.delivered.MessagesSent += one.Sent
			p.delivered.NoticesSent += one.Told
		}
		for _, failure := range one.Failures {
			p.delivered.NoticesFailed += len(failure.Notices)
			for _, n := range failure.Notices {
				p.Log.ErrorContext(ctx, "a notice was not delivered", "channel", one.Channel,
					"account", n.Account.ID, "user", n.User, "key", n.KeyID, "notice", string(n.Kind))
			}
			p.problem(fmt.Errorf("%s was not told of %s: %w", one.Channel, notify.NameKeys(failure.Notices), failure.Err))
		}
	}
	return !p.DryRun && notify.Announced(posts, deliveries)
}

func (p *posting) title(begun []run.Summary) string {
	title := count(len(begun), "AWS account")
	if p.Organization != "" {
		title = "AWS organization " + p.Organization + ", " + count(len(begun), "account")
	}
	return title
}

func announcementOf(runs []run.Summary) string {
	var said []string
	for _, r := range runs {
		if r.Announcement != "" {
			said = append(said, r.Account.String()+": "+r.Announcement)
		}
	}
	if exemptions := run.AboutExemptions(true, runs...); exemptions != "" {
		if len(said) > 0 {
			said = append(said, "")
		}
		said = append(said, exemptions)
	}
	return strings.Join(said, "\n")
}

func (p *posting) taken(n notify.Notice, channel string) bool {
	record := p.records[refOf(n)]
	if record == nil {
		return false
	}
	_, taken := record.Receipts[channel]
	return taken
}

// mentionOnce returns the notices in the order that they are shown in, each
// person mentioned in the first that is theirs and named in the others: a
// mention rings a bell.
func mentionOnce(b notify.Bulletin) []notify.Notice {
	mentioned := map[string]bool{}
	shown := make([]notify.Notice, 0, len(b.Notices))
	for _, section := range b.Sections() {
		for _, list := range section.Lists {
			for _, n := range list.Notices {
				n.Named = mentioned[n.SlackTag]
				mentioned[n.SlackTag] = true
				shown = append(shown, n)
			}
		}
	}
	return shown
}

// receipt records that a channel took a message. Channels come here side by
// side; records are written under one lock.
func (p *posting) receipt(ctx context.Context, channel string, m notify.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now().UTC()
	var changed []*ledger.Record
	for _, n := range m.Notices {
		record := p.records[refOf(n)]
		switch {
		case record == nil:
			continue
		case n.Kind.Final():
			record.Receive(channel, now, notify.Owed(p.Channels, n))
			if !record.Settled.IsZero() {
				p.delivered.Settled[n.Account.ID]++
			}
		case record.Warning == nil || !notify.Warns(p.Channels, channel, n):
			continue // another channel was first, or is to be
		default:
			if !record.Owed() { // what is owed comes before what was warned
				record.Told = record.Warning.Told
			}
			record.Warning = nil
		}
		record.Changed = now
		changed = append(changed, record)
	}
	slices.SortFunc(changed, func(a, b *ledger.Record) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.KeyID, b.KeyID))
	})
	return p.Store.Put(ctx, slices.Compact(changed)...)
}
