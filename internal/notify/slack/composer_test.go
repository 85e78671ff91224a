package slack

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Six lists are all that a batch has; the limit must hold were there more.
func TestManyShortLists(t *testing.T) {
	t.Parallel()
	var c composer
	c.begin(nil)
	for i := range 50 {
		n := notify.Notice{User: strconv.Itoa(i), Kind: notify.Disabled, Reason: audit.CreationAge}
		c.list(notify.List{Title: "list", Notices: []notify.Notice{n}}, nil)
	}
	c.end()
	told := 0
	for _, m := range c.messages {
		var p payload
		if err := json.Unmarshal([]byte(m.Body), &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Attachments) > maxAttachments {
			t.Errorf("%d attachments, want at most %d", len(p.Attachments), maxAttachments)
		}
		told += len(m.Notices)
	}
	if told != 50 || len(c.messages) != 3 {
		t.Errorf("%d notices in %d messages, want 50 in 3", told, len(c.messages))
	}
}
