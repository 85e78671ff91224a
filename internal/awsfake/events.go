package awsfake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// serviceEvents is EventBridge, which speaks JSON 1.1.
const (
	serviceEvents = "events"
	eventsTarget  = "AWSEvents."
)

// Limits of PutEvents.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
const (
	maxEntries    = 10
	maxEntryBytes = 256 << 10 // of all entries together
)

// paramBody holds the whole body of a request whose JSON is more than names and
// values.
const paramBody = "Body"

// Event is one that a bus took.
type Event struct {
	Bus        string // its ARN
	Region     string // that the call was made in
	Source     string
	DetailType string
	Detail     string // JSON
}

// bodyParams is a request in JSON whose action is known.
func bodyParams(action string, body []byte) url.Values {
	return url.Values{"Action": {action}, paramBody: {string(body)}}
}

func eventsActions() map[string]action {
	return map[string]action{"CreateEventBus": createEventBus, "PutEvents": putEvents}
}

// AddBus makes an event bus and returns its ARN.
func (a *Account) AddBus(name string) string {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.addBus(a.server.region(), name)
}

func (a *Account) addBus(region, name string) string {
	arn := "arn:" + a.server.partition + ":events:" + region + ":" + a.id + ":event-bus/" + name
	a.buses = append(a.buses, arn)
	return arn
}

func createEventBus(rq *request, x *xmlWriter) *apiError {
	var in struct{ Name string }
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil || in.Name == "" {
		return fail(http.StatusBadRequest, "ValidationException", "Name is required")
	}
	return x.inJSON(map[string]any{"EventBusArn": rq.account.addBus(rq.region, in.Name)})
}

// Events is every event that came in at the account's buses, oldest first.
func (a *Account) Events() []Event {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return slices.Clone(a.events)
}

type putEventsEntry struct {
	EventBusName, Source, DetailType, Detail string
}

type putEventsResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func putEvents(rq *request, x *xmlWriter) *apiError {
	var in struct{ Entries []putEventsEntry }
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil {
		return fail(http.StatusBadRequest, "SerializationException", "%v", err)
	}
	size := 0
	for _, e := range in.Entries {
		size += len(e.Source) + len(e.DetailType) + len(e.Detail)
	}
	switch {
	case len(in.Entries) == 0 || len(in.Entries) > maxEntries:
		return fail(http.StatusBadRequest, "ValidationException",
			"1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and %d", maxEntries)
	case size > maxEntryBytes:
		return fail(http.StatusBadRequest, "ValidationException", "Total size of the entries in the request is over the limit.")
	}
	for _, e := range in.Entries {
		if rq.server.bus(rq.account, rq.region, e.EventBusName) == nil {
			return fail(http.StatusBadRequest, "ResourceNotFoundException", "Event bus %s does not exist.", e.EventBusName)
		}
	}
	failed := 0
	results := make([]putEventsResult, len(in.Entries))
	for i, e := range in.Entries {
		if code, message := e.refused(); code != "" {
			failed++
			results[i] = putEventsResult{ErrorCode: code, ErrorMessage: message}
			continue
		}
		results[i].EventID = requestID(int(rq.server.nextSerial())) //nolint:gosec // counts from one
		owner := rq.server.bus(rq.account, rq.region, e.EventBusName)
		owner.events = append(owner.events, Event{Bus: e.EventBusName, Region: rq.region, Source: e.Source, DetailType: e.DetailType, Detail: e.Detail})
	}
	return x.inJSON(map[string]any{"FailedEntryCount": failed, "Entries": results})
}

// bus is the account of a bus, given by its ARN or, if it is the caller's
// own, by its name; nil if there is none in the region.
func (s *Server) bus(caller *Account, region, name string) *Account {
	parts := strings.Split(name, ":")
	if len(parts) != 6 {
		name = "arn:" + s.partition + ":events:" + region + ":" + caller.id + ":event-bus/" + name
		parts = strings.Split(name, ":")
	}
	owner := s.accounts[parts[4]]
	if owner == nil || parts[3] != region || !slices.Contains(owner.buses, name) {
		return nil
	}
	return owner
}

// reservedSource is that of events which only AWS may send.
var reservedSource = regexp.MustCompile(`^aws\.`)

// refused is why the bus does not take an entry, "" if it does.
func (e putEventsEntry) refused() (code, message string) {
	var detail map[string]any
	switch {
	case e.Source == "":
		return "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."
	case e.DetailType == "":
		return "InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."
	case e.Detail == "":
		return "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."
	case reservedSource.MatchString(e.Source):
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	case json.Unmarshal([]byte(e.Detail), &detail) != nil:
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}
