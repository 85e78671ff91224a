package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// burst is how many calls a limited AWS lets through at once.
const burst = 20

type bench struct {
	out         io.Writer
	folder      string // for what is built and kept
	binary      string
	full, quick bool
	account     bool // the full account only, without a limit
	latency     time.Duration
	concurrency int
	streamed    int
	profiles    string
	only        int // users; zero for all sizes
	// counted are the allocations of accounts read before, which no latency
	// and no limit changes much.
	counted map[string]inside
}

// scenario is one row of the table.
type scenario struct {
	users    int
	byReport bool
	rate     float64 // calls a second; zero: no limit
	settings []string
	note     string
	audits   bool // 'sleuth audit' rather than 'sleuth run'
	ruled    bool // settings has rules, whose first run disables nothing: nobody was warned yet
}

// args are those of the command.
func (s scenario) args() []string {
	if s.audits {
		return []string{"audit", "--output=json"}
	}
	return []string{"run"}
}

func (s scenario) mode() string {
	mode := "live"
	if s.byReport {
		mode = "report"
	}
	return mode + s.note
}

// result is what was measured of a scenario.
type result struct {
	scenario
	traffic
	took time.Duration
	peak int64
	inside
}

func (b *bench) scenarios() []scenario {
	if b.account {
		return fullAccount()
	}
	sizes := []int{100, 1000, 5000}
	switch {
	case b.only > 0:
		sizes = []int{b.only}
	case b.quick:
		sizes = sizes[:1]
	}
	var all []scenario
	for _, rate := range []float64{0, 100, 20} {
		for _, users := range sizes {
			for _, byReport := range []bool{false, true} {
				if rate == 20 && users == 5000 && !byReport && !b.full { // takes five minutes
					continue
				}
				all = append(all, scenario{users: users, byReport: byReport, rate: rate})
			}
		}
	}
	if slices.Contains(sizes, 5000) {
		for _, s := range fullAccount() {
			if s.audits || s.settings != nil { // the others are there
				all = append(all, s)
			}
		}
	}
	return all
}

// fullAccount is everything that is read of a full account, without a limit.
func fullAccount() []scenario {
	inactivity := []string{"INACTIVITY_AGE=30", "INACTIVITY_WARNING_AGE=20"}
	return []scenario{
		{users: 5000, audits: true, note: ", audit"},
		{users: 5000, settings: inactivity, note: ", inactivity"},
		{users: 5000},
		{users: 5000, byReport: true},
		{users: 5000, byReport: true, settings: inactivity, note: ", inactivity"},
		{users: 5000, settings: underRules(), note: ", five rules", ruled: true},
		{users: 5000, byReport: true, settings: underRules(), note: ", five rules", ruled: true},
	}
}

func (b *bench) run(ctx context.Context) error {
	if b.concurrency == 0 {
		defaults, err := config.Check(config.Settings{}, config.StateChoice{Kind: config.StateNone})
		if err != nil {
			return err
		}
		b.concurrency = defaults.Concurrency
	}
	fmt.Fprintf(b.out, "%s on %s/%s, %d cores; %s a call, SLEUTH_CONCURRENCY=%d\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.latency, b.concurrency)
	perCall, err := b.yardsticks(ctx)
	if err != nil {
		return err
	}
	if err := b.table(ctx, perCall); err != nil || b.account {
		return err
	}
	if err := b.stream(ctx); err != nil {
		return err
	}
	return b.lambda(ctx)
}

// yardsticks reads serially, and returns what a call takes that way.
func (b *bench) yardsticks(ctx context.Context) (perCall time.Duration, err error) {
	sizes := []int{100}
	if b.full {
		sizes = append(sizes, 1000)
	}
	fmt.Fprintln(b.out, "| serial reader | users | calls | wall time | a call |\n|---|---:|---:|---:|---:|")
	for _, users := range sizes {
		aws, err := startAWS(ctx, users, b.latency, 0)
		if err != nil {
			return 0, err
		}
		in, err := measureInside(ctx, "serial", "-url", aws.URL, "-id", aws.AccessKeyID, "-secret", aws.Secret)
		aws.stop()
		if err != nil {
			return 0, err
		}
		perCall = in.Took / time.Duration(in.Calls)
		fmt.Fprintf(b.out, "| measured | %d | %d | %s | %s |\n", users, in.Calls, seconds(in.Took), perCall.Round(10*time.Microsecond))
	}
	for _, users := range []int{1000, 5000} {
		if slices.Contains(sizes, users) || b.quick {
			continue
		}
		fmt.Fprintf(b.out, "| computed | %d | %d | %s | %s |\n", users, serialCalls(users),
			seconds(perCall*time.Duration(serialCalls(users))), perCall.Round(10*time.Microsecond))
	}
	fmt.Fprintln(b.out)
	return perCall, nil
}

// serialCalls is what aws-iam-sleuth makes.
func serialCalls(users int) int { return 1 + 2*users + users*keysPerUser }

func (b *bench) table(ctx context.Context, perCall time.Duration) error {
	fmt.Fprintln(b.out, "| users | keys | mode | limit | calls | of the original's | throttled | wall time | faster than serial | over the limit | allocations | peak memory |")
	fmt.Fprintln(b.out, "|---:|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, s := range b.scenarios() {
		r, err := b.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%d users, %s, %s: %w", s.users, s.mode(), limitOf(s), err)
		}
		original := serialCalls(s.users)
		serial := perCall * time.Duration(original)
		least := time.Duration(r.traffic.Calls) * b.latency / time.Duration(b.concurrency)
		if s.rate > 0 {
			// As the serial reader is slower than any of these limits, it takes
			// as long as without.
			least = max(least, time.Duration(float64(r.IAM)/s.rate*float64(time.Second)))
		}
		fmt.Fprintf(b.out, "| %d | %d | %s | %s | %d | 1/%.1f | %d | %s | %.0f x | %.2f | %s | %.0f MiB |\n",
			s.users, s.users*keysPerUser, s.mode(), limitOf(s), r.traffic.Calls, float64(original)/float64(r.traffic.Calls), r.Throttled,
			seconds(r.took), serial.Seconds()/r.took.Seconds(), r.took.Seconds()/least.Seconds(),
			allocated(r.inside), float64(r.peak)/(1<<20))
	}
	fmt.Fprintln(b.out)
	return nil
}

func limitOf(s scenario) string {
	if s.rate == 0 {
		return "none"
	}
	return fmt.Sprintf("%.0f/s", s.rate)
}

// measure runs the program on an account, and once more inside a process of
// ours for its allocations.
func (b *bench) measure(ctx context.Context, s scenario) (result, error) {
	r := result{scenario: s}
	aws, err := startAWS(ctx, s.users, b.latency, s.rate)
	if err != nil {
		return r, err
	}
	defer aws.stop()
	process := exec.CommandContext(ctx, b.binary, s.args()...) //nolint:gosec // built above, or named by whoever measures
	process.Env = append(append(aws.environment(), s.settings...), b.settings(s)...)
	process.Env = append(process.Env, "SLEUTH_STATE=file:"+filepath.Join(b.folder, fmt.Sprintf("state-%d-%s-%.0f", s.users, s.mode(), s.rate)))
	e, err := finish(process)
	if err != nil {
		return r, err
	}
	r.took, r.peak = e.took, e.peak
	if r.traffic, err = aws.traffic(); err != nil {
		return r, err
	}
	if want := (s.users + everyPastLimit - 1) / everyPastLimit * keysPerUser; r.Disabled != want && !s.audits && !s.ruled {
		return r, fmt.Errorf("%d keys were disabled, want %d: a key was lost", r.Disabled, want)
	}
	if s.settings == nil && !s.audits { // counted with the default limits
		r.inside, err = b.allocations(ctx, s)
	}
	return r, err
}

func (b *bench) settings(s scenario) []string {
	inventory := "live"
	if s.byReport {
		inventory = "credential-report"
	}
	return []string{"ENABLE_AUTO_EXPIRE=true", "SLEUTH_ALLOW_SILENT=true", "SLEUTH_INVENTORY=" + inventory, fmt.Sprintf("SLEUTH_CONCURRENCY=%d", b.concurrency)}
}

func (b *bench) allocations(ctx context.Context, s scenario) (inside, error) {
	account := fmt.Sprint(s.users, s.byReport)
	if in, ok := b.counted[account]; ok {
		return in, nil
	}
	aws, err := startAWS(ctx, s.users, 0, 0)
	if err != nil {
		return inside{}, err
	}
	defer aws.stop()
	args := []string{
		"inside", "-url", aws.URL, "-id", aws.AccessKeyID, "-secret", aws.Secret,
		"-concurrency", fmt.Sprint(b.concurrency), fmt.Sprintf("-by-report=%t", s.byReport),
	}
	if b.profiles != "" && s.users == 5000 && s.rate == 0 && s.settings == nil {
		args = append(args, "-cpuprofile", filepath.Join(b.profiles, s.mode()+".cpu"), "-memprofile", filepath.Join(b.profiles, s.mode()+".allocs"))
	}
	in, err := measureInside(ctx, args...)
	if err == nil {
		b.counted[account] = in
	}
	return in, err
}

func allocated(in inside) string {
	if in.Allocations == 0 {
		return ""
	}
	return fmt.Sprintf("%d k, %d MiB", in.Allocations/1000, in.Bytes>>20)
}

func (b *bench) stream(ctx context.Context) error {
	in, err := measureInside(ctx, "stream", "-users", fmt.Sprint(b.streamed))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d users streamed through verdict and plan: %d keys in %s, %.1f million for every second of a core, %d allocations, peak memory %.0f MiB.\n\n",
		b.streamed, in.Calls, seconds(in.Took), float64(in.Calls)/in.CPU.Seconds()/1e6, in.Allocations, float64(in.Peak)/(1<<20))
	return nil
}

func (b *bench) lambda(ctx context.Context) error {
	const times = 31
	sizes, bootstrap, err := lambdaZips(ctx, b.folder)
	if err != nil {
		return err
	}
	median, longest, err := lambdaStart(ctx, bootstrap, times)
	if err != nil {
		return err
	}
	fmt.Fprintln(b.out, "| Lambda | |\n|---|---:|")
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		fmt.Fprintf(b.out, "| %s | %.2f MB |\n", name, float64(sizes[name])/1e6)
	}
	fmt.Fprintf(b.out, "| process start to first poll, median of %d | %s |\n| the longest of them | %s |\n", times, median.Round(100*time.Microsecond), longest.Round(100*time.Microsecond))
	users := 5000
	if b.quick {
		users = 100
	}
	for _, byReport := range []bool{false, true} {
		s := scenario{users: users, byReport: byReport}
		aws, err := startAWS(ctx, users, b.latency, 0)
		if err != nil {
			return err
		}
		took, peak, err := lambdaRun(ctx, bootstrap, aws, b.settings(s)...)
		aws.stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "| one event, %d users, %s | %s, %.0f MiB |\n", users, s.mode(), seconds(took), float64(peak)/(1<<20))
	}
	return nil
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
