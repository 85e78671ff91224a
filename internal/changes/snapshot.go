package changes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
)

// schema is the version of the reports' JSON that is understood.
const schema = 1

// Snapshot is what the comparison needs of one account's report. Times are UTC.
type Snapshot struct {
	Account account.Account
	At      time.Time
	Run     string // whose evidence it is; empty for an audit
	Limits  Limits
	Keys    []Key
	// DisabledKeys are those that the run then disabled.
	DisabledKeys []account.KeyRef
	// Problems are what could not be read, done or sent.
	Problems []account.Problem
	// Missing reports that rows are missing, although nothing says which.
	Missing bool

	gaps *gaps // made from the problems when first asked
}

// Limits are the limits of the settings, in days.
type Limits struct {
	ExpirationAge        int `json:"expiration_age"`
	WarningAge           int `json:"warning_age"`
	InactivityAge        int `json:"inactivity_age"`
	InactivityWarningAge int `json:"inactivity_warning_age"`
}

// Key is what the comparison needs of one row.
type Key struct {
	User        string      `json:"user"`
	DisplayName string      `json:"display_name"`
	SlackID     string      `json:"slack_id"`
	KeyID       string      `json:"key_id"`
	AutoExpire  string      `json:"auto_expire"`
	State       audit.State `json:"state"`
	Age         int         `json:"age_days"`
	Created     time.Time   `json:"created"`
	Rule        string      `json:"rule"` // empty in reports without rules
}

// active reports whether the key is there and can be used.
func (k *Key) active() bool { return k != nil && k.State != audit.Disabled }

// exempt reports whether the key is there and its tag exempts it.
func (k *Key) exempt() bool { return k != nil && k.AutoExpire == "FALSE" }

// name is the Name tag; empty if there is none, whatever the user is called.
func (k Key) name() string { return unless(k.DisplayName, k.User) }

func (k Key) slack() string { return unless(k.SlackID, k.User) }

func unless(value, stand string) string {
	if value == stand {
		return ""
	}
	return value
}

// gaps are what a report does not show.
type gaps struct {
	users, keys map[string]bool // that could not be read
	seen        map[string]bool // users with a row
	general     bool            // something of no user could not be read
}

func (s *Snapshot) findGaps() *gaps {
	if s.gaps != nil {
		return s.gaps
	}
	g := &gaps{users: map[string]bool{}, keys: map[string]bool{}, seen: map[string]bool{}, general: s.Missing}
	for _, p := range s.Problems {
		switch {
		case p.KeyID != "":
			g.keys[p.KeyID] = true
		case p.User != "":
			g.users[p.User] = true
		default:
			g.general = true
		}
	}
	for _, key := range s.Keys {
		g.seen[key.User] = true
	}
	s.gaps = g
	return g
}

// read reports whether a key that the snapshot does not have was not there: its
// user was read completely, or everybody was.
func (s *Snapshot) read(key Key) bool {
	g := s.findGaps()
	switch {
	case g.users[key.User] || g.keys[key.KeyID]:
		return false
	case g.seen[key.User]:
		return true
	}
	return !g.general
}

// Partial reports whether keys may be missing, as not everything could be read.
func (s *Snapshot) Partial() bool {
	g := s.findGaps()
	if g.general || len(g.users) > 0 {
		return true
	}
	for id := range g.keys {
		if !slices.ContainsFunc(s.Keys, func(k Key) bool { return k.KeyID == id }) {
			return true
		}
	}
	return false
}

// disabledBy is the run that disabled a key; empty if none did.
func (s *Snapshot) disabledBy(keyID string) string {
	if slices.ContainsFunc(s.DisabledKeys, func(k account.KeyRef) bool { return k.KeyID == keyID }) {
		return s.Run
	}
	return ""
}

// Document is a report as it was published, of one account or of several.
type Document struct {
	At        time.Time
	Several   bool
	Snapshots []Snapshot
}

// published is a report as JSON. Fields are pointers if their absence counts.
type published struct {
	Schema   *int             `json:"schema"`
	Account  account.Account  `json:"account"`
	At       *time.Time       `json:"at"`
	Forecast *json.RawMessage `json:"forecast"`
	Filter   *json.RawMessage `json:"filter"`
	Run      *struct {
		ID           string           `json:"id"`
		Started      bool             `json:"started"`
		TimedOut     bool             `json:"timed_out"`
		DisabledKeys []account.KeyRef `json:"disabled_keys"`
	} `json:"run"`
	Rules    *Limits           `json:"rules"`
	Keys     int               `json:"keys"`
	Rows     *[]Key            `json:"rows"`
	Problems []account.Problem `json:"problems"`
}

// ErrNothingRead says that a report is the evidence of a run that did not begin.
var ErrNothingRead = errors.New("it is the evidence of a run that did not begin, so that nothing was read; use another")

// Read reads a report that Sleuth wrote as JSON: that of an audit of one account
// or several, or the evidence of a run. Anything else is an error, as are
// reports that leave keys out and forecasts.
func Read(from io.Reader) (Document, error) {
	var whole struct {
		published
		// Run is an object in a report, and a text in the summary of a run.
		Run      json.RawMessage `json:"run"`
		Accounts *[]published    `json:"accounts"`
	}
	decoder := json.NewDecoder(from)
	if err := decoder.Decode(&whole); err != nil {
		return Document{}, fmt.Errorf("%w (%w)", errNoReport, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Document{}, fmt.Errorf("%w (more follows after the report)", errNoReport)
	}
	switch {
	case whole.Schema == nil || whole.At == nil:
		return Document{}, errNoReport
	case *whole.Schema != schema:
		return Document{}, fmt.Errorf("its schema is %d, and this version of Sleuth reads schema %d; use the version that wrote it", *whole.Schema, schema)
	}
	one := []published{whole.published}
	if whole.Accounts != nil {
		one = *whole.Accounts
	} else if len(whole.Run) > 0 {
		if json.Unmarshal(whole.Run, &one[0].Run) != nil {
			return Document{}, errNoReport
		}
	}
	d := Document{At: whole.At.UTC(), Several: whole.Accounts != nil}
	for _, p := range one {
		s, err := p.snapshot()
		if err != nil {
			return Document{}, err
		}
		d.Snapshots = append(d.Snapshots, s)
	}
	return d, d.distinct()
}

var errNoReport = errors.New("it is not a report of Sleuth; use the JSON of 'sleuth audit --output json' or the evidence of a run")

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// snapshot checks one account's report.
func (p published) snapshot() (Snapshot, error) {
	switch {
	case !accountID.MatchString(p.Account.ID) || p.At == nil || p.Rules == nil || p.Rows == nil:
		return Snapshot{}, errNoReport
	case p.Forecast != nil:
		return Snapshot{}, errors.New("it is a forecast, which says what may be; use the report of an audit without --as-of")
	case p.Filter != nil:
		return Snapshot{}, errors.New("it shows only some keys; use the report of an audit without --user, --status and --days-left")
	}
	s := Snapshot{
		Account: p.Account, At: p.At.UTC(), Limits: *p.Rules, Keys: *p.Rows, Problems: p.Problems,
		Missing: p.Keys > len(*p.Rows),
	}
	if p.Run != nil {
		if !p.Run.Started {
			return Snapshot{}, ErrNothingRead
		}
		s.Run, s.DisabledKeys, s.Missing = p.Run.ID, p.Run.DisabledKeys, s.Missing || p.Run.TimedOut
	}
	ids := map[string]bool{}
	for _, key := range s.Keys {
		if key.KeyID == "" || key.User == "" || key.Created.IsZero() || ids[key.KeyID] {
			return Snapshot{}, fmt.Errorf("it is damaged: key %q of user %q is incomplete or there twice", key.KeyID, key.User)
		}
		ids[key.KeyID] = true
	}
	return s, nil
}

// distinct returns an error if an account is there twice.
func (d Document) distinct() error {
	seen := map[string]bool{}
	for _, s := range d.Snapshots {
		if seen[s.Account.ID] {
			return fmt.Errorf("it is damaged: account %s is there twice", s.Account.ID)
		}
		seen[s.Account.ID] = true
	}
	return nil
}
