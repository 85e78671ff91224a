package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Source is where evidence is read from.
type Source interface {
	// Names lists the documents of an account from a day on, in any order; none is
	// no error.
	Names(ctx context.Context, account string, from time.Time) ([]string, error)
	// Open reads a document.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Location is the location of a document, for people.
	Location(name string) string
}

// History is what evidence says of an account before a moment.
type History struct {
	// Newest is the newest evidence of a run that read the account, wherever in
	// time; nil if there is none.
	Newest *changes.Snapshot
	// Trend has a point for each month of the last twelve with evidence, the
	// oldest first.
	Trend []changes.Point
}

// Earlier reads an account's evidence from before a moment: the newest, and the
// last of each month of the last twelve. It reads one document at a time, and
// beyond these only those of runs that did not begin.
func Earlier(ctx context.Context, from Source, account string, before time.Time) (History, error) {
	names, err := from.Names(ctx, account, report.TrendBegins(before))
	if err != nil {
		return History{}, fmt.Errorf("list earlier evidence in %s: %s", from.Location(account), awserr.Message(err))
	}
	h, err := earlierOf(ctx, from, account, before, names)
	if err != nil || h.Newest != nil {
		return h, err
	}
	if names, err = from.Names(ctx, account, time.Time{}); err != nil {
		return History{}, fmt.Errorf("list earlier evidence in %s: %s", from.Location(account), awserr.Message(err))
	}
	h, err = earlierOf(ctx, from, account, before, names)
	h.Trend = nil // all of it is older
	return h, err
}

// evidenceName is the name of a run's document, with its account, month and day.
var evidenceName = regexp.MustCompile(`^([0-9]{12})/([0-9]{4}/[0-9]{2})/[0-9]{2}/[^/]+\.json$`)

func earlierOf(ctx context.Context, from Source, account string, before time.Time, names []string) (History, error) {
	var h History
	slices.Sort(names)
	months := map[string]bool{}
	for _, name := range slices.Backward(names) {
		parts := evidenceName.FindStringSubmatch(name)
		if parts == nil || parts[1] != account || months[parts[2]] {
			continue
		}
		s, err := read(ctx, from, name, account)
		switch {
		case errors.Is(err, changes.ErrNothingRead):
			continue
		case err != nil:
			return h, err
		case !s.At.Before(before):
			continue
		}
		months[parts[2]] = true
		h.Trend = append(h.Trend, changes.PointOf(s))
		if h.Newest == nil {
			h.Newest = &s
		}
		if s.At.Before(report.TrendBegins(before)) {
			break // one of these is enough
		}
	}
	slices.Reverse(h.Trend)
	return h, nil
}

// read reads a document of an account.
func read(ctx context.Context, from Source, name, account string) (changes.Snapshot, error) {
	fail := func(err error) (changes.Snapshot, error) {
		return changes.Snapshot{}, fmt.Errorf("read earlier evidence %s: %w", from.Location(name), err)
	}
	document, err := from.Open(ctx, name)
	if err != nil {
		return fail(errors.New(awserr.Message(err)))
	}
	defer func() { _ = document.Close() }()
	d, err := changes.Read(document)
	switch {
	case err != nil:
		return fail(err)
	case d.Several || d.Snapshots[0].Account.ID != account:
		return fail(errors.New("it is not of account " + account))
	}
	return d.Snapshots[0], nil
}
