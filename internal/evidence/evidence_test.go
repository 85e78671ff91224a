package evidence_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/report"
)

var at = time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("west", -3*60*60)) // the 23rd in UTC

func found() report.Report {
	r := report.New(account.Account{ID: "123456789012", Alias: "acme"}, at, report.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80})
	r.Run = &report.RunResult{ID: "20261123T023000Z-abcdef", Finished: at.UTC(), Started: true, DisabledKeys: []account.KeyRef{{User: "ann", KeyID: "AKIA1"}}, UnreadableTags: []string{}}
	return r
}

var name = evidence.Name("123456789012", at, "20261123T023000Z-abcdef")

func TestEvidenceInAFolder(t *testing.T) {
	t.Parallel()
	archive := evidence.Folder{Dir: filepath.Join(t.TempDir(), "made", "for it")}
	if err := evidence.Leave(t.Context(), archive, name, found()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(archive.Dir, "123456789012", "2026", "11", "23")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if got := strings.Join(names, " "); got != "20261123T023000Z-abcdef.html 20261123T023000Z-abcdef.json" {
		t.Fatalf("left %s", got)
	}
	text, err := os.ReadFile(archive.Location(name + ".json"))
	if err != nil {
		t.Fatal(err)
	}
	var read report.Report
	if err := json.Unmarshal(text, &read); err != nil || read.Run == nil || read.Run.DisabledKeys[0].KeyID != "AKIA1" {
		t.Errorf("read %+v, %v", read.Run, err)
	}

	// A second one of the same name leaves the first as it is.
	second := found()
	second.Account.Alias = "another"
	if err := evidence.Leave(t.Context(), archive, name, second); err == nil || strings.Count(err.Error(), "exists") != 2 {
		t.Errorf("overwritten: %v", err)
	}
	if now, _ := os.ReadFile(archive.Location(name + ".json")); string(now) != string(text) {
		t.Error("the first is gone")
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFolderThatIsNone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := evidence.Leave(t.Context(), evidence.Folder{Dir: file}, name, found()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// archive fails for some documents.
type archive struct {
	fail string
	kept map[string]string
}

func (a *archive) Location(name string) string { return "there/" + name }
func (a *archive) Put(_ context.Context, name, contentType string, _ []byte) error {
	if strings.HasSuffix(name, a.fail) {
		return fs.ErrPermission
	}
	a.kept[name] = contentType
	return nil
}

func TestOneThatIsNotKeptDoesNotStopTheOther(t *testing.T) {
	t.Parallel()
	a := &archive{fail: ".json", kept: map[string]string{}}
	err := evidence.Leave(t.Context(), a, name, found())
	if err == nil || !strings.Contains(err.Error(), "there/"+name+".json") || strings.Contains(err.Error(), ".html") {
		t.Errorf("got %v", err)
	}
	if a.kept[name+".html"] != "text/html; charset=utf-8" {
		t.Errorf("kept %v", a.kept)
	}
}

// serveS3 answers each request, and returns a client in us-east-1.
func serveS3(t *testing.T, answer http.HandlerFunc) *s3.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(server.URL), Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<Error><Code>` + code + `</Code><Message>no</Message></Error>`))
}

func TestBucketInAnotherRegion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status   int
		code     string
		inAnswer bool // the refusal names the region itself
		wantHead int
	}{
		"named in the answer": {http.StatusMovedPermanently, "PermanentRedirect", true, 0},
		"asked for":           {http.StatusBadRequest, "AuthorizationHeaderMalformed", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heads, kept, tries := 0, 0, 0
			client := serveS3(t, func(w http.ResponseWriter, r *http.Request) {
				there := strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/")
				switch {
				case r.Method == http.MethodHead:
					heads++
					w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
					w.WriteHeader(http.StatusForbidden)
				case !there:
					tries++
					if c.inAnswer {
						w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
					}
					refuse(w, c.status, c.code)
				default:
					kept++
				}
			})
			bucket := evidence.NewBucket(client, "audit-evidence", "keys/prod")
			if err := evidence.Leave(t.Context(), bucket, "n", found()); err != nil {
				t.Fatal(err)
			}
			if kept != 2 || tries != 1 || heads != c.wantHead {
				t.Errorf("kept %d documents after %d tries elsewhere and %d questions", kept, tries, heads)
			}
		})
	}
}

func TestBucketErrorsEndWithAHint(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		hint   string
	}{
		"AccessDenied":      {http.StatusForbidden, "allow s3:PutObject on audit-evidence/keys/*"},
		"NoSuchBucket":      {http.StatusNotFound, "make the bucket"},
		"PermanentRedirect": {http.StatusMovedPermanently, "set AWS_REGION"},
	} {
		client := serveS3(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, c.status, code) })
		err := evidence.NewBucket(client, "audit-evidence", "keys").Put(t.Context(), "n", "text/plain", nil)
		if err == nil || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestBucketStopsWithTheContext(t *testing.T) {
	t.Parallel()
	client := serveS3(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := evidence.NewBucket(client, "b", "").Put(ctx, "n", "text/plain", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
