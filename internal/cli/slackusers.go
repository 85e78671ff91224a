package cli

import (
	"errors"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// slackUsersCommand lists what may stand in a Slack tag.
type slackUsersCommand struct {
	config.SlackAPI  `group:"channels"`
	config.SlackHost `group:"channels"`
	Output           string `short:"o" default:"table" enum:"table,json,csv" help:"How to show the list: ${enum}."`
	Deleted          bool   `help:"List deleted users and groups as well."`
	Bots             bool   `help:"List bots as well."`
}

// Run implements the command.
func (c *slackUsersCommand) Run(a *console) error {
	token, apiURL, err := config.CheckSlackAPI(c.SlackAPI, c.SlackHost)
	if err := config.UnknownVariables(a.env).Join(err); err != nil {
		return err
	}
	if token.Source != "" {
		aws, err := awsclient.Connect(a.ctx, 1)
		if err != nil {
			return err
		}
		if token, err = token.Fetch(a.ctx, awsclient.Fetchers(aws)); err != nil {
			return err
		}
	}
	users := slack.NewUsers(token.Value, slack.UsersOptions{APIURL: apiURL})
	// What the token may read is shown, beside the error for what it may not.
	listing, listErr := users.List(a.ctx, slack.Filter{Deleted: c.Deleted, Bots: c.Bots})
	return errors.Join(c.show(a, listing), listErr)
}

var slackColumns = []string{"Slack Tag", "Name", "Full Name", "Email", "Kind"}

func (c *slackUsersCommand) show(a *console, listing slack.Listing) error {
	switch c.Output {
	case "json":
		listing.Users = append([]slack.User{}, listing.Users...)
		listing.Groups = append([]slack.Group{}, listing.Groups...)
		return report.WriteJSON(a.data, listing)
	case "csv":
		return report.WriteRecords(a.data, slackColumns, slackCells(listing))
	}
	return report.WriteColumns(a.stdout, slackColumns, slackCells(listing))
}

func slackCells(listing slack.Listing) [][]string {
	var rows [][]string
	for _, u := range listing.Users {
		rows = append(rows, []string{u.ID, u.Name, u.RealName, u.Email, kindOf("user", u.Bot, u.Deleted)})
	}
	for _, g := range listing.Groups {
		rows = append(rows, []string{g.Tag, g.Handle, g.Name, "", kindOf("group", false, g.Deleted)})
	}
	return rows
}

func kindOf(kind string, bot, deleted bool) string {
	if bot {
		kind = "bot"
	}
	if deleted {
		kind += ", deleted"
	}
	return kind
}
