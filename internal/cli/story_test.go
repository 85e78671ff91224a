package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // stories name time zones

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// itself is the name under which the stories run this command. Their own
// command "sleuth" wraps it.
const itself = "sleuth-itself"

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){itself: main})
}

// main is what the released command does.
func main() {
	os.Exit(Main(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// tidy runs the tests, and removes what they share.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	defer program.Remove()
	// Stories wait for answers and back-offs far more than they compute.
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "16")
	}
	return t.M.Run()
}

// TestStories runs every story in testdata/script: one file each, readable by
// anyone who has used a shell. testdata/README.md lists their commands.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("SLEUTH_UPDATE_STORIES") == "1",
		Setup:               setUpStory,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sleuth":        runSleuth,
			"status":        wantStatus,
			"envfile":       setFromFile,
			"envmatch":      setFromStdout,
			"account":       setUpAccount,
			"crowd":         addCrowd,
			"change":        changeAccount,
			"fault":         injectFault,
			"before":        changeBefore,
			"hold":          holdCall,
			"reached":       waitForHeld,
			"keys":          showKeys,
			"calls":         showCalls,
			"sns":           showTopic,
			"slack":         showSlack,
			"slack-answers": scriptSlack,
			"payload":       showPayload,

			"slack-app":         showSlackApp,
			"slack-app-answers": scriptSlackApp,
			"slack-app-refuses": refuseInSlack,
			"files":             showFiles,

			"mail":          showMail,
			"verify":        verifySender,
			"teams":         showTeams,
			"teams-answers": scriptTeams,
			"hook":          showHook,
			"hook-answers":  scriptHook,

			"pass":         passDays,
			"events":       showEvents,
			"findings":     showFindings,
			"security-hub": enableHub,
		},
	})
}

// world is what surrounds one story: an AWS, a Slack, and what became of the
// last command.
type world struct {
	aws      *awsfake.Server
	slack    *channeltest.SlackServer
	slackAPI *channeltest.SlackAPI
	teams    *channeltest.TeamsServer
	hook     *hook
	secrets  []string
	reached  chan struct{} // closed when the call that is held was made
	status   int
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// storySecret stands for every secret that a story's environment holds.
const storySecret = program.Secret

func setUpStory(env *testscript.Env) error {
	aws, err := awsfake.Start()
	if err != nil {
		return err
	}
	env.Defer(aws.Close)
	slack, err := channeltest.StartSlack(context.Background(), channeltest.SlackOptions{})
	if err != nil {
		return err
	}
	env.Defer(slack.Close)
	aws.Home().SetAlias("acme")
	slackAPI, err := startSlackAPI(context.Background())
	if err != nil {
		return err
	}
	env.Defer(slackAPI.Close)
	teams, err := channeltest.StartTeams(context.Background(), nil)
	if err != nil {
		return err
	}
	env.Defer(teams.Close)
	hook := startHook()
	env.Defer(hook.Close)

	// testscript passes nothing of this machine's environment on but PATH.
	for _, variable := range append(program.Environment(env.WorkDir),
		"AWS_ENDPOINT_URL="+aws.URL(),
		"AWS_ACCESS_KEY_ID=AKIAOPERATOROFSLEUTH",
		"AWS_SECRET_ACCESS_KEY="+storySecret,
		"AWS_REGION=us-east-1",
		"WEBHOOK="+slack.URL(),
		"SLACK_API="+slackAPI.URL(),
		"TOKEN="+slackAPI.Token(),
		"CHANNEL="+channeltest.SlackChannel,
		"TOPIC="+aws.Home().AddTopic("keys"),
		"BUS="+aws.Home().AddBus("keys"),
		"HOOK="+hook.address(),
		"TEAMS="+teams.URL(),
	) {
		name, value, _ := strings.Cut(variable, "=")
		env.Setenv(name, value)
	}
	env.Values[worldKey{}] = &world{
		aws: aws, slack: slack, slackAPI: slackAPI, teams: teams, hook: hook,
		secrets: append(slices.Concat(slack.Secrets(), slackAPI.Secrets(), teams.Secrets()), hookToken, strings.TrimPrefix(slack.URL(), "http://"), storySecret),
	}
	return nil
}

// runSleuth runs the command. Whatever the story is about, nothing it prints
// may give a secret away.
func runSleuth(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	err := ts.Exec(itself, args...)
	for _, stream := range []string{"stdout", "stderr"} {
		if found := program.SecretIn(ts.ReadFile(stream), w.secrets); found != "" {
			ts.Fatalf("%s gives a secret away: %q", stream, found)
		}
	}
	w.status = 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		w.status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	switch {
	case neg && w.status == 0:
		ts.Fatalf("sleuth succeeded where it should have failed")
	case !neg && w.status != 0:
		ts.Fatalf("sleuth failed with exit status %d", w.status)
	}
}

// wantStatus holds the exit status of the last command to a number.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "status N")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := worldOf(ts).status; got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// setFromFile sets a variable to what a file holds, for values of several
// lines or with a date, such as {day+1}.
func setFromFile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "envfile NAME FILE")
	ts.Setenv(args[0], dated(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"), time.Now()))
}

func usage(ts *testscript.TestScript, right bool, how string) {
	if !right {
		ts.Fatalf("usage: %s", how)
	}
}

// say writes a command's answer, for cmp and stdout to look at.
func say(ts *testscript.TestScript, format string, args ...any) {
	_, err := fmt.Fprintf(ts.Stdout(), format, args...)
	ts.Check(err)
}

// setFromStdout sets a variable to the first text in the last command's
// standard output that matches.
func setFromStdout(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "envmatch NAME REGEXP")
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("standard output has nothing like %s", args[1])
	}
	ts.Setenv(args[0], found)
}
