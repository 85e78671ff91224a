package run

import "time"

// work is a kind of work that takes time.
type work uint8

const (
	reading work = iota
	disabling
)

// Time is kept back from the end of the process: for disabling and telling
// once reading has stopped, and for telling alone. Slack takes a message a
// second, and a call that meets trouble is retried for half a minute; a short
// life keeps back a share of itself instead.
const (
	keptFromReading   = 120 * time.Second
	keptFromDisabling = 60 * time.Second
	keptFromTelling   = 5 * time.Second
	shareFromReading  = 4
)

// notifyDeadline is when notifying ends, so that a channel that hangs does not
// cost the run its summary; zero if nothing ends the process.
func (p *pass) notifyDeadline() time.Time {
	if p.Deadline.IsZero() {
		return time.Time{}
	}
	return p.Deadline.Add(-min(keptFromTelling, p.Deadline.Sub(p.started)/(4*shareFromReading)))
}

// reconcileDeadline is when the delivery of earlier notices ends, so that it does
// not cost the run its own work.
func (p *pass) reconcileDeadline() time.Time {
	if p.Deadline.IsZero() {
		return time.Time{}
	}
	return p.Now().Add(p.Deadline.Sub(p.Now()) / shareFromReading)
}

// timeFor reports whether there is time left to begin more of the work.
func (p *pass) timeFor(w work) bool {
	if p.Deadline.IsZero() {
		return true
	}
	life := p.Deadline.Sub(p.started)
	kept := min(keptFromReading, life/shareFromReading)
	if w == disabling {
		kept = min(keptFromDisabling, life/(2*shareFromReading))
	}
	return p.Now().Before(p.Deadline.Add(-kept))
}
