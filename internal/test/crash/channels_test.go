package crash

import (
	"cmp"
	"context"
	"fmt"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// finals are how often each channel received a final notice of a key.
func finals(w *world, keyID string) map[string]int {
	heard := map[string]int{}
	for _, e := range w.history() {
		if e.what == "notified" && e.keyID == keyID {
			heard[e.channel]++
		}
	}
	return heard
}

const oldKey = "AKIAOLD0000000000001"

// channelsOf is a world with one key past its limit, in messages that name it.
func channelsOf(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, nextAccount(), inMemory)
	w.speakPlainly(t)
	settle(w, "OLD")
	return w
}

// withChannels makes a run with these channels, and nothing in its way.
func withChannels(t *testing.T, w *world, has ...string) error {
	t.Helper()
	_, err := (&process{w: w, fate: peaceful, has: has}).run(t.Context())
	w.advance(time.Hour)
	return err
}

// down is a fate in which a channel's service cannot be reached.
func down(channel string) func(call) fate {
	return func(c call) fate {
		if c.label == labelOf(channel) {
			return fate{takes: hasNoEffect, then: seesReset}
		}
		return fate{}
	}
}

// TestARemovedChannel: a notice that is due on a channel which later runs do not
// have stays pending; they fail and name the key; and it is delivered once the
// channel returns, to no other.
func TestARemovedChannel(t *testing.T) {
	t.Parallel()
	for name, others := range map[string][]string{
		"one channel less":          {onSNS},
		"another workspace instead": {onOtherSlack, onSNS},
		"all others":                {onOtherSlack, onSNS, onBus},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := channelsOf(t)
			if _, err := (&process{w: w, fate: down(onSlack), has: []string{onSlack, onSNS}}).run(t.Context()); err == nil {
				t.Fatal("with Slack down the run succeeded")
			}
			w.advance(day)
			for range 2 {
				err := withChannels(t, w, others...)
				if err == nil || !strings.Contains(err.Error(), oldKey) || !strings.Contains(err.Error(), "sleuth state close") {
					t.Errorf("without Slack the run says %v", err)
				}
			}
			if len(w.pending(t)) != 1 {
				t.Error("the notice is not pending any more")
			}
			if err := withChannels(t, w, onSlack, onSNS); err != nil {
				t.Errorf("with Slack again: %v", err)
			}
			if err := withChannels(t, w, others...); err != nil {
				t.Errorf("after that, without Slack: %v", err)
			}
			if heard := finals(w, oldKey); heard[onSlack] != 1 || heard[onSNS] != 1 || len(heard) != 2 {
				t.Errorf("heard: %v", heard)
			}
		})
	}
}

// TestARemovedChannelThatAPersonCloses: closing is the only other way to end
// what is pending on a channel that is gone.
func TestARemovedChannelThatAPersonCloses(t *testing.T) {
	t.Parallel()
	w := channelsOf(t)
	if _, err := (&process{w: w, fate: down(onSlack)}).run(t.Context()); err == nil {
		t.Fatal("with Slack down the run succeeded")
	}
	w.look(t, func(ctx context.Context, store ledger.Store) {
		record, _, err := store.Get(ctx, w.home.ID(), oldKey)
		if err == nil {
			err = ledger.Update(ctx, store, &record, func(r *ledger.Record) error { return r.Close(w.Now()) })
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, has := range [][]string{{onSNS}, {onSlack, onSNS}} {
		if err := withChannels(t, w, has...); err != nil {
			t.Errorf("with %v: %v", has, err)
		}
	}
	if heard := finals(w, oldKey); heard[onSlack] != 0 || heard[onSNS] != 1 {
		t.Errorf("heard: %v", heard)
	}
}

// TestAnUndecidedAttemptWithOtherChannels: a run that disabled a key died before
// it recorded that; while IAM still shows the key as Active, a run with other
// channels disables it again. The channels of both are notified.
func TestAnUndecidedAttemptWithOtherChannels(t *testing.T) {
	t.Parallel()
	w := channelsOf(t)
	w.aws.SetLag(5 * time.Minute)
	p := &process{w: w, has: []string{onSNS, onBus}, fate: func(c call) fate {
		if strings.HasPrefix(c.label, "aws UpdateAccessKey") {
			return fate{then: dies}
		}
		return fate{}
	}}
	if _, err := p.run(t.Context()); err == nil {
		t.Fatal("the run died and succeeded")
	}
	w.advance(2 * lease)
	_ = withChannels(t, w, onSlack)
	if err := withChannels(t, w, onSlack, onSNS, onBus); err != nil {
		t.Error(err)
	}
	if heard := finals(w, oldKey); heard[onSlack] == 0 || heard[onSNS] == 0 || heard[onBus] == 0 {
		t.Errorf("heard: %v", heard)
	}
}

// TestAHangingChannel: a channel that answers nothing is given up after two
// messages, the other channels receive theirs, and a run ends before its
// deadline, with its lease released; every notice stays pending on the channel
// that hangs, and is delivered once it answers.
func TestAHangingChannel(t *testing.T) {
	t.Parallel()
	for _, hanging := range []string{onSlack, onOtherSlack, onSNS, onBus} {
		for _, lasts := range []time.Duration{0, time.Minute, 15 * time.Minute} {
			t.Run(hanging+", deadline "+lasts.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nextAccount(), inMemory)
				w.speakPlainly(t)
				synctest.Test(t, func(t *testing.T) { hangAndReturn(t, w, hanging, lasts) })
			})
		}
	}
}

func hangAndReturn(t *testing.T, w *world, hanging string, lasts time.Duration) {
	t.Helper()
	w.tick()
	settle(w)
	began, tries := w.Now(), 0
	p := &process{w: w, has: allChannels, lasts: lasts, fate: func(c call) fate {
		if c.label != labelOf(hanging) {
			return fate{}
		}
		tries = c.nth
		return fate{takes: hasNoEffect, then: hangs}
	}}
	summary, err := p.run(t.Context())
	if err == nil || summary.Disabled != len(mustGo) {
		t.Errorf("disabled %d, %v", summary.Disabled, err)
	}
	took := w.Now().Sub(began)
	if most := cmp.Or(lasts, 5*time.Minute); took > most {
		t.Errorf("the run took %s", took)
	}
	if tries == 0 {
		t.Fatal("the channel was never tried: this tests nothing")
	}
	s := &schedule{w: w}
	if holder := s.holder(t, w.home); holder != "" {
		t.Errorf("%s still has the lease", holder)
	}
	for _, r := range w.pending(t) {
		if pending := r.Final().PendingOn(); !slices.Equal(pending, []string{p.channelIDs[hanging]}) {
			t.Errorf("the notice of key %s is pending on %v", r.KeyID(), pending)
		}
	}
	if n := len(w.pending(t)); n != len(mustGo) {
		t.Errorf("%d notices are pending", n)
	}
	w.advance(day)
	if _, err := (&process{w: w, has: allChannels, lasts: lasts, fate: peaceful}).run(t.Context()); err != nil {
		t.Error(err)
	}
	for keyID := range mustGo {
		for _, channel := range allChannels {
			if n := finals(w, keyID)[channel]; n != 1 {
				t.Errorf("%s received %d notices of key %s", channel, n, keyID)
			}
		}
	}
}

// TestAChannelIsGivenUp after two messages that it does not answer, however many
// more there are.
func TestAChannelIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nextAccount(), inMemory)
	w.speakPlainly(t)
	synctest.Test(t, func(t *testing.T) {
		w.tick()
		const keys = 45
		for i := range keys {
			w.home.AddUser(awsfake.User{Name: fmt.Sprintf("USER%02d", i), Keys: []awsfake.Key{
				{ID: fmt.Sprintf("AKIAUSER%012d", i), Active: true, Created: w.Now().Add(-100 * day)},
			}})
		}
		tries := 0
		p := &process{w: w, has: []string{onBus, onSNS}, fate: func(c call) fate {
			if c.label != labelOf(onBus) {
				return fate{}
			}
			tries = c.nth
			return fate{takes: hasNoEffect, then: hangs}
		}}
		if _, err := p.run(t.Context()); err == nil || len(w.pending(t)) != keys {
			t.Errorf("%d notices are pending: %v", len(w.pending(t)), err)
		}
		const messages, attempts = 2, 5
		if tries != messages*attempts {
			t.Errorf("the channel was tried %d times", tries)
		}
		if err := withChannels(t, w, onBus, onSNS); err != nil || len(w.pending(t)) != 0 {
			t.Errorf("%d notices are pending: %v", len(w.pending(t)), err)
		}
	})
}
