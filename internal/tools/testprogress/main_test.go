package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPackagesArePrintedAsTheyEnd: whichever began first, with what failed.
func TestPackagesArePrintedAsTheyEnd(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	p := newProgress(&out, func() time.Time { return clock })
	p.alive()
	clock = clock.Add(90 * time.Second)
	err := p.read(strings.NewReader(`{"Action":"start","Package":"github.com/iam-sleuth/sleuth/slow"}
{"Action":"start","Package":"quick"}
{"Action":"output","Package":"github.com/iam-sleuth/sleuth/slow","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"github.com/iam-sleuth/sleuth/slow","Test":"TestX","Output":"    x_test.go:1: wrong\n"}
{"Action":"output","Package":"quick","Test":"TestY","Output":"--- PASS: TestY (0.00s)\n"}
{"Action":"pass","Package":"quick","Test":"TestY"}
{"Action":"pass","Package":"quick","Elapsed":0.5}
{"Action":"start","Package":"none"}
{"Action":"skip","Package":"none","Elapsed":0}
not JSON
`))
	p.alive()
	if err == nil {
		err = p.read(strings.NewReader(`{"Action":"fail","Package":"github.com/iam-sleuth/sleuth/slow","Elapsed":88}` + "\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	want := `     compiling; 0 packages after 0s
ok   quick                               0.5 s, 1 packages after 1m30s
not JSON
     testing slow; 1 packages after 1m30s
    x_test.go:1: wrong
FAIL slow                               88.0 s, 2 packages after 1m30s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
