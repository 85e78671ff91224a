package trace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

var (
	errDenied = errors.New("not allowed")
	errBroken = errors.New("out of order")
)

// standIn is a CloudTrail whose regions have so many pages of each key, of one
// event each, and which notes when it was asked for what.
type standIn struct {
	regions []string
	pages   func(region, key string) int
	fails   func(region, key string) error
	listErr error
	latency time.Duration

	mu    sync.Mutex
	calls []call
}

type call struct {
	region, key string
	page        int
	at          time.Time
}

func (s *standIn) Regions(context.Context) ([]string, error) { return s.regions, s.listErr }
func (s *standIn) Global() string                            { return "us-east-1" }
func (s *standIn) Denied(err error) bool                     { return errors.Is(err, errDenied) }

func (s *standIn) Lookup(ctx context.Context, region, key string, since time.Time, next string) (trace.Page, error) {
	page := 0
	_, _ = fmt.Sscan(next, &page)
	s.mu.Lock()
	s.calls = append(s.calls, call{region, key, page, time.Now()})
	s.mu.Unlock()
	select {
	case <-time.After(s.latency):
	case <-ctx.Done():
		return trace.Page{}, ctx.Err()
	}
	if s.fails != nil {
		if err := s.fails(region, key); err != nil {
			return trace.Page{}, err
		}
	}
	pages := 1
	if s.pages != nil {
		pages = s.pages(region, key)
	}
	if pages == 0 {
		return trace.Page{}, nil
	}
	found := trace.Page{Events: []callers.Event{{At: since, Service: "s3", Name: "ListBuckets", Source: "203.0.113.7", Agent: "aws-cli/2"}}}
	if page+1 < pages {
		found.Next = fmt.Sprint(page + 1)
	}
	return found, nil
}

// in returns the calls of a region.
func (s *standIn) in(region string) (calls []call) {
	for _, c := range s.calls {
		if c.region == region {
			calls = append(calls, c)
		}
	}
	return calls
}

func tracer(cloud trace.Cloud, calls int, within time.Duration) trace.Tracer {
	now := time.Now()
	return trace.Tracer{Cloud: cloud, Budget: trace.NewBudget(calls, within, now), Since: now.AddDate(0, 0, -90), Now: time.Now}
}

var threeRegions = []string{"eu-west-1", "us-east-1", "us-west-2"}

func TestEveryRegionIsLookedAtTheLikelyOnesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions, latency: 100 * time.Millisecond, pages: func(string, string) int { return 2 }}
		l := tracer(cloud, 100, time.Minute).Start(t.Context())
		l.Add(trace.Key{ID: "AKIA1", Region: "eu-west-1"})
		l.Add(trace.Key{ID: "AKIA1", Region: "eu-west-1"}) // once is enough
		if problems := l.Finish(t.Context()); problems != nil {
			t.Error(problems)
		}
		got := l.Of("AKIA1")
		if got.Regions != 3 || got.Calls != 6 || got.More || got.Unread != nil || len(got.Callers) != 1 {
			t.Errorf("found %+v, want 2 calls in each of 3 regions", got)
		}
		if len(cloud.calls) != 6 {
			t.Fatalf("%d lookups, want 6", len(cloud.calls))
		}
		if first := []string{cloud.calls[0].region, cloud.calls[1].region}; slices.Contains(first, "us-west-2") {
			t.Errorf("first looked at %v, want where the key was last used and the region of global events", first)
		}
	})
}

func TestARegionTakesTwoCallsASecondAndRegionsRunSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions}
		began := time.Now()
		l := tracer(cloud, 1000, time.Hour).Start(t.Context())
		for i := range 20 {
			l.Add(trace.Key{ID: fmt.Sprint("AKIA", i)})
		}
		l.Finish(t.Context())
		for _, region := range threeRegions {
			calls := cloud.in(region)
			if len(calls) != 20 {
				t.Errorf("%d lookups in %s, want 20", len(calls), region)
			}
			for i := 2; i < len(calls); i++ {
				if gap := calls[i].at.Sub(calls[i-2].at); gap < time.Second {
					t.Errorf("three lookups within %v in %s", gap, region)
				}
			}
		}
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("20 keys in 3 regions took %v, want about 10 s, as long as one region", took)
		}
	})
}

func TestTheMostUrgentKeysComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: []string{"us-east-1"}}
		l := tracer(cloud, 3, time.Hour).Start(t.Context())
		now := time.Now()
		for _, key := range []trace.Key{{ID: "LATER", Urgency: 9}, {ID: "SEEN", Urgency: 1, Looked: now}, {ID: "UNSEEN", Urgency: 1}, {ID: "FIRST"}} {
			l.Add(key)
		}
		l.Finish(t.Context())
		var order []string
		for _, c := range cloud.calls {
			order = append(order, c.key)
		}
		if want := []string{"FIRST", "UNSEEN", "SEEN"}; !slices.Equal(order, want) {
			t.Errorf("looked up %v, want %v within three calls", order, want)
		}
		if l.Of("LATER").LookedUp() || !l.Of("FIRST").LookedUp() {
			t.Error("what the budget did not allow counts as looked up, or what it did does not")
		}
	})
}

func TestTheBudgetOfSecondsEndsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions, latency: time.Hour}
		began := time.Now()
		l := tracer(cloud, 1000, 5*time.Second).Start(t.Context())
		l.Add(trace.Key{ID: "AKIA1"})
		if problems := l.Finish(t.Context()); problems != nil {
			t.Errorf("running out of time is a problem: %v", problems)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v, want 5 s", took)
		}
		if l.Of("AKIA1").LookedUp() {
			t.Error("a key without an answer counts as looked up")
		}
	})
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions, pages: func(string, string) int { return 1000 }}
		tr := tracer(cloud, 1000, time.Minute)
		tr.Pages = 2
		l := tr.Start(t.Context())
		l.Add(trace.Key{ID: "AKIA1"})
		l.Finish(t.Context())
		if got := l.Of("AKIA1"); got.Calls != 6 || !got.More || len(cloud.calls) != 6 {
			t.Errorf("%d lookups found %+v, want two pages of three regions, and that there is more", len(cloud.calls), got)
		}
	})
}

func TestADeniedRegionIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions, fails: func(region, _ string) error {
			if region == "us-west-2" {
				return errDenied
			}
			return nil
		}}
		l := tracer(cloud, 1000, time.Minute).Start(t.Context())
		l.Add(trace.Key{ID: "AKIA1"})
		l.Add(trace.Key{ID: "AKIA2"})
		if problems := l.Finish(t.Context()); problems != nil {
			t.Errorf("a denied region among others is a problem: %v", problems)
		}
		if got := l.Of("AKIA2"); got.Regions != 2 || !slices.Equal(got.Unread, []string{"us-west-2"}) || len(cloud.in("us-west-2")) != 1 {
			t.Errorf("found %+v with %d lookups in the denied region, want it named, and asked once", got, len(cloud.in("us-west-2")))
		}
	})
}

func TestFailuresAreReported(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		cloud *standIn
		want  error
	}{
		"all regions are denied":        {&standIn{regions: threeRegions, fails: func(string, string) error { return errDenied }}, errDenied},
		"a region is out of order":      {&standIn{regions: threeRegions, fails: func(region, _ string) error { return map[string]error{"us-west-2": errBroken}[region] }}, errBroken},
		"the regions cannot be learned": {&standIn{regions: threeRegions, listErr: errBroken}, errBroken},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := tracer(one.cloud, 1000, time.Minute).Start(t.Context())
				l.Add(trace.Key{ID: "AKIA1"})
				if problems := l.Finish(t.Context()); len(problems) != 1 || !errors.Is(problems[0], one.want) {
					t.Errorf("the problems are %v, want %v", problems, one.want)
				}
				if got := l.Of("AKIA1"); errors.Is(one.want, errBroken) && got.Regions < 2 {
					t.Errorf("found %+v, want the other regions", got)
				}
			})
		})
	}
}

func TestStopEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := &standIn{regions: threeRegions, latency: time.Hour}
		began := time.Now()
		l := tracer(cloud, 1000, time.Hour).Start(t.Context())
		l.Add(trace.Key{ID: "AKIA1"})
		synctest.Wait()
		l.Stop()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// TestAnyBudgetIsKept draws accounts, keys and budgets: no more calls than
// allowed are made, no page twice, each key that counts as looked up was, and it
// always ends.
func TestAnyBudgetIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		regions := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"us-east-1", "eu-west-1", "us-west-2", "ap-south-1"}), 1, 4, rapid.ID).Draw(rt, "regions")
		keys, budget := rapid.IntRange(0, 6).Draw(rt, "keys"), rapid.IntRange(0, 40).Draw(rt, "budget")
		seconds := rapid.IntRange(0, 8).Draw(rt, "seconds")
		trouble := rapid.MapOf(rapid.SampledFrom(regions), rapid.SampledFrom([]error{errDenied, errBroken})).Draw(rt, "trouble")
		pages := rapid.IntRange(0, 3).Draw(rt, "pages")
		latency := rapid.IntRange(0, 2000).Draw(rt, "latency")
		last := make([]string, keys)
		for i := range last {
			last[i] = rapid.SampledFrom([]string{"", "eu-west-1", "us-east-1", "N/A", "eu-north-1"}).Draw(rt, "last")
		}
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			cloud := &standIn{
				regions: regions, latency: time.Duration(latency) * time.Millisecond,
				pages: func(string, string) int { return pages },
				fails: func(region, _ string) error { return trouble[region] },
			}
			began := time.Now()
			l := tracer(cloud, budget, time.Duration(seconds)*time.Second).Start(t.Context())
			for i, region := range last {
				l.Add(trace.Key{ID: fmt.Sprint("AKIA", i), Region: region, Urgency: i % 2})
			}
			l.Finish(t.Context())
			if took := time.Since(began); took > time.Duration(seconds)*time.Second {
				wrong = append(wrong, fmt.Sprintf("it took %v of %d s", took, seconds))
			}
			if len(cloud.calls) > budget {
				wrong = append(wrong, fmt.Sprintf("%d calls of %d", len(cloud.calls), budget))
			}
			seen := map[call]bool{}
			for _, c := range cloud.calls {
				c.at = time.Time{}
				if seen[c] {
					wrong = append(wrong, fmt.Sprintf("%+v was asked twice", c))
				}
				seen[c] = true
			}
			for i := range keys {
				got := l.Of(fmt.Sprint("AKIA", i))
				if got.LookedUp() && got.Regions > len(cloud.calls) {
					wrong = append(wrong, fmt.Sprintf("%d regions with %d calls", got.Regions, len(cloud.calls)))
				}
			}
		})
		if wrong != nil {
			rt.Fatal(wrong)
		}
	})
}
