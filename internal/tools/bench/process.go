package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// ended is what is known of a process that has ended.
type ended struct {
	took   time.Duration
	cpu    time.Duration
	peak   int64 // bytes of memory at most
	stdout []byte
}

// finish runs a process to its end.
func finish(process *exec.Cmd) (ended, error) {
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	start := time.Now()
	err := process.Run()
	e := ended{took: time.Since(start), stdout: stdout.Bytes()}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s%s", err, stdout.Bytes(), lastOf(stderr.Bytes()))
		}
		return e, err
	}
	e.cpu = process.ProcessState.UserTime() + process.ProcessState.SystemTime()
	e.peak = peakOf(process.ProcessState)
	return e, nil
}

// lastOf is the end of a long log.
func lastOf(log []byte) []byte {
	const most = 2000
	return log[max(0, len(log)-most):]
}

// measureInside has this program measure something in a process of its own.
func measureInside(ctx context.Context, args ...string) (inside, error) {
	process, err := self(ctx, args...)
	if err != nil {
		return inside{}, err
	}
	process.Env = append(os.Environ(), "AWS_CA_BUNDLE=")
	e, err := finish(process)
	if err != nil {
		return inside{}, fmt.Errorf("%s: %w", args[0], err)
	}
	var in inside
	if err := json.Unmarshal(e.stdout, &in); err != nil {
		return inside{}, fmt.Errorf("%s: %w", args[0], err)
	}
	in.CPU, in.Peak = e.cpu, e.peak
	return in, nil
}
