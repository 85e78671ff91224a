package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// addYoung adds a user with a key that is in daily use, and a tag.
func (a *account) addYoung() {
	a.Home().AddUser(awsfake.User{
		Name: "tfunke", Created: daysAgo(400), Tags: map[string]string{"Slack": "U1"},
		Keys: []awsfake.Key{{ID: "AKIA1", Active: true, Created: daysAgo(60), LastUsed: daysAgo(1)}},
	})
}

// hole is a well-formed answer that cannot be relied on.
type hole struct {
	name, action string
	rewrite      func(string) string
	part         string // of the error
	ofKey        bool   // as the list is read, the error is the key's
}

// holes are those in the answers about a user, which the reading of the list
// and the reading of one key must both refuse.
func holes() []hole {
	const keys, last, tags = "ListAccessKeys", "GetAccessKeyLastUsed", "ListUserTags"
	truncated := awsfake.Holding("IsTruncated", "true")
	marked := func(answer string) string {
		return strings.Replace(answer, "</IsTruncated>", "</IsTruncated><Marker>more</Marker>", 1)
	}
	return []hole{
		{"a key without a date", keys, awsfake.Without("CreateDate"), "key AKIA1 came without its creation date", false},
		{"a key without a user", keys, awsfake.Without("UserName"), "without the name of its user", false},
		{"a key of another user", keys, awsfake.Holding("UserName", "other"), "came with the name of user other", false},
		{"a key of 1970", keys, awsfake.Holding("CreateDate", "1970-06-01T00:00:00Z"), "1970 is not a plausible year", false},
		{"a key of year 1", keys, awsfake.Holding("CreateDate", "0001-01-01T00:00:00Z"), "came without its creation date", false},
		{"a key of next year", keys, awsfake.Holding("CreateDate", "2027-06-01T00:00:00Z"), "ahead; check the clock", false},
		{"a key of the last year there is", keys, awsfake.Holding("CreateDate", "9999-12-31T00:00:00Z"), "not a plausible year", false},
		{"a truncated list of keys without a marker", keys, truncated, "no marker", false},
		{"a full list of keys with a marker", keys, marked, "says that it is the last page", false},
		{"a marker again and again", keys, func(s string) string { return marked(truncated(s)) }, "a second time", false},
		{"a key twice, and not the same", keys, func(s string) string {
			return strings.Replace(s, "</AccessKeyMetadata>", "<member><UserName>tfunke</UserName><AccessKeyId>AKIA1</AccessKeyId>"+
				"<Status>Inactive</Status><CreateDate>2025-12-31T12:00:00Z</CreateDate></member></AccessKeyMetadata>", 1)
		}, "came twice", false},

		{"no date, and a service", last, awsfake.Without("LastUsedDate"), `names service "s3"`, true},
		{"no date, and a region", last, func(s string) string {
			return awsfake.Without("LastUsedDate")(awsfake.Holding("ServiceName", "N/A")(s))
		}, `region "us-east-1"`, true},
		{"no date, and nothing else", last, func(s string) string {
			return awsfake.Without("LastUsedDate")(awsfake.Without("ServiceName")(awsfake.Without("Region")(s)))
		}, "no date", true},
		{"a last use of another user", last, awsfake.Holding("UserName", "other"), "that of another user: other", true},
		{"a last use of nobody", last, awsfake.Without("UserName"), "does not name the user", true},
		{"a last use of 1970", last, awsfake.Holding("LastUsedDate", "1970-01-01T00:00:00Z"), "not a plausible year", true},
		{"a last use of year 1", last, awsfake.Holding("LastUsedDate", "0001-01-01T00:00:00Z"), "not a plausible year", true},
		{"a last use of next year", last, awsfake.Holding("LastUsedDate", "2027-06-01T00:00:00Z"), "ahead; check the clock", true},
		{"no last use", last, awsfake.Without("AccessKeyLastUsed"), "the answer has none", true},

		{"no tags", tags, awsfake.Without("Tags"), "no list", false},
		{"a tag without a name", tags, awsfake.Without("Key"), "a tag came without its name", false},
		{"a tag without a value", tags, awsfake.Without("Value"), "tag Slack came without its value", false},
		{"a truncated list of tags without a marker", tags, truncated, "no marker", false},
		{"a full list of tags with a marker", tags, marked, "says that it is the last page", false},
		{"the marker of tags again and again", tags, func(s string) string { return marked(truncated(s)) }, "a second time", false},
	}
}

// TestAnswersWithHoles: the user or the key is handed over with the error, and
// is not read just before it would be disabled either.
func TestAnswersWithHoles(t *testing.T) {
	t.Parallel()
	for _, c := range holes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.reader.Everything = true
			a.addYoung()
			a.Inject(awsfake.Fault{Action: c.action, Rewrite: c.rewrite})
			s := a.read(t)["tfunke"]
			err := s.Err
			if c.ofKey && s.Err == nil && len(s.Keys) == 1 {
				err = s.Keys[0].Err
			}
			if err == nil || !strings.Contains(err.Error(), c.part) || !c.ofKey && len(s.Keys) > 0 {
				t.Errorf("error %v with %d keys, want one with %q", err, len(s.Keys), c.part)
			}
			_, key, err := a.reader.ReadKey(t.Context(), audit.User{Name: "tfunke"}, "AKIA1")
			if err == nil || key != (audit.Key{}) || inventory.IsGone(err) {
				t.Errorf("read once more: %+v, error %v", key, err)
			}
		})
	}
}

// TestNoAnswerMakesAYoungKeyDue: whatever is left out of an answer, or stands
// there instead, a key in daily use is not past a limit.
func TestNoAnswerMakesAYoungKeyDue(t *testing.T) {
	t.Parallel()
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}
	elements := map[string][]string{
		"ListAccessKeys":       {"AccessKeyMetadata", "member", "UserName", "AccessKeyId", "Status", "CreateDate", "IsTruncated", "ListAccessKeysResult"},
		"GetAccessKeyLastUsed": {"UserName", "AccessKeyLastUsed", "LastUsedDate", "ServiceName", "Region", "GetAccessKeyLastUsedResult"},
		"ListUserTags":         {"Tags", "Key", "Value", "IsTruncated", "ListUserTagsResult"},
	}
	texts := []string{"", " ", "N/A", "true", "false", "other", "0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "9999-12-31T00:00:00Z", "-1"}
	a := newLiveAccount(t)
	a.reader.Everything, a.reader.Rules = true, rules
	a.addYoung()
	tried := 0
	for action, names := range elements {
		for _, element := range names {
			rewrites := []func(string) string{awsfake.Without(element)}
			for _, text := range texts {
				rewrites = append(rewrites, awsfake.Holding(element, text))
			}
			for i, rewrite := range rewrites {
				a.ClearFaults()
				a.Inject(awsfake.Fault{Action: action, Rewrite: rewrite})
				for _, s := range a.read(t) {
					for _, key := range s.Keys {
						if v := audit.Judge(key.Key, audit.Exemption{}, rules, now); key.Err == nil && v.State.PastLimit() {
							t.Errorf("%s, %s, %d: the key is %s as the list is read", action, element, i, v.State)
						}
					}
				}
				_, key, err := a.reader.ReadKey(t.Context(), audit.User{Name: "tfunke"}, "AKIA1")
				if v := audit.Judge(key, audit.Exemption{}, rules, now); err == nil && v.State.PastLimit() {
					t.Errorf("%s, %s, %d: the key is %s, read just before", action, element, i, v.State)
				}
				tried++
			}
		}
	}
	t.Logf("%d answers", tried)
}

// TestWhatOnlyLooksLikeAHole is read.
func TestWhatOnlyLooksLikeAHole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		rewrite func(string) string
		used    bool
	}{
		{"a service without regions", awsfake.Holding("Region", "N/A"), true},
		{"never used", func(s string) string {
			return awsfake.Without("LastUsedDate")(awsfake.Holding("Region", "N/A")(awsfake.Holding("ServiceName", "N/A")(s)))
		}, false},
		{"used a little ahead of our clock", awsfake.Holding("LastUsedDate", now.Add(mostSkew).Format("2006-01-02T15:04:05Z")), true},
		{"used before it was created", awsfake.Holding("LastUsedDate", "2020-01-01T00:00:00Z"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.addYoung()
			a.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Rewrite: c.rewrite})
			_, key, err := a.reader.ReadKey(t.Context(), audit.User{Name: "tfunke"}, "AKIA1")
			if err != nil || key.LastUsed.IsZero() == c.used {
				t.Errorf("key %+v, error %v", key, err)
			}
		})
	}
}

// mostSkew is how much the clocks of two machines may differ.
const mostSkew = 6 * 60 * 60 * 1e9

// TestAListOfUsersThatIsTruncated without a marker, or with the same one again,
// has not been read to its end.
func TestAListOfUsersThatIsTruncated(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]func(string) string{
		"no marker":     awsfake.Without("Marker"),
		"a second time": awsfake.Holding("Marker", "Yg=="), // b
	} {
		a := newLiveAccount(t, awsfake.WithPageLimit(2))
		for _, user := range []string{"a", "b", "c", "d", "e"} {
			a.add(user, 1)
		}
		a.Inject(awsfake.Fault{Action: "ListUsers", Rewrite: rewrite})
		var seen []string
		err := a.reader.Read(t.Context(), func(s inventory.UserKeys) { seen = append(seen, s.User.Name) })
		if err == nil || !strings.Contains(err.Error(), name) || len(seen) < 2 {
			t.Errorf("%s: error %v after %v", name, err, seen)
		}
	}
}

// TestEachKeyIsHandedOverOnce, by a page that repeats a user, and by a user who
// is renamed while the list is read.
func TestEachKeyIsHandedOverOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault func(*account) awsfake.Fault
	}{
		{"a page repeats a user", func(*account) awsfake.Fault {
			first := ""
			return awsfake.Fault{Action: "ListUsers", Rewrite: func(page string) string {
				if first == "" {
					first = page[strings.Index(page, "<member>") : strings.LastIndex(page, "</member>")+len("</member>")]
				}
				return strings.Replace(page, "<Users>", "<Users>"+first, 1)
			}}
		}},
		{"a page repeats a key", func(*account) awsfake.Fault {
			return awsfake.Fault{Action: "ListAccessKeys", Rewrite: func(page string) string {
				member := page[strings.Index(page, "<member>") : strings.LastIndex(page, "</member>")+len("</member>")]
				return strings.Replace(page, member, member+member, 1)
			}}
		}},
		{"a user is renamed", func(a *account) awsfake.Fault {
			return awsfake.Fault{Action: "ListAccessKeys", User: "c", Do: func() { a.Home().RenameUser("a", "z") }}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t, awsfake.WithPageLimit(1))
			a.reader.Concurrency = 1
			for _, user := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				a.add(user, 60)
			}
			a.Inject(c.fault(a))
			seen := map[string]int{}
			if err := a.reader.Read(t.Context(), func(s inventory.UserKeys) {
				if s.Err != nil {
					t.Errorf("user %s: %v", s.User.Name, s.Err)
				}
				for _, key := range s.Keys {
					seen[key.ID]++
				}
			}); err != nil {
				t.Fatal(err)
			}
			if len(seen) != 8 {
				t.Errorf("%d keys, want 8", len(seen))
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("key %s was handed over %d times", id, n)
				}
			}
		})
	}
}

// TestFreshFindsARenamedUser, before and between its calls.
func TestFreshFindsARenamedUser(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"", "ListUserTags", "ListAccessKeys", "GetAccessKeyLastUsed"} {
		t.Run("at "+at, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.addYoung()
			rename := func() {
				a.Home().RenameUser("tfunke", "tobias")
				a.Home().AddUser(awsfake.User{Name: "tfunke", Tags: map[string]string{"Slack": "UNEW"}, Keys: []awsfake.Key{{ID: "AKIA2", Active: true}}})
			}
			if at == "" {
				rename()
			} else {
				a.Inject(awsfake.Fault{Action: at, Nth: 1, Do: rename})
			}
			user, key, err := a.reader.ReadKey(t.Context(), audit.User{Name: "tfunke", ARN: "arn:aws:iam::123456789012:user/tfunke"}, "AKIA1")
			if err != nil || key.ID != "AKIA1" || user.Name != "tobias" || user.ARN != "arn:aws:iam::123456789012:user/tobias" || user.Slack() != "U1" {
				t.Errorf("user %+v, key %+v, error %v", user, key, err)
			}
		})
	}
}

// TestFreshReadsLastWhatChangesMost: the tags, then the status, then the last
// use.
func TestFreshReadsLastWhatChangesMost(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.addYoung()
	if _, _, err := a.reader.ReadKey(t.Context(), audit.User{Name: "tfunke"}, "AKIA1"); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, call := range a.Calls() {
		order = append(order, call.Action)
	}
	if want := []string{"ListUserTags", "ListAccessKeys", "GetAccessKeyLastUsed"}; !slices.Equal(order, want) {
		t.Errorf("the calls are %v, want %v", order, want)
	}
}

// TestAUserRenamedSinceTheReport is read by the present name, and is not taken
// for deleted.
func TestAUserRenamedSinceTheReport(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.add("young", 1)
	a.add("old", 60)
	if _, err := a.reader.Report.IAM.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}); err != nil {
		t.Fatal(err)
	}
	a.Home().RenameUser("old", "renamed")
	a.add("made since", 0)
	subjects := a.read(t)
	if s := subjects["renamed"]; s.Err != nil || len(s.Keys) != 1 || s.Skipped != nil {
		t.Errorf("the renamed user came as %+v", s)
	}
	if _, found := subjects["old"]; found || subjects["young"].Skipped == nil {
		t.Errorf("the users are %v", subjects)
	}
}

// TestReportsWithHoles: a user is read live if the report says of them what
// cannot be.
func TestReportsWithHoles(t *testing.T) {
	t.Parallel()
	const header = "user,arn,user_creation_time,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
		"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service\n"
	const none = ",false,N/A,N/A,N/A,N/A\n"
	recently := daysAgo(2).Format("2006-01-02T15:04:05+00:00")
	lately := daysAgo(1).Format("2006-01-02T15:04:05+00:00")
	for _, c := range []struct{ name, row string }{
		{"", fmt.Sprintf("u,arn,%s,true,%s,%s,us-east-1,s3", recently, recently, lately)},
		{"", fmt.Sprintf("u,arn,%s,true,%s,%s,N/A,s3", recently, recently, lately)},
		{"", fmt.Sprintf("u,arn,%s,true,%s,N/A,N/A,N/A", recently, recently)},
		{"user of 1970", fmt.Sprintf("u,arn,1970-01-01T00:00:00+00:00,true,%s,%s,us-east-1,s3", recently, lately)},
		{"user of year 1", fmt.Sprintf("u,arn,0001-01-01T00:00:00+00:00,true,%s,%s,us-east-1,s3", recently, lately)},
		{"user of a day to come", fmt.Sprintf("u,arn,2027-01-01T00:00:00+00:00,true,%s,%s,us-east-1,s3", recently, lately)},
		{"user of the last day there is", fmt.Sprintf("u,arn,9999-12-31T00:00:00+00:00,true,%s,%s,us-east-1,s3", recently, lately)},
		{"user and key of a day to come", fmt.Sprintf("u,arn,2027-01-01T00:00:00+00:00,true,2027-01-02T00:00:00+00:00,%s,us-east-1,s3", lately)},
		{"key older than its user", fmt.Sprintf("u,arn,%s,true,2025-01-01T00:00:00+00:00,%s,us-east-1,s3", recently, lately)},
		{"key of a day to come", fmt.Sprintf("u,arn,2024-01-01T00:00:00+00:00,true,2027-01-01T00:00:00+00:00,%s,us-east-1,s3", lately)},
		{"key of a day to come that was never used", "u,arn,2024-01-01T00:00:00+00:00,true,2027-01-01T00:00:00+00:00,N/A,N/A,N/A"},
		{"last use of a day to come", fmt.Sprintf("u,arn,2024-01-01T00:00:00+00:00,true,%s,2027-01-01T00:00:00+00:00,us-east-1,s3", recently)},
		{"last use of 1970", fmt.Sprintf("u,arn,2024-01-01T00:00:00+00:00,true,%s,1970-01-01T00:00:00+00:00,us-east-1,s3", recently)},
		{"no last use, and a service", fmt.Sprintf("u,arn,2024-01-01T00:00:00+00:00,true,%s,N/A,N/A,s3", recently)},
		{"no last use, and a region", fmt.Sprintf("u,arn,2024-01-01T00:00:00+00:00,true,%s,N/A,us-east-1,N/A", recently)},
	} {
		for row, err := range inventory.ParseReport([]byte(header + c.row + none)) {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			rules := audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}
			if got := row.NeedsRead(rules, now); got != (c.name != "") {
				t.Errorf("%s (%s): read live: %t", c.name, c.row, got)
			}
		}
	}
}
