package lambda

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/leak"
)

// event is what the Lambda is asked to do. It can narrow what the settings
// allow, and nothing else: no account that they do not cover, no dry run undone.
type event struct {
	// Action is what to do; actionRun if the event is a schedule's.
	Action action `json:"action"`
	// DryRun makes a run one that writes nothing and sends nothing.
	DryRun bool `json:"dry_run"`
	// Account is the only one to cover.
	Account string `json:"account"`
	// Run and Began are what the action list has returned, for the actions
	// account and summarize.
	Run   string    `json:"run"`
	Began time.Time `json:"began"`
	// Leak is what AWS Health says, for the action leaked.
	Leak leak.Event `json:"-"`
}

// action is one of the Lambda's.
type action string

const (
	actionRun       action = "run"       // what the schedule asks for, or of that one account
	actionList      action = "list"      // which accounts there are, for Step Functions to map over
	actionAccount   action = "account"   // one account of that list
	actionSummarize action = "summarize" // the digest and the summary of the accounts of that list

	// actionLeaked is what AWS Health's word of leaked keys asks for.
	actionLeaked action = "leaked"
)

// accountID is the form of an account's id, and runName that of a run.
var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	runName   = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)
)

// step is which run a step of Step Functions is of.
func (e event) step() app.Step { return app.Step{Run: e.Run, Began: e.Began, DryRun: e.DryRun} }

// parseEvent reads an event. What is neither an action of ours, nor nothing,
// nor a schedule's, nor AWS Health's, is an error: somebody expects what would
// not happen. A *leak.OtherEventError asks for nothing.
func parseEvent(payload []byte) (event, error) {
	fields, err := fieldsOf(payload)
	if err != nil {
		return event{}, err
	}
	if isOfHealth(fields) {
		if err := checkEnvelope(fields); err != nil {
			return event{}, err
		}
		found, err := leak.ParseEvent(payload)
		return event{Action: actionLeaked, Leak: found}, err
	}
	if _, ours := fields["action"]; !ours {
		return event{Action: actionRun}, checkSchedule(fields)
	}
	if err := onlyFields(fields, actionFields); err != nil {
		return event{}, err
	}
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return event{}, fmt.Errorf("the event cannot be understood: %w", err)
	}
	return e, e.check()
}

// actionFields are the fields of our own events.
var actionFields = []string{"action", "dry_run", "account", "run", "began"}

// envelopeFields are those that EventBridge gives every event; replay-name is of
// events from an archive.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
var envelopeFields = []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"}

// fieldsOf returns the fields of a JSON object. A field that is given twice is
// an error, as only one of them would count.
func fieldsOf(payload []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("the event is not a JSON object: %w; send {} for a run", cmp.Or(err, errors.New("it is null")))
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	_, _ = decoder.Token() // the brace; the text was decoded once
	for seen := map[string]bool{}; decoder.More(); {
		token, err := decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName || seen[name] {
			return nil, fmt.Errorf("the event cannot be understood: it has the field %q twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// onlyFields refuses an event with a field that is not known. Whoever sent it
// expects what would not happen, such as a dry run.
func onlyFields(fields map[string]json.RawMessage, known []string) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the event cannot be understood: unknown field %q; nothing was done; it may have %s, spelt so", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// checkEnvelope refuses an event of EventBridge's with fields that are not
// EventBridge's, or with ours in its detail.
func checkEnvelope(fields map[string]json.RawMessage) error {
	if err := onlyFields(fields, envelopeFields); err != nil {
		return err
	}
	var detail map[string]json.RawMessage
	if err := json.Unmarshal(fields["detail"], &detail); err != nil {
		return nil //nolint:nilerr // what has no fields has none of ours
	}
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		plain := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
		if slices.Contains([]string{"action", "dryrun", "run", "began"}, plain) {
			return fmt.Errorf("the event has %q in its detail, where it has no effect; nothing was done; "+
				`send {"action":"run","dry_run":true} for a dry run`, name)
		}
	}
	return nil
}

// isOfHealth reports whether an event says that it is AWS Health's. One that
// has an action is ours.
func isOfHealth(fields map[string]json.RawMessage) bool {
	var source string
	_, ours := fields["action"]
	return !ours && json.Unmarshal(fields["source"], &source) == nil && source == leak.Source
}

// checkSchedule takes an empty event, which the module's schedule sends, and
// those of EventBridge's schedules.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
func checkSchedule(fields map[string]json.RawMessage) error {
	if len(fields) == 0 {
		return nil
	}
	var kind string
	if err := json.Unmarshal(fields["detail-type"], &kind); err != nil || kind != "Scheduled Event" {
		return errors.New(`the event is neither a schedule's, nor AWS Health's, nor has it an "action"; send {} for a run, or an action: run, list, account or summarize`)
	}
	if err := checkEnvelope(fields); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "null", "{}", `"{}"`, `""`}, strings.Join(strings.Fields(string(fields["detail"])), "")) {
		return errors.New(`the schedule's event has a "detail" with something in it, which has no effect; nothing was done; send {"action":"run"} with what is meant beside it`)
	}
	return nil
}

func (e event) check() error {
	wants := func(name string, want, given bool) error {
		switch {
		case want && !given:
			return fmt.Errorf("the event lacks %q, which the action %s needs; add it", name, e.Action)
		case !want && given:
			return fmt.Errorf("the event has %q, which the action %s does not take; leave it out", name, e.Action)
		}
		return nil
	}
	var ofList bool
	switch e.Action {
	case actionRun, actionList:
	case actionAccount, actionSummarize:
		ofList = true
	default:
		return fmt.Errorf("the event asks for the action %q: must be run, list, account or summarize", e.Action)
	}
	if e.Account != "" && !accountID.MatchString(e.Account) {
		return fmt.Errorf("the event names the account %q: must be 12 digits", e.Account)
	}
	if e.Run != "" && !runName.MatchString(e.Run) {
		return fmt.Errorf("the event names the run %q: must be what the action list has returned", e.Run)
	}
	return errors.Join(
		wants("run", ofList, e.Run != ""),
		wants("began", ofList, !e.Began.IsZero()),
		wants("account", e.Action == actionAccount, e.Account != "" && e.Action != actionRun),
	)
}
