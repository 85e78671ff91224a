package changes

import (
	"strings"
	"testing"
)

const row = `{"user":"ann","display_name":"Ann","slack_id":"U1","key_id":"K1","auto_expire":"FALSE","state":"good","created":"2026-10-01T00:00:00Z","age_days":32}`

// publishedAs is a report with fields of its own, in the place of the usual.
func publishedAs(fields, rows string) string {
	return `{"schema":1,"account":{"id":"123456789012"},"at":"2026-11-02T09:00:00Z","rules":{"expiration_age":90},"users":1,"keys":1,"unknown":{},` + fields + `"rows":[` + rows + `],"problems":[]}`
}

func TestRead(t *testing.T) {
	t.Parallel()
	d, err := Read(strings.NewReader(publishedAs(`"run":{"id":"R1","started":true,"disabled_keys":[{"user":"ann","key_id":"K1"}]},`, row)))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Snapshots[0]
	if d.Several || !s.At.Equal(monday) || s.Run != "R1" || s.disabledBy("K1") != "R1" || s.Limits.ExpirationAge != 90 ||
		s.Keys[0].User != "ann" || !s.Keys[0].exempt() || s.Keys[0].name() != "Ann" || s.Missing {
		t.Errorf("read %+v", s)
	}
	late, err := Read(strings.NewReader(publishedAs(`"run":{"id":"R1","started":true,"timed_out":true},`, row)))
	if err != nil || !late.Snapshots[0].Missing {
		t.Errorf("a run out of time: %+v, %v", late, err)
	}
	short, err := Read(strings.NewReader(publishedAs("", "")))
	if err != nil || !short.Snapshots[0].Missing {
		t.Errorf("fewer rows than keys: %+v, %v", short, err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":              {"hello", "not a report of Sleuth"},
		"nothing":              {"", "not a report of Sleuth"},
		"cut short":            {publishedAs("", row)[:200], "not a report of Sleuth"},
		"two reports":          {publishedAs("", row) + publishedAs("", row), "more follows"},
		"a list":               {"[]", "not a report of Sleuth"},
		"another object":       {`{"name":"x"}`, "not a report of Sleuth;"},
		"a summary of a run":   {`{"schema":1,"run":"R1","account":{"id":"123456789012"},"at":"2026-11-02T09:00:00Z","users":1,"keys":1,"problems":[]}`, "not a report of Sleuth;"},
		"settings":             {`{"schema":1,"at":"2026-11-02T09:00:00Z"}`, "not a report of Sleuth;"},
		"a run as text":        {publishedAs(`"run":"R1",`, row), "not a report of Sleuth;"},
		"no account":           {strings.Replace(publishedAs("", row), "123456789012", "none", 1), "not a report of Sleuth;"},
		"another schema":       {strings.Replace(publishedAs("", row), `"schema":1`, `"schema":2`, 1), "its schema is 2"},
		"a forecast":           {publishedAs(`"forecast":{"assumes":""},`, row), "forecast"},
		"filtered":             {publishedAs(`"filter":{"users":["a*"]},`, row), "shows only some keys"},
		"a run without start":  {publishedAs(`"run":{"id":"R1","started":false},`, ""), "did not begin"},
		"a key twice":          {publishedAs("", row+","+row), "damaged"},
		"a key without id":     {publishedAs("", strings.Replace(row, "K1", "", 1)), "damaged"},
		"an unknown state":     {publishedAs("", strings.Replace(row, "good", "fine", 1)), "unknown state"},
		"an account twice":     {several(publishedAs("", row), publishedAs("", row)), "account 123456789012 is there twice"},
		"another list as well": {several(`{"name":"x"}`), "not a report of Sleuth;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func several(accounts ...string) string {
	return `{"schema":1,"at":"2026-11-02T09:00:00Z","totals":{},"accounts":[` + strings.Join(accounts, ",") + `]}`
}

func document(t *testing.T, text string) Document {
	t.Helper()
	d, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCompare(t *testing.T) {
	t.Parallel()
	older := publishedAs("", row)
	newer := strings.Replace(publishedAs("", strings.Replace(row, `"good"`, `"disabled"`, 1)), "2026-11-02", "2026-11-03", 1)
	other := strings.ReplaceAll(newer, "123456789012", "999999999999")
	third := strings.ReplaceAll(older, "123456789012", "333333333333")

	d, err := Compare(document(t, several(older, third)), document(t, several(newer, other)))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Accounts) != 1 || d.Counts[Disabled] != 1 || !d.Has([]Kind{New, Disabled}) || d.Has([]Kind{New}) || d.Unclear() != 0 ||
		len(d.OnlyOld) != 1 || d.OnlyOld[0].ID != "333333333333" || len(d.OnlyNew) != 1 || d.OnlyNew[0].ID != "999999999999" {
		t.Errorf("got %+v", d)
	}
	for name, c := range map[string]struct{ before, after, want string }{
		"swapped":          {newer, older, "give the older one first"},
		"another account":  {older, other, "different accounts: 123456789012 and 999999999999"},
		"none of several":  {several(older, third), other, "different accounts"},
		"several, swapped": {several(newer), several(older), "give the older one first"},
		"no accounts":      {several(), several(), "different accounts: none and none"},
	} {
		if _, err := Compare(document(t, c.before), document(t, c.after)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if d, err := Compare(document(t, older), document(t, older)); err != nil || len(d.Accounts[0].Changes.Changes) != 0 {
		t.Errorf("the same report twice: %+v, %v", d, err)
	}
}

func TestParseKinds(t *testing.T) {
	t.Parallel()
	if kinds, err := ParseKinds("new, deleted"); err != nil || len(kinds) != 2 || kinds[1] != Deleted {
		t.Errorf("got %v, %v", kinds, err)
	}
	if _, err := ParseKinds("new,gone"); err == nil || !strings.Contains(err.Error(), `"gone" is not a kind of change; use new, rotated`) {
		t.Errorf("got %v", err)
	}
}
