package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// stateCommand shows and mends what is remembered between runs.
type stateCommand struct {
	List   stateListCommand   `cmd:"" help:"Show what is remembered of each key."`
	Forget stateForgetCommand `cmd:"" help:"Remove what is remembered of one key, after asking."`
}

type stateListCommand struct {
	config.Memory `group:"memory"`
	Output        string `short:"o" default:"table" enum:"table,json" help:"How to show the records: ${enum}."`
}

// Run implements the command.
func (c *stateListCommand) Run(a *app) error {
	store, err := a.stateFor(c.Memory, true)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	records, loadErr := store.List(a.ctx)
	if _, other := ledger.Damaged(loadErr); other != nil {
		return other
	}
	if c.Output == "json" {
		err = report.WriteJSON(a.stdout, append([]ledger.Record{}, records...))
	} else {
		err = report.WriteColumns(a.stdout, stateColumns, stateCells(records))
	}
	return errors.Join(err, loadErr)
}

var stateColumns = []string{"Account", "UserName", "Key ID", "Warned", "Leaked", "Disabled", "Because", "By Run", "Told", "Owed"}

func stateCells(records []ledger.Record) [][]string {
	var rows [][]string
	for _, r := range records {
		row := []string{r.Account, r.User, r.KeyID, stamp(lastWarned(r.Told)), "-", "-", "-", "-", "-", "-"}
		if r.Leak != nil {
			row[4] = stamp(r.Leak.At)
		}
		if d := r.Disabled; d != nil {
			row[5], row[6], row[7] = stamp(d.At), d.Reason.String(), d.Run
		}
		if r.Final != nil {
			row[8] = cmp.Or(strings.Join(slices.Sorted(maps.Keys(r.Receipts)), ", "), "-")
		}
		switch {
		case r.Intent != nil:
			row[9] = "intent of " + stamp(r.Intent.At)
		case r.FinalOwed():
			row[9] = "final notice"
		}
		rows = append(rows, row)
	}
	return rows
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

type stateForgetCommand struct {
	Key           string `arg:"" help:"Id of the key."`
	Account       string `placeholder:"ID" help:"The key's account, where several remember a key of this id."`
	Yes           bool   `short:"y" help:"Do not ask."`
	config.Memory `group:"memory"`
}

// Run implements the command.
func (c *stateForgetCommand) Run(a *app) error {
	store, err := a.stateFor(c.Memory, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	records, err := store.List(a.ctx)
	damaged, other := ledger.Damaged(err)
	if other != nil {
		return other
	}
	type found struct{ account, owed string }
	var matches []found
	for _, r := range records {
		if r.KeyID == c.Key && (c.Account == "" || c.Account == r.Account) {
			matches = append(matches, found{r.Account, owedText(r)})
		}
	}
	for _, d := range damaged {
		if d.KeyID == c.Key && (c.Account == "" || c.Account == d.Account) {
			matches = append(matches, found{d.Account, " The record is damaged."})
		}
	}
	switch len(matches) {
	case 0:
		return fmt.Errorf("%s remembers nothing of key %s; 'sleuth state list' shows what it knows", store, c.Key)
	case 1:
	default:
		return fmt.Errorf("%s remembers key %s in %d accounts; name one with --account", store, c.Key, len(matches))
	}
	one := matches[0]
	if !c.Yes && !a.confirm(fmt.Sprintf("Forget key %s of account %s?%s", c.Key, one.account, one.owed)) {
		return errors.New("nothing was changed")
	}
	if err := store.Delete(a.ctx, one.account, c.Key); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "forgot key %s of account %s\n", c.Key, one.account)
	return err
}

func owedText(r ledger.Record) string {
	if r.Owed() {
		return " Its owner is still owed a final notice, and will then not get it."
	}
	return ""
}

// stateFor opens the state that the settings name, for a command of its own.
func (a *app) stateFor(memory config.Memory, readOnly bool) (ledger.Store, error) {
	cfg, err := config.CheckMemory(memory, a.stateOnThisMachine())
	if err != nil {
		return nil, err
	}
	var connection aws.Config
	if cfg.State.Kind == config.StateDynamoDB {
		if connection, err = awsclient.Connect(a.ctx, 1); err != nil {
			return nil, err
		}
	}
	return a.openStore(a.ctx, cfg, connection, a.logger(false), readOnly)
}
