package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// demoCommand shows the whole story. It runs the code of the other commands,
// through the AWS SDK over loopback HTTP, on an AWS and a Slack that live in
// this process.
type demoCommand struct {
	Logs bool `help:"Show the log of the two runs as well."`
}

// Run implements the command.
func (c *demoCommand) Run(a *console) error {
	stage, err := setStage(a.now())
	if err != nil {
		return err
	}
	defer stage.close()

	// The demo has a clock of its own: its second run is on the next day.
	sleuth := &app.App{Out: a.stdout, Log: io.Discard, Now: stage.now, Connect: stage.connect}
	if c.Logs {
		sleuth.Log = a.stderr
	}
	return a.tellStory(stage, sleuth)
}

func (a *console) tellStory(s *stage, sleuth *app.App) error {
	cfg, err := config.Check(s.settings(), config.StateChoice{})
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }
	colours := a.palette()

	say("%s", colours.bold("An AWS account lives in this process, at "+s.aws.URL()+". Nothing leaves this machine."))
	say("The rules: keys expire %d days after creation, or after %d days unused; people are warned from day %d, or day %d unused.",
		cfg.Rules.ExpirationAge, cfg.Rules.InactivityAge, cfg.Rules.WarningAge, cfg.Rules.InactivityWarningAge)

	say("\n%s\n", colours.bold("$ sleuth audit"))
	audit := &auditPrinter{console: a, view: view{output: "table"}, bar: a.newProgress()}
	found, err := sleuth.Audit(a.ctx, cfg, app.AuditOptions{Each: audit.add})
	if err != nil {
		return err
	}
	if err := audit.conclude(found); err != nil {
		return err
	}

	say("\n%s\n", colours.bold("How far rotations are, as sleuth audit --wide says:"))
	for _, row := range found.Accounts[0].Rows {
		if said := row.RotationText(); said != "" {
			say("%s: %s", row.User, said)
		}
	}

	keyID := keyOfDemoUser(s.aws.Home(), demoTraced)
	say("\n%s\n", colours.bold("$ sleuth trace "+keyID))
	traced, err := sleuth.Trace(a.ctx, cfg, app.TraceOptions{KeyID: keyID, Days: demoTraceDays})
	if err != nil {
		return err
	}
	writeTraced(a.stdout, traced, demoTraceDays)

	say("\n%s\n", colours.bold("$ ENABLE_AUTO_EXPIRE=true sleuth run"))
	first, err := sleuth.Run(a.ctx, cfg, app.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Fprint(a.stdout, first.Shown())
	if err := a.showNotified(s, colours); err != nil {
		return err
	}
	say("\n%s\n", colours.bold("What IAM says of the keys now:"))
	for _, key := range first.Accounts[0].DisabledKeys {
		kept, _ := s.aws.Home().Key(key.KeyID)
		say("  %-20s %s", key.KeyID+" "+statusWord(kept.Active), "("+key.User+")")
	}

	s.sleepADay()
	say("\n%s\n", colours.bold("The next day: $ sleuth run"))
	second, err := sleuth.Run(a.ctx, cfg, app.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Fprint(a.stdout, second.Shown())
	if err := a.showNotified(s, colours); err != nil {
		return err
	}
	say("\nThose whose keys were disabled have had their final notice, and hear nothing more.")
	say("Next: 'sleuth audit' shows your own account, and changes nothing.")
	return nil
}

func statusWord(active bool) string {
	if active {
		return "Active"
	}
	return "Inactive"
}

// showNotified shows what Slack and SNS have received since the last time.
func (a *console) showNotified(s *stage, colours palette) error {
	for _, body := range s.slack.take() {
		fmt.Fprintf(a.stdout, "\n%s\n\n", colours.bold("In Slack:"))
		if err := writeSlackMessage(a.stdout, colours, body); err != nil {
			return err
		}
	}
	for _, m := range s.aws.Home().Published() {
		fmt.Fprintf(a.stdout, "\n%s\n\n", colours.bold("Through SNS, by mail:"))
		fmt.Fprintf(a.stdout, "  Subject: %s\n\n", m.Subject)
		writeIndented(a.stdout, "  ", m.Message)
	}
	s.aws.Home().ResetPublished()
	return nil
}

// stage is what the demo plays on.
type stage struct {
	aws        *awsfake.Server
	slack      *demoSlack
	topic      string
	connection aws.Config
	folder     string
	clock      time.Time
}

func setStage(now time.Time) (s *stage, err error) {
	s = &stage{clock: now.UTC()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.folder, err = os.MkdirTemp("", "sleuth-demo-"); err != nil {
		return s, fmt.Errorf("make a folder for the demo's state: %w; set TMPDIR to one that can be written to", err)
	}
	if s.aws, err = awsfake.Start(awsfake.WithClock(s.now)); err != nil {
		return s, fmt.Errorf("start the demo's AWS: %w; let the demo listen on 127.0.0.1", err)
	}
	if s.slack, err = startDemoSlack(); err != nil {
		return s, fmt.Errorf("start the demo's Slack: %w; let the demo listen on 127.0.0.1", err)
	}
	home := s.aws.Home()
	home.SetAlias(demoAlias)
	for _, user := range demoCast(s.clock) {
		home.AddUser(user)
	}
	home.AddTrailEvents(demoCalls(keyOfDemoUser(home, demoTraced), s.clock)...)
	s.topic = home.AddTopic("access-keys")
	keyID, secretKey := home.Credentials()
	s.connection = awsclient.ConnectTo(s.aws.URL(), keyID, secretKey, demoConcurrency)
	return s, nil
}

const (
	demoAlias       = "acme-production"
	demoConcurrency = 8
)

func (s *stage) settings() config.Settings {
	var settings config.Settings
	settings.EnableAutoExpire = "true"
	settings.InactivityAge, settings.InactivityWarningAge = "45", "30"
	settings.ExpireText = "Please run `aws-vault rotate PROFILE`."
	settings.InactiveText = "Please run `aws-vault login PROFILE`."
	settings.SlackURL = config.SecretText{Value: secret.New(s.slack.url())}
	settings.SNSTopic = s.topic
	settings.State.State = "file:" + filepath.Join(s.folder, "state.db")
	settings.Concurrency = fmt.Sprint(demoConcurrency)
	return settings
}

// connect connects to the demo's AWS.
func (s *stage) connect(context.Context, int) (aws.Config, error) { return s.connection.Copy(), nil }

func (s *stage) now() time.Time { return s.clock }

func (s *stage) sleepADay() { s.clock = s.clock.AddDate(0, 0, 1) }

func (s *stage) close() {
	if s.slack != nil {
		s.slack.close()
	}
	if s.aws != nil {
		s.aws.Close()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}
