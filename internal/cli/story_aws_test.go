package cli

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// setUpAccount fills the story's AWS account from a file:
//
//	alias acme-production
//	user tobias Name="Tobias Funke" Slack=UPML12345
//	key KEYID1 age=95d used=2d
//	key KEYID2 age=1d inactive
//	user ci path=/service/ Kind=machine
//	group contractors tobias
//
// Values are quoted as in Go where they must be. {day+1} is tomorrow's date.
func setUpAccount(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "account FILE")
	home := worldOf(ts).aws.Home()
	now := time.Now()
	var users []awsfake.User
	var root awsfake.Root
	for i, line := range strings.Split(ts.ReadFile(args[0]), "\n") {
		fail := func(err error) {
			if err != nil {
				ts.Fatalf("%s:%d: %v", args[0], i+1, err)
			}
		}
		words, err := wordsOf(line)
		fail(err)
		switch {
		case len(words) == 0:
		case words[0] == "alias" && len(words) == 2:
			home.SetAlias(words[1])
		case policyLine(home, words, users):
		case words[0] == "group" && len(words) >= 2:
			home.SetGroup(words[1], words[2:]...)
		case words[0] == "user" && len(words) >= 2:
			tags, err := tagsOf(words[2:], now)
			fail(err)
			path := tags["path"]
			delete(tags, "path")
			users = append(users, awsfake.User{Name: words[1], Path: path, Tags: tags})
		case words[0] == "key" && len(words) >= 2 && len(users) > 0:
			key, err := keyOf(words[1:], now)
			fail(err)
			owner := &users[len(users)-1]
			owner.Keys = append(owner.Keys, key)
		case words[0] == "call" && len(words) > 2:
			calls, err := callsOf(words[1:], now)
			fail(err)
			home.AddTrailEvents(calls...)
		default:
			known, err := otherCredential(words, users, &root, func(words []string) (awsfake.Key, error) { return keyOf(words, now) })
			fail(err)
			if !known {
				fail(fmt.Errorf("neither alias, user, key, root-key, password nor certificate: %q", line))
			}
		}
	}
	home.SetRoot(root)
	for _, user := range users {
		home.AddUser(user)
	}
}

// wordsOf splits a line at spaces outside quotes.
func wordsOf(line string) (words []string, err error) {
	if line, _, _ = strings.Cut(line, "# "); strings.TrimSpace(line) == "" {
		return nil, nil
	}
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		word := ""
		for rest != "" && rest[0] != ' ' {
			if rest[0] != '"' {
				word, rest = word+rest[:1], rest[1:]
				continue
			}
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("a quote is left open: %s", rest)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			word, rest = word+text, rest[len(quoted):]
		}
		words = append(words, word)
	}
	return words, nil
}

func tagsOf(words []string, now time.Time) (map[string]string, error) {
	tags := map[string]string{}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found {
			return nil, fmt.Errorf("no tag: %q", word)
		}
		tags[name] = dated(value, now)
	}
	return tags, nil
}

var dayInTag = regexp.MustCompile(`\{day([+-]\d+)\}`)

// dated puts dates in the place of days from now, such as {day+20}.
func dated(value string, now time.Time) string {
	return dayInTag.ReplaceAllStringFunc(value, func(found string) string {
		days, _ := strconv.Atoi(dayInTag.FindStringSubmatch(found)[1])
		return now.UTC().AddDate(0, 0, days).Format(time.DateOnly)
	})
}

func keyOf(words []string, now time.Time) (awsfake.Key, error) {
	key := awsfake.Key{ID: words[0], Active: true, Created: now}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		ago, err := before(now, value)
		switch {
		case name == "inactive":
			key.Active = false
		case err != nil:
			return key, err
		case name == "age":
			key.Created = ago
		case name == "used":
			key.LastUsed = ago
		default:
			return key, fmt.Errorf("neither age, used nor inactive: %q", word)
		}
	}
	return key, nil
}

// callsOf are calls with a key that CloudTrail knows, a minute apart.
func callsOf(words []string, now time.Time) ([]awsfake.TrailEvent, error) {
	service, name, _ := strings.Cut(words[1], ":")
	call, times := awsfake.TrailEvent{KeyID: words[0], Service: service, Name: name, At: now}, 1
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "ago":
			call.At, err = before(now, value)
		case "from":
			call.Source = value
		case "agent":
			call.UserAgent = value
		case "region":
			call.Region = value
		case "error":
			call.ErrorCode = value
		case "times":
			times, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("a call has no %q", name)
		}
		if err != nil {
			return nil, err
		}
	}
	calls := make([]awsfake.TrailEvent, times)
	for i := range calls {
		calls[i] = call
		calls[i].At = call.At.Add(-time.Duration(i) * time.Minute)
	}
	return calls, nil
}

// before is the moment an age such as 95d or 89d23h ago.
func before(now time.Time, age string) (time.Time, error) {
	days, rest, found := strings.Cut(age, "d")
	n, err := strconv.Atoi(days)
	if !found || err != nil {
		return time.Time{}, fmt.Errorf("no age: %q", age)
	}
	then := now.Add(-time.Duration(n) * 24 * time.Hour)
	if rest == "" {
		return then, nil
	}
	more, err := time.ParseDuration(rest)
	return then.Add(-more), err
}

// addCrowd adds users whose keys expire in five days.
func addCrowd(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "crowd N")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	home := worldOf(ts).aws.Home()
	for i := range n {
		home.AddUser(awsfake.User{
			Name: fmt.Sprintf("member-%05d", i),
			Tags: map[string]string{"Name": "Member", "Slack": fmt.Sprintf("U%05d", i)},
			Keys: []awsfake.Key{{Active: true, Created: time.Now().UTC().AddDate(0, 0, -85)}},
		})
	}
}

// changeAccount does to the account what a person might do meanwhile.
func changeAccount(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg, "change tag USER TAG=VALUE | untag USER TAG | use KEY | deactivate KEY | activate KEY | delete USER | rename USER NAME | forbid ACTION...")
	change, err := changeOf(worldOf(ts).aws.Home(), args)
	ts.Check(err)
	change()
}

func changeOf(account *awsfake.Account, args []string) (func(), error) {
	switch what := strings.Join(args[:min(1, len(args))], ""); {
	case what == "tag" && len(args) == 3:
		name, value, _ := strings.Cut(args[2], "=")
		return func() { account.SetTag(args[1], name, dated(value, time.Now())) }, nil
	case what == "untag" && len(args) == 3:
		return func() { account.RemoveTag(args[1], args[2]) }, nil
	case what == "use" && len(args) == 2:
		return func() { account.UseKey(args[1], time.Now(), "s3", "us-east-1") }, nil
	case what == "rename" && len(args) == 3:
		return func() { account.RenameUser(args[1], args[2]) }, nil
	case what == "deactivate" && len(args) == 2:
		return func() { account.SetKeyStatus(args[1], false) }, nil
	case what == "activate" && len(args) == 2:
		return func() { account.SetKeyStatus(args[1], true) }, nil
	case what == "forbid" && len(args) > 1:
		return func() { account.Forbid(args[1:]...) }, nil
	case what == "delete" && len(args) == 2:
		return func() { account.RemoveUser(args[1]) }, nil
	}
	return nil, fmt.Errorf("no change: %q", args)
}

// injectFault makes calls go wrong: which ones, and how.
func injectFault(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "fault ACTION [user=NAME] [key=ID] [nth=N] [times=N] [status=N] [code=CODE] [body=TEXT|@FILE] [without=ELEMENT] [drop] [after]")
	f, err := faultOf(args)
	ts.Check(err)
	if file, isFile := strings.CutPrefix(f.Body, "@"); isFile {
		f.Body = ts.ReadFile(file)
	}
	worldOf(ts).aws.Inject(f)
}

// changeBefore has the account changed just before a call takes effect.
func changeBefore(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "change")
	usage(ts, !neg && at > 0, "before ACTION [user=NAME] [key=ID] [nth=N] change ...")
	w := worldOf(ts)
	f, err := faultOf(args[:at])
	ts.Check(err)
	f.Do, err = changeOf(w.aws.Home(), args[at+1:])
	ts.Check(err)
	w.aws.Inject(f)
}

// holdCall keeps the answer of a call back until the story ends, so that
// something can be done to the command meanwhile, once it is reached.
func holdCall(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 1, "hold ACTION [user=NAME] [key=ID] [nth=N]")
	w := worldOf(ts)
	f, err := faultOf(args)
	ts.Check(err)
	reached, ended := make(chan struct{}), make(chan struct{})
	w.reached = reached
	ts.Defer(func() { close(ended) })
	f.Times, f.Drop = 1, true
	f.Do = func() {
		close(reached)
		<-ended
	}
	w.aws.Inject(f)
}

// waitForHeld waits until the call that is held was made.
func waitForHeld(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "reached")
	<-worldOf(ts).reached
}

func faultOf(args []string) (f awsfake.Fault, err error) {
	f.Action = args[0]
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "user":
			f.User = value
		case "key":
			f.KeyID = value
		case "nth":
			f.Nth, err = strconv.Atoi(value)
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "status":
			f.Status, err = strconv.Atoi(value)
		case "code":
			f.Code = value
		case "body":
			f.Body = value
		case "without":
			f.Rewrite = awsfake.Without(value)
		case "drop":
			f.Drop = true
		case "after":
			f.AfterEffect = true
		default:
			err = fmt.Errorf("a fault has no %q", name)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// showKeys says what became of every key, or of those of some users.
func showKeys(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg, "keys [USER...]")
	say(ts, "") // with nothing to show, the last answer must not stand
	for _, user := range worldOf(ts).aws.Home().Users() {
		if len(args) > 0 && !slices.Contains(args, user.Name) {
			continue
		}
		for _, key := range user.Keys {
			status := "Inactive"
			if key.Active {
				status = "Active"
			}
			say(ts, "%s %s %s\n", user.Name, key.ID, status)
		}
	}
}

// showCalls counts the calls made so far, by action.
func showCalls(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "calls")
	say(ts, "") // with nothing to show, the last answer must not stand
	counts := map[string]int{}
	for _, call := range worldOf(ts).aws.Calls() {
		counts[call.Action]++
	}
	for _, action := range slices.Sorted(maps.Keys(counts)) {
		say(ts, "%s %d\n", action, counts[action])
	}
}

// showTopic shows what was published.
func showTopic(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "sns")
	say(ts, "") // with nothing to show, the last answer must not stand
	for i, p := range worldOf(ts).aws.Home().Published() {
		say(ts, "== message %d: %s\n%s", i+1, p.Subject, p.Message)
	}
}
