package awsfake_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsaccount "github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// moto has neither LookupEvents nor, in a form to compare, ListRegions, so that
// these are asked of the fake alone, with AWS's documentation as the measure.

const trailKey = "AKIAIOSFODNN7EXAMPLE"

// trailOf is a client for one region of an account, and the fake behind it.
func trailOf(s *awsfake.Server, a *awsfake.Account, region string) *cloudtrail.Client {
	id, secret := a.Credentials()
	cfg := configFor(s.URL(), id, secret, "")
	cfg.Region = region
	return cloudtrail.NewFromConfig(cfg)
}

func byKey(keyID string) *cloudtrail.LookupEventsInput {
	return &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{
		{AttributeKey: types.LookupAttributeKeyAccessKeyId, AttributeValue: aws.String(keyID)},
	}}
}

func TestLookupEventsPagesNewestFirst(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithClock(func() time.Time { return lately }))
	s.SetTrailRate(0, 0)
	a := s.Home()
	for i := range 120 {
		a.AddTrailEvents(awsfake.TrailEvent{At: lately.Add(-time.Duration(i) * time.Minute), KeyID: trailKey, User: "ann",
			Service: "s3", Name: fmt.Sprint("Call", i), Source: "203.0.113.7", UserAgent: "aws-cli/2", Region: "eu-west-1"})
	}
	a.AddTrailEvents(
		awsfake.TrailEvent{At: lately, KeyID: "AKIAOTHER", Service: "s3", Name: "Other", Region: "eu-west-1"},
		awsfake.TrailEvent{At: lately, KeyID: trailKey, Service: "s3", Name: "OtherRegion", Region: "us-east-1"},
		awsfake.TrailEvent{At: lately.Add(-91 * 24 * time.Hour), KeyID: trailKey, Service: "s3", Name: "TooOld", Region: "eu-west-1"},
	)
	client := trailOf(s, a, "eu-west-1")
	pages := cloudtrail.NewLookupEventsPaginator(client, byKey(trailKey))
	var names []string
	var sizes []int
	for pages.HasMorePages() {
		page := check[*cloudtrail.LookupEventsOutput](t)(pages.NextPage(t.Context()))
		sizes = append(sizes, len(page.Events))
		for _, e := range page.Events {
			names = append(names, aws.ToString(e.EventName))
		}
	}
	if !slices.Equal(sizes, []int{50, 50, 20}) {
		t.Errorf("pages of %v events, want 50, 50 and 20", sizes)
	}
	for i, name := range names {
		if want := fmt.Sprint("Call", i); name != want {
			t.Fatalf("event %d is %s, want %s: newest first, of this key and region, of the last 90 days", i, name, want)
		}
	}
	in := byKey(trailKey)
	in.StartTime, in.EndTime = aws.Time(lately.Add(-10*time.Minute)), aws.Time(lately.Add(-5*time.Minute))
	if got := len(check[*cloudtrail.LookupEventsOutput](t)(client.LookupEvents(t.Context(), in)).Events); got != 6 {
		t.Errorf("%d events from ten to five minutes ago, want 6, both ends included", got)
	}
}

func TestLookupEventsAnswersTheRecord(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithClock(func() time.Time { return lately }))
	a := s.Home()
	a.AddTrailEvents(awsfake.TrailEvent{At: lately, KeyID: trailKey, User: "ann", Service: "iam", Name: "GetUser",
		Source: "203.0.113.7", UserAgent: "aws-cli/2", ErrorCode: "AccessDenied"})
	e := check[*cloudtrail.LookupEventsOutput](t)(trailOf(s, a, "us-east-1").LookupEvents(t.Context(), byKey(trailKey))).Events[0]
	if aws.ToString(e.EventSource) != "iam.amazonaws.com" || aws.ToString(e.Username) != "ann" || aws.ToString(e.ReadOnly) != "true" ||
		aws.ToString(e.AccessKeyId) != trailKey || !aws.ToTime(e.EventTime).Equal(lately) {
		t.Errorf("the event is %+v", e)
	}
	var record map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(e.CloudTrailEvent)), &record); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"eventSource": "iam.amazonaws.com", "eventName": "GetUser", "sourceIPAddress": "203.0.113.7",
		"userAgent": "aws-cli/2", "errorCode": "AccessDenied", "awsRegion": "us-east-1",
	} {
		if record[name] != want {
			t.Errorf("%s is %v, want %s", name, record[name], want)
		}
	}
}

func TestLookupEventsRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithClock(func() time.Time { return lately }))
	s.SetTrailRate(0, 0)
	a := s.Home()
	for range 51 {
		a.AddTrailEvents(awsfake.TrailEvent{At: lately, KeyID: trailKey, Service: "s3", Name: "ListBuckets"})
	}
	client := trailOf(s, a, "us-east-1")
	token := check[*cloudtrail.LookupEventsOutput](t)(client.LookupEvents(t.Context(), byKey(trailKey))).NextToken
	for what, one := range map[string]struct {
		edit func(*cloudtrail.LookupEventsInput)
		code string
	}{
		"two attributes": {func(in *cloudtrail.LookupEventsInput) {
			in.LookupAttributes = append(in.LookupAttributes, in.LookupAttributes[0])
		}, "InvalidLookupAttributesException"},
		"51 results":      {func(in *cloudtrail.LookupEventsInput) { in.MaxResults = aws.Int32(51) }, "InvalidMaxResultsException"},
		"a token of none": {func(in *cloudtrail.LookupEventsInput) { in.NextToken = aws.String("x") }, "InvalidNextTokenException"},
		"a token of other parameters": {func(in *cloudtrail.LookupEventsInput) {
			in.NextToken, in.LookupAttributes[0].AttributeValue = token, aws.String("AKIAOTHER")
		}, "InvalidNextTokenException"},
		"an end before the start": {func(in *cloudtrail.LookupEventsInput) {
			in.StartTime, in.EndTime = aws.Time(lately), aws.Time(lately.Add(-time.Second))
		}, "InvalidTimeRangeException"},
	} {
		in := byKey(trailKey)
		one.edit(in)
		_, err := client.LookupEvents(t.Context(), in)
		wantCode(t, what, err, one.code)
	}
	_, err := trailOf(s, a, "af-south-1").LookupEvents(t.Context(), byKey(trailKey))
	wantCode(t, "a region that is not enabled", err, "UnrecognizedClientException")
	a.EnableRegion("af-south-1")
	_, err = trailOf(s, a, "af-south-1").LookupEvents(t.Context(), byKey(trailKey))
	wantCode(t, "a region that was enabled", err, "")
}

func TestLookupEventsTakesTwoCallsASecondInAnAccountAndRegion(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, other := s.Home(), s.Account("210987654321")
	call := func(a *awsfake.Account, region string) string {
		_, err := trailOf(s, a, region).LookupEvents(t.Context(), byKey(trailKey))
		return errorCode(err)
	}
	throttled := 0
	for range 6 {
		if call(a, "us-east-1") == "ThrottlingException" {
			throttled++
		}
	}
	if throttled == 0 {
		t.Error("6 calls at once were taken, want all but about two turned away")
	}
	if got := call(a, "eu-west-1") + call(other, "us-east-1"); got != "" {
		t.Errorf("another region or account: %s, want each to have a rate of its own", got)
	}
}

func TestLookupEventsShowsLateEventsLate(t *testing.T) {
	t.Parallel()
	now := lately
	s := start(t, awsfake.WithClock(func() time.Time { return now }))
	s.SetTrailRate(0, 0)
	a := s.Home()
	a.AddTrailEvents(awsfake.TrailEvent{At: lately, KeyID: trailKey, Service: "s3", Name: "ListBuckets", Late: 15 * time.Minute})
	count := func() int {
		return len(check[*cloudtrail.LookupEventsOutput](t)(trailOf(s, a, "us-east-1").LookupEvents(t.Context(), byKey(trailKey))).Events)
	}
	if got := count(); got != 0 {
		t.Errorf("%d events at once, want none yet", got)
	}
	now = lately.Add(15 * time.Minute)
	if got := count(); got != 1 {
		t.Errorf("%d events after 15 minutes, want 1", got)
	}
}

func TestListRegions(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithPageLimit(7))
	a := s.Home()
	a.EnableRegion("af-south-1")
	id, secret := a.Credentials()
	client := awsaccount.NewFromConfig(configFor(s.URL(), id, secret, ""))
	pages := awsaccount.NewListRegionsPaginator(client, &awsaccount.ListRegionsInput{RegionOptStatusContains: []accounttypes.RegionOptStatus{
		accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault,
	}})
	var names []string
	for pages.HasMorePages() {
		for _, r := range check[*awsaccount.ListRegionsOutput](t)(pages.NextPage(t.Context())).Regions {
			names = append(names, aws.ToString(r.RegionName))
		}
	}
	if len(names) != 18 || !slices.Contains(names, "af-south-1") || !slices.Contains(names, "us-east-1") || slices.Contains(names, "ap-east-1") {
		t.Errorf("the enabled regions are %v, want the 17 default ones and af-south-1", names)
	}
}
