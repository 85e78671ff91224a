package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzDecode: whatever is stored, decoding it never panics, never takes a
// record for another key's, and what it takes is the same after being written
// and read again.
func FuzzDecode(f *testing.F) {
	const account, keyID = "111111111111", "AKIA1"
	f.Fuzz(func(t *testing.T, stored []byte) {
		r, err := decode(stored, account, keyID)
		if err != nil {
			if !cmp.Equal(r, Record{}) {
				t.Errorf("beside the error %v came %+v", err, r)
			}
			return
		}
		if r.Account != account || r.KeyID != keyID || r.Version < 1 || r.Version > Version || r.Revision < 1 {
			t.Errorf("took key %q of account %q, version %d, revision %d", r.KeyID, r.Account, r.Version, r.Revision)
		}
		written, err := encode(r)
		if err != nil {
			t.Fatalf("what was taken cannot be written: %v", err)
		}
		again, err := decode(written, account, keyID)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("changed by writing (-before +after):\n%s", diff)
		}
		if _, err := decode(stored, account, keyID+"2"); err == nil {
			t.Error("taken for another key's")
		}
		if twice, _ := encode(again); !bytes.Equal(written, twice) {
			t.Errorf("written differently the second time:\n%s\n%s", written, twice)
		}
	})
}

// TestDecodeIsNotFooledByCase: of two names that differ in case only, both
// places that read a record see the same one.
func TestDecodeIsNotFooledByCase(t *testing.T) {
	t.Parallel()
	stored := `{"version":1,"VERSION":99,"account":"111111111111","key_id":"AKIA1","revision":1}`
	if r, err := decode([]byte(stored), "111111111111", "AKIA1"); err == nil || !strings.Contains(err.Error(), "newer Sleuth") {
		t.Errorf("took version %d: %v", r.Version, err)
	}
}

// TestVersionIsTheLowest: an older Sleuth goes on reading what it can, and
// keeps its hands off a leak, which it would forget.
func TestVersionIsTheLowest(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Record{
		`{"version":1,`: {Account: "111111111111", KeyID: "AKIA1", Revision: 1, Disabled: &Disabled{}},
		`{"version":2,`: {Account: "111111111111", KeyID: "AKIA1", Revision: 1, Leak: &Leak{}},
	} {
		if text, err := encode(r); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s, %v: want %s", text, err, want)
		}
	}
}
