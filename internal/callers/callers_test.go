package callers_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/text"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func tally(events ...callers.Event) []callers.Caller {
	var t callers.Tally
	for _, e := range events {
		t.Add(e)
	}
	return t.Callers()
}

// TestClientsAreIdentified is how user agents, as CloudTrail records them, are
// shortened, and the advice that goes with each.
func TestClientsAreIdentified(t *testing.T) {
	t.Parallel()
	const public, private = "203.0.113.7", "10.1.2.3"
	for _, one := range []struct {
		agent, source string
		client        string
		place         callers.Place
	}{
		{"aws-cli/2.22.0 md/awscrt#0.22.0 ua/2.0 os/macos#24.1.0 md/arch#arm64 lang/python#3.12.6 md/command#s3.ls", public, "aws-cli on macOS", callers.Computer},
		{"[aws-cli/2.15.0 Python/3.11.6 Darwin/23.1.0 source/arm64 prompt/off command/sts.get-caller-identity]", public, "aws-cli on macOS", callers.Computer},
		{"aws-cli/2.15.0 Python/3.11.6 Windows/10 exe/AMD64 prompt/off command/s3.ls", public, "aws-cli on Windows", callers.Computer},
		{"aws-cli/2.15.0 Python/3.11.6 Windows/2022Server exe/AMD64 command/s3.ls", public, "aws-cli on Windows Server", callers.Outside},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/5.15.153.1-microsoft-standard-WSL2 exe/x86_64.ubuntu.22", public, "aws-cli on Windows", callers.Computer},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/5.10.201-191.748.amzn2.x86_64 exe/x86_64.amzn.2", public, "aws-cli on Amazon Linux", callers.EC2},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/5.15.0-1051-aws exe/x86_64.ubuntu.22", public, "aws-cli on EC2", callers.EC2},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/6.5.0-1025-azure exe/x86_64.ubuntu.22", public, "aws-cli on Azure", callers.Outside},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0-18-amd64 exe/x86_64.debian.12", public, "aws-cli", callers.Outside},
		{"aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0-18-amd64 exe/x86_64.debian.12", private, "aws-cli", callers.Unknown},
		{"Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#5.10.0 lang/python#3.12 exec-env/AWS_Lambda_python3.12 Botocore/1.34.0", public, "boto3 on Lambda", callers.Lambda},
		{"aws-sdk-go-v2/1.30.0 os/linux lang/go#1.22 exec-env/AWS_ECS_FARGATE api/s3#1.58.0", public, "AWS SDK for Go on ECS", callers.ECS},
		{"APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.31.0 aws-sdk-go-v2/1.24.0 os/linux lang/go#1.20", public, "Terraform", callers.Outside},
		{"aws-sdk-nodejs/2.1.0 linux/v16 configure-aws-credentials-for-github-actions promise", public, "GitHub Actions", callers.GitHub},
		{"aws-sdk-java/2.20.0 Linux/5.10.0-28-cloud-amd64 OpenJDK_64-Bit_Server_VM/17 Java/17", public, "AWS SDK for Java", callers.Outside},
		{"my-tool/1.2 (linux)", public, "my-tool", callers.Outside},
		{"", public, "an unknown program", callers.Outside},
		{"", "", "an unknown program", callers.Unknown},
		{"cloudformation.amazonaws.com", "cloudformation.amazonaws.com", "cloudformation.amazonaws.com", callers.Service},
		{"AWS Internal", "AWS Internal", "AWS Internal", callers.Service},
	} {
		got := tally(callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Agent: one.agent, Source: one.source})[0]
		if got.Client != one.client || got.Place != one.place {
			t.Errorf("%q from %q is %q at %q, want %q at %q", one.agent, one.source, got.Client, got.Place, one.client, one.place)
		}
		if without := one.place == callers.Service || one.place == callers.Unknown; without != (got.Advice() == "") {
			t.Errorf("the advice to %s is %q", one.client, got.Advice())
		}
	}
	if got := tally(callers.Event{At: noon, Agent: "curl/8", Source: "10.1.2.3", InVPC: true})[0]; got.Place != callers.EC2 {
		t.Errorf("a call through a VPC endpoint is at %q, want %q", got.Place, callers.EC2)
	}
}

func TestEventsAreGroupedByCaller(t *testing.T) {
	t.Parallel()
	event := func(ago time.Duration, service, name, failure, source, agent string) callers.Event {
		return callers.Event{At: noon.Add(-ago), Service: service, Name: name, Error: failure, Source: source, Agent: agent}
	}
	const laptop, pipeline = "aws-cli/2 os/macos#24", "Terraform/1.5"
	got := tally(
		event(time.Hour, "s3", "ListBuckets", "", "203.0.113.7", laptop),
		event(3*time.Hour, "s3", "ListBuckets", "", "203.0.113.7", laptop),
		event(2*time.Hour, "iam", "GetUser", "AccessDenied", "203.0.113.7", laptop),
		event(0, "sts", "GetCallerIdentity", "", "198.51.100.1", laptop),
		event(0, "ec2", "RunInstances", "", "203.0.113.7", pipeline),
	)
	want := callers.Caller{
		Client: "aws-cli on macOS", Place: callers.Computer, Source: "203.0.113.7", Calls: 3,
		First: noon.Add(-3 * time.Hour), Last: noon.Add(-time.Hour),
		Actions: []callers.Action{{Name: "s3:ListBuckets", Calls: 2}, {Name: "iam:GetUser", Error: "AccessDenied", Calls: 1}},
	}
	if len(got) != 3 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("the callers are %+v, want 3, the first %+v", got, want)
	}
	line := got[0].Line(false, text.OneLine)
	if want := "aws-cli on macOS from 203.0.113.7 (s3:ListBuckets, iam:GetUser; 1 time AccessDenied, 3 calls, last on Tuesday 24 November 2026, 11:00 UTC)"; line != want {
		t.Errorf("line\n%s, want\n%s", line, want)
	}
	if line := got[0].Line(true, text.OneLine); !strings.Contains(line, "at least 3 calls") {
		t.Errorf("of more calls: %s", line)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got := callers.Parse(`{"eventSource":"s3.amazonaws.com","eventName":"ListBuckets","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2",`+
		`"errorCode":"AccessDenied","vpcEndpointId":"vpce-1"}`, noon)
	want := callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Source: "203.0.113.7", Agent: "aws-cli/2", Error: "AccessDenied", InVPC: true}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := callers.Parse(`{"eventName":7`, noon); got.Service != "unknown" || got.Name != "unknown" || !got.At.Equal(noon) {
		t.Errorf("a record that cannot be read is %+v", got)
	}
}

func TestWhatIsSaidOfUses(t *testing.T) {
	t.Parallel()
	looked := callers.Uses{At: noon, Since: noon.AddDate(0, 0, -90), Regions: 17}
	used := looked
	used.Calls, used.Callers = 4, tally(
		callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Agent: "Terraform/1", Source: "203.0.113.7"},
		callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Agent: "boto3/1", Source: "203.0.113.7"},
		callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Agent: "curl/1", Source: "203.0.113.7"},
		callers.Event{At: noon, Service: "s3", Name: "ListBuckets", Agent: "aws-cli/1", Source: "203.0.113.7"},
	)
	partly := looked
	partly.Regions, partly.Unread = 2, []string{"eu-west-1"}
	for _, one := range []struct{ got, want string }{
		{callers.Uses{}.Heading(), "Who uses the key was not looked up."},
		{looked.Heading(), "CloudTrail shows no call with the key between Wednesday 26 August 2026, 12:00 UTC and Tuesday 24 November 2026, 12:00 UTC; it may be in use all the same."},
		{partly.Heading(), "CloudTrail shows no call with the key between Wednesday 26 August 2026, 12:00 UTC and Tuesday 24 November 2026, 12:00 UTC in 2 regions (1 not looked up); it may be in use all the same."},
		{used.Heading(), "CloudTrail shows these callers between Wednesday 26 August 2026, 12:00 UTC and Tuesday 24 November 2026, 12:00 UTC:"},
		{used.Remainder(), ""},
		{used.Top(3, 1).Remainder(), "1 other caller"},
		{used.Brief(text.OneLine), "Used by AWS SDK"},
		{looked.Brief(text.OneLine), ""},
	} {
		if one.want == "Used by AWS SDK" {
			if !strings.HasPrefix(one.got, "Used by ") && !strings.HasSuffix(one.got, " and by 3 other callers.") {
				t.Errorf("in brief: %s", one.got)
			}
			continue
		}
		if one.got != one.want {
			t.Errorf("said\n%s, want\n%s", one.got, one.want)
		}
	}
	for _, said := range []string{callers.Uses{}.Heading(), looked.Heading(), partly.Heading(), callers.Blind} {
		if strings.Contains(strings.ToLower(said), "unused") {
			t.Errorf("it says that a key is unused: %s", said)
		}
	}
}

// anEvent draws events whose texts may be hostile.
func anEvent() *rapid.Generator[callers.Event] {
	return rapid.Custom(func(t *rapid.T) callers.Event {
		word := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"aws-cli/2 os/macos", "boto3/1", "=cmd()", "<!channel>", "a\r\nb", "\u202e", strings.Repeat("é", 100)}))
		return callers.Event{
			At:      noon.Add(-time.Duration(rapid.IntRange(0, 1e6).Draw(t, "ago")) * time.Second),
			Service: word.Draw(t, "service"), Name: word.Draw(t, "name"), Error: word.Draw(t, "error"),
			Source: word.Draw(t, "source"), Agent: word.Draw(t, "agent"), InVPC: rapid.Bool().Draw(t, "vpc"),
		}
	})
}

func TestGroupingLosesNothingAndShowsShortLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(anEvent(), 1, 30).Draw(t, "events")
		got := tally(events...)
		shuffled := rapid.Permutation(events).Draw(t, "shuffled")
		if again := tally(shuffled...); !reflect.DeepEqual(got, again) {
			t.Fatalf("another order gives %+v, want %+v", again, got)
		}
		calls := 0
		for i, c := range got {
			calls += c.Calls
			inActions := 0
			for _, a := range c.Actions {
				inActions += a.Calls
				wantShort(t, a.Name, a.Error)
			}
			if inActions != c.Calls || c.First.After(c.Last) || i > 0 && got[i-1].Calls < c.Calls {
				t.Fatalf("caller %+v does not add up", c)
			}
			wantShort(t, c.Client, c.Source)
			if c.Client == "" || strings.ContainsAny(c.Line(false, text.OneLine), "\r\n") {
				t.Fatalf("caller %+v is shown as %q", c, c.Line(false, text.OneLine))
			}
		}
		if calls != len(events) {
			t.Fatalf("%d calls of %d events", calls, len(events))
		}
		top := callers.Uses{Callers: got}.Top(2, 1)
		if len(top.Callers) > 2 || len(top.Callers)+top.Others != len(got) {
			t.Fatalf("of %d callers the top is %+v", len(got), top)
		}
	})
}

type failing interface {
	Fatalf(format string, args ...any)
}

// wantShort holds texts of others to one line of 80 bytes without controls.
func wantShort(t failing, texts ...string) {
	for _, s := range texts {
		bad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
		if len(s) > 80 || strings.ContainsFunc(s, bad) {
			t.Fatalf("%q is not a short line", s)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(`{"eventSource":"s3.amazonaws.com","userAgent":"aws-cli/2\n=cmd|' /C calc'!A0","sourceIPAddress":"<script>"}`)
	f.Add(`{"userAgent":"` + strings.Repeat("\u00e9", 200) + `"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, record string) {
		var all callers.Tally
		all.Add(callers.Parse(record, noon))
		got := all.Callers()
		if len(got) != 1 || all.Calls() != 1 {
			t.Fatalf("%d callers of one event", len(got))
		}
		wantShort(t, append([]string{got[0].Client, got[0].Source}, got[0].Actions[0].Name, got[0].Actions[0].Error)...)
		if !slices.Contains([]callers.Place{callers.GitHub, callers.Pipeline, callers.Lambda, callers.ECS, callers.EC2, callers.Computer, callers.Outside, callers.Service, callers.Unknown}, got[0].Place) {
			t.Fatalf("an unknown place %q", got[0].Place)
		}
	})
}
