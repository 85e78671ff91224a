// Package evidence keeps what a run found and did for an auditor:
// as JSON and as a page of HTML, by account and date, in a folder or a bucket.
package evidence

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Archive keeps documents. It keeps each completely or not at all, and never puts
// one in the place of another.
type Archive interface {
	// Put keeps a document under a name with slashes in it.
	Put(ctx context.Context, name, contentType string, text []byte) error
	// Location is the location of a document, for people.
	Location(name string) string
}

// Name is what the documents of a run on an account begin with: the account,
// the date of the run in UTC, and the run.
func Name(account string, at time.Time, run string) string {
	return account + "/" + dayOf(at) + "/" + run
}

// dayOf is a day, as names have it: they are in the order of time.
func dayOf(at time.Time) string { return at.UTC().Format("2006/01/02") }

// Leave puts the report of a run, whose Run is set, into an archive as
// NAME.json and NAME.html. If one cannot be kept the other still is, and the
// error says which are missing.
func Leave(ctx context.Context, to Archive, name string, found report.Report) error {
	found.SortBy(report.Order{})
	var asJSON bytes.Buffer
	if err := report.WriteJSON(&asJSON, found); err != nil {
		return fmt.Errorf("write the evidence of the run: %w", err)
	}
	found.SortBy(report.MostUrgent())
	var asHTML bytes.Buffer
	if err := report.WriteHTML(&asHTML, found); err != nil {
		return fmt.Errorf("write the evidence of the run: %w", err)
	}
	var failed []string
	for _, document := range []struct {
		name, contentType string
		text              []byte
	}{
		{name + ".json", "application/json", asJSON.Bytes()},
		{name + ".html", "text/html; charset=utf-8", asHTML.Bytes()},
	} {
		if err := to.Put(ctx, document.name, document.contentType, document.text); err != nil {
			failed = append(failed, to.Location(document.name)+": "+awserr.Message(err))
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("leave the evidence of the run: %s", strings.Join(failed, "; "))
	}
	return nil
}
