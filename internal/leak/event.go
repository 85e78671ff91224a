// Package leak answers the discovery of access keys in public: it disables them
// at once, or only notifies about them, as the settings say.
package leak

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// Event is AWS's word that keys of an account were found in public.
type Event struct {
	// ARN names the event; empty for a leak reported by hand.
	ARN string
	// Account is the account of the keys.
	Account string
	// Keys are what was found, each key once.
	Keys []LeakedKey
	// Unclear is what the event names beside them that is not the id of a key, fit
	// to be shown.
	Unclear []string
}

// LeakedKey is one key that was found in public.
type LeakedKey struct {
	KeyID string
	// Closed: AWS no longer counts it as exposed. Its owner is notified, if it
	// was not yet, and never disabled.
	Closed bool
}

// The fields that identify the event. The detail-type depends on the event's age.
// https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
const (
	Source      = "aws.health"
	riskService = "RISK"
	exposed     = "AWS_RISK_CREDENTIALS_EXPOSED"
)

var detailTypes = []string{"AWS Health Event", "AWS Health Abuse Event"}

// MaxEvent is the largest event that is read, in bytes; EventBridge sends none
// near it.
const MaxEvent = 1 << 20

// OtherEventError says that an event of AWS Health is about something else, and
// asks nothing of us.
type OtherEventError struct{ Code string }

func (e *OtherEventError) Error() string {
	return fmt.Sprintf("the event of AWS Health is about %s, not about keys found in public", e.Code)
}

// ErrTooLarge says that an event is larger than MaxEvent.
var ErrTooLarge = fmt.Errorf("the event of AWS Health is larger than %d bytes, and was not read; look at it in the AWS Health Dashboard", MaxEvent)

// ParseEvent reads an event of AWS Health. It is an *OtherEventError for one
// that is about something else. What it cannot read of an event that is about
// leaked keys does not keep it from the rest.
func ParseEvent(payload []byte) (Event, error) {
	if len(payload) > MaxEvent {
		return Event{}, ErrTooLarge
	}
	var read struct {
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
		Account    string `json:"account"`
		ID         string `json:"id"`
		Time       string `json:"time"`
		Detail     struct {
			EventARN        string            `json:"eventArn"`
			Service         string            `json:"service"`
			TypeCode        string            `json:"eventTypeCode"`
			Status          string            `json:"statusCode"`
			AffectedAccount string            `json:"affectedAccount"`
			Entities        []json.RawMessage `json:"affectedEntities"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(payload, &read); err != nil {
		return Event{}, fmt.Errorf("the event of AWS Health cannot be understood: %w", err)
	}
	d := read.Detail
	switch {
	case read.Source != Source || !slices.Contains(detailTypes, read.DetailType):
		return Event{}, fmt.Errorf("the event is not from AWS Health: its source is %s and its detail-type %s", shown(read.Source), shown(read.DetailType))
	case d.TypeCode == "":
		return Event{}, errors.New("the event of AWS Health does not say what it is about: it has no eventTypeCode")
	case d.Service != riskService || d.TypeCode != exposed:
		return Event{}, &OtherEventError{shown(d.TypeCode)}
	}
	// An organization's events arrive in other accounts as well, and say then
	// which one they are about.
	e := Event{Account: read.Account, ARN: eventARN(d.EventARN)}
	if d.AffectedAccount != "" {
		e.Account = d.AffectedAccount
	}
	if !accountID.MatchString(e.Account) {
		return Event{}, fmt.Errorf("the event of AWS Health has no valid account id: %s", shown(e.Account))
	}
	if _, err := time.Parse(time.RFC3339, read.Time); err != nil || read.ID == "" || e.ARN == "" {
		return Event{}, errors.New("the event of AWS Health says that keys were found in public, and lacks an eventArn, an id or a time, which every event of AWS's has; " +
			"nothing was done: look at the AWS Health Dashboard, and at who sent it")
	}
	for _, entity := range d.Entities {
		e.add(entity, isClosed(d.Status))
	}
	return e, nil
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
	keyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
)

// IsKeyID reports whether a text has the form of an access key's id.
func IsKeyID(text string) bool { return keyID.MatchString(text) }

func (e *Event) add(entity json.RawMessage, closed bool) {
	var read struct {
		Value  string `json:"entityValue"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(entity, &read); err != nil || !IsKeyID(read.Value) {
		text := read.Value
		if err != nil {
			text = string(entity)
		}
		e.Unclear = append(e.Unclear, shown(text))
		return
	}
	finding := LeakedKey{KeyID: read.Value, Closed: closed || isClosed(read.Status)}
	if at := slices.IndexFunc(e.Keys, func(f LeakedKey) bool { return f.KeyID == finding.KeyID }); at >= 0 {
		e.Keys[at].Closed = e.Keys[at].Closed && finding.Closed
		return
	}
	e.Keys = append(e.Keys, finding)
}

// isClosed knows the statuses that events, and the entities in them, have at
// their end.
// https://docs.aws.amazon.com/health/latest/APIReference/API_AffectedEntity.html
func isClosed(status string) bool {
	switch strings.ToUpper(status) {
	case "CLOSED", "RESOLVED", "UNIMPAIRED":
		return true
	}
	return false
}

// eventARN returns the text if it can be one.
func eventARN(content string) string {
	const longest = 1600
	if len(content) > longest || !strings.HasPrefix(content, "arn:") || text.OneLine(content) != content {
		return ""
	}
	return content
}

// shown is what others wrote, quoted and short enough to stand in an error.
func shown(content string) string {
	const most = 128
	if runes := []rune(text.OneLine(content)); len(runes) > most {
		return fmt.Sprintf("%q...", string(runes[:most]))
	}
	return fmt.Sprintf("%q", text.OneLine(content))
}
