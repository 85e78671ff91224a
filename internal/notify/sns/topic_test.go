package sns_test

import (
	"strconv"
	"strings"
	"testing"

	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

var acct = account.Account{ID: "123456789012", Alias: "acme"}

func TestPublished(t *testing.T) {
	t.Parallel()
	s := startService(t)
	topic := newTopic(t, topicARN, s.client(), sns.Options{})
	messages := topic.Compose(notify.Batch{
		Account:      acct,
		Announcement: "First run.\nNothing is disabled yet.",
		Creation:     notify.Heading{Title: "Key Rotation", Text: "Please run.\n ```aws-vault rotate```"},
		Inactivity:   notify.Heading{Title: "AWS IAM Key Inactivity Report"},
		Notices: []notify.Notice{
			{KeyID: "K2", User: "bob", SlackTag: "UB0B", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 5},
			{KeyID: "K1", User: "al&<ice>", SlackTag: "subteam-S1", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 3},
			{KeyID: "K3", User: "carol", ShowKeyID: true, Kind: notify.Disabled, Reason: audit.CreationAge},
			{KeyID: "K4", User: "dan", Kind: notify.PastLimit, Reason: audit.Inactivity, Note: "Two\nlines."},
		},
	})
	for _, m := range messages {
		if err := topic.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	want := `AWS account 123456789012 (acme)

First run.
Nothing is disabled yet.

Key Rotation
Please run.
 ` + "```aws-vault rotate```" + `

IAM users with access keys expiring due to creation age.
Please rotate the key to prevent key from being disabled
al&<ice>'s key expires in 3 days due to creation age. Key K1 is in AWS account 123456789012 (acme).
bob's key expires in 5 days due to creation age. Key K2 is in AWS account 123456789012 (acme).

IAM users with access keys disabled due to creation age.
This is the final notice
carol's key is disabled due to creation age. Key K3 is in AWS account 123456789012 (acme).

AWS IAM Key Inactivity Report
Use a key that is still needed, and delete one that is not.
IAM console: https://console.aws.amazon.com/iam/home#/users

IAM users with access keys past their limit due to inactivity.
Please login to AWS; the key is still active
dan's key is past its limit due to inactivity. Two lines. Key K4 is in AWS account 123456789012 (acme).
`
	taken := s.taken()
	if len(taken) != 1 {
		t.Fatalf("%d messages were published, want 1", len(taken))
	}
	if diff := cmp.Diff(want, taken[0].Get("Message")); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if got, want := taken[0].Get("Subject"), "Sleuth: 2 keys expire, 1 past its limit, 1 disabled in AWS account 123456789012 (acme)"; got != want {
		t.Errorf("subject is %q, want %q", got, want)
	}
	if got := taken[0].Get("TopicArn"); got != topicARN {
		t.Errorf("published to %q", got)
	}
	if taken[0].Has("MessageGroupId") {
		t.Error("a message to a standard topic has a group")
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	notices := func(expiring, past, disabled int) (all []notify.Notice) {
		for kind, n := range map[notify.Kind]int{notify.Expiring: expiring, notify.PastLimit: past, notify.Disabled: disabled} {
			for range n {
				all = append(all, notify.Notice{User: "u", Kind: kind, Reason: audit.CreationAge, Disables: kind == notify.Expiring})
			}
		}
		return all
	}
	for want, b := range map[string]notify.Batch{
		"Sleuth: 3 keys expire, 1 disabled in AWS account 123456789012 (acme)": {Account: acct, Notices: notices(3, 0, 1)},
		"Sleuth: 1 key expires in AWS account 1":                               {Account: account.Account{ID: "1"}, Notices: notices(1, 0, 0)},
		"Sleuth: 2 keys past their limit, 2 disabled in AWS account 1":         {Account: account.Account{ID: "1"}, Notices: notices(0, 2, 2)},
		"Sleuth: 1 key disabled in AWS account 1 (caf? ??)":                    {Account: account.Account{ID: "1", Alias: "café 名前"}, Notices: notices(0, 0, 1)},
		"Sleuth: 1 key disabled in AWS account 1 (a b)":                        {Account: account.Account{ID: "1", Alias: "a\nb"}, Notices: notices(0, 0, 1)},
		"Sleuth: notice for AWS account 123456789012 (acme)":                   {Account: acct, Announcement: "x"},
		"Sleuth: 5000 keys expire, 5000 past their limit, 5000 disabled in AWS account 123456789012 (aaaaa...": {
			Account: account.Account{ID: "123456789012", Alias: strings.Repeat("a", 63)}, Notices: notices(5000, 5000, 5000),
		},
	} {
		got := (&sns.Topic{}).Compose(b)[0].Subject
		if got != want {
			t.Errorf("subject is %q, want %q", got, want)
		}
		if !validSubject(got) {
			t.Errorf("%q is not within SNS's rules", got)
		}
	}
}

func TestLongBatchIsSplit(t *testing.T) {
	t.Parallel()
	b := channeltest.Crowd(20_000)
	b.Inactivity.Text = strings.Repeat("How to log in, at length: 名前. ", 20)
	messages := (&sns.Topic{}).Compose(b)
	if len(messages) < 4 {
		t.Fatalf("%d parts for 20,000 notices: this tests nothing", len(messages))
	}
	notices := 0
	for i, m := range messages {
		if size := len(m.Body) + len(m.Subject); size > 256*1024 {
			t.Errorf("part %d has %d bytes, more than SNS takes", i+1, size)
		}
		header, rest, _ := strings.Cut(m.Body, "\n")
		want := "AWS account 123456789012 (acme), part " + strconv.Itoa(i+1) + " of " + strconv.Itoa(len(messages))
		if header != want {
			t.Errorf("part %d begins with %q, want %q", i+1, header, want)
		}
		if !strings.HasPrefix(rest, "\nRotate\nHow to rotate.\n\nIAM users with") &&
			!strings.HasPrefix(rest, "\nLog in\nHow to log in, at length") {
			t.Errorf("part %d does not begin with its section's heading: %.80q", i+1, rest)
		}
		notices += len(m.Notices)
	}
	if notices != len(b.Notices) {
		t.Errorf("%d notices told, want %d", notices, len(b.Notices))
	}
}

func TestTextsLongerThanAPart(t *testing.T) {
	t.Parallel()
	const size = 900_000
	messages := (&sns.Topic{}).Compose(notify.Batch{
		Account:      acct,
		Announcement: strings.Repeat("é", size/2),
		Creation:     notify.Heading{Title: strings.Repeat("T", size), Text: strings.Repeat("字\n", size/4)},
		Notices: []notify.Notice{
			{KeyID: "K1", User: strings.Repeat("u", size), Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge},
			{KeyID: "K2", User: "v", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge},
		},
	})
	counts, notices := map[rune]int{}, 0
	for i, m := range messages {
		if len(m.Body)+len(m.Subject) > 256*1024 {
			t.Errorf("part %d has %d bytes", i+1, len(m.Body))
		}
		for _, r := range m.Body {
			counts[r]++
		}
		notices += len(m.Notices)
	}
	if counts['é'] != size/2 || counts['T'] < size || counts['字'] != size/4 || counts['u'] < size || notices != 2 {
		t.Errorf("something was cut: é %d, T %d, 字 %d, u %d, notices %d",
			counts['é'], counts['T'], counts['字'], counts['u'], notices)
	}
	if counts['\uFFFD'] != 0 {
		t.Error("a character was cut in two")
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"AuthorizationError": "allow sns:Publish on the topic",
		"AccessDenied":       "allow sns:Publish on the topic",
		"NotFound":           "there is no such topic",
		"KMSAccessDenied":    "kms:GenerateDataKey",
		"ExpiredToken":       "credentials have expired",
		"InvalidParameter":   "InvalidParameter",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := startService(t)
			s.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: code})
			err := newTopic(t, topicARN, s.client(), sns.Options{}).Send(t.Context(), notify.Message{Subject: "s", Body: "b"})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), topicARN) {
				t.Errorf("error is %v, want %q and the topic in it", err, want)
			}
			if s.Requests() != 1 {
				t.Errorf("%d requests, want 1", s.Requests())
			}
		})
	}
}

func TestFIFOTopic(t *testing.T) {
	t.Parallel()
	var inputs []*awssns.PublishInput
	topic := newTopic(t, topicARN+".fifo", publisher(func(in *awssns.PublishInput) error {
		inputs = append(inputs, in)
		return nil
	}), sns.Options{})
	for _, body := range []string{"one", "two", "one"} {
		if err := topic.Send(t.Context(), notify.Message{Subject: "s", Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if inputs[0].MessageGroupId == nil || *inputs[0].MessageDeduplicationId != *inputs[2].MessageDeduplicationId ||
		*inputs[0].MessageDeduplicationId == *inputs[1].MessageDeduplicationId {
		t.Errorf("a FIFO topic needs a group, and an id that follows the message")
	}
}

func TestRegionOf(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]string{
		topicARN: "eu-west-1",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:keys":     "us-gov-west-1",
		"arn:aws-cn:sns:cn-northwest-1:123456789012:keys_1.fifo": "cn-northwest-1",
		"arn:aws-iso-b:sns:us-isob-east-1:123456789012:k":        "us-isob-east-1",
		"arn:aws:sns:ap-southeast-12:123456789012:a-b_C9":        "ap-southeast-12",
	} {
		if got, err := sns.RegionOf(topic); got != want || err != nil {
			t.Errorf("RegionOf(%q) = %q, %v, want %q", topic, got, err, want)
		}
	}
	for topic, want := range map[string]string{
		"":     "not an ARN",
		"keys": "not an ARN",
		"arn:aws:sqs:eu-west-1:123456789012:keys":          "service",
		"arn:azure:sns:eu-west-1:123456789012:keys":        "partition",
		"arn:aws:sns::123456789012:keys":                   "not a region",
		"arn:aws:sns:mars:123456789012:keys":               "not a region",
		"arn:aws:sns:eu-west-1:1234:keys":                  "account id",
		"arn:aws:sns:eu-west-1:123456789012:":              "name of a topic",
		"arn:aws:sns:eu-west-1:123456789012:a b":           "name of a topic",
		"arn:aws:sns:eu-west-1:123456789012:keys:0000-111": "subscription",
		topicARN + "\n": "name of a topic",
	} {
		_, err := sns.RegionOf(topic)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("RegionOf(%q) = %v, want an error with %q", topic, err, want)
		}
		if _, err := sns.NewTopic(topic, nil, sns.Options{}); err == nil {
			t.Errorf("NewTopic took %q", topic)
		}
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run("notices="+strconv.Itoa(n), func(b *testing.B) {
			batch := channeltest.Crowd(n)
			b.ReportAllocs()
			for b.Loop() {
				if len((&sns.Topic{}).Compose(batch)) == 0 {
					b.Fatal("no messages")
				}
			}
		})
	}
}

// A message is printed once, however often it is tried.
func TestEcho(t *testing.T) {
	t.Parallel()
	s := startService(t)
	var echo strings.Builder
	m := notify.Message{Subject: "a subject", Body: "a body\nof two lines"}
	if err := newTopic(t, topicARN, s.client(), sns.Options{Echo: &echo}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if want := "sns message: a subject\na body\nof two lines\n"; echo.String() != want || len(s.taken()) != 1 {
		t.Errorf("printed %q and published %d, want %q and 1", echo.String(), len(s.taken()), want)
	}
}
