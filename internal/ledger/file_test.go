package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

func clock() time.Time { return today }

func statePath(t *testing.T) string { return filepath.Join(t.TempDir(), "sleuth.db") }

func openFile(t *testing.T, path string, opts ...ledger.Option) *ledger.File {
	t.Helper()
	f, err := ledger.OpenFile(path, append([]ledger.Option{ledger.Clock(clock)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFile(t, f) })
	return f
}

func closeFile(t *testing.T, f *ledger.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T) ledger.Store { return openFile(t, statePath(t)) })
	testLastingContract(t, func(t *testing.T) workshop {
		f := openFile(t, statePath(t))
		return workshop{
			store: f,
			plant: func(t *testing.T, account, keyID, text string) {
				if err := f.Plant(account, keyID, text); err != nil {
					t.Fatal(err)
				}
			},
			plantRun: func(t *testing.T, account, text string) {
				if err := f.PlantRun(account, text); err != nil {
					t.Fatal(err)
				}
			},
			text: func(t *testing.T, account, keyID string) string {
				text, err := f.Text(account, keyID)
				if err != nil {
					t.Fatal(err)
				}
				return text
			},
		}
	})
}

// writerVariable makes the test binary a process that writes records to the
// file it names until it is killed.
const writerVariable = "SLEUTH_TEST_STATE_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		fmt.Println("failed:", writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) error {
	f, err := ledger.OpenFile(path, ledger.Clock(clock))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := f.Acquire(ctx, alpha, "killed", today, time.Hour); err != nil {
		return err
	}
	for i := 0; ; i++ {
		one, other := fullRecord(alpha, fmt.Sprintf("AKIA%06d", i)), fullRecord(beta, fmt.Sprintf("AKIA%06d", i))
		if err := f.Put(ctx, &one, &other); err != nil {
			return err
		}
		fmt.Println(one.Raw().KeyID)
	}
}

// TestFileOutlivesAKill: every write that was taken is there after a SIGKILL,
// whole, and the dead process's lease holds nobody up.
func TestFileOutlivesAKill(t *testing.T) {
	t.Parallel()
	for _, writes := range []int{1, 7, 40} {
		t.Run(fmt.Sprint(writes), func(t *testing.T) {
			t.Parallel()
			path := statePath(t)
			writer := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
			writer.Env = append(os.Environ(), writerVariable+"="+path)
			stdout, err := writer.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := writer.Start(); err != nil {
				t.Fatal(err)
			}
			var taken []string
			for lines := bufio.NewScanner(stdout); lines.Scan(); {
				if taken = append(taken, lines.Text()); len(taken) == writes {
					if err := writer.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := writer.Wait(); err == nil || len(taken) < writes {
				t.Fatalf("the writer ended with %v and said %q", err, taken)
			}

			f := openFile(t, path)
			ones, others := load(t, f, alpha), load(t, f, beta)
			if len(ones) < len(taken) || len(ones) != len(others) {
				t.Fatalf("%d writes were taken, and %d and %d records are there", len(taken), len(ones), len(others))
			}
			for i, keyID := range taken {
				if ones[i].Raw().KeyID != keyID || others[i].Raw().KeyID != keyID {
					t.Fatalf("record %d is %s and %s, want %s", i, ones[i].Raw().KeyID, others[i].Raw().KeyID, keyID)
				}
			}
			if err := f.Acquire(t.Context(), alpha, "next", today, time.Hour); err != nil {
				t.Errorf("the dead process's lease: %v", err)
			}
		})
	}
}

func TestFileWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	if !openFile(t, statePath(t)).Syncs() {
		t.Error("a write may be lost when the machine loses power")
	}
}

func TestFileWritesAllOrNothing(t *testing.T) {
	t.Parallel()
	f := openFile(t, statePath(t))
	put(t, f, warned(alpha, "AKIA2"))
	batch := []*ledger.Record{warned(alpha, "AKIA1"), warned(beta, "AKIA1"), warned(alpha, "AKIA2")}
	if err := f.Put(t.Context(), batch...); !errors.Is(err, ledger.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	wantIDs(t, load(t, f, alpha), "1/AKIA2")
	wantIDs(t, load(t, f, beta))
	if batch[0].Raw().Revision != 0 {
		t.Errorf("a record that was not written was given revision %d", batch[0].Raw().Revision)
	}
}

func TestFileIsInUse(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	f := openFile(t, path)
	put(t, f, warned(alpha, "AKIA1"))
	for name, opts := range map[string][]ledger.Option{"to write": nil, "to read": {ledger.ReadOnly()}} {
		_, err := ledger.OpenFile(path, opts...)
		var inUse *ledger.InUseError
		if !errors.As(err, &inUse) || inUse.Path != path || !strings.Contains(err.Error(), path) {
			t.Errorf("opened %s: %v", name, err)
		}
	}
	closeFile(t, f)
	wantIDs(t, load(t, openFile(t, path), alpha), "1/AKIA1")
}

func TestFileReopened(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	f := openFile(t, path)
	expired := warned(alpha, "AKIA1")
	expired.Raw().Changed = today.AddDate(-2, 0, 0)
	too := warned(beta, "AKIA1")
	too.Raw().Changed = expired.Raw().Changed
	put(t, f, expired, too, warned(alpha, "AKIA2"))
	if err := f.Plant(alpha, "AKIA3", "damaged"); err != nil {
		t.Fatal(err)
	}
	if err := f.Acquire(t.Context(), alpha, "one", today, time.Hour); err != nil {
		t.Fatal(err)
	}
	run := ledger.LastRun{Ended: today, ResumeAfter: "tfunke"}
	if err := f.SetLastRun(t.Context(), alpha, run); err != nil {
		t.Fatal(err)
	}
	closeFile(t, f)
	if err := f.Put(t.Context(), warned(alpha, "AKIA4")); err == nil || !strings.Contains(err.Error(), "write the state file "+path) {
		t.Errorf("a closed file was written to: %v", err)
	}
	if records, err := f.Load(t.Context(), alpha); err == nil || !strings.Contains(err.Error(), "read the state file "+path) {
		t.Errorf("a closed file was read: %v, %v", records, err)
	}

	f = openFile(t, path)
	if err := f.Acquire(t.Context(), alpha, "two", today, time.Hour); err != nil {
		t.Errorf("a lease from an earlier opening: %v", err)
	}
	if got, err := f.LastRun(t.Context(), alpha); err != nil || got != run {
		t.Errorf("the last run, from an earlier opening: %+v, %v; want %+v", got, err, run)
	}
	for keyID, kept := range map[string]bool{"AKIA1": false, "AKIA2": true, "AKIA3": true} {
		text, err := f.Text(alpha, keyID)
		if err != nil || (text != "") != kept {
			t.Errorf("%s after reopening, kept should be %t: %q, %v", keyID, kept, text, err)
		}
	}
	if text, err := f.Text(beta, "AKIA1"); err != nil || text != "" {
		t.Errorf("another account's expired record after reopening: %q, %v", text, err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("skipped: Windows has no such permissions")
	}
	top := t.TempDir()
	path := filepath.Join(top, "a", "b", "sleuth.db")
	mode := func(path string) fs.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	closeFile(t, openFile(t, path))
	for path, want := range map[string]fs.FileMode{
		path: 0o600, filepath.Dir(path): 0o700, filepath.Join(top, "a"): 0o700,
	} {
		if got := mode(path); got != want {
			t.Errorf("%s has the mode %o, want %o", path, got, want)
		}
	}
	for _, lax := range []fs.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, lax); err != nil {
			t.Fatal(err)
		}
		closeFile(t, openFile(t, path, ledger.ReadOnly()))
		if got := mode(path); got != lax {
			t.Errorf("reading changed the mode %o to %o", lax, got)
		}
		closeFile(t, openFile(t, path))
		if got := mode(path); got != 0o600 {
			t.Errorf("the mode %o became %o", lax, got)
		}
	}
}

func TestFileReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "sleuth.db")
	f := openFile(t, path, ledger.ReadOnly())
	testReadOnly(t, f)
	wantIDs(t, load(t, f, alpha))
	if all, err := f.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("a file that is not there holds %v, %v", all, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the folder: %v", err)
	}

	writer := openFile(t, path)
	expired := warned(alpha, "AKIA3")
	expired.Raw().Changed = today.AddDate(-2, 0, 0)
	put(t, writer, warned(alpha, "AKIA1"), expired)
	closeFile(t, writer)
	before := contents(t, path)
	one, two := openFile(t, path, ledger.ReadOnly()), openFile(t, path, ledger.ReadOnly())
	testReadOnly(t, one)
	wantIDs(t, load(t, one, alpha), "1/AKIA1")
	wantIDs(t, load(t, two, alpha), "1/AKIA1")
	if !bytes.Equal(before, contents(t, path)) {
		t.Error("reading changed the file")
	}
}

// TestFileThatIsEmpty: a process killed before it had written anything leaves
// one.
func TestFileThatIsEmpty(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, load(t, openFile(t, path, ledger.ReadOnly()), alpha))
	f := openFile(t, path)
	put(t, f, warned(alpha, "AKIA1"))
	wantIDs(t, load(t, f, alpha), "1/AKIA1")
}

// TestFileWithoutALayout: or one that has been set up, and nothing more.
func TestFileWithoutALayout(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	changeWithBolt(t, path, func(*bolt.Tx) error { return nil })
	reader := openFile(t, path, ledger.ReadOnly())
	wantIDs(t, load(t, reader, alpha))
	closeFile(t, reader)
	f := openFile(t, path)
	put(t, f, warned(alpha, "AKIA1"))
	wantIDs(t, load(t, f, alpha), "1/AKIA1")
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func changeWithBolt(t *testing.T, path string, change func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// filled makes a state file of several pages.
func filled(t *testing.T) string {
	t.Helper()
	path := statePath(t)
	f := openFile(t, path)
	for _, account := range []string{alpha, beta} {
		var records []*ledger.Record
		for i := range 60 {
			r := fullRecord(account, fmt.Sprintf("AKIA%04d", i))
			records = append(records, &r)
		}
		put(t, f, records...)
	}
	closeFile(t, f)
	return path
}

// TestFileThatCannotBeMade: the error says what was being done, and that of the
// system alone.
func TestFileThatCannotBeMade(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("skipped: only Linux has a folder in which nobody can make anything")
	}
	dangling := statePath(t)
	if err := os.Symlink(filepath.Join(t.TempDir(), "missing", "sleuth.db"), dangling); err != nil {
		t.Fatal(err)
	}
	for path, doing := range map[string]string{
		"/proc/sleuth-test/sleuth.db": "make the folder of the state file ",
		dangling:                      "open the state file ",
	} {
		f, err := ledger.OpenFile(path)
		if f != nil || err == nil || !strings.HasPrefix(err.Error(), doing+path) || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestFileWithoutSpareRoom: one that ends with its last page is not cut short.
func TestFileWithoutSpareRoom(t *testing.T) {
	t.Parallel()
	path := filled(t)
	var size int64
	changeWithBolt(t, path, func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	if got := load(t, openFile(t, path, ledger.ReadOnly()), alpha); len(got) != 60 {
		t.Errorf("%d records of 60", len(got))
	}
}

func TestFileThatIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"text": {func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("name,key\n", 5000)))
		}, "not a state file"},
		"a line": {func(t *testing.T, path string) { write(t, path, []byte("x")) }, "not a state file"},
		"zeros":  {func(t *testing.T, path string) { write(t, path, make([]byte, 65536)) }, "not a state file"},
		"another program's": {func(t *testing.T, path string) {
			write(t, path, nil)
			changeWithBolt(t, path, func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("another"))
				return err
			})
		}, "another program's"},
		"a newer layout": {func(t *testing.T, path string) {
			changeWithBolt(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("sleuth")).Put([]byte("format"), []byte("2"))
			})
		}, "use a newer Sleuth"},
		"no records": {func(t *testing.T, path string) {
			changeWithBolt(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("sleuth")).DeleteBucket([]byte("records"))
			})
		}, "no place for records"},
		"cut in the middle": {func(t *testing.T, path string) { write(t, path, contents(t, path)[:40_000]) }, "cut short"},
		"cut after a page":  {func(t *testing.T, path string) { write(t, path, contents(t, path)[:4096]) }, "state file "},
		"cut near the end": {func(t *testing.T, path string) {
			text := bytes.TrimRight(contents(t, path), "\x00")
			write(t, path, text[:len(text)-os.Getpagesize()])
		}, "cut short"},
		"a folder": {func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filled(t)
			tt.spoil(t, path)
			var before []byte
			if name != "a folder" {
				before = contents(t, path)
			}
			for _, opts := range [][]ledger.Option{nil, {ledger.ReadOnly()}} {
				f, err := ledger.OpenFile(path, opts...)
				var unusable *ledger.FileError
				if !errors.As(err, &unusable) || unusable.Path != path || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("opened as %v: %v", f, err)
				}
			}
			if before != nil && !bytes.Equal(before, contents(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFileOfRottenPages: whatever bytes have rotted, opening the file and
// reading it ends in an error or in records, and neither in a crash nor, where
// it cannot be used, in a changed file.
func TestFileOfRottenPages(t *testing.T) {
	t.Parallel()
	sound := contents(t, filled(t))
	used := len(bytes.TrimRight(sound, "\x00"))
	path := statePath(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be the same every time
	refused := 0
	files := 300
	if testing.Short() {
		files = 60
	}
	for range files {
		rotten := bytes.Clone(sound)
		// The head of a page does the most harm.
		page := random.IntN(used/os.Getpagesize() + 1)
		for range 1 + random.IntN(4) {
			rotten[min(page*os.Getpagesize()+random.IntN(64), len(rotten)-1)] = byte(random.IntN(256))
		}
		write(t, path, rotten)
		f, err := ledger.OpenFile(path, ledger.Clock(clock))
		if err != nil {
			refused++
			var unusable *ledger.FileError
			if !errors.As(err, &unusable) {
				t.Errorf("page %d: %v", page, err)
			}
			if !bytes.Equal(rotten, contents(t, path)) {
				t.Errorf("page %d: the file was refused, and changed", page)
			}
			continue
		}
		_, _ = f.List(t.Context())
		if err := f.Close(); err != nil {
			t.Errorf("page %d: close: %v", page, err)
		}
	}
	if refused == 0 {
		t.Error("nothing that rotted was found out")
	}
	t.Logf("%d of %d were refused", refused, files)
}
