package inventory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

const (
	header = "user,arn,user_creation_time,password_enabled," +
		"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
		"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service\n"
	root = "<root_account>,arn:aws:iam::123456789012:root,2020-01-01T00:00:00+00:00,not_supported," +
		"true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A\n"
	tobias = "tfunke,arn:aws:iam::123456789012:user/tfunke,2024-05-01T08:00:00+00:00,false," +
		"true,2025-05-01T09:00:00+00:00,2025-06-01T10:15:00+00:00,us-east-1,s3,false,N/A,N/A,N/A,N/A\n"
)

var (
	born  = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	made  = time.Date(2025, 5, 1, 9, 0, 0, 0, time.UTC)
	used  = time.Date(2025, 6, 1, 10, 15, 0, 0, time.UTC)
	funke = inventory.ReportRow{
		User: "tfunke", ARN: "arn:aws:iam::123456789012:user/tfunke", Created: born,
		Keys: []inventory.ReportKey{{Active: true, Changed: made, LastUsed: used, Region: "us-east-1", Service: "s3"}}, Password: audit.No,
	}
)

func TestParseReport(t *testing.T) {
	t.Parallel()
	changed := func(change func(*inventory.ReportRow)) inventory.ReportRow {
		row := funke
		row.Keys = append([]inventory.ReportKey{}, funke.Keys...)
		change(&row)
		return row
	}
	for _, c := range []struct {
		name string
		text string
		want []inventory.ReportRow
	}{
		{"the root user is left out", header + root + tobias, []inventory.ReportRow{funke}},
		{"no users", header + root, nil},
		{"a console password", header + strings.Replace(tobias, "+00:00,false,", "+00:00,true,", 1), []inventory.ReportRow{changed(func(row *inventory.ReportRow) { row.Password = audit.Yes })}},
		{"no last line end", header + strings.TrimSuffix(tobias, "\n"), []inventory.ReportRow{funke}},
		{"a mark at the start, and line ends as on Windows", "\ufeff" + strings.ReplaceAll(header+tobias, "\n", "\r\n"), []inventory.ReportRow{funke}},
		{
			"columns moved and added",
			"new_column,access_key_2_last_used_date,access_key_2_last_rotated,access_key_2_active," +
				"access_key_1_last_used_date,access_key_1_last_rotated,access_key_1_active,user_creation_time,arn,user\n" +
				"?,N/A,N/A,false,2025-06-01T10:15:00+00:00,2025-05-01T09:00:00Z,true,2024-05-01T08:00:00+00:00,arn:aws:iam::123456789012:user/tfunke,tfunke\n",
			[]inventory.ReportRow{changed(func(row *inventory.ReportRow) {
				row.Keys[0].Region, row.Keys[0].Service, row.Password = "", "", audit.NotKnown
			})},
		},
		{
			"a third key",
			strings.TrimSuffix(header, "\n") + ",access_key_3_active,access_key_3_last_rotated,access_key_3_last_used_date\n" +
				strings.TrimSuffix(tobias, "\n") + ",true,2025-05-01T09:00:00+00:00,N/A\n",
			[]inventory.ReportRow{changed(func(r *inventory.ReportRow) {
				r.Keys = append(r.Keys, inventory.ReportKey{Active: true, Changed: made})
			})},
		},
		{
			"a name with a comma, an inactive key, another time zone",
			header + `"a,b",arn,2024-05-01T10:00:00+02:00,false,false,2025-05-01T09:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A` + "\n",
			[]inventory.ReportRow{{User: "a,b", ARN: "arn", Created: born, Keys: []inventory.ReportKey{{Changed: made}}, Password: audit.No}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var rows []inventory.ReportRow
			for row, err := range inventory.ParseReport([]byte(c.text)) {
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row)
			}
			if diff := cmp.Diff(c.want, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReportReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, want string
		before           int // rows that were good
	}{
		{"nothing", "", "column names", 0},
		{"another kind of file", "{\n}\n", "no column user, arn", 0},
		{"a column less", strings.Replace(header, "access_key_2_last_rotated", "other", 1) + tobias, "no column access_key_2_last_rotated", 0},
		{"a column twice", strings.Replace(header, "password_enabled", "user", 1) + tobias, `two columns called "user"`, 0},
		{"a row cut short", header + tobias + tobias[:40] + "\n", "line 3", 1},
		{"a row with too much", header + tobias + "x," + tobias, "line 3", 1},
		{"an open quote", header + tobias + `"` + tobias, "line 3", 1},
		{"no name", header + strings.TrimPrefix(tobias, "tfunke"), "line 2 has no user name", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			good, failures := 0, 0
			for _, err := range inventory.ParseReport([]byte(c.text)) {
				if err == nil {
					good++
					continue
				}
				failures++
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %q does not say %q", err, c.want)
				}
			}
			if good != c.before || failures != 1 {
				t.Errorf("%d good rows and %d errors, want %d and 1", good, failures, c.before)
			}
		})
	}
}

func TestParseReportDoubtsCells(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, text, want string }{
		{"true", "maybe", `"maybe" is neither true nor false`},
		{"2024-05-01T08:00:00+00:00", "N/A", "no creation time"},
		{"2024-05-01T08:00:00+00:00", "yesterday", `"yesterday" is not a time`},
		{"2025-05-01T09:00:00+00:00", "", `"" is not a time`},
		{"2025-06-01T10:15:00+00:00", "no_information", `"no_information" is not a time`},
	} {
		t.Run(c.text+" for "+c.old, func(t *testing.T) {
			t.Parallel()
			rows := 0
			for row, err := range inventory.ParseReport([]byte(header + strings.Replace(tobias, c.old, c.text, 1))) {
				rows++
				if err != nil {
					t.Fatal(err)
				}
				if row.User != "tfunke" || row.Doubt == nil || !strings.Contains(row.Doubt.Error(), c.want) {
					t.Errorf("user %q with doubt %v, want tfunke with %q", row.User, row.Doubt, c.want)
				}
			}
			if rows != 1 {
				t.Errorf("%d rows, want 1", rows)
			}
		})
	}
}

// FuzzParseReport holds that no text makes the parser panic, run on or skip a
// line in silence.
func FuzzParseReport(f *testing.F) {
	for _, seed := range []string{
		"", "\ufeff", header, header + root + tobias, header + tobias + tobias[:40],
		strings.ReplaceAll(header+tobias, "\n", "\r\n"), header + `"a,b",` + tobias, header + "\n\n" + tobias,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, ended := 0, false
		for row, err := range inventory.ParseReport(text) {
			switch {
			case ended:
				t.Fatal("a row came after the error")
			case err != nil:
				ended = true
			case row.User == "" || row.User == "<root_account>":
				t.Fatalf("a row came for %q", row.User)
			case row.Doubt == nil && row.Created.IsZero():
				t.Fatalf("user %q has neither a creation time nor a doubt", row.User)
			default:
				rows++
			}
		}
		if rows > strings.Count(string(text), "\n")+strings.Count(string(text), "\r") {
			t.Fatalf("%d rows from fewer lines", rows)
		}
	})
}

// BenchmarkParseReport reads the report of a full account.
func BenchmarkParseReport(b *testing.B) {
	text := []byte(header + root + strings.Repeat(tobias, 5000))
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rows := 0
		for _, err := range inventory.ParseReport(text) {
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
		if rows != 5000 {
			b.Fatalf("%d rows", rows)
		}
	}
}
