package leak_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/leak"
)

const (
	accountID = "123456789012"
	other     = "999999999999"
	key1      = "AKIAIOSFODNN7EXAMPLE"
	key2      = "AKIAI44QH8DHBEXAMPLE"
	arn       = "arn:aws:health:global::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/1"
)

// event is AWS Health's word with some details in place of the usual ones.
func event(kind, accountID, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"1","detail-type":%q,"source":"aws.health","account":%q,"time":"2026-03-02T12:00:00Z","region":"us-east-1","resources":[],`+
		`"detail":{"eventArn":%q,"service":"RISK","eventTypeCode":"AWS_RISK_CREDENTIALS_EXPOSED","eventTypeCategory":"issue",%s}}`, kind, accountID, arn, detail)
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	found := func(keys ...leak.LeakedKey) leak.Event { return leak.Event{ARN: arn, Account: accountID, Keys: keys} }
	for name, c := range map[string]struct {
		payload string
		want    leak.Event
	}{
		"as it was first": {
			event("AWS Health Event", accountID, `"affectedEntities":[{"entityValue":"`+key1+`"}]`), found(leak.LeakedKey{KeyID: key1}),
		},
		"as abuse": {
			event("AWS Health Abuse Event", accountID, `"affectedEntities":[{"entityValue":"`+key1+`","tags":{}}]`), found(leak.LeakedKey{KeyID: key1}),
		},
		"several keys, one twice": {
			event("AWS Health Event", accountID, `"affectedEntities":[{"entityValue":"`+key1+`"},{"entityValue":"`+key2+`"},{"entityValue":"`+key1+`"}]`),
			found(leak.LeakedKey{KeyID: key1}, leak.LeakedKey{KeyID: key2}),
		},
		"in an organization's view": {
			event("AWS Health Event", other, `"affectedAccount":"`+accountID+`","affectedEntities":[{"entityValue":"`+key1+`","status":"IMPAIRED"}]`), found(leak.LeakedKey{KeyID: key1}),
		},
		"closed": {
			event("AWS Health Event", accountID, `"statusCode":"closed","affectedEntities":[{"entityValue":"`+key1+`"}]`), found(leak.LeakedKey{KeyID: key1, Closed: true}),
		},
		"closed for one key": {
			event("AWS Health Event", accountID, `"statusCode":"open","affectedEntities":[{"entityValue":"`+key1+`","status":"RESOLVED"},{"entityValue":"`+key2+`","status":"PENDING"}]`),
			found(leak.LeakedKey{KeyID: key1, Closed: true}, leak.LeakedKey{KeyID: key2}),
		},
		"without entities": {event("AWS Health Event", accountID, `"startTime":"now"`), found()},
		"entities of null": {event("AWS Health Event", accountID, `"affectedEntities":null`), found()},
		"what is no key's id beside one that is": {
			event("AWS Health Event", accountID, `"affectedEntities":[{"entityValue":"arn:aws:iam::1:user/<!channel>"},{"entityValue":"`+key1+`"},{"entityValue":7},"x",{"entityValue":"a\n\u202eb"}]`),
			leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}},
				Unclear: []string{`"arn:aws:iam::1:user/<!channel>"`, `"{\"entityValue\":7}"`, `"\"x\""`, `"a b"`}},
		},
	} {
		got, err := leak.ParseEvent([]byte(c.payload))
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	good := event("AWS Health Event", accountID, `"affectedEntities":[{"entityValue":"`+key1+`"}]`)
	for name, c := range map[string]struct{ payload, want string }{
		"nothing":                {"", "cannot be understood"},
		"half of it":             {good[:len(good)/2], "cannot be understood"},
		"not a JSON object":      {`[]`, "cannot be understood"},
		"another source":         {strings.Replace(good, "aws.health", "my.health", 1), "is not from AWS Health"},
		"another detail-type":    {strings.Replace(good, "AWS Health Event", "Scheduled Event", 1), "is not from AWS Health"},
		"no code":                {`{"source":"aws.health","detail-type":"AWS Health Event"}`, "has no eventTypeCode"},
		"entities of no list":    {event("AWS Health Event", accountID, `"affectedEntities":"all"`), "cannot be understood"},
		"no account":             {strings.Replace(good, accountID, "", 1), "no valid account id"},
		"no 12 digits":           {strings.Replace(good, accountID, "12345678901x", 1), "no valid account id"},
		"a bad accountID within": {event("AWS Health Event", accountID, `"affectedAccount":"../1"`), "no valid account id"},
		// What every event of AWS's has, and a forged one may lack.
		"no eventArn":      {strings.Replace(good, arn, "", 1), "lacks an eventArn"},
		"an ARN of no one": {strings.Replace(good, arn, "see <!here>", 1), "lacks an eventArn"},
		"no id":            {strings.Replace(good, `"id":"1",`, "", 1), "lacks an eventArn, an id"},
		"an empty id":      {strings.Replace(good, `"id":"1",`, `"id":"",`, 1), "lacks an eventArn, an id"},
		"no time":          {strings.Replace(good, `"time":"2026-03-02T12:00:00Z",`, "", 1), "or a time"},
		"a time of no day": {strings.Replace(good, "2026-03-02T12", "yesterday", 1), "or a time"},
		"a huge one":       {good + strings.Repeat(" ", leak.MaxEvent), "larger than"},
	} {
		if _, err := leak.ParseEvent([]byte(c.payload)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	for name, payload := range map[string]string{
		"another code":    strings.Replace(good, "AWS_RISK_CREDENTIALS_EXPOSED\",\"", "AWS_RISK_IAM_QUARANTINE\",\"", 1),
		"another service": strings.Replace(good, `"RISK"`, `"EC2"`, 1),
	} {
		_, err := leak.ParseEvent([]byte(payload))
		if _, isOther := errors.AsType[*leak.OtherEventError](err); !isOther {
			t.Errorf("%s: error %v, want an OtherEventError", name, err)
		}
	}
}

// FuzzParseEvent: whatever comes, what is taken is whole and has the form of
// ids, and each key is taken once.
func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(event("AWS Health Event", accountID, `"affectedEntities":[{"entityValue":"`+key1+`"},{"entityValue":"x","status":"RESOLVED"}]`)))
	f.Add([]byte(event("AWS Health Abuse Event", other, `"affectedAccount":"`+accountID+`","statusCode":"closed","affectedEntities":[7,null,{"entityValue":"`+key2+`"}]`)))
	f.Add([]byte(`{"source":"aws.health","detail-type":"AWS Health Event","detail":{"eventTypeCode":"AWS_EC2_OPERATIONAL_ISSUE"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := leak.ParseEvent(payload)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if !json.Valid(payload) || len(e.Account) != 12 || strings.Trim(e.Account, "0123456789") != "" {
			t.Errorf("%q is taken for %+v", payload, e)
		}
		seen := map[string]bool{}
		for _, k := range e.Keys {
			if !leak.IsKeyID(k.KeyID) || seen[k.KeyID] {
				t.Errorf("%q is taken for %+v", payload, e)
			}
			seen[k.KeyID] = true
		}
		for _, text := range e.Unclear {
			if len(text) > 2000 || strings.ContainsAny(text, "\n\r\x1b") {
				t.Errorf("%q is to be shown", text)
			}
		}
	})
}
