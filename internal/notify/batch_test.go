package notify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	for want, account := range map[string]account.Account{
		"AWS account 123456789012":        {ID: "123456789012"},
		"AWS account 123456789012 (acme)": {ID: "123456789012", Alias: "acme"},
	} {
		if got := account.String(); got != want {
			t.Errorf("%+v is %q, want %q", account, got, want)
		}
	}
}

func TestSections(t *testing.T) {
	t.Parallel()
	notice := func(user, key string, kind notify.Kind, reason audit.Reason) notify.Notice {
		return notify.Notice{User: user, KeyID: key, Kind: kind, Reason: reason}
	}
	b := notify.Batch{
		Creation:   notify.Heading{Title: "creation", Text: "rotate"},
		Inactivity: notify.Heading{Title: "inactivity", Text: "log in"},
		Notices: []notify.Notice{
			notice("c", "K1", notify.Disabled, audit.Inactivity),
			notice("b", "K3", notify.Expiring, audit.CreationAge),
			notice("b", "K2", notify.Expiring, audit.CreationAge),
			notice("a", "K4", notify.Expiring, audit.CreationAge),
			notice("a", "K5", notify.PastLimit, audit.CreationAge),
			notice("a", "K6", notify.Disabled, audit.CreationAge),
			notice("d", "K7", notify.Expiring, audit.Inactivity),
			notice("e", "K8", notify.PastLimit, audit.Inactivity),
		},
	}
	type list struct {
		Title  string
		Urgent bool
		Keys   []string
	}
	got := map[string][]list{}
	var order []string
	for _, s := range b.Sections() {
		order = append(order, s.Heading.Title)
		for _, l := range s.Lists {
			shown := list{Title: l.Title, Urgent: l.Urgent}
			for _, n := range l.Notices {
				shown.Keys = append(shown.Keys, n.KeyID)
			}
			got[s.Heading.Title] = append(got[s.Heading.Title], shown)
		}
	}
	want := map[string][]list{
		"creation": {
			{"IAM users with access keys expiring due to creation age. \n Please rotate the key to prevent key from being disabled", false, []string{"K4", "K2", "K3"}},
			{"IAM users with access keys past their limit due to creation age. \n Please rotate the key; the key is still active", true, []string{"K5"}},
			{"IAM users with access keys disabled due to creation age. \n This is the final notice", true, []string{"K6"}},
		},
		"inactivity": {
			{"IAM users with access keys expiring due to inactivity. \n Please login to AWS to prevent key from being disabled", false, []string{"K7"}},
			{"IAM users with access keys past their limit due to inactivity. \n Please login to AWS; the key is still active", true, []string{"K8"}},
			{"IAM users with access keys disabled due to inactivity. \n This is the final notice", true, []string{"K1"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"creation", "inactivity"}, order); diff != "" {
		t.Errorf("order of sections (-want +got):\n%s", diff)
	}
}

func TestSectionsLeaveOutWhatIsEmpty(t *testing.T) {
	t.Parallel()
	b := notify.Batch{Creation: notify.Heading{Title: "x"}, Inactivity: notify.Heading{Title: "y"}}
	if got := b.Sections(); len(got) != 0 || !b.Empty() {
		t.Errorf("a batch without notices has sections %+v, empty: %t", got, b.Empty())
	}
	b.Notices = []notify.Notice{{Kind: notify.Disabled, Reason: audit.Inactivity}}
	if got := b.Sections(); len(got) != 1 || len(got[0].Lists) != 1 || b.Empty() {
		t.Errorf("one notice has sections %+v, empty: %t", got, b.Empty())
	}
	if (notify.Batch{Announcement: "x"}).Empty() {
		t.Error("a batch with an announcement is empty")
	}
}
