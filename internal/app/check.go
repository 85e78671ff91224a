package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// CheckOptions say how the settings are tried.
type CheckOptions struct {
	// Send posts a test message to every channel; SendTo is whom those write to
	// that write to one person at a time, an address or a Slack id.
	Send   bool
	SendTo string
	// Terraform: missing tags are suggested for Terraform, rather than as calls
	// of the AWS CLI.
	Terraform bool
	// SlackAPI and SlackHost say how Slack's users are read, for the values of
	// the tags.
	SlackAPI  config.SlackAPI
	SlackHost config.SlackHost
	// Each is called with each result, in order and one at a time.
	Each func(CheckResult)
	// Progress is called as users are read, one call at a time; may be nil.
	Progress func(Progress)
	// SlackToken is the app's, which reads them if SlackAPI has no token and
	// Slack did not reject it.
	SlackToken config.SecretText
}

// CheckStatus says whether what was tried works.
type CheckStatus string

// The statuses of a check.
const (
	CheckOK     CheckStatus = "ok"
	CheckNote   CheckStatus = "note" // was not tried, or works with a reservation
	CheckFailed CheckStatus = "failed"
)

// CheckResult is what became of one check.
type CheckResult struct {
	Status CheckStatus `json:"status"`
	// Account is the id of the account, if there are several.
	Account string `json:"account,omitempty"`
	Check   string `json:"check"`
	Text    string `json:"text"`
	// Suggestions are lines to copy, such as commands.
	Suggestions []string `json:"suggestions,omitempty"`
	// Owners are the users with an active key, and who would be notified.
	Owners []CheckOwner `json:"owners,omitempty"`
}

// CheckReport is every result, and how many there are.
type CheckReport struct {
	Schema  int           `json:"schema"`
	Totals  CheckTotals   `json:"totals"`
	Results []CheckResult `json:"results"`
}

// CheckTotals counts results by status.
type CheckTotals struct {
	OK     int `json:"ok"`
	Note   int `json:"note"`
	Failed int `json:"failed"`
}

// Add takes in a result.
func (r *CheckReport) Add(result CheckResult) {
	r.Results = append(r.Results, result)
	switch result.Status {
	case CheckOK:
		r.Totals.OK++
	case CheckNote:
		r.Totals.Note++
	case CheckFailed:
		r.Totals.Failed++
	}
}

// Check tries, before the first run, what a run will need. Nothing in AWS is
// changed. The error says why nothing could be tried.
func (a *App) Check(ctx context.Context, cfg config.Config, o CheckOptions) error {
	k := &checker{App: a, ctx: ctx, each: o.Each}
	k.ok("settings", "they can be used; 'sleuth config' shows them")
	e, err := a.connectHome(ctx, cfg, "check")
	if e == nil {
		return err
	}
	if err != nil {
		k.failed("credentials", err)
		return nil
	}
	k.ok("credentials", e.home.Account.String())
	k.alias(e.home.aliasErr)
	if cfg, err = withRules(ctx, cfg, e.home.aws); err != nil {
		k.failed("rules", err)
		return nil
	}
	k.units(&cfg, e.home.aws)
	k.permissions(e.home, iampolicy.ForRun(cfg, e.home.place()))
	holders := k.accounts(cfg, e, o.Progress)
	if !cfg.Policy.AutoExpire {
		k.note("disabling keys", "ENABLE_AUTO_EXPIRE is not true: people are notified, and no key is disabled")
	}
	channels := k.channels(cfg, e.home, o.Send, o.SendTo)
	k.state(cfg, e.home)
	k.notTestable(cfg)
	slices.SortFunc(holders, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.account.ID, b.account.ID), cmp.Compare(a.user.Name, b.user.Name))
	})
	k.owners(cfg, holders, channels)
	k.tags(holders, o, e.home.aws)
	return nil
}

// accounts tries every account that the settings cover, as a run enters it. It
// returns the users with an active key.
func (k *checker) accounts(cfg config.Config, e *accountSet, report func(Progress)) []holder {
	members, err := e.members(k.ctx)
	if err != nil {
		k.failed("accounts", err)
		return nil
	}
	if !members.HomeOnly {
		k.ok("accounts", text.Count(len(members.Accounts), "account")+" to cover")
	}
	type result struct {
		results []CheckResult
		unread  bool
		holders []holder
	}
	var holders []holder
	read := newProgress(len(members.Accounts), report)
	org.ForEachAccount(k.ctx, members.Accounts, cfg.Scope.Concurrency,
		func(ctx context.Context, account string) *result {
			var r result
			one := &checker{App: k.App, ctx: ctx, progress: read, each: func(c CheckResult) { r.results = append(r.results, c) }}
			if !members.HomeOnly {
				one.accountID = account
			}
			r.holders = one.account(cfg, e, account, !members.HomeOnly)
			r.unread = one.readFailed
			return &r
		},
		func(_ string, r *result) {
			read.accountDone()
			for _, c := range r.results {
				k.each(c)
			}
			k.readFailed = k.readFailed || r.unread
			holders = append(holders, r.holders...)
		})
	return holders
}

// account tries one account. What is allowed there is asked of a member, whose
// role has permissions of its own.
func (k *checker) account(cfg config.Config, e *accountSet, account string, isMember bool) []holder {
	m, err := e.enter(k.ctx, account, slog.New(slog.DiscardHandler))
	if err != nil {
		k.readFailed = true
		k.failed("entering", err)
		return nil
	}
	if isMember {
		k.permissions(m, iampolicy.ForMember(cfg, m.place()))
	}
	holders := k.read(m, cfg)
	k.groups(m, cfg)
	k.securityHub(cfg, m.aws)
	return holders
}

// checker tries every part of a deployment and prints what works and what does not.
type checker struct {
	*App
	ctx                context.Context
	each               func(CheckResult)
	progress           *progress
	accountID          string // empty if there is but one account
	readFailed         bool   // some user could not be read
	slackTokenRejected bool   // Slack rejected the app's token
}

func (k *checker) ok(what, text string) {
	k.each(CheckResult{Status: CheckOK, Account: k.accountID, Check: what, Text: text})
}

func (k *checker) note(what, text string) {
	k.each(CheckResult{Status: CheckNote, Account: k.accountID, Check: what, Text: text})
}

func (k *checker) failed(what string, err error) {
	k.each(CheckResult{Status: CheckFailed, Account: k.accountID, Check: what, Text: awserr.Message(err)})
}

func (k *checker) alias(err error) {
	if err != nil {
		k.failed("account alias", fmt.Errorf("%w; without it, messages name the account by its id alone", err))
	}
}

// read reads the whole account as an audit does, which takes every permission
// to read that a run takes. It returns the users with an active key.
func (k *checker) read(m member, cfg config.Config) []holder {
	var holders []holder
	var firstErr error
	users, keys, unread := 0, 0, 0
	err := inventory.Reader{
		IAM: awsclient.NewIAM(m.aws), Concurrency: cfg.Concurrency, Rules: cfg.Rules, Now: k.Now().UTC(), Everything: true,
	}.Read(k.ctx, func(s inventory.UserKeys) {
		users++
		keys += len(s.Keys)
		err := s.Err
		for _, key := range s.Keys {
			err = errors.Join(err, key.Err)
		}
		if firstErr == nil {
			firstErr = err
		}
		if err != nil {
			unread++
		}
		k.progress.userRead(users)
		if h, ok := holderOf(cfg.Owners, m.Account, s); ok {
			holders = append(holders, h)
		}
	})
	const what = "reading users and keys"
	switch {
	case err != nil:
		k.readFailed = true
		k.failed(what, err)
	case unread > 1:
		k.readFailed = true
		k.failed(what, fmt.Errorf("%d of %s were not read, the first: %w", unread, text.Count(users, "user"), firstErr))
	case unread == 1:
		k.readFailed = true
		k.failed(what, firstErr)
	default:
		k.ok(what, text.Count(users, "user")+", "+text.Count(keys, "key"))
	}
	return holders
}

// units reads the organizational units that rules name.
func (k *checker) units(cfg *config.Config, home aws.Config) {
	rules, errs := unitsOfRules(k.ctx, cfg.UserRules, home)
	cfg.UserRules = rules
	for _, err := range errs {
		k.failed("rules", err)
	}
	for _, unit := range slices.Sorted(maps.Keys(rules.OUs)) {
		if len(rules.OUs[unit]) == 0 {
			k.note("rules", "unit "+unit+" has no accounts")
		}
	}
}

// groups reads the groups that rules name.
func (k *checker) groups(m member, cfg config.Config) {
	names := cfg.UserRules.GroupsIn(m.Account.ID)
	groups, errs := inventory.Groups(k.ctx, awsclient.NewIAM(m.aws), names)
	for _, err := range errs {
		k.failed("rules", err)
	}
	for _, name := range names {
		if members, read := groups[name]; read && len(members) == 0 {
			k.note("rules", "group "+name+" has no members, or does not exist")
		}
	}
}

// notTestable names what is set up and cannot be tried without leaving something.
func (k *checker) notTestable(cfg config.Config) {
	if cfg.Evidence.IsSet() {
		k.note("evidence", "set up, and not tried: the first run leaves it in "+cfg.Evidence.String()+", or says why it cannot")
	}
	if cfg.LeakSparesExempt && !cfg.LeakDisables {
		k.note("leaked keys", "SLEUTH_LEAK_EXEMPT has no effect without SLEUTH_LEAK_RESPONSE=disable: people are notified, and no leaked key is disabled")
	}
}

// securityHub asks Security Hub for one finding, which it has only if it is turned
// on.
func (k *checker) securityHub(cfg config.Config, connection aws.Config) {
	if !cfg.SecurityHub {
		return
	}
	_, err := awsclient.NewSecurityHub(connection).GetFindings(k.ctx, &securityhub.GetFindingsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		err = fmt.Errorf("ask Security Hub for findings: %w", err)
		if refusal, ok := errors.AsType[*types.InvalidAccessException](err); ok && refusal != nil {
			err = fmt.Errorf("%w; turn it on in this account and region", err)
		}
		k.failed("findings", err)
		return
	}
	k.ok("findings", "Security Hub is turned on")
}

// state takes and gives back the lease, as a run does.
func (k *checker) state(cfg config.Config, home member) {
	store, err := k.OpenStore(k.ctx, cfg, home.aws, false)
	if err != nil {
		k.failed("state", err)
		return
	}
	defer func() { _ = store.Close() }()
	holder := "check-" + runID(k.Now())
	// What cannot be read cannot be written either: one line says it.
	if _, err = store.Load(k.ctx, home.Account.ID); err == nil {
		err = store.Acquire(k.ctx, home.Account.ID, holder, k.Now().UTC(), cfg.Lease)
	}
	if err == nil {
		err = store.Release(k.ctx, home.Account.ID, holder)
	}
	if err != nil {
		k.failed("state", err)
		return
	}
	k.ok("state", store.String())
}
