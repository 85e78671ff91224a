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
		if r.d.Account != account || r.d.KeyID != keyID || r.d.Version != Version || r.d.Revision < 1 {
			t.Errorf("took key %q of account %q, version %d, revision %d", r.d.KeyID, r.d.Account, r.d.Version, r.d.Revision)
		}
		written, err := encode(r)
		if err != nil {
			t.Fatalf("what was taken cannot be written: %v", err)
		}
		again, err := decode(written, account, keyID)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
		if diff := cmp.Diff(r.d, again.d, cmpopts.EquateEmpty()); diff != "" {
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
	stored := `{"version":3,"VERSION":99,"account":"111111111111","key_id":"AKIA1","revision":1}`
	if r, err := decode([]byte(stored), "111111111111", "AKIA1"); err == nil || !strings.Contains(err.Error(), "newer Sleuth") {
		t.Errorf("took version %d: %v", r.d.Version, err)
	}
}

// TestAnotherVersionIsNotRead: neither an older one nor a newer one is believed.
func TestAnotherVersionIsNotRead(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		`{"version":1,"account":"111111111111","key_id":"AKIA1","revision":1}`: "before the first release",
		`{"version":2,"account":"111111111111","key_id":"AKIA1","revision":1}`: "before the first release",
		`{"version":4,"account":"111111111111","key_id":"AKIA1","revision":1}`: "newer Sleuth",
		`{"account":"111111111111","key_id":"AKIA1","revision":1}`:             "no version",
	} {
		if _, err := decode([]byte(stored), "111111111111", "AKIA1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", stored, err, want)
		}
	}
}
