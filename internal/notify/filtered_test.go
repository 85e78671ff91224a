package notify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// filteredIn tells the owners of some keys.
type filteredIn struct {
	channel
	tells map[string]bool
}

func (s filteredIn) Accepts(n notify.Notice) bool { return s.tells[n.KeyID] }

func TestASelectiveChannelIsGivenItsOwnNotices(t *testing.T) {
	t.Parallel()
	some := filteredIn{channel{name: "some"}, map[string]bool{"K2": true}}
	all := channel{name: "all"}
	b := three
	b.Announcement = "x"
	for name, test := range map[string]struct {
		channel      notify.Channel
		keys         []string
		announcement string
	}{
		"all":                {all, []string{"K1", "K2", "K3"}, "x"},
		"some":               {some, []string{"K2"}, ""},
		"all, previewed":     {notify.Preview{Channel: all}, []string{"K1", "K2", "K3"}, "x"},
		"some, as a preview": {notify.Preview{Channel: some}, []string{"K2"}, ""},
	} {
		given := b.For(test.channel)
		var keys []string
		for _, n := range given.Notices {
			keys = append(keys, n.KeyID)
		}
		if diff := cmp.Diff(test.keys, keys); diff != "" || given.Announcement != test.announcement {
			t.Errorf("%s: announcement %q, keys (-want +got):\n%s", name, given.Announcement, diff)
		}
	}
	d := notify.Deliver(t.Context(), []notify.Post{{Channel: some, Batch: b}}, taken)[0]
	if d.Notices != 1 || len(d.Failures) != 0 {
		t.Errorf("the selective channel told %d, with %d failures, want one and none", d.Notices, len(d.Failures))
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	channels := []notify.Channel{
		channel{name: "all"},
		filteredIn{channel{name: "some"}, map[string]bool{"K2": true}},
		notify.Preview{Channel: channel{name: "printed"}},
	}
	for key, want := range map[string][]string{
		"K1": {"all"},
		"K2": {"all", "some"},
	} {
		if diff := cmp.Diff(want, notify.Recipients(channels, notify.Notice{KeyID: key})); diff != "" {
			t.Errorf("%s is due on (-want +got):\n%s", key, diff)
		}
	}
}

// programs is a channel that programs listen to.
type programs struct{ channel }

func (programs) ForPrograms() {}

func TestCountsAsWarning(t *testing.T) {
	t.Parallel()
	bus := programs{channel{name: "bus"}}
	some := filteredIn{channel{name: "some"}, map[string]bool{"K2": true}}
	for name, test := range map[string]struct {
		channels []notify.Channel
		taker    notify.Channel
		key      string
		want     bool
	}{
		"a channel for people":             {[]notify.Channel{channel{name: "all"}, bus}, channel{name: "all"}, "K1", true},
		"programs, and people elsewhere":   {[]notify.Channel{channel{name: "all"}, bus}, bus, "K1", false},
		"programs alone":                   {[]notify.Channel{bus}, bus, "K1", true},
		"programs, and only paper":         {[]notify.Channel{bus, notify.Preview{Channel: channel{name: "x"}}}, bus, "K1", true},
		"programs, and other people":       {[]notify.Channel{bus, some}, bus, "K1", true},
		"programs, and this person":        {[]notify.Channel{bus, some}, bus, "K2", false},
		"a channel for this person, alone": {[]notify.Channel{bus, some}, some, "K2", true},
	} {
		if got := notify.CountsAsWarning(test.channels, test.taker, notify.Notice{KeyID: test.key}); got != test.want {
			t.Errorf("%s: warned: %t, want %t", name, got, test.want)
		}
	}
}

// TestCanReach: what only prints counts where nothing else delivers, so that a
// dry run says what a real one would do.
func TestCanReach(t *testing.T) {
	t.Parallel()
	some := filteredIn{channel{name: "some"}, map[string]bool{"K2": true}}
	printed := notify.Preview{Channel: channel{name: "printed"}}
	for name, c := range map[string]struct {
		channels []notify.Channel
		k1, k2   bool
	}{
		"no channel":           {nil, false, false},
		"all":                  {[]notify.Channel{channel{name: "all"}}, true, true},
		"some":                 {[]notify.Channel{some}, false, true},
		"some and all":         {[]notify.Channel{some, channel{name: "all"}}, true, true},
		"printed":              {[]notify.Channel{printed}, true, true},
		"some, as a preview":   {[]notify.Channel{notify.Preview{Channel: some}}, false, true},
		"some, and one prints": {[]notify.Channel{some, printed}, false, true},
	} {
		for key, want := range map[string]bool{"K1": c.k1, "K2": c.k2} {
			if got := notify.CanReach(c.channels, notify.Notice{KeyID: key}); got != want {
				t.Errorf("%s: %s %t, want %t", name, key, got, want)
			}
		}
	}
}
