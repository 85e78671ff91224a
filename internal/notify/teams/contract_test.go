package teams_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/teams"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// start serves a workflow, which must never meet a request that it would not
// take.
func start(t *testing.T, now func() time.Time) *channeltest.TeamsServer {
	t.Helper()
	server, err := channeltest.StartTeams(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		if refusals := server.Refusals(); len(refusals) > 0 {
			t.Errorf("teams refused: %v", refusals)
		}
	})
	return server
}

func open(t *testing.T, server *channeltest.TeamsServer, options teams.Options) *teams.Workflow {
	t.Helper()
	workflow, err := teams.New(secret.New(server.URL()), options)
	if err != nil {
		t.Fatal(err)
	}
	return workflow
}

func TestContract(t *testing.T) {
	t.Parallel()
	channeltest.Contract(t, channeltest.Harness{
		Start: func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
			server := start(t, setup.Now)
			return open(t, server, teams.Options{Now: setup.Now, Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout}}), server
		},
		Line: func(n notify.Notice) string {
			n.Note, n.Account.Alias = text.OneLine(n.Note), text.OneLine(n.Account.Alias)
			return n.Line(text.OneLine(n.User))
		},
		Never: []string{"<at>", `"entities"`},
	})
}
