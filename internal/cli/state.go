package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	colour "github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// stateCommand shows and repairs what is kept between runs.
type stateCommand struct {
	List   stateListCommand   `cmd:"" help:"Show what is kept of each key."`
	Close  stateCloseCommand  `cmd:"" help:"Give up a pending final notice, after asking: no channel gets it any more."`
	Forget stateForgetCommand `cmd:"" help:"Remove what is kept of one key, after asking."`
}

type stateListCommand struct {
	config.State `group:"state"`
	Output       string `short:"o" default:"table" enum:"table,json" help:"How to show the records: ${enum}."`
}

// Run implements the command.
func (c *stateListCommand) Run(a *console) error {
	store, err := a.stateFor(c.State, true)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	records, loadErr := store.List(a.ctx)
	if _, other := ledger.SplitDamaged(loadErr); other != nil {
		return other
	}
	if c.Output == "json" {
		err = report.WriteJSON(a.data, append([]ledger.Record{}, records...))
	} else {
		err = a.showRecords(stateCells(records))
	}
	return errors.Join(err, loadErr)
}

// showRecords shows records as a table. On a terminal, columns without a value
// are left out, and if the rest does not fit, a record takes several lines.
func (a *console) showRecords(rows [][]string) error {
	header := stateColumns
	if a.terminal.stdout && len(rows) > 0 {
		header, rows = withoutEmpty(header, rows)
	}
	var table strings.Builder
	if err := report.WriteColumns(&table, header, rows); err != nil {
		return err
	}
	if a.terminal.stdout && a.terminal.width > 0 && colour.LongestLineLen(table.String()) > a.terminal.width {
		return writeInBlocks(a.stdout, header, rows)
	}
	_, err := io.WriteString(a.stdout, table.String())
	return err
}

// withoutEmpty leaves out the columns in which no row has a value.
func withoutEmpty(header []string, rows [][]string) (kept []string, cells [][]string) {
	cells = make([][]string, len(rows))
	for i, name := range header {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		kept = append(kept, name)
		for j, row := range rows {
			cells[j] = append(cells[j], row[i])
		}
	}
	return kept, cells
}

// writeInBlocks writes each row as a block: the first three values in a line, and
// the others below it under their names.
func writeInBlocks(w io.Writer, header []string, rows [][]string) error {
	const ids = 3
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(strings.Join(row[:ids], "  ") + "\n")
		for i, value := range row[ids:] {
			if value != "" {
				fmt.Fprintf(&out, "  %s: %s\n", header[ids+i], value)
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

var stateColumns = []string{"Account", "UserName", "Key ID", "Warned", "Leaked", "Disabled", "Reason", "Run", "Acknowledged By", "Pending"}

// stateCells shows records in the order of users. A cell is empty if there is
// nothing to say.
func stateCells(records []ledger.Record) [][]string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return stamp(t)
	}
	var rows [][]string
	for _, r := range records {
		row := []string{r.Account(), r.User(), r.KeyID(), at(lastWarned(r.Warnings())), "", "", "", "", "", pendingText(r)}
		if leak := r.Leak(); leak != nil {
			row[4] = at(leak.At)
		}
		if d := r.Disabled(); d != nil {
			row[5], row[6], row[7] = at(d.At), d.Reason.String(), d.Run
		}
		if final := r.Final(); final != nil {
			row[8] = strings.Join(slices.Sorted(maps.Keys(final.Acknowledged)), ", ")
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return cmp.Or(cmp.Compare(a[1], b[1]), slices.Compare(a, b)) })
	return rows
}

// pendingText says what is pending for a key; "" if nothing is.
func pendingText(r ledger.Record) string {
	switch {
	case r.Intent() != nil:
		return "intent of " + stamp(r.Intent().At)
	case r.Deletion().Intent != nil:
		return "intent of " + stamp(r.Deletion().Intent.At) + " to delete"
	case !r.FinalPending():
		return ""
	}
	if on := r.Final().PendingOn(); len(on) > 0 {
		return "final notice on " + strings.Join(on, ", ")
	}
	return "final notice on any channel"
}

func lastWarned(h audit.History) time.Time {
	if h.Inactivity.Last.After(h.Creation.Last) {
		return h.Inactivity.Last
	}
	return h.Creation.Last
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("Mon 2 Jan 2006, 15:04 UTC")
}

// oneKey is the key that a command is about.
type oneKey struct {
	Key          string `arg:"" help:"Id of the key."`
	Account      string `placeholder:"ID" help:"The key's account, if several have a record of this key."`
	Yes          bool   `short:"y" help:"Do not ask."`
	config.State `group:"state"`
}

// keptRecord is the record that a key's id leads to.
type keptRecord struct {
	account string
	record  *ledger.Record // nil if it is damaged
}

// find returns the one record of the key.
func (c oneKey) find(a *console, store ledger.Store) (keptRecord, error) {
	records, err := store.List(a.ctx)
	damaged, other := ledger.SplitDamaged(err)
	if other != nil {
		return keptRecord{}, other
	}
	is := func(account, key string) bool { return key == c.Key && (c.Account == "" || c.Account == account) }
	var matches []keptRecord
	for i := range records {
		if is(records[i].Account(), records[i].KeyID()) {
			matches = append(matches, keptRecord{records[i].Account(), &records[i]})
		}
	}
	for _, d := range damaged {
		if is(d.Account, d.KeyID) {
			matches = append(matches, keptRecord{account: d.Account})
		}
	}
	switch len(matches) {
	case 0:
		return keptRecord{}, fmt.Errorf("%s has no record of key %s; 'sleuth state list' shows what it has", store, c.Key)
	case 1:
		return matches[0], nil
	}
	return keptRecord{}, fmt.Errorf("%s has a record of key %s in %d accounts; name one with --account", store, c.Key, len(matches))
}

type stateCloseCommand struct{ oneKey }

// Run implements the command.
func (c *stateCloseCommand) Run(a *console) error {
	store, err := a.stateFor(c.State, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	kept, err := c.find(a, store)
	switch {
	case err != nil:
		return err
	case kept.record == nil:
		return fmt.Errorf("the record of key %s is damaged; 'sleuth state forget %s' removes it", c.Key, c.Key)
	case !kept.record.FinalPending():
		return fmt.Errorf("no final notice is pending for key %s of account %s", c.Key, kept.account)
	}
	if !c.Yes && !a.confirm(a.ctx, fmt.Sprintf("Close key %s of account %s? Pending: %s. User %s will not get it.", c.Key, kept.account, pendingText(*kept.record), kept.record.User())) {
		return errors.New("nothing was changed")
	}
	err = ledger.Update(a.ctx, store, kept.record, func(r *ledger.Record) error { return r.Close(a.now()) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "closed key %s of account %s\n", c.Key, kept.account)
	return err
}

type stateForgetCommand struct{ oneKey }

// Run implements the command.
func (c *stateForgetCommand) Run(a *console) error {
	store, err := a.stateFor(c.State, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	kept, err := c.find(a, store)
	if err != nil {
		return err
	}
	note := " The record is damaged."
	if kept.record != nil {
		note = ""
		if pending := pendingText(*kept.record); pending != "" {
			note = fmt.Sprintf(" Pending: %s. User %s will not get it.", pending, kept.record.User())
		}
	}
	if !c.Yes && !a.confirm(a.ctx, fmt.Sprintf("Forget key %s of account %s?%s", c.Key, kept.account, note)) {
		return errors.New("nothing was changed")
	}
	if err := store.Delete(a.ctx, kept.account, c.Key); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "forgot key %s of account %s\n", c.Key, kept.account)
	return err
}

// stateFor opens the state that the settings name, for a command of its own.
func (a *console) stateFor(state config.State, readOnly bool) (ledger.Store, error) {
	cfg, err := config.UnknownVariables(a.env).With(config.CheckState(config.Accounts{}, state, a.stateOnThisMachine()))
	if err != nil {
		return nil, err
	}
	var connection aws.Config
	if cfg.State.Kind == config.StateDynamoDB {
		if connection, err = awsclient.Connect(a.ctx, 1); err != nil {
			return nil, err
		}
	}
	return a.app().OpenStore(a.ctx, cfg, connection, readOnly)
}
