package awsfake

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CloudTrail speaks JSON 1.1.
const (
	serviceCloudTrail = "cloudtrail"
	cloudTrailTarget  = "CloudTrail_20131101."
)

// Limits of LookupEvents.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
const (
	maxTrailEvents = 50
	trailHistory   = 90 * 24 * time.Hour
	trailPerSecond = 2 // an account and region
	trailBurst     = 2
)

// TrailEvent is a management event in an account's event history.
type TrailEvent struct {
	At        time.Time
	Region    string // "us-east-1" if empty, or the partition's own
	KeyID     string // that signed the call
	User      string
	Service   string // such as s3
	Name      string // such as ListBuckets
	Source    string // an address, or the name of an AWS service
	UserAgent string
	ErrorCode string
	// Late is how long after At the event can be looked up.
	Late time.Duration
	// Raw is the CloudTrailEvent in place of one made of the above.
	Raw string
}

// trail is an account's event history.
type trail struct {
	events  map[string][]trailEvent // by region, newest first
	buckets map[string]*bucket      // by region
	serial  int
}

type trailEvent struct {
	TrailEvent
	serial int
}

// AddTrailEvents adds events to the account's history.
func (a *Account) AddTrailEvents(events ...TrailEvent) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.trail.events == nil {
		a.trail.events = map[string][]trailEvent{}
	}
	touched := map[string]bool{}
	for _, e := range events {
		a.trail.serial++
		e.At, e.Region = e.At.UTC().Truncate(time.Second), cmp.Or(e.Region, a.server.region())
		a.trail.events[e.Region] = append(a.trail.events[e.Region], trailEvent{e, a.trail.serial})
		touched[e.Region] = true
	}
	for region := range touched {
		slices.SortFunc(a.trail.events[region], func(a, b trailEvent) int {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.serial, a.serial))
		})
	}
}

// SetTrailRate limits each account's lookups in each region to a token bucket of
// its own, 2 a second by default, as AWS does; calls over it are answered
// ThrottlingException. A rate of zero means no limit.
func (s *Server) SetTrailRate(perSecond float64, burst int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trailPerSecond, s.trailBurst = perSecond, float64(burst)
	for _, a := range s.accounts {
		a.trail.buckets = nil
	}
}

func cloudTrailActions() map[string]action { return map[string]action{"LookupEvents": lookupEvents} }

// lookup is the input of LookupEvents.
type lookup struct {
	LookupAttributes   []struct{ AttributeKey, AttributeValue string }
	StartTime, EndTime *float64
	EventCategory      string
	MaxResults         *int
	NextToken          string
}

func lookupEvents(rq *request, x *xmlWriter) *apiError {
	if !rq.account.regionEnabled(rq.region) {
		return fail(http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if !rq.account.takesLookup(rq.region, time.Now()) {
		return fail(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	}
	var in lookup
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil {
		return fail(http.StatusBadRequest, "SerializationException", "%v", err)
	}
	if refusal := in.refused(); refusal != nil {
		return refusal
	}
	after, refusal := in.after()
	if refusal != nil {
		return refusal
	}
	size := maxTrailEvents
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if limit := rq.server.pageLimit; limit > 0 {
		size = min(size, limit)
	}
	page, more := rq.account.trail.page(rq.region, in, after, rq.now, size)
	answer := map[string]any{"Events": []any{}}
	shown := make([]any, 0, len(page))
	for _, e := range page {
		shown = append(shown, e.shown(rq.account.id))
	}
	answer["Events"] = shown
	if more {
		answer["NextToken"] = in.token(page[len(page)-1].serial)
	}
	return x.inJSON(answer)
}

// takesLookup counts a lookup against the rate of the account and region.
func (a *Account) takesLookup(region string, now time.Time) bool {
	s := a.server
	if s.trailPerSecond == 0 {
		return true
	}
	if a.trail.buckets == nil {
		a.trail.buckets = map[string]*bucket{}
	}
	if a.trail.buckets[region] == nil {
		a.trail.buckets[region] = &bucket{tokens: s.trailBurst, at: now}
	}
	return a.trail.buckets[region].take(now, s.trailPerSecond, s.trailBurst)
}

func (in lookup) refused() *apiError {
	keys := []string{"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}
	for _, attribute := range in.LookupAttributes {
		if !slices.Contains(keys, attribute.AttributeKey) || attribute.AttributeValue == "" {
			return fail(http.StatusBadRequest, "InvalidLookupAttributesException", "Invalid lookup attribute %s.", attribute.AttributeKey)
		}
	}
	switch {
	case len(in.LookupAttributes) > 1:
		return fail(http.StatusBadRequest, "InvalidLookupAttributesException", "You can specify at most one lookup attribute.")
	case in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > maxTrailEvents):
		return fail(http.StatusBadRequest, "InvalidMaxResultsException", "A maximum number of results from 1 to %d is required.", maxTrailEvents)
	case in.StartTime != nil && in.EndTime != nil && *in.StartTime > *in.EndTime:
		return fail(http.StatusBadRequest, "InvalidTimeRangeException", "The start time must be before the end time.")
	case in.EventCategory != "" && in.EventCategory != "insight":
		return fail(http.StatusBadRequest, "InvalidEventCategoryException", "The only valid event category is insight.")
	}
	return nil
}

// digest identifies the parameters that a token goes with.
func (in lookup) digest() string {
	in.NextToken = ""
	encoded, _ := json.Marshal(in)
	sum := fnv.New64a()
	_, _ = sum.Write(encoded)
	return strconv.FormatUint(sum.Sum64(), 36)
}

func (in lookup) token(last int) string {
	return base64.URLEncoding.EncodeToString([]byte(in.digest() + "/" + strconv.Itoa(last)))
}

// after is the serial number of the event that the page before ended with; zero
// for the first page.
func (in lookup) after() (int, *apiError) {
	if in.NextToken == "" {
		return 0, nil
	}
	decoded, err := base64.URLEncoding.DecodeString(in.NextToken)
	digest, number, _ := strings.Cut(string(decoded), "/")
	last, notNumber := strconv.Atoi(number)
	if err != nil || notNumber != nil || digest != in.digest() {
		return 0, fail(http.StatusBadRequest, "InvalidNextTokenException", "The token is invalid, or was made for a call with other parameters.")
	}
	return last, nil
}

// page is the events that a lookup finds after one of them, and whether there
// are more.
func (t *trail) page(region string, in lookup, after int, now time.Time, size int) (page []trailEvent, more bool) {
	if in.EventCategory != "" {
		return nil, false // there are no Insights events
	}
	passed := after == 0
	for _, e := range t.events[region] {
		if !passed {
			passed = e.serial == after
			continue
		}
		if !in.finds(e, now) {
			continue
		}
		if len(page) == size {
			return page, true
		}
		page = append(page, e)
	}
	return page, false
}

func (in lookup) finds(e trailEvent, now time.Time) bool {
	at := float64(e.At.Unix())
	switch {
	case e.At.Before(now.Add(-trailHistory)), e.At.Add(e.Late).After(now):
		return false
	case in.StartTime != nil && at < *in.StartTime, in.EndTime != nil && at > *in.EndTime:
		return false
	}
	for _, attribute := range in.LookupAttributes {
		if e.attribute(attribute.AttributeKey) != attribute.AttributeValue {
			return false
		}
	}
	return true
}

func (e trailEvent) attribute(key string) string {
	switch key {
	case "AccessKeyId":
		return e.KeyID
	case "Username":
		return e.User
	case "EventName":
		return e.Name
	case "EventSource":
		return e.Service + ".amazonaws.com"
	case "EventId":
		return e.id()
	case "ReadOnly":
		return strconv.FormatBool(e.readOnly())
	}
	return "" // resources are not known
}

func (e trailEvent) id() string { return requestID(e.serial) }

func (e trailEvent) readOnly() bool {
	return strings.HasPrefix(e.Name, "Get") || strings.HasPrefix(e.Name, "List") || strings.HasPrefix(e.Name, "Describe")
}

// shown is the event as LookupEvents answers it.
func (e trailEvent) shown(account string) map[string]any {
	return map[string]any{
		"EventId": e.id(), "EventName": e.Name, "ReadOnly": strconv.FormatBool(e.readOnly()),
		"AccessKeyId": e.KeyID, "EventTime": float64(e.At.Unix()), "EventSource": e.Service + ".amazonaws.com",
		"Username": e.User, "Resources": []any{}, "CloudTrailEvent": cmp.Or(e.Raw, e.record(account)),
	}
}

// record is the event's own JSON.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (e trailEvent) record(account string) string {
	fields := map[string]any{
		"eventVersion": "1.11", "eventID": e.id(), "eventTime": e.At.Format(time.RFC3339), "eventType": "AwsApiCall",
		"eventCategory": "Management", "managementEvent": true, "readOnly": e.readOnly(), "recipientAccountId": account,
		"eventSource": e.Service + ".amazonaws.com", "eventName": e.Name, "awsRegion": e.Region,
		"sourceIPAddress": e.Source, "userAgent": e.UserAgent,
		"userIdentity": map[string]any{"type": "IAMUser", "accountId": account, "accessKeyId": e.KeyID, "userName": e.User},
	}
	if e.ErrorCode != "" {
		fields["errorCode"], fields["errorMessage"] = e.ErrorCode, "The call failed."
	}
	encoded, _ := json.Marshal(fields)
	return string(encoded)
}
