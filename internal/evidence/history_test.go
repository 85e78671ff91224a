package evidence_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/report"
)

const home = "123456789012"

// library is evidence by name. It notes what is read.
type library struct {
	documents map[string]string
	opened    []string
	listed    int
}

func (l *library) Location(name string) string { return "library/" + name }

func (l *library) Names(_ context.Context, account string, from time.Time) ([]string, error) {
	l.listed++
	var names []string
	for name := range l.documents {
		if strings.HasPrefix(name, account+"/") && name > account+"/"+from.UTC().Format("2006/01/02") {
			names = append(names, name)
		}
	}
	return names, nil
}

func (l *library) Open(_ context.Context, name string) (io.ReadCloser, error) {
	l.opened = append(l.opened, name)
	return io.NopCloser(strings.NewReader(l.documents[name])), nil
}

// add leaves the evidence of a run at a moment, with so many keys.
func (l *library) add(t *testing.T, when time.Time, keys int, spoil func(*report.Report)) string {
	t.Helper()
	r := found()
	r.At = when
	for i := range keys {
		r.Rows = append(r.Rows, report.Row{User: "u", KeyID: fmt.Sprint("K", i), State: audit.Good, Created: when})
	}
	if spoil != nil {
		spoil(&r)
	}
	var text bytes.Buffer
	if err := report.WriteJSON(&text, r); err != nil {
		t.Fatal(err)
	}
	name := evidence.Name(home, when, when.UTC().Format("20060102T150405Z")+"-abcdef")
	l.documents[name+".json"], l.documents[name+".html"] = text.String(), "a page"
	return name + ".json"
}

func TestEarlierReadsTheNewestAndOneOfEachMonth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	l := &library{documents: map[string]string{}}
	var want []string
	for month := range 15 { // a run on each of three days, of every month but one
		for day := range 3 {
			when := time.Date(2026, time.Month(11-month), 1+day, 7, 0, 0, 0, time.UTC)
			if month == 4 {
				continue
			}
			name := l.add(t, when, 20-month, nil)
			if day == 2 && month < 12 {
				want = append(want, name)
			}
		}
	}
	l.add(t, now.Add(time.Hour), 1, nil)                                                              // of a run that began since
	notBegun := l.add(t, now.Add(-time.Hour), 0, func(r *report.Report) { r.Run.Started = false })    // read nothing
	l.documents[home+"/2026/11/23/notes.txt"], l.documents[home+"/2026/11/odd.json"] = "hello", "odd" // not ours
	h, err := evidence.Earlier(t.Context(), l, home, now)
	if err != nil {
		t.Fatal(err)
	}
	if h.Newest == nil || !h.Newest.At.Equal(time.Date(2026, 11, 3, 7, 0, 0, 0, time.UTC)) || len(h.Newest.Keys) != 20 {
		t.Errorf("the newest is %+v", h.Newest)
	}
	var months []string
	for _, p := range h.Trend {
		months = append(months, fmt.Sprint(p.Month, " ", p.Keys))
	}
	wantMonths := strings.Split("2025-12 9,2026-01 10,2026-02 11,2026-03 12,2026-04 13,2026-05 14,2026-06 15,2026-08 17,2026-09 18,2026-10 19,2026-11 20", ",")
	if diff := cmp.Diff(wantMonths, months); diff != "" {
		t.Errorf("trend (-want +got):\n%s", diff)
	}
	read := slices.DeleteFunc(l.opened, func(name string) bool { return name == notBegun || strings.Contains(name, "2026/11/24/20261124T10") })
	if diff := cmp.Diff(want, read); diff != "" || l.listed != 1 {
		t.Errorf("listed %d times and read (-want +got):\n%s", l.listed, diff)
	}
}

func TestEarlierGoesBackFurtherIfThereIsNothingElse(t *testing.T) {
	t.Parallel()
	l := &library{documents: map[string]string{}}
	for year := range 3 {
		l.add(t, at.AddDate(-2-year, 0, 0), 3, nil)
	}
	h, err := evidence.Earlier(t.Context(), l, home, at)
	if err != nil || h.Newest == nil || !h.Newest.At.Equal(at.AddDate(-2, 0, 0)) || len(h.Trend) != 0 || len(l.opened) != 1 {
		t.Errorf("got %+v, %v after reading %q", h, err, l.opened)
	}
	if h, err := evidence.Earlier(t.Context(), &library{}, home, at); err != nil || h.Newest != nil || h.Trend != nil {
		t.Errorf("of nothing: %+v, %v", h, err)
	}
}

func TestEarlierRefusesWhatIsNotTheAccounts(t *testing.T) {
	t.Parallel()
	l := &library{documents: map[string]string{}}
	name := l.add(t, at.AddDate(0, 0, -1), 1, func(r *report.Report) { r.Account.ID = "999999999999" })
	if _, err := evidence.Earlier(t.Context(), l, home, at); err == nil || !strings.Contains(err.Error(), "read earlier evidence library/"+name+": it is not of account "+home) {
		t.Errorf("got %v", err)
	}
}

func TestEarlierInAFolder(t *testing.T) {
	t.Parallel()
	folder := evidence.Folder{Dir: filepath.Join(t.TempDir(), "evidence")}
	if _, err := evidence.Earlier(t.Context(), folder, home, at); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without the folder: %v", err)
	}
	if err := evidence.Leave(t.Context(), folder, name, found()); err != nil {
		t.Fatal(err)
	}
	if h, err := evidence.Earlier(t.Context(), folder, "999999999999", at.AddDate(0, 0, 1)); err != nil || h.Newest != nil {
		t.Errorf("another account: %+v, %v", h, err)
	}
	h, err := evidence.Earlier(t.Context(), folder, home, at.AddDate(0, 0, 1))
	if err != nil || h.Newest == nil || h.Newest.Run != "20261123T023000Z-abcdef" || len(h.Trend) != 1 {
		t.Errorf("got %+v, %v", h, err)
	}
	if names, err := folder.Names(t.Context(), home, at.AddDate(0, 0, 1)); err != nil || len(names) != 0 {
		t.Errorf("from the day after: %q, %v", names, err)
	}
}

// serveObjects serves a bucket's objects, two to a page of the list.
func serveObjects(t *testing.T, objects map[string]string, region string) *evidence.Bucket {
	t.Helper()
	var keys []string
	for key := range objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	client := serveS3(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") {
			w.Header().Set("X-Amz-Bucket-Region", region)
			refuse(w, http.StatusMovedPermanently, "PermanentRedirect")
			return
		}
		q := r.URL.Query()
		if q.Get("list-type") != "2" {
			_, _ = io.WriteString(w, objects[strings.TrimPrefix(r.URL.Path, "/audit-evidence/")])
			return
		}
		from := q.Get("start-after")
		if token := q.Get("continuation-token"); token != "" {
			from = token
		}
		type object struct{ Key string }
		var page struct {
			XMLName               xml.Name `xml:"ListBucketResult"`
			IsTruncated           string
			Contents              []object
			NextContinuationToken string `xml:",omitempty"`
		}
		for _, key := range keys {
			if key <= from || !strings.HasPrefix(key, q.Get("prefix")) {
				continue
			}
			if len(page.Contents) == 2 {
				page.NextContinuationToken = page.Contents[1].Key
				break
			}
			page.Contents = append(page.Contents, object{key})
		}
		page.IsTruncated = strconv.FormatBool(page.NextContinuationToken != "")
		_ = xml.NewEncoder(w).Encode(page)
	})
	return evidence.NewBucket(client, "audit-evidence", "keys/prod")
}

func TestEarlierInABucket(t *testing.T) {
	t.Parallel()
	l := &library{documents: map[string]string{}}
	for day := range 4 {
		l.add(t, at.AddDate(0, 0, -day), day, nil)
	}
	objects := map[string]string{"keys/prod/999999999999/2026/11/20/x.json": "another account"}
	for name, text := range l.documents {
		objects["keys/prod/"+name] = text
	}
	h, err := evidence.Earlier(t.Context(), serveObjects(t, objects, "eu-west-1"), home, at)
	if err != nil || h.Newest == nil || !h.Newest.At.Equal(at.AddDate(0, 0, -1)) || len(h.Trend) != 1 {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestBucketThatCannotBeRead(t *testing.T) {
	t.Parallel()
	client := serveS3(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "AccessDenied") })
	bucket := evidence.NewBucket(client, "audit-evidence", "keys")
	_, err := evidence.Earlier(t.Context(), bucket, home, at)
	if err == nil || !strings.Contains(err.Error(), "allow s3:ListBucket on audit-evidence and s3:GetObject on audit-evidence/keys/*") {
		t.Errorf("got %v", err)
	}
	if _, err := bucket.Open(t.Context(), "n"); err == nil || !strings.Contains(err.Error(), "s3:GetObject") {
		t.Errorf("got %v", err)
	}
}
