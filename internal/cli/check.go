package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// checkCommand tries, before the first run, what a run will need.
type checkCommand struct {
	config.Settings
	config.SlackAPI `group:"channels"`
	Send            bool   `help:"Post a test message to every channel."`
	SendTo          string `placeholder:"ADDRESS|ID" help:"With --send: whom the channels that write to one person at a time send theirs, a mail address or a Slack id."`
	Suggest         string `default:"cli" enum:"cli,terraform" help:"How to suggest the tags that are missing: ${enum}."`
}

// Run implements the command. Nothing in AWS is changed.
func (c *checkCommand) Run(a *app) error {
	k := &checkup{app: a, ctx: a.ctx, out: a.stdout}
	for _, l := range config.LookAlikes(a.env) {
		k.note(l.Variable, "set in the environment, and not a setting, so it is ignored; did you mean "+l.Meant+"?")
	}
	cfg, err := config.Check(c.Settings, a.stateOnThisMachine())
	if err := errors.Join(err, c.addressee()); err != nil {
		return &statusError{exitUsage, err}
	}
	k.ok("settings", "they can be used; 'sleuth config' shows them")

	connection, err := awsclient.Connect(a.ctx, cfg.Concurrency)
	if err != nil {
		return err
	}
	identity, aliasErr, err := awsclient.Identify(a.ctx, connection)
	if err != nil {
		k.failed("credentials", err)
		return k.verdict()
	}
	k.ok("credentials", identity.Account.String())
	k.alias(aliasErr)
	k.allowed(connection, identity, iampolicy.ForRun(cfg, placeOf(connection, identity)))

	var lacking []untagged
	if cfg.Scope.Several() {
		lacking = c.overAccounts(k, cfg)
	} else {
		lacking = k.read(connection, cfg, identity.Account)
		k.hub(cfg, connection)
	}
	if !cfg.Policy.AutoExpire {
		k.note("disabling keys", "ENABLE_AUTO_EXPIRE is not true: people are told, and no key is disabled")
	}
	k.channels(cfg, connection, identity, c.Send, c.SendTo)
	k.state(cfg, connection, identity)
	k.untried(cfg)
	k.tags(lacking, c.slackAPI(k.noSlack), c.SlackHost, connection, c.Suggest)
	return k.verdict()
}

// addressee checks whom a test is to be sent to.
func (c *checkCommand) addressee() error {
	switch {
	case c.SendTo == "":
		return nil
	case !c.Send:
		return errors.New("--send-to needs --send; without it no test message is sent")
	case !isAddressee(c.SendTo):
		return fmt.Errorf("--send-to=%q is neither a mail address nor a Slack id; use one such as tobias@example.com or U0123456789", c.SendTo)
	}
	return nil
}

// slackAPI reads Slack's directory with the app's token where it has none of
// its own, unless Slack does not take that.
func (c *checkCommand) slackAPI(refused bool) config.SlackAPI {
	if c.SlackAPIToken.IsSet() || refused {
		return c.SlackAPI
	}
	return config.SlackAPI{SlackAPIToken: c.SlackToken}
}

// overAccounts tries every account of the settings' scope, as a run enters it.
func (c *checkCommand) overAccounts(k *checkup, cfg config.Config) []untagged {
	covered, err := k.organizationOf(k.ctx, cfg, "check")
	if err != nil {
		k.failed("accounts", err)
		return nil
	}
	k.ok("accounts", text.Count(len(covered.members.Accounts), "account")+" to cover")
	type result struct {
		said     bytes.Buffer
		failures int
		unread   bool
		lacking  []untagged
	}
	var lacking []untagged
	org.Each(k.ctx, covered.members.Accounts, cfg.Scope.Concurrency,
		func(ctx context.Context, account string) *result {
			var r result
			one := &checkup{app: k.app, ctx: ctx, out: &r.said, where: account + ": "}
			inside, _, identity, err := covered.enter(ctx, account, newLogger(io.Discard, false))
			if err != nil {
				one.unread = true
				one.failed("entering", err)
			} else {
				one.allowed(inside, identity, iampolicy.ForMember(cfg, placeOf(inside, identity)))
				r.lacking = one.read(inside, cfg, identity.Account)
				one.hub(cfg, inside)
			}
			r.failures, r.unread = one.failures, one.unread
			return &r
		},
		func(_ string, r *result) {
			_, _ = r.said.WriteTo(k.out) // nobody is left to be told
			k.failures += r.failures
			k.unread = k.unread || r.unread
			lacking = append(lacking, r.lacking...)
		})
	return lacking
}

// checkup says what is well and what is not.
type checkup struct {
	*app
	ctx      context.Context
	out      io.Writer
	where    string // stands before what is checked
	failures int
	unread   bool // some user could not be read
	noSlack  bool // the app's token is none that Slack takes
}

func (k *checkup) ok(what, text string) {
	fmt.Fprintf(k.out, "ok    %s%s: %s\n", k.where, what, text)
}

func (k *checkup) note(what, text string) {
	fmt.Fprintf(k.out, "note  %s%s: %s\n", k.where, what, text)
}

func (k *checkup) failed(what string, err error) {
	k.failures++
	fmt.Fprintf(k.out, "FAIL  %s%s: %s\n", k.where, what, awserr.Message(err))
}

func (k *checkup) verdict() error {
	if k.failures > 0 {
		return &statusError{exitNotWhole, fmt.Errorf("%s failed", text.Count(k.failures, "check"))}
	}
	return nil
}

func (k *checkup) alias(err error) {
	if err != nil {
		k.failed("account alias", fmt.Errorf("%w; without it, messages name the account by its id alone", err))
	}
}

// read reads the whole account as an audit does, which takes every permission
// to read that a run takes. It returns the users who lack a tag.
func (k *checkup) read(connection aws.Config, cfg config.Config, account account.Account) []untagged {
	var lacking []untagged
	var firstErr error
	users, keys := 0, 0
	err := inventory.Reader{
		IAM: iam.NewFromConfig(connection), Concurrency: cfg.Concurrency, Rules: cfg.Rules, Now: k.now().UTC(), Everything: true,
	}.Read(k.ctx, func(s inventory.Subject) {
		users++
		keys += len(s.Keys)
		err := s.Err
		for _, key := range s.Keys {
			err = errors.Join(err, key.Err)
		}
		if firstErr == nil {
			firstErr = err
		}
		if u, ok := untaggedOf(account, s); ok {
			lacking = append(lacking, u)
		}
	})
	if err := errors.Join(err, firstErr); err != nil {
		k.unread = true
		k.failed("reading users and keys", fmt.Errorf("%w; 'sleuth iam-policy' prints what must be allowed", err))
	} else {
		k.ok("reading users and keys", text.Count(users, "user")+", "+text.Count(keys, "key"))
	}
	return lacking
}

// untried names what is set up and cannot be tried without leaving something.
func (k *checkup) untried(cfg config.Config) {
	if cfg.Evidence.IsSet() {
		k.note("evidence", "set up, and not tried: the first run leaves it in "+cfg.Evidence.String()+", or says why it cannot")
	}
	if cfg.LeakSparesExempt && !cfg.LeakDisables {
		k.note("leaked keys", "LEAK_EXEMPT has no effect without LEAK_RESPONSE=disable: people are told, and no leaked key is disabled")
	}
}

// hub asks Security Hub for one finding, which it has only where it is turned
// on.
func (k *checkup) hub(cfg config.Config, connection aws.Config) {
	if !cfg.SecurityHub {
		return
	}
	_, err := securityhub.NewFromConfig(connection).GetFindings(k.ctx, &securityhub.GetFindingsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		k.failed("findings", fmt.Errorf("ask Security Hub for findings: %w; turn it on in this account and region, and allow what 'sleuth iam-policy' prints", err))
		return
	}
	k.ok("findings", "Security Hub is turned on")
}

// state takes and gives back the lease, as a run does.
func (k *checkup) state(cfg config.Config, connection aws.Config, identity awsclient.Identity) {
	store, err := k.openStore(k.ctx, cfg, connection, newLogger(k.stderr, false), false)
	if err != nil {
		k.failed("state", err)
		return
	}
	defer func() { _ = store.Close() }()
	holder := "check-" + runID(k.now())
	// What cannot be read cannot be written either: one line says it.
	if _, err = store.Load(k.ctx, identity.Account.ID); err == nil {
		err = store.Acquire(k.ctx, identity.Account.ID, holder, k.now().UTC(), cfg.Lease)
	}
	if err == nil {
		err = store.Release(k.ctx, identity.Account.ID, holder)
	}
	if err != nil {
		k.failed("state", err)
		return
	}
	k.ok("state", store.String())
}
