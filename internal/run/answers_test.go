package run_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/enforce"
)

// TestAHoleInTheSecondLookLeavesTheKeyAlone: a key was idle as the list was
// read, and used since; the answer that would say so has a hole in it. The run
// names the key and fails.
func TestAHoleInTheSecondLookLeavesTheKeyAlone(t *testing.T) {
	t.Parallel()
	never := func(element string) func(string) string {
		return func(answer string) string {
			return awsfake.Without("LastUsedDate")(awsfake.Holding(element, "N/A")(answer))
		}
	}
	for _, c := range []struct {
		name, action string
		rewrite      func(string) string
	}{
		{"no date", "GetAccessKeyLastUsed", awsfake.Without("LastUsedDate")},
		{"no date and no service", "GetAccessKeyLastUsed", never("ServiceName")},
		{"no date and no region", "GetAccessKeyLastUsed", never("Region")},
		{"nothing", "GetAccessKeyLastUsed", awsfake.Without("AccessKeyLastUsed")},
		{"1970", "GetAccessKeyLastUsed", awsfake.Holding("LastUsedDate", "1970-01-01T00:00:00Z")},
		{"year 1", "GetAccessKeyLastUsed", awsfake.Holding("LastUsedDate", "0001-01-01T00:00:00Z")},
		{"another user", "GetAccessKeyLastUsed", awsfake.Holding("UserName", "somebody")},
		{"a list of keys that breaks off", "ListAccessKeys", awsfake.Holding("IsTruncated", "true")},
		{"a key of 1970", "ListAccessKeys", awsfake.Holding("CreateDate", "1970-01-02T00:00:00Z")},
		{"a list of tags that breaks off", "ListUserTags", awsfake.Holding("IsTruncated", "true")},
		{"a tag without its name", "ListUserTags", awsfake.Without("Key")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("idle", []string{"Slack", "U1"}, w.key("AKIAIDLE", 60, 40))
			w.aws.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Nth: 2, Do: func() { w.home.UseKey("AKIAIDLE", w.clock(), "s3", "us-east-1") }})
			w.aws.Inject(awsfake.Fault{Action: c.action, Nth: 2, Rewrite: c.rewrite})
			s, err := w.run()
			if !w.active("AKIAIDLE") || w.aws.Count("UpdateAccessKey") != 0 {
				t.Error("the key was disabled")
			}
			if err == nil || s.Failed != 1 || s.Problems[0].KeyID != "AKIAIDLE" {
				t.Errorf("error %v, problems %+v", err, s.Problems)
			}
			wantLines(t, w.slack)
		})
	}
}

// TestALastUseBeforeCreation counts as none.
func TestALastUseBeforeCreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("new", nil, w.key("AKIANEW", 25, 300))
	if s := w.mustRun(); !w.active("AKIANEW") || s.Warned != 1 {
		t.Errorf("the key is active: %t, warned %d", w.active("AKIANEW"), s.Warned)
	}
}

// TestAUserRenamedAfterAnAttempt: an earlier run tried to disable a key, and its
// user was renamed and exempted since. Nobody is notified that the key is disabled
// while it is Active, and the intent comes to its end.
func TestAUserRenamedAfterAnAttempt(t *testing.T) {
	t.Parallel()
	for _, exempt := range []bool{true, false} {
		w := newWorld(t)
		w.user("before", []string{"Slack", "U1"}, w.key("AKIAOLD", 95, 1))
		w.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", Nth: 1, Status: 500})
		if _, err := w.run(); err == nil {
			t.Fatal("the first run succeeded")
		}
		w.home.RenameUser("before", "after")
		if exempt {
			w.home.SetTag("after", "KeyAutoExpire", "False")
		}
		w.mustRun()
		if exempt {
			wantLines(t, w.slack)
			w.sleep(enforce.ConsistencyWindow)
			w.mustRun()
			wantLines(t, w.slack)
		} else {
			wantLines(t, w.slack, "after's key is disabled due to creation age.")
		}
		if w.active("AKIAOLD") != exempt {
			t.Errorf("exempt %t, active %t", exempt, w.active("AKIAOLD"))
		}
		if r, _ := w.record("AKIAOLD"); r.Pending() || !exempt && r.User() != "after" {
			t.Errorf("remembered is %+v", r)
		}
	}
}

// TestAUserWhoMayBeRenamed: without the permission to ask by the key's id, nobody
// knows whether the key of a user who is not there was deleted. The run fails,
// and says nothing of the key.
func TestAUserWhoMayBeRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("before", nil, w.key("AKIAOLD", 95, 1))
	w.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", Nth: 1, Status: 500})
	if _, err := w.run(); err == nil {
		t.Fatal("the first run succeeded")
	}
	w.home.RenameUser("before", "after")
	w.home.SetTag("after", "KeyAutoExpire", "False")
	w.aws.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Code: "AccessDenied"})
	s, err := w.run()
	if err == nil || !strings.Contains(err.Error(), "renamed") || s.NoticesPending != 1 {
		t.Errorf("error %v, summary %+v", err, s)
	}
	wantLines(t, w.slack)
}

// TestAKeyUnderTwoNames, as its user is renamed while the list is read, is
// planned and notified about once, and what the channels took is recorded.
func TestAKeyUnderTwoNames(t *testing.T) {
	t.Parallel()
	for _, age := range []int{60, 95} { // warned of, and disabled
		w := newWorld(t)
		w.aws.SetPageLimit(1)
		w.user("a", nil, w.key("AKIAA", age, 1))
		for _, name := range []string{"b", "c", "d", "e", "f", "g"} {
			w.user(name, nil, w.key("AKIA"+strings.ToUpper(name), 60, 1))
		}
		r := w.runner()
		r.Config.Concurrency = 1
		w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "b", Nth: 1, Do: func() { w.home.RenameUser("a", "z") }})
		s, err := r.Run(t.Context())
		if err != nil || s.Keys != 7 {
			t.Errorf("%d keys, error %v", s.Keys, err)
		}
		if lines := w.slack.lines(); len(lines) != 7 {
			t.Errorf("sent %q", lines)
		}
		for _, id := range []string{"AKIAA", "AKIAG"} {
			record, _ := w.record(id)
			if warned := !record.Warnings().Creation.First.IsZero(); warned == (record.Disabled() != nil) || record.Pending() {
				t.Errorf("of key %s is remembered %+v", id, record)
			}
		}
		if w.active("AKIAA") != (age < 90) {
			t.Errorf("the key of %d days is active: %t", age, w.active("AKIAA"))
		}
	}
}
