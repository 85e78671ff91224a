package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/iam-sleuth/sleuth/internal/leak"
)

// event is what the Lambda is asked to do. It can narrow what the settings
// allow, and nothing else: no account that they do not cover, no dry run undone.
type event struct {
	// Action is what to do; actionRun where the event is a schedule's.
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

// runName is the form of runID.
var runName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

// parseEvent reads an event. What is neither an action of ours, nor nothing,
// nor a schedule's, nor AWS Health's, is an error: somebody expects what would
// not happen. A *leak.OtherEventError asks for nothing.
func parseEvent(payload []byte) (event, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil || fields == nil {
		return event{}, fmt.Errorf("the event is no JSON object: %w; send {} for a run", cmp.Or(err, errors.New("it is null")))
	}
	if isOfHealth(fields) {
		found, err := leak.ParseEvent(payload)
		return event{Action: actionLeaked, Leak: found}, err
	}
	if _, ours := fields["action"]; !ours {
		return event{Action: actionRun}, checkSchedule(fields)
	}
	var e event
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return event{}, fmt.Errorf("the event cannot be understood: %w; it may have action, dry_run, account, run and began", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return event{}, errors.New("the event cannot be understood: something follows it; send one JSON object")
	}
	return e, e.check()
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
