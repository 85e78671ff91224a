package risk

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// allow is a policy of one statement.
func allow(actions, resources string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":` + resources + `}]}`
}

func abilitiesIn(r Reading) string {
	var names []string
	for _, ability := range Abilities() {
		if r.Abilities[ability] {
			names = append(names, string(ability))
		}
	}
	return strings.Join(names, " ")
}

const everything = "administrator change_permissions create_credentials pass_roles read_data assume_roles"

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ policy, want string }{
		"AdministratorAccess":           {allow(`"*"`, `"*"`), everything},
		"in lists":                      {allow(`["*"]`, `["*"]`), everything},
		"every service":                 {allow(`"*:*"`, `"*"`), everything},
		"every ARN":                     {allow(`"*"`, `"arn:aws:*"`), everything},
		"one statement, not in a list":  {`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, everything},
		"names in other case":           {`{"statement":[{"EFFECT":"allow","aCtIoN":"*","RESOURCE":"*"}]}`, everything},
		"IAMFullAccess":                 {allow(`"iam:*"`, `"*"`), "change_permissions create_credentials pass_roles"},
		"actions in other case":         {allow(`"IAM:putUSERpolicy"`, `"*"`), "change_permissions"},
		"an action with escapes":        {allow(`"iam:Put\u0055serPolicy"`, `"*"`), "change_permissions"},
		"a wildcard in the action":      {allow(`"iam:*Login*"`, `"*"`), "create_credentials"},
		"a wildcard in the service":     {allow(`"i?m:CreateAccessKey"`, `"*"`), "create_credentials"},
		"a wildcard for one character":  {allow(`"iam:PassRol?"`, `"*"`), "pass_roles"},
		"not quite an action":           {allow(`["iam:PassRole2","iam:PassRol","iam:assRole","xiam:PassRole"]`, `"*"`), ""},
		"PowerUserAccess":               {`{"Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}]}`, "read_data assume_roles"},
		"all but something harmless":    {`{"Statement":[{"Effect":"Allow","NotAction":"aws-portal:*","Resource":"*"}]}`, everything},
		"all but passing roles":         {`{"Statement":[{"Effect":"Allow","NotAction":"iam:passrole","Resource":"*"}]}`, "change_permissions create_credentials read_data assume_roles"},
		"all but everything":            {`{"Statement":[{"Effect":"Allow","NotAction":"*","Resource":"*"}]}`, ""},
		"all resources but some":        {`{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"arn:aws:iam::1:user/x"}]}`, everything},
		"read only":                     {allow(`["s3:Get*","s3:List*"]`, `"*"`), "read_data"},
		"lists only":                    {allow(`["s3:List*","ec2:Describe*"]`, `"*"`), ""},
		"one bucket":                    {allow(`"s3:*"`, `"arn:aws:s3:::b/*"`), "read_data"},
		"everything on one bucket":      {allow(`"*"`, `"arn:aws:s3:::b/*"`), "read_data"},
		"everything on IAM":             {allow(`"*"`, `["arn:aws:iam::1:*"]`), "change_permissions create_credentials pass_roles assume_roles"},
		"a wildcard in a service's ARN": {allow(`"iam:PassRole"`, `"arn:aws:i*:::role/x"`), "pass_roles"},
		"an odd resource":               {allow(`"iam:PassRole"`, `"role"`), "pass_roles"},
		"one role":                      {allow(`"sts:AssumeRole"`, `"arn:aws:iam::1:role/deploy"`), "assume_roles"},
		"own keys": {allow(`["iam:*AccessKey*","iam:ChangePassword"]`, `["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]`),
			"own_credentials"},
		"own keys and MFA":          {allow(`"iam:*"`, `["arn:aws:iam::*:mfa/${aws:username}","arn:aws:iam::*:user/${aws:username}"]`), "change_permissions pass_roles own_credentials"},
		"own keys and others'":      {allow(`"iam:CreateAccessKey"`, `["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/ci-*"]`), "create_credentials"},
		"keys of similar names":     {allow(`"iam:CreateAccessKey"`, `"arn:aws:iam::*:user/${aws:username}*"`), "create_credentials"},
		"a variable that may be *":  {allow(`"iam:CreateAccessKey"`, `"arn:aws:${aws:PrincipalTag/service}:::user/${aws:username}"`), "create_credentials"},
		"under a condition":         {`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`, everything},
		"denied as well":            {`{"Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}`, "pass_roles"},
		"denied only":               {`{"Statement":[{"Sid":"no","Effect":"Deny","Action":"*","Resource":"*"}]}`, ""},
		"no statements":             {`{"Version":"2012-10-17","Statement":[]}`, ""},
		"space around the document": {" \n" + allow(`"iam:PassRole"`, `"*"`) + "\n", "pass_roles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Read(c.policy)
			if got := abilitiesIn(r); got != c.want || r.Err != nil {
				t.Errorf("got %q, %v, want %q", got, r.Err, c.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsNotEvaluated(t *testing.T) {
	t.Parallel()
	ok := `{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}`
	for name, c := range map[string]struct{ policy, want string }{
		"nothing":                 {"", ""},
		"no JSON":                 {"allow everything", ""},
		"cut short":               {allow(`"*"`, `"*"`)[:60], ""},
		"a list":                  {"[" + ok + "]", ""},
		"null":                    {"null", ""},
		"two documents":           {allow(`"s3:GetObject"`, `"*"`) + allow(`"*"`, `"*"`), ""},
		"no statement":            {`{"Version":"2012-10-17"}`, ""},
		"statements twice":        {`{"Statement":[` + ok + `],"statement":[]}`, ""},
		"an unknown element":      {`{"Statement":[],"Grants":[]}`, ""},
		"a statement of text":     {`{"Statement":["Allow",` + ok + `]}`, "pass_roles"},
		"no effect":               {`{"Statement":[{"Action":"*","Resource":"*"},` + ok + `]}`, "pass_roles"},
		"another effect":          {`{"Statement":[{"Effect":"Permit","Action":"*","Resource":"*"},` + ok + `]}`, "pass_roles"},
		"no action":               {`{"Statement":[{"Effect":"Allow","Resource":"*"},` + ok + `]}`, "pass_roles"},
		"both kinds of actions":   {`{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"s3:*","Resource":"*"},` + ok + `]}`, "pass_roles"},
		"no resource":             {`{"Statement":[{"Effect":"Allow","Action":"*"},` + ok + `]}`, "pass_roles"},
		"both kinds of resources": {`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"x"},` + ok + `]}`, "pass_roles"},
		"an action that is none":  {`{"Statement":[{"Effect":"Allow","Action":[7],"Resource":"*"},` + ok + `]}`, "pass_roles"},
		"actions that are null":   {`{"Statement":[{"Effect":"Allow","Action":null,"Resource":"*"},` + ok + `]}`, "pass_roles"},
		"no actions":              {`{"Statement":[{"Effect":"Allow","Action":[],"Resource":"*"},` + ok + `]}`, "pass_roles"},
		"a resource that is none": {`{"Statement":[{"Effect":"Allow","Action":"*","Resource":{}},` + ok + `]}`, "pass_roles"},
		"a principal":             {`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},` + ok + `]}`, "pass_roles"},
		"an element twice":        {`{"Statement":[{"Effect":"Allow","Action":"s3:x","Action":"*","Resource":"*"},` + ok + `]}`, "pass_roles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Read(c.policy)
			if got := abilitiesIn(r); got != c.want || r.Err == nil {
				t.Errorf("got %q, %v, want %q and an error", got, r.Err, c.want)
			}
		})
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	a := NewAccount()
	a.AddPolicy("arn:admin", "AdministratorAccess", allow(`"*"`, `"*"`))
	a.AddPolicy("arn:read", "ReadOnlyAccess", allow(`"s3:Get*"`, `"*"`))
	a.AddPolicy("arn:broken", "Broken", `{`)
	a.AddGroup(Holder{Name: "admins", Attached: []string{"arn:admin"}})
	a.AddGroup(Holder{Name: "readers", Attached: []string{"arn:read"}, Inline: []Policy{{"pass", allow(`"iam:PassRole"`, `"*"`)}}})
	for name, c := range map[string]struct {
		of           Holder
		level        Level
		may          string
		notEvaluated string
	}{
		"nothing":            {Holder{}, NoneFound, "", ""},
		"attached":           {Holder{Attached: []string{"arn:read"}}, "read_data", "read_data by policy ReadOnlyAccess", ""},
		"inline":             {Holder{Inline: []Policy{{"mine", allow(`"sts:*"`, `"*"`)}}}, "assume_roles", "assume_roles by inline policy mine", ""},
		"by a group":         {Holder{Groups: []string{"readers"}}, "pass_roles", "pass_roles by inline policy pass of group readers, read_data by policy ReadOnlyAccess of group readers", ""},
		"own first":          {Holder{Attached: []string{"arn:read"}, Groups: []string{"readers"}}, "pass_roles", "pass_roles by inline policy pass of group readers, read_data by policy ReadOnlyAccess", ""},
		"a broken policy":    {Holder{Attached: []string{"arn:broken"}}, NotEvaluated, "", "policy Broken: it is not valid JSON"},
		"a broken inline":    {Holder{Inline: []Policy{{"mine", "x"}}}, NotEvaluated, "", "inline policy mine: it is not a JSON object"},
		"a missing policy":   {Holder{Attached: []string{"arn:read", "arn:gone"}}, NotEvaluated, "read_data by policy ReadOnlyAccess", "policy arn:gone: it was not there when the policies were read"},
		"a missing group":    {Holder{Groups: []string{"gone"}}, NotEvaluated, "", "group gone: it was not there when the policies were read"},
		"an admin, at least": {Holder{Groups: []string{"gone", "admins"}}, "administrator", "*", "group gone: it was not there when the policies were read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &Account{names: map[string]string{}, users: map[string]held{}, groups: a.groups, policies: a.policies}
			c.of.Name = "ann"
			a.AddUser(c.of)
			r := a.Of("ann")
			var may []string
			for _, g := range r.May {
				may = append(may, string(g.Ability)+" by "+g.By)
			}
			if c.may == "*" {
				c.may = strings.Join(may, ", ")
			}
			if r.Level != c.level || strings.Join(may, ", ") != c.may || strings.Join(r.NotEvaluated, ", ") != c.notEvaluated {
				t.Errorf("got %s, %q, %q", r.Level, may, r.NotEvaluated)
			}
		})
	}
	if r := a.Of("nobody"); r.Level != NotEvaluated || len(r.NotEvaluated) != 1 {
		t.Errorf("of a user who is not known: %+v", r)
	}
	if levels := Levels(); levels[0] != "administrator" || levels[1] != NotEvaluated || levels[len(levels)-1] != NoneFound || len(levels) != len(Abilities())+2 {
		t.Errorf("levels %v", levels)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(allow(`"*"`, `"*"`), `"iam:PassRole"`)
	f.Add(`{"Statement":{"Effect":"Deny"}}`, `["x",null]`)
	f.Add(``, `{"a":[[`)
	f.Fuzz(func(t *testing.T, document, more string) {
		r := Read(document)
		// Of what is no policy, nothing may pass for harmless.
		if !json.Valid([]byte(document)) && r.Err == nil {
			t.Errorf("%q passes for a policy", document)
		}
		// One more statement never makes less possible.
		var statements []json.RawMessage
		var policy struct{ Statement []json.RawMessage }
		if r.Err != nil || json.Unmarshal([]byte(document), &policy) != nil {
			return
		}
		if json.Unmarshal([]byte(more), new(any)) != nil {
			return
		}
		statements = append(slices.Clone(policy.Statement), json.RawMessage(`{"Effect":"Allow","Action":`+more+`,"Resource":"*"}`))
		text, err := json.Marshal(map[string]any{"Statement": statements})
		if err != nil {
			return
		}
		after := Read(string(text))
		for ability := range r.Abilities {
			if !after.Abilities[ability] {
				t.Errorf("%s is lost with one more statement %s", ability, more)
			}
		}
	})
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "abc", true}, {"?", "", false}, {"a?c", "abc", true},
		{"a*c*e", "abcde", true}, {"a*c*f", "abcde", false}, {"*ab", "aab", true}, {"*a*b", "aaac", false},
	} {
		if got := matches(c.pattern, c.text); got != c.want {
			t.Errorf("%q matches %q: %t", c.pattern, c.text, got)
		}
	}
	if matches(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 5000)) { // must not take exponential time
		t.Error("matches")
	}
}

// TestDocumentsAreNotKept: what is kept of a full account is far smaller than its
// policies are. It does not run beside others, as it looks at the heap.
func TestDocumentsAreNotKept(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	a := NewAccount()
	for i := range 5000 {
		document := allow(`["s3:GetObject","`+strings.Repeat("x", 2000)+fmt.Sprint(i)+`"]`, `"*"`)
		a.AddUser(Holder{Name: fmt.Sprint("user-", i), Inline: []Policy{{"inline", document}}, Groups: []string{"everybody"}, Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}})
	}
	if kept := heap() - before; kept > 5<<20 {
		t.Errorf("%d bytes are kept of 10 MB of policies", kept)
	}
	if level := a.Of("user-17").Level; level != NotEvaluated { // the group is missing
		t.Errorf("level %s", level)
	}
}
