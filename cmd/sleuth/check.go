package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/cloud"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/match"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
)

// checkCommand tries, before the first run, what a run will need.
type checkCommand struct {
	config.Settings
	config.SlackAPI `group:"channels"`
	Send            bool `help:"Post a test message to every channel."`
}

// Run implements the command. Nothing in AWS is changed.
func (c *checkCommand) Run(a *app) error {
	k := &checkup{app: a}
	cfg, err := config.Check(c.Settings, a.stateOnThisMachine())
	if err != nil {
		return err
	}
	k.ok("settings", "they can be used; 'sleuth config' shows them")

	connection, err := cloud.Connect(a.ctx, cfg.Concurrency)
	if err != nil {
		return err
	}
	identity, aliasErr, err := cloud.Identify(a.ctx, connection)
	if err != nil {
		k.failed("credentials", err)
		return k.verdict()
	}
	k.ok("credentials", identity.Account.String())
	if aliasErr != nil {
		k.failed("account alias", fmt.Errorf("%w; without it, messages name the account by its id alone", aliasErr))
	}

	client := iam.NewFromConfig(connection)
	subjects := k.read(client, cfg)
	k.enforcing(client, cfg, identity)
	k.channels(cfg, connection, identity, c.Send)
	k.state(cfg, connection, identity)
	k.tags(subjects, c.slackAPI(), c.SlackHost, connection)
	return k.verdict()
}

// slackAPI reads Slack's directory with the app's token where it has none of
// its own.
func (c *checkCommand) slackAPI() config.SlackAPI {
	if c.SlackAPI.SlackAPIToken.IsSet() {
		return c.SlackAPI
	}
	return config.SlackAPI{SlackAPIToken: c.SlackToken}
}

// checkup says what is well and what is not.
type checkup struct {
	*app
	failures int
}

func (k *checkup) ok(what, text string) {
	fmt.Fprintf(k.stdout, "ok    %s: %s\n", what, text)
}

func (k *checkup) note(what, text string) {
	fmt.Fprintf(k.stdout, "note  %s: %s\n", what, text)
}

func (k *checkup) failed(what string, err error) {
	k.failures++
	fmt.Fprintf(k.stdout, "FAIL  %s: %v\n", what, err)
}

func (k *checkup) verdict() error {
	if k.failures > 0 {
		return &statusError{exitNotWhole, fmt.Errorf("%s failed", plural(k.failures, "check"))}
	}
	return nil
}

// read reads the whole account as an audit does, which takes every permission
// to read that a run takes.
func (k *checkup) read(client *iam.Client, cfg config.Config) []inventory.Subject {
	var subjects []inventory.Subject
	var firstErr error
	keys := 0
	err := inventory.Reader{
		IAM: client, Concurrency: cfg.Concurrency, Rules: cfg.Rules, Now: k.now().UTC(), Everything: true,
	}.Read(k.ctx, func(s inventory.Subject) {
		subjects = append(subjects, s)
		keys += len(s.Keys)
		err := s.Err
		for _, key := range s.Keys {
			err = errors.Join(err, key.Err)
		}
		if firstErr == nil {
			firstErr = err
		}
	})
	if err := errors.Join(err, firstErr); err != nil {
		k.failed("reading users and keys", fmt.Errorf("%w; 'sleuth iam-policy' prints what must be allowed", err))
	} else {
		k.ok("reading users and keys", plural(len(subjects), "user")+", "+plural(keys, "key"))
	}
	return subjects
}

// enforcing asks IAM's simulator whether keys may be disabled, as trying it
// would be to do it.
func (k *checkup) enforcing(client *iam.Client, cfg config.Config, identity cloud.Identity) {
	const what = "disabling keys"
	if !cfg.Policy.AutoExpire {
		k.note(what, "ENABLE_AUTO_EXPIRE is not true: people are told, and no key is disabled")
		return
	}
	out, err := client.SimulatePrincipalPolicy(k.ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(identity.PrincipalARN),
		ActionNames:     []string{"iam:UpdateAccessKey"},
	})
	if err != nil {
		k.note(what, "whether iam:UpdateAccessKey is allowed cannot be found out without iam:SimulatePrincipalPolicy; 'sleuth iam-policy' prints what must be allowed")
		return
	}
	for _, result := range out.EvaluationResults {
		if result.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
			k.failed(what, fmt.Errorf("%s is not allowed (%s); 'sleuth iam-policy' prints what must be", aws.ToString(result.EvalActionName), result.EvalDecision))
			return
		}
	}
	k.ok(what, "iam:UpdateAccessKey is allowed")
}

// channels sets up every channel, and with send posts a test message through
// each.
func (k *checkup) channels(cfg config.Config, connection aws.Config, identity cloud.Identity, send bool) {
	channels, err := k.app.channels(k.ctx, cfg, connection, false)
	if err != nil {
		k.failed("channels", err)
		return
	}
	if len(channels) == 0 {
		k.note("channels", "neither SLACK_URL nor SNS_TOPIC is set: nobody will be told")
	}
	for _, channel := range channels {
		switch {
		case !notify.TellsPeople(channel):
			k.note(channel.Name(), "messages are printed and not sent")
		case !send:
			k.note(channel.Name(), "set up, and not tried; --send posts a test message")
		default:
			k.try(channel, identity)
		}
	}
}

func (k *checkup) try(channel notify.Channel, identity cloud.Identity) {
	bulletin := notify.Bulletin{Account: identity.Account, Announcement: "This is a test of Sleuth's messages. There is nothing to do."}
	deliveries := notify.Deliver(k.ctx, []notify.Post{{Channel: channel, Bulletin: bulletin}},
		func(context.Context, string, notify.Message) error { return nil })
	for _, d := range deliveries {
		for _, failure := range d.Failures {
			k.failed(d.Channel, failure.Err)
		}
		if len(d.Failures) == 0 {
			k.ok(d.Channel, "it took the test message")
		}
	}
}

// state takes and gives back the lease, as a run does.
func (k *checkup) state(cfg config.Config, connection aws.Config, identity cloud.Identity) {
	store, err := k.openStore(k.ctx, cfg, connection, newLogger(k.stderr, false), false)
	if err != nil {
		k.failed("state", err)
		return
	}
	defer func() { _ = store.Close() }()
	holder := "check-" + runID(k.now())
	_, err = store.Load(k.ctx, identity.Account.ID)
	err = errors.Join(err, store.Acquire(k.ctx, identity.Account.ID, holder, k.now().UTC(), cfg.Lease))
	err = errors.Join(err, store.Release(k.ctx, identity.Account.ID, holder))
	if err != nil {
		k.failed("state", err)
		return
	}
	k.ok("state", store.String())
}

// tags lists the users with keys whom no message can mention, with a tag to
// give them where Slack knows somebody of that name.
func (k *checkup) tags(subjects []inventory.Subject, api config.SlackAPI, host config.SlackHost, connection aws.Config) {
	var lacking []audit.User
	for _, s := range subjects {
		active := slices.ContainsFunc(s.Keys, func(key inventory.Key) bool { return key.Status == audit.Active })
		if _, ok := slack.Mention(s.User.Name, s.User.Slack()); active && !ok {
			lacking = append(lacking, s.User)
		}
	}
	if len(lacking) == 0 {
		k.ok("Slack tags", "every user with an active key has one")
		return
	}
	slices.SortFunc(lacking, func(a, b audit.User) int { return strings.Compare(a.Name, b.Name) })
	k.note("Slack tags", plural(len(lacking), "user")+" with an active key can't be mentioned; messages show the plain user name")
	directory, ok := k.directory(api, host, connection)
	for _, user := range lacking {
		id, found := directory.SlackID(user)
		if !found {
			id = "U..."
		}
		fmt.Fprintf(k.stdout, "        aws iam tag-user --user-name %s --tags Key=Slack,Value=%s\n", shellWord(user.Name), id)
	}
	if !ok {
		fmt.Fprintln(k.stdout, "      With SLACK_API_TOKEN the ids are suggested; 'sleuth slack-users' lists them.")
	}
}

// directory reads Slack's users where a token is set.
func (k *checkup) directory(api config.SlackAPI, host config.SlackHost, connection aws.Config) (d match.Directory, ok bool) {
	if !api.SlackAPIToken.IsSet() {
		return match.Directory{}, false
	}
	token, apiURL, err := config.CheckSlackAPI(api, host)
	if err == nil {
		token, err = token.Fetch(k.ctx, cloud.Fetchers(connection))
	}
	if err != nil {
		k.failed("Slack users", err)
		return match.Directory{}, false
	}
	listing, err := slack.NewDirectory(token.Value, slack.DirectoryOptions{APIURL: apiURL}).List(k.ctx, slack.Filter{})
	if err != nil {
		k.failed("Slack users", err)
	}
	return match.NewDirectory(listing.Users), len(listing.Users) > 0
}

// shellWord quotes what a shell would take apart.
func shellWord(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@+,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
