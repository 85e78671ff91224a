package outbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// maxTimeouts is how many messages a channel may leave unanswered before it is
// given up.
const maxTimeouts = 2

// Breaker gives up a channel that does not answer, so that it cannot use up the
// time of a run. It may be shared by the runs of one process and is safe for
// concurrent use; the zero Breaker is ready.
type Breaker struct {
	mu       sync.Mutex
	timeouts map[string]int // by the channel's identity
}

// ErrGivenUp says that a message was not tried, as its channel was given up.
var ErrGivenUp = fmt.Errorf("the channel did not answer %d messages, and is given up for this run", maxTimeouts)

// guarded is the channel's Send, until the channel is given up.
func (b *Breaker) guarded(channel notify.Channel) func(context.Context, notify.Message) error {
	return func(ctx context.Context, m notify.Message) error {
		if b.timeoutsOf(channel.ID(), 0) >= maxTimeouts {
			return ErrGivenUp
		}
		err := channel.Send(ctx, m)
		// Time that is up says nothing about the channel: it may just be slow.
		if ctx.Err() == nil && isTimeout(err) {
			b.timeoutsOf(channel.ID(), 1)
		}
		return err
	}
}

// timeoutsOf adds to a channel's timeouts, and returns how many there are.
func (b *Breaker) timeoutsOf(id string, more int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timeouts == nil {
		b.timeouts = map[string]int{}
	}
	b.timeouts[id] += more
	return b.timeouts[id]
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
