package slackmatch_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/slackmatch"
)

func TestFind(t *testing.T) {
	t.Parallel()
	directory := slackmatch.NewIndex([]slack.User{
		{ID: "U1", Name: "tfunke", RealName: "Tobias Funke", Email: "tobias@example.com"},
		{ID: "U2", Name: "lucille", RealName: "Lucille Austero", Email: "l.austero@example.com"},
		{ID: "U3", Name: "lbluth", RealName: "Lucille Bluth", DisplayName: "lucille"},
		{ID: "U4", Name: "gone", RealName: "Gone Person", Deleted: true},
		{ID: "U5", Name: "robot", RealName: "Robot", Bot: true},
	})
	for _, test := range []struct {
		about, userName, nameTag, want string
	}{
		{"the user name is an address", "Tobias@Example.com", "", "U1"},
		{"the Name tag is the real name", "t.f", "Tobias Funke", "U1"},
		{"the user name is the Slack name", "tfunke", "", "U1"},
		{"the real name in another spelling", "tobias.funke", "", "U1"},
		{"the local part of an address", "l.austero@elsewhere.example", "", "U2"},
		{"two who could be meant", "lucille", "", ""},
		{"a Name tag that could be two", "lbluth", "Lucille", ""},
		{"a deleted user", "gone", "", ""},
		{"a bot", "robot", "", ""},
		{"nobody", "nobody", "", ""},
		{"a name without a letter", "...", "--", ""},
	} {
		user := audit.User{Name: test.userName}
		if test.nameTag != "" {
			user.Tags = audit.Tags{{Key: audit.TagName, Value: test.nameTag}}
		}
		person, found := directory.Find(user)
		if person.ID != test.want || found != (test.want != "") {
			t.Errorf("%s: Find(%q, Name %q) = %q, %t; want %q", test.about, test.userName, test.nameTag, person.ID, found, test.want)
		}
	}
}
