package awsfake_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// BenchmarkCalls measures the server's share of a call: the client is as plain
// as can be.
func BenchmarkCalls(b *testing.B) {
	s := start(b)
	s.RecordCalls(false)
	var key string
	for i := range 5000 {
		key = s.Home().AddUser(awsfake.User{
			Name: fmt.Sprintf("user-%04d", i), Tags: map[string]string{"Name": "Somebody", "Slack": "U12345678"},
			Keys: []awsfake.Key{{Active: true, Created: longAgo, LastUsed: lately}},
		}).Keys[0].ID
	}
	for _, form := range []string{
		"Action=ListUsers&MaxItems=1000",
		"Action=ListAccessKeys&UserName=user-2500",
		"Action=ListUserTags&UserName=user-2500",
		"Action=GetAccessKeyLastUsed&AccessKeyId=" + key,
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(form, "Action="), "&")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				post(b, s, form+"&Version=2010-05-08")
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

func post(b *testing.B, s *awsfake.Server, form string) {
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.URL(), strings.NewReader(form))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/20260301/us-east-1/iam/aws4_request")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s: %v", response.Status, err)
	}
}

// BenchmarkUsers measures the memory that a user takes.
func BenchmarkUsers(b *testing.B) {
	const users = 500_000
	for b.Loop() {
		s := start(b)
		before := heap()
		for i := range users {
			s.Account(fmt.Sprintf("%012d", i/5000)).AddUser(awsfake.User{
				Name: fmt.Sprintf("user-%06d", i), Tags: map[string]string{"Name": "Somebody", "Slack": "U12345678"},
				Keys: []awsfake.Key{{Active: true, Created: longAgo, LastUsed: lately}},
			})
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		s.Close()
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
