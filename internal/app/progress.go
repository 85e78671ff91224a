package app

import "sync"

// Progress is how far a run or an audit has come.
type Progress struct {
	// Stage is what is done after the reading; empty until then.
	Stage string
	// Users counts those that were read, in all accounts.
	Users int
	// Done is how many of the Accounts are done.
	Done, Accounts int
}

// progress counts how far the accounts have come, which are worked on side by
// side. A nil report is not called.
type progress struct {
	report func(Progress)

	mu      sync.Mutex // guards current
	current Progress
}

func newProgress(accounts int, report func(Progress)) *progress {
	return &progress{report: report, current: Progress{Accounts: accounts}}
}

// change takes in a step, and reports it.
func (p *progress) change(step func(*Progress)) {
	if p == nil || p.report == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	step(&p.current)
	p.report(p.current)
}

func (p *progress) userRead(int)      { p.change(func(now *Progress) { now.Users++ }) }
func (p *progress) accountDone()      { p.change(func(now *Progress) { now.Done++ }) }
func (p *progress) stage(what string) { p.change(func(now *Progress) { now.Stage = what }) }
