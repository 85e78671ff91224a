package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/teams"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Evidence is where each run writes what it found and did. The zero Evidence is
// nowhere.
type Evidence struct {
	Dir    string // a folder, for file:DIR
	Bucket string // a bucket and a prefix without slashes around it, for s3://BUCKET/PREFIX
	Prefix string
}

// IsSet reports whether evidence is to be written.
func (e Evidence) IsSet() bool { return e.Dir != "" || e.Bucket != "" }

// String is the setting as it is given.
func (e Evidence) String() string {
	switch {
	case e.Dir != "":
		return "file:" + e.Dir
	case e.Bucket != "":
		return strings.TrimSuffix("s3://"+e.Bucket+"/"+e.Prefix, "/")
	}
	return ""
}

// maxPrefix leaves room for the account, the date and the run in a key of at
// most 1,024 bytes:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const maxPrefix = 800

// ParseEvidence reads a place of evidence as it is given in a setting; "" is
// nowhere.
func ParseEvidence(text string) (Evidence, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Evidence{}, nil
	}
	if dir, isFile := strings.CutPrefix(text, "file:"); isFile && strings.TrimSpace(dir) != "" {
		return Evidence{Dir: strings.TrimSpace(dir)}, nil
	}
	if rest, isS3 := strings.CutPrefix(text, "s3://"); isS3 {
		bucket, prefix, _ := strings.Cut(rest, "/")
		prefix = strings.Trim(prefix, "/")
		clean := prefix == "" || path.Clean("/"+prefix) == "/"+prefix
		if bucketName.MatchString(bucket) && clean && len(prefix) <= maxPrefix {
			return Evidence{Bucket: bucket, Prefix: prefix}, nil
		}
	}
	return Evidence{}, errors.New("must be s3://BUCKET/PREFIX or file:DIR")
}

func (c *checker) evidence(text string) Evidence {
	place, err := ParseEvidence(text)
	if err != nil {
		c.add("SLEUTH_EVIDENCE", strings.TrimSpace(text), "%s", err)
	}
	return place
}

// secretText reads a secret that is given as its value, or as a reference to
// where it is kept. check judges a value, and never quotes it.
func (c *checker) secretText(variable, text string, check func(string) error) Secret {
	s, isReference, err := parseReference(text)
	if !isReference {
		s, err = Secret{Value: secret.New(text)}, check(text)
	}
	if err != nil {
		c.add(variable, secret.Redacted, "%s", err)
	}
	return s
}

// CheckSlackToken returns an error if a text cannot be the token of a Slack app.
// The error does not hold it. https://docs.slack.dev/authentication/tokens
func CheckSlackToken(text string) error {
	if !strings.HasPrefix(text, "xox") || strings.ContainsAny(text, " \t\r\n") {
		return fmt.Errorf("must be the token of a Slack app, which begins with xoxb-, ssm:/parameter/name or secretsmanager:secret-id")
	}
	return nil
}

// SplitURLs splits a list of URLs at white space, and at commas that another URL
// follows, as a URL may itself contain commas.
func SplitURLs(text string) []string {
	var urls []string
	for _, word := range strings.Fields(text) {
		from := 0
		for i := range word {
			if word[i] == ',' && (i+1 == len(word) || serviceURL.MatchString(word[i+1:])) {
				urls = append(urls, word[from:i])
				from = i + 1
			}
		}
		urls = append(urls, word[from:])
	}
	return slices.DeleteFunc(urls, func(u string) bool { return u == "" })
}

// CheckNotifyURLs returns an error if a text cannot be a list of shoutrrr URLs.
// Each is parsed completely when it is used. The error does not hold any.
func CheckNotifyURLs(text string) error {
	for i, one := range SplitURLs(text) {
		if teams.IsRetired(one) {
			return fmt.Errorf("number %d is the URL of an Office 365 connector of Microsoft Teams, which Microsoft has retired; create a workflow in Teams and set SLEUTH_TEAMS_URL to its URL, see docs/teams.md", i+1)
		}
		if !serviceURL.MatchString(one) {
			return fmt.Errorf("must be shoutrrr URLs separated by spaces or commas, such as discord://..., or ssm:/parameter/name or secretsmanager:secret-id; number %d is not one", i+1)
		}
	}
	return nil
}

var (
	serviceURL   = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://.`)
	slackChannel = regexp.MustCompile(`^([CG][A-Z0-9]+|#[a-z0-9_-]+)$`)
)

// slackChannel checks the channel of the Slack app, which goes with its token.
func (c *checker) slackChannel(s Channels) string {
	channel, given := strings.TrimSpace(s.SlackChannel), strings.TrimSpace(s.SlackToken.Reveal()) != ""
	switch {
	case channel != "" && !slackChannel.MatchString(channel):
		c.add("SLEUTH_SLACK_CHANNEL", channel, "must be the id of a channel, such as C0123456789, which Slack shows at the end of its details, or the name of one, such as #aws-keys")
	case channel == "" && given:
		c.add("SLEUTH_SLACK_CHANNEL", "", "required if SLEUTH_SLACK_TOKEN is set: the id of the channel for the list of all keys, and for people who cannot be reached directly")
	case channel != "" && !given:
		c.add("SLEUTH_SLACK_CHANNEL", channel, "needs SLEUTH_SLACK_TOKEN; the channel of a webhook is the webhook's own")
	}
	return channel
}

func (c *checker) webAddress(variable, text string) string {
	text = strings.TrimSpace(text)
	if text != "" && !isWebURL(text) {
		c.add(variable, text, "must be a https:// URL, such as https://slack-gov.com/api/")
	}
	return text
}

func (c *checker) checkTemplates(t Templates) notify.Templates {
	templates, problems := notify.ParseTemplates(notify.TemplateTexts{
		Line: t.LineTemplate, List: t.ListTemplate, Personal: t.PersonalTemplate, Subject: t.SubjectTemplate,
	})
	for _, p := range problems {
		variable := map[string]string{
			notify.LineTemplate: "SLEUTH_LINE_TEMPLATE", notify.ListTemplate: "SLEUTH_LIST_TEMPLATE",
			notify.PersonalTemplate: "SLEUTH_PERSONAL_TEMPLATE", notify.SubjectTemplate: "SLEUTH_SUBJECT_TEMPLATE",
		}[p.Template]
		c.add(variable, p.Text, "must be a Go template with the fields that docs/messages.md lists: %v", p.Err)
	}
	return templates
}
