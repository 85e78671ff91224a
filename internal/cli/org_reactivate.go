package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/org"
)

// overAccounts enables keys again in every account of the scope that has some
// of them, one account after the other, each after asking.
func (c *reactivateCommand) overAccounts(a *app, cfg config.Config, graceDays int) error {
	covered, err := a.organizationOf(a.ctx, cfg, "reactivate-"+runID(a.now()))
	if err != nil {
		return err
	}
	log := a.logger(false)
	store, err := a.openStore(a.ctx, cfg, covered.home, log, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()

	keys, err := c.keysByAccount(a, covered.members, store)
	if err != nil {
		return err
	}
	var failed []error
	for _, account := range covered.members.Accounts {
		if len(keys[account]) == 0 {
			continue
		}
		inside, _, _, err := covered.enter(a.ctx, account, log)
		if err == nil {
			err = a.reactivateIn(inside, account, store, cfg.Lease, graceDays, func(r reactivation) error {
				records, err := r.store.Load(r.ctx, account)
				if _, other := ledger.SplitDamaged(err); other != nil {
					return other
				}
				return r.enable(c, keys[account], records)
			})
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("account %s: %w", account, err))
		}
	}
	return errors.Join(failed...)
}

// keysByAccount finds the keys that are meant, by account. Without a report,
// state says whose they are.
func (c *reactivateCommand) keysByAccount(a *app, members org.Members, store ledger.Store) (map[string][]account.KeyRef, error) {
	keys := map[string][]account.KeyRef{}
	if c.Report != "" {
		if err := c.keysInSummary(a, keys); err != nil {
			return nil, err
		}
	}
	if len(c.Keys) > 0 || c.Report == "" {
		records, err := store.List(a.ctx)
		if _, other := ledger.SplitDamaged(err); other != nil {
			return nil, other
		}
		known := map[string]bool{}
		for _, record := range records {
			named := slices.Contains(c.Keys, record.KeyID())
			if named || c.Report == "" && c.OfRun != "" && disabledBy(record, c.OfRun) {
				known[record.KeyID()] = true
				ref := account.KeyRef{User: record.User(), KeyID: record.KeyID()}
				if !slices.Contains(keys[record.Account()], ref) {
					keys[record.Account()] = append(keys[record.Account()], ref)
				}
			}
		}
		for _, key := range c.Keys {
			if !known[key] {
				return nil, fmt.Errorf("%s does not know which account key %s is of; use the credentials of its account, and no ACCOUNTS", store, key)
			}
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s knows of no key that run %s disabled; 'sleuth state list' shows what it knows", store, c.OfRun)
	}
	for account := range keys {
		if !slices.Contains(members.Accounts, account) {
			return nil, fmt.Errorf("account %s, which some of the keys are of, is not among the accounts of the settings; check ACCOUNTS, OUS and EXCLUDE_ACCOUNTS", account)
		}
	}
	return keys, nil
}

// keysInSummary reads the keys from the JSON summary of a run over several
// accounts.
func (c *reactivateCommand) keysInSummary(a *app, keys map[string][]account.KeyRef) error {
	wrong := func(err error) error {
		return &statusError{exitUsage, fmt.Errorf("read the report: %w; %s", err, whatReport)}
	}
	in := a.stdin
	if c.Report != "-" {
		file, err := os.Open(c.Report) //nolint:gosec // the user's own choice
		if err != nil {
			return wrong(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var summary org.Summary
	err := json.NewDecoder(in).Decode(&summary)
	switch {
	case err != nil || summary.Run == "" || len(summary.Accounts) == 0:
		return wrong(notSummary(err))
	case c.OfRun != "" && summary.Run != c.OfRun:
		return wrong(fmt.Errorf("it is of run %s, not %s", summary.Run, c.OfRun))
	case summary.DryRun:
		return wrong(errors.New("it is of a dry run, which disabled nothing"))
	}
	for _, one := range summary.Accounts {
		if len(one.DisabledKeys) > 0 {
			keys[one.Account.ID] = one.DisabledKeys
		}
	}
	if len(keys) == 0 {
		return wrong(errors.New("the run disabled no key"))
	}
	return nil
}

// notSummary says that a report is none; err, which may be nil, says why.
func notSummary(err error) error {
	const none = "it is not the JSON summary of a run over several accounts"
	if err == nil {
		return errors.New(none)
	}
	return fmt.Errorf(none+": %w", err)
}
