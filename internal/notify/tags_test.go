package notify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// greeting is a channel that greets by name those whom it writes to.
type greeting struct{ filteredIn }

func (greeting) TagProblems(n notify.Notice) []notify.TagProblem { return notify.MissingName(n) }

// mentioning is a channel that mentions everybody.
type mentioning struct{ channel }

func (mentioning) TagProblems(n notify.Notice) []notify.TagProblem {
	if n.SlackTag != "" {
		return nil
	}
	return []notify.TagProblem{{User: n.User, Tag: "Slack"}}
}

func TestTagProblems(t *testing.T) {
	t.Parallel()
	greets := greeting{filteredIn{channel{name: "greets"}, map[string]bool{"K1": true, "K2": true, "K3": true}}}
	mentions := mentioning{channel{name: "mentions"}}
	notices := []notify.Notice{
		{KeyID: "K3", User: "bob", SlackTag: "U2"},
		{KeyID: "K1", User: "ann"},
		{KeyID: "K2", User: "ann"},
		{KeyID: "K4", User: "carol", SlackTag: "U3"},
		{KeyID: "K5", User: "dan", Name: "Dan", SlackTag: "U4"},
	}
	for name, c := range map[string]struct {
		channels []notify.Channel
		want     []string
	}{
		"none reads tags":             {[]notify.Channel{channel{name: "plain"}}, nil},
		"once a user":                 {[]notify.Channel{mentions}, []string{"ann Slack"}},
		"of those that it writes to":  {[]notify.Channel{greets}, []string{"ann Name", "bob Name"}},
		"as a preview":                {[]notify.Channel{notify.Preview{Channel: greets}}, []string{"ann Name", "bob Name"}},
		"once for all channels":       {[]notify.Channel{mentions, greets, mentions, greets}, []string{"ann Name", "ann Slack", "bob Name"}},
		"no channel, so no complaint": {nil, nil},
	} {
		var got []string
		for _, p := range notify.TagProblems(c.channels, notices) {
			got = append(got, p.User+" "+p.Tag)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
