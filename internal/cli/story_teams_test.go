package cli

import "github.com/rogpeppe/go-internal/testscript"

// showTeams shows the cards that Teams took, from top to bottom.
func showTeams(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "teams")
	say(ts, "") // with nothing to show, the last answer must not stand
	for i, text := range worldOf(ts).teams.Received() {
		say(ts, "== card %d\n%s\n", i+1, text)
	}
}

// scriptTeams says how Teams is to answer the next requests.
func scriptTeams(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "teams-answers [fine|busy:SECONDS|failing|refusing|hanging|closing]...")
	worldOf(ts).teams.Next(slackAnswers(ts, args)...)
}
