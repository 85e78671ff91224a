package org

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Digest delivers to every channel, in one batch, what runs on several
// accounts have left in the ledger, and what earlier runs left of accounts that
// these did not cover. What a channel does not accept stays there: final notices
// are pending for the next digest, and warnings are evaluated again.
type Digest struct {
	Run          string // the id of the runs, or what theirs begin with before a dot
	Holder       string // names this attempt at the digest in leases
	Organization string // its id; empty for a list of accounts
	// Names are what Organizations calls the accounts, by id.
	Names map[string]string
	// NewBatch is a batch with nothing in it yet but the words to say it in.
	NewBatch notify.Batch
	Channels []notify.Channel
	Store    ledger.Store
	Breaker  *outbox.Breaker // nil is one of its own
	Log      *slog.Logger
	Lease    time.Duration
	Now      func() time.Time
	// Budget splits the time of the digest. The zero Budget has no deadline.
	Budget budget.Budget
}

// Delivered is the result of a digest.
type Delivered struct {
	// NoticesSent counts notices accepted by channels, each channel on its own;
	// MessagesSent the messages they were in.
	NoticesSent, NoticesFailed, MessagesSent int
	// Settled counts, by account, the keys of whose final notices nothing is
	// pending any more.
	Settled  map[string]int
	Problems []account.Problem
}

// Send makes the digest of these runs.
func (d Digest) Send(ctx context.Context, runs []run.Summary) Delivered {
	p := d.begin(runs)
	if len(d.Channels) == 0 {
		return p.delivered
	}
	begun := slices.DeleteFunc(slices.Clone(runs), func(r run.Summary) bool { return !r.Started })
	// No run may change what is being delivered.
	timed, cancel := d.Budget.Context(ctx, budget.Record, d.Now())
	defer cancel()
	working, held := ledger.Hold(timed, d.Store, d.Holder, d.Lease, d.Now)
	p.load(working, held, append(p.withItems(runs), p.pending(working, true)...))
	if p.deliver(working, begun) {
		p.problem(p.rememberExemptions(working, begun, held))
	}
	p.release(ctx, held)
	return p.delivered
}

// SendLeftOut delivers, account by account, what earlier runs left pending for
// accounts that these runs did not cover: closed, excluded, moved, or no longer
// to be entered.
func (d Digest) SendLeftOut(ctx context.Context, runs []run.Summary) Delivered {
	p := d.begin(runs)
	timed, cancel := d.Budget.Context(ctx, budget.Record, d.Now())
	defer cancel()
	working, held := ledger.Hold(timed, d.Store, d.Holder, d.Lease, d.Now)
	p.load(working, held, p.pending(working, false))
	byAccount := map[string][]outbox.Item{}
	for _, item := range p.items {
		byAccount[item.Record.Account()] = append(byAccount[item.Record.Account()], item)
	}
	for _, acct := range slices.Sorted(maps.Keys(byAccount)) {
		batch := d.NewBatch
		batch.Account, batch.Run = p.account(acct), d.Run
		p.handOver(working, batch, byAccount[acct])
	}
	p.release(ctx, held)
	return p.delivered
}

func (d Digest) begin(runs []run.Summary) *digestRun {
	p := &digestRun{
		Digest: d, accounts: map[string]account.Account{}, begun: map[string]bool{}, runs: map[string]bool{},
		delivered: Delivered{Settled: map[string]int{}},
	}
	for _, r := range runs {
		p.accounts[r.Account.ID], p.begun[r.Account.ID], p.runs[r.Run] = r.Account, r.Started, true
	}
	return p
}

func (p *digestRun) release(ctx context.Context, held *ledger.Holder) {
	p.problem(held.Lost())
	releasing, cancel := p.Budget.Context(context.WithoutCancel(ctx), budget.Release, p.Now())
	defer cancel()
	p.problem(held.Release(releasing))
}

// loadConcurrency is how many accounts' records are read at once.
const loadConcurrency = 16

// digestRun is the working state of one digest.
type digestRun struct {
	Digest
	accounts map[string]account.Account // by id, as the runs name them
	begun    map[string]bool            // by account: its run was not kept off it
	runs     map[string]bool            // the ids of the runs

	mu        sync.Mutex // guards what follows while accounts are loaded
	delivered Delivered
	items     []outbox.Item
}

func (p *digestRun) problem(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.delivered.Problems = append(p.delivered.Problems, account.Problem{Text: awserr.Message(err)})
	}
}

// withItems are the accounts whose runs left something for the digest, or may
// have: a run without a result says nothing.
func (p *digestRun) withItems(runs []run.Summary) []string {
	var accounts []string
	for _, r := range runs {
		if !r.Started || r.Warned > 0 || r.NoticesPending > 0 || len(r.ExemptionsOpen) > 0 {
			accounts = append(accounts, r.Account.ID)
		}
	}
	return accounts
}

// pending are the accounts with something pending in the ledger that no run
// began on, and, if the covered ones are wanted as well, those that a run did: it
// cannot know what another process, such as the answer to a leak, left there
// meanwhile. A run on one account, which makes no digest, leaves other accounts
// alone whose notices are due on channels which it does not have: their own runs
// deliver them.
func (p *digestRun) pending(ctx context.Context, covered bool) []string {
	records, err := p.Store.ListPending(ctx)
	if _, others := ledger.SplitDamaged(err); others != nil {
		p.problem(fmt.Errorf("find the notices that are pending for accounts which this run did not cover: %w", others))
	}
	accounts := map[string]bool{}
	for i := range records {
		account := records[i].Account()
		if !records[i].FinalPending() {
			continue
		}
		leftOut := !p.begun[account] && (covered || len(p.begun) != 1 || p.isDueHere(records[i]))
		if leftOut || covered && p.begun[account] {
			accounts[account] = true
		}
	}
	return slices.Sorted(maps.Keys(accounts))
}

// isDueHere reports whether a pending notice is due on one of these channels, or
// on whichever can reach the owner.
func (p *digestRun) isDueHere(r ledger.Record) bool {
	due := r.Final().PendingOn()
	return len(due) == 0 || slices.ContainsFunc(p.Channels, func(c notify.Channel) bool { return slices.Contains(due, c.ID()) })
}

// isQueued reports whether a warning was left for this digest.
func (p *digestRun) isQueued(r ledger.Record) bool {
	run, warning := r.QueuedFor()
	return warning != nil && (p.runs[run] || run == p.Run || strings.HasPrefix(run, p.Run+"."))
}

// load takes in what the ledger has of the accounts, each under its lease.
func (p *digestRun) load(ctx context.Context, held *ledger.Holder, accounts []string) {
	var group errgroup.Group
	group.SetLimit(loadConcurrency)
	slices.Sort(accounts)
	for _, account := range slices.Compact(accounts) {
		group.Go(func() error {
			err := held.Acquire(ctx, account)
			if _, busy := errors.AsType[*ledger.LeasedError](err); busy && !p.begun[account] {
				return nil // the run that holds the lease delivers
			}
			if err == nil {
				err = p.loadAccount(ctx, account)
			}
			if err != nil {
				p.problem(fmt.Errorf("what account %s has for the digest is left to the next one: %w", account, err))
			}
			return nil
		})
	}
	_ = group.Wait() // failures are problems of the digest, not errors
}

func (p *digestRun) loadAccount(ctx context.Context, account string) error {
	records, err := p.Store.Load(ctx, account)
	if _, others := ledger.SplitDamaged(err); others != nil { // the run has named the damaged
		return others
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range records {
		p.takeRecord(&records[i])
	}
	return nil
}

// account is an account as the runs name it, or as Organizations does.
func (p *digestRun) account(id string) account.Account {
	if acct, known := p.accounts[id]; known {
		return acct
	}
	return account.Account{ID: id, Name: p.Names[id]}
}

// takeRecord takes in what one record has for the digest. The lock is held.
func (p *digestRun) takeRecord(record *ledger.Record) {
	acct := p.account(record.Account())
	if record.FinalPending() {
		p.items = append(p.items, outbox.Final(record, acct))
	}
	if !p.isQueued(*record) {
		return
	}
	run, notice := record.QueuedFor()
	item := outbox.Item{Record: record, Notice: notice, Account: acct, Delivered: func(r *ledger.Record) error {
		warning := r.QueuedWarning()
		if warning == nil || warning.Run != run {
			return ledger.ErrUnchanged // another channel was first, or a later run
		}
		return r.MarkQueuedDelivered(p.Now().UTC())
	}}
	p.items = append(p.items, item)
}

// rememberExemptions remembers, of the accounts that it holds, that people were
// notified of the exemptions without end or reason.
func (p *digestRun) rememberExemptions(ctx context.Context, begun []run.Summary, held *ledger.Holder) error {
	runs, remembers := p.Store.(ledger.Runs)
	if !remembers {
		return nil
	}
	var failed []error
	for _, r := range begun {
		if !held.Holds(r.Account.ID) || !r.ToldOfAllOpenExemptions() {
			continue
		}
		last, err := runs.LastRun(ctx, r.Account.ID)
		if err == nil {
			last.ExemptionsNotified = r.At
			err = runs.SetLastRun(ctx, r.Account.ID, last)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("record that the exemptions without end or reason in account %s were announced, so they are announced again: %w", r.Account.ID, err))
		}
	}
	return errors.Join(failed...)
}

// deliver hands every channel the digest. It reports whether some channel
// accepted the announcement.
func (p *digestRun) deliver(ctx context.Context, begun []run.Summary) bool {
	batch := p.NewBatch
	batch.Digest, batch.Run, batch.Announcement = p.title(max(len(begun), p.accountsWithItems())), p.Run, announcementOf(begun)
	return p.handOver(ctx, batch, p.items).Announced
}

// handOver delivers one batch, and adds up the results.
func (p *digestRun) handOver(ctx context.Context, batch notify.Batch, items []outbox.Item) outbox.Result {
	box := outbox.Outbox{Channels: p.Channels, Ledger: p.Store, Breaker: p.Breaker, Now: p.Now, Log: p.Log}
	result := box.Deliver(ctx, p.Budget.End(budget.Notify, p.Now()), batch, items)
	p.delivered.NoticesSent += result.Notices
	p.delivered.NoticesFailed += result.Failed
	p.delivered.MessagesSent += result.Messages
	for account, closed := range result.Closed {
		p.delivered.Settled[account] += closed
	}
	for _, problem := range result.Problems {
		p.problem(problem.Err)
	}
	return result
}

func (d Digest) title(accounts int) string {
	if d.Organization != "" {
		return "AWS organization " + d.Organization + ", " + text.Count(accounts, "account")
	}
	return text.Count(accounts, "AWS account")
}

// accountsWithItems counts the accounts that there is something to say of.
func (p *digestRun) accountsWithItems() int {
	accounts := map[string]bool{}
	for _, item := range p.items {
		accounts[item.Record.Account()] = true
	}
	return len(accounts)
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
