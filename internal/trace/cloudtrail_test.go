package trace_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

const key = "AKIAIOSFODNN7EXAMPLE"

// connected is an AWS in the process and a connection to it.
func connected(t *testing.T, options ...awsfake.Option) (*awsfake.Server, aws.Config) {
	t.Helper()
	s, err := awsfake.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	id, secret := s.Home().Credentials()
	return s, awsclient.ConnectTo(s.URL(), id, secret, 8)
}

func TestCloudTrailIsRead(t *testing.T) {
	t.Parallel()
	s, cfg := connected(t, awsfake.WithPageLimit(20))
	s.SetTrailRate(0, 0)
	now := time.Now()
	s.Home().EnableRegion("af-south-1")
	for i := range 45 {
		s.Home().AddTrailEvents(awsfake.TrailEvent{At: now.Add(-time.Duration(i) * time.Hour), Region: "eu-west-1", KeyID: key, User: "ann",
			Service: "s3", Name: "ListBuckets", Source: "203.0.113.7", UserAgent: "aws-cli/2.22 os/macos#24"})
	}
	s.Home().AddTrailEvents(
		awsfake.TrailEvent{At: now, KeyID: key, Service: "iam", Name: "GetUser", Source: "198.51.100.9", UserAgent: "Boto3/1", ErrorCode: "AccessDenied"},
		awsfake.TrailEvent{At: now, Region: "af-south-1", KeyID: key, Service: "ec2", Name: "RunInstances", Source: "198.51.100.9", UserAgent: "Boto3/1"},
		awsfake.TrailEvent{At: now.AddDate(0, 0, -40), KeyID: key, Service: "ec2", Name: "TooOld", UserAgent: "Boto3/1"},
	)
	tr := tracer(trace.NewCloudTrail(cfg, "aws"), 1000, time.Minute)
	tr.Since = now.AddDate(0, 0, -30)
	tr.Sleep = nil
	l := tr.Start(t.Context())
	l.Add(trace.Key{ID: key, Region: "eu-west-1"})
	if problems := l.Finish(t.Context()); problems != nil {
		t.Fatal(problems)
	}
	got := l.Of(key)
	if got.Regions != 18 || got.Unread != nil || got.Calls != 47 || got.More || len(got.Callers) != 2 {
		t.Fatalf("found %+v, want 47 calls by 2 callers in 18 regions", got)
	}
	if c := got.Callers[0]; c.Client != "aws-cli on macOS" || c.Source != "203.0.113.7" || c.Calls != 45 {
		t.Errorf("the first caller is %+v", c)
	}
	if c := got.Callers[1]; c.Calls != 2 || !slices.ContainsFunc(c.Actions, func(a callers.Action) bool { return a.Error == "AccessDenied" }) {
		t.Errorf("the second caller is %+v", c)
	}
	for _, call := range s.Calls() {
		if call.Action == "LookupEvents" && call.ErrorCode != "" {
			t.Errorf("a lookup in %s failed: %s", call.Region, call.ErrorCode)
		}
	}
}

// TestCloudTrailsRateIsKept looks several keys up at AWS's own rate: no call is
// turned away.
func TestCloudTrailsRateIsKept(t *testing.T) {
	t.Parallel()
	s, cfg := connected(t)
	tr := tracer(trace.NewCloudTrail(cfg, "aws-cn"), 1000, time.Minute)
	l := tr.Start(t.Context())
	for i := range 4 {
		l.Add(trace.Key{ID: fmt.Sprint("AKIA", i)})
	}
	l.Finish(t.Context())
	for _, call := range s.Calls() {
		if call.ErrorCode == "ThrottlingException" {
			t.Errorf("a lookup in %s was turned away", call.Region)
		}
	}
}

func TestOtherPartitionsNeedNoListOfRegions(t *testing.T) {
	t.Parallel()
	for partition, want := range map[string][]string{
		"aws-us-gov": {"us-gov-east-1", "us-gov-west-1"}, "aws-cn": {"cn-north-1", "cn-northwest-1"},
	} {
		s, cfg := connected(t, awsfake.WithPartition(partition))
		cloud := trace.NewCloudTrail(cfg, partition)
		regions, err := cloud.Regions(t.Context())
		if err != nil || !slices.Equal(regions, want) || s.Count("") != 0 {
			t.Errorf("%s has regions %v (%v) with %d calls, want %v without any", partition, regions, err, s.Count(""), want)
		}
		if !slices.Contains(want, cloud.Global()) {
			t.Errorf("the global events of %s are in %s", partition, cloud.Global())
		}
	}
}

func TestRegionsThatCannotBeListedAreTheDefaultOnes(t *testing.T) {
	t.Parallel()
	s, cfg := connected(t)
	s.Inject(awsfake.Fault{Action: "ListRegions", Status: http.StatusForbidden, Code: "AccessDeniedException"})
	regions, err := trace.NewCloudTrail(cfg, "aws").Regions(t.Context())
	if err == nil || len(regions) != 17 {
		t.Errorf("%d regions and error %v, want the 17 default ones, and the error", len(regions), err)
	}
}

func TestDenials(t *testing.T) {
	t.Parallel()
	s, cfg := connected(t)
	cloud := trace.NewCloudTrail(cfg, "aws")
	for code, want := range map[string]bool{"AccessDeniedException": true, "InternalFailure": false} {
		s.ClearFaults()
		s.Inject(awsfake.Fault{Action: "LookupEvents", Code: code, Status: http.StatusBadRequest})
		_, err := cloud.Lookup(t.Context(), "eu-west-1", key, time.Now(), "")
		if err == nil || cloud.Denied(err) != want {
			t.Errorf("%s (%v) is denied: %v, want %v", code, err, cloud.Denied(err), want)
		}
	}
	s.ClearFaults()
	if _, err := cloud.Lookup(t.Context(), "af-south-1", key, time.Now(), ""); !cloud.Denied(err) {
		t.Errorf("a region that is not enabled is no denial: %v", err)
	}
}
