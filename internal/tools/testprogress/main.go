// Command testprogress runs go test with the arguments given, and prints each
// package as it ends. 'go test' itself prints packages in their order, so that one
// slow package hides all that follow it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// module is what all packages' names begin with.
const module = "github.com/iam-sleuth/sleuth/"

// sign is how often something is printed, whatever happens.
const sign = 20 * time.Second

func main() {
	err := run(os.Args[1:], os.Stdout)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testprogress:", err)
		os.Exit(1)
	}
}

func run(arguments []string, out io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	test := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, arguments...)...) //nolint:gosec // for developers
	test.Stderr = os.Stderr
	events, err := test.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read what go test prints: %w", err)
	}
	if err := test.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	p := newProgress(out, time.Now)
	go p.tick(ctx)
	if err := p.read(events); err != nil {
		return err
	}
	return test.Wait() //nolint:wrapcheck // its exit status is ours
}

// event is a line of 'go test -json': https://pkg.go.dev/cmd/test2json
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// progress prints events. It is safe for use by several goroutines.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	now     func() time.Time
	began   time.Time
	ended   int
	running []string
	said    map[string]*strings.Builder // by package; printed if it fails
}

func newProgress(out io.Writer, now func() time.Time) *progress {
	return &progress{out: out, now: now, began: now(), said: map[string]*strings.Builder{}}
}

func (p *progress) read(events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = event{Action: "build-output", Output: lines.Text() + "\n"}
		}
		p.note(e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read what go test prints: %w", err)
	}
	return nil
}

func (p *progress) note(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Package = strings.TrimPrefix(e.Package, module)
	switch {
	case e.Action == "build-output":
		p.printf("%s", e.Output)
	case e.Action == "start":
		p.running = append(p.running, e.Package)
		p.said[e.Package] = &strings.Builder{}
	case e.Action == "output" && p.said[e.Package] != nil:
		p.said[e.Package].WriteString(e.Output)
	case e.Test == "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
		p.end(e)
	}
}

// end prints a package that has ended. One without tests goes without saying.
func (p *progress) end(e event) {
	said := p.said[e.Package]
	delete(p.said, e.Package)
	for i, running := range p.running {
		if running == e.Package {
			p.running = append(p.running[:i], p.running[i+1:]...)
			break
		}
	}
	if e.Action == "skip" {
		return
	}
	p.ended++
	if e.Action == "fail" && said != nil {
		p.printf("%s", withoutPasses(said.String()))
	}
	p.printf("%-4s %-32s %6.1f s, %d packages after %s\n", strings.NewReplacer("pass", "ok", "fail", "FAIL").Replace(e.Action), e.Package, e.Elapsed, p.ended, p.elapsed())
}

// withoutPasses leaves out what -json adds about tests that pass.
func withoutPasses(said string) string {
	var kept strings.Builder
	for line := range strings.Lines(said) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- PASS") || strings.HasPrefix(text, "--- SKIP") {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// tick says at intervals what is going on.
func (p *progress) tick(ctx context.Context) {
	ticker := time.NewTicker(sign)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.alive()
		}
	}
}

func (p *progress) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	doing := "compiling"
	if len(p.running) > 0 {
		doing = "testing " + strings.Join(p.running, ", ")
	}
	p.printf("     %s; %d packages after %s\n", doing, p.ended, p.elapsed())
}

func (p *progress) elapsed() time.Duration { return p.now().Sub(p.began).Round(time.Second) }

func (p *progress) printf(format string, values ...any) { _, _ = fmt.Fprintf(p.out, format, values...) }
