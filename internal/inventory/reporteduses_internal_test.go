package inventory

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

var (
	testNow  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testMade = testNow.Add(-time.Hour)
)

func ago(days int) time.Time { return testNow.AddDate(0, 0, -days) }

func liveKey(id string, created time.Time) Key {
	return Key{Key: audit.Key{ID: id, Status: audit.Active, Created: created}}
}

// TestIdentify: which columns of the report are which key's.
func TestIdentify(t *testing.T) {
	t.Parallel()
	column := func(changed, used time.Time) ReportKey {
		return ReportKey{Active: true, Changed: changed, LastUsed: used}
	}
	var never time.Time
	for _, c := range []struct {
		name    string
		columns []ReportKey
		keys    []Key
		want    map[string]time.Time // the last uses by key
	}{
		{"one key", []ReportKey{column(ago(60), ago(2))}, []Key{liveKey("A", ago(60))}, map[string]time.Time{"A": ago(2)}},
		{"one key, never used", []ReportKey{column(ago(60), never)}, []Key{liveKey("A", ago(60))}, map[string]time.Time{"A": never}},
		{"two keys", []ReportKey{column(ago(60), ago(2)), column(ago(5), ago(1))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, map[string]time.Time{"A": ago(2), "B": ago(1)}},
		{"two keys, the other way round", []ReportKey{column(ago(5), ago(1)), column(ago(60), ago(2))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, map[string]time.Time{"A": ago(2), "B": ago(1)}},
		{"two keys of the same second", []ReportKey{column(ago(60), ago(2)), column(ago(60), ago(50))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(60))}, nil},
		{"a key that was activated again", []ReportKey{column(ago(10), ago(2))}, []Key{liveKey("A", ago(60))}, nil},
		{"its neighbour is known even so", []ReportKey{column(ago(10), ago(2)), column(ago(5), ago(1))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, map[string]time.Time{"B": ago(1)}},
		{"the older key changed as the newer one was made", []ReportKey{column(ago(5), ago(2)), column(ago(5), ago(50))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, nil},
		{"the older key changed after the newer one was made", []ReportKey{column(ago(3), ago(2)), column(ago(5), ago(1))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, nil},
		{"a key made after the report", []ReportKey{column(ago(60), ago(2))}, []Key{liveKey("A", ago(60)), liveKey("B", testNow)}, map[string]time.Time{"A": ago(2)}},
		{"a key that the report should have", []ReportKey{column(ago(60), ago(2))}, []Key{liveKey("A", ago(60)), liveKey("B", ago(5))}, nil},
		{"the other key was deleted", []ReportKey{column(ago(60), ago(2)), column(ago(5), ago(1))}, []Key{liveKey("B", ago(5))}, map[string]time.Time{"B": ago(1)}},
		{"the newer key was deleted", []ReportKey{column(ago(60), ago(2)), column(ago(5), ago(1))}, []Key{liveKey("A", ago(60))}, nil},
		{"used before it was made", []ReportKey{column(ago(60), ago(61))}, []Key{liveKey("A", ago(60))}, nil},
		{"used after the report was made", []ReportKey{column(ago(60), testMade.Add(2*time.Hour))}, []Key{liveKey("A", ago(60))}, nil},
		{"no columns", nil, []Key{liveKey("A", ago(60))}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := map[string]time.Time{}
			for id, key := range (ReportRow{User: "u", Keys: c.columns}).identify(c.keys, testMade, testNow) {
				got[id] = key.LastUsed
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("identified %v, want %v", got, c.want)
			}
		})
	}
}

// TestIdentifyNeverTakesAnothersColumn lives the lives of a user's keys and
// lets a report be made of them at some moment: the last use by the report is
// never that of another key, and never later than the truth.
func TestIdentifyNeverTakesAnothersColumn(t *testing.T) {
	t.Parallel()
	identified := 0
	rapid.Check(t, func(t *rapid.T) {
		hour := func(name string, from, to int) time.Time {
			return testNow.Add(-time.Duration(rapid.IntRange(to, from).Draw(t, name)) * time.Hour)
		}
		made := hour("report", 4, 0)
		row := ReportRow{User: "u", Created: ago(100)}
		var keys []Key
		reported := map[string]time.Time{} // what the report holds of each key
		for _, id := range []string{"A", "B"} {
			created := hour("created", 12, 0) // close together, so that times collide
			key := liveKey(id, created)
			column := ReportKey{Active: true, Changed: created}
			if rapid.Bool().Draw(t, "used") {
				key.LastUsed = maxTime(created, hour("last used", 12, 0))
				column.LastUsed = maxTime(created, hour("known use", 12, 0))
				if column.LastUsed.After(minTime(key.LastUsed, made)) {
					column.LastUsed = time.Time{}
				}
			}
			if rapid.IntRange(0, 2).Draw(t, "changed since") == 0 {
				column.Changed = minTime(maxTime(created, hour("changed", 12, 0)), maxTime(made, created))
			}
			reported[id] = column.LastUsed
			if !created.After(made) {
				row.Keys = append(row.Keys, column)
			}
			if rapid.IntRange(0, 3).Draw(t, "deleted since") > 0 {
				keys = append(keys, key)
			}
		}
		if rapid.Bool().Draw(t, "the other way round") {
			slices.Reverse(row.Keys)
		}
		for id, column := range row.identify(keys, made, testNow) {
			identified++
			truth := keys[slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })]
			if !column.LastUsed.Equal(reported[id]) || column.LastUsed.After(truth.LastUsed) {
				t.Fatalf("key %s, last used %s, is taken to be used %s; the report has %v", id, truth.LastUsed, column.LastUsed, row.Keys)
			}
		}
	})
	if identified == 0 {
		t.Error("no key was identified, so nothing was shown")
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
