package cli

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// showFiles names and shows the files that match a glob, whose names a story
// cannot know.
func showFiles(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "files GLOB")
	say(ts, "") // with nothing to show, the last answer must not stand
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, file := range found {
		name, err := filepath.Rel(ts.MkAbs("."), file)
		ts.Check(err)
		text, err := os.ReadFile(file)
		ts.Check(err)
		say(ts, "== %s\n%s\n", filepath.ToSlash(name), text)
	}
}

// otherCredential takes in a line about what is no access key of a user:
// root-key, password, certificate or api-key. It reports whether the line is one.
func otherCredential(words []string, users []awsfake.User, root *awsfake.Root, key func([]string) (awsfake.Key, error)) (bool, error) {
	if words[0] != "root-key" && (len(users) == 0 || words[0] != "password" && words[0] != "certificate" && words[0] != "api-key") {
		return false, nil
	}
	described, err := key(words[1:])
	if err != nil {
		return true, err
	}
	switch words[0] {
	case "api-key":
		user := &users[len(users)-1]
		user.ServiceKeys = append(user.ServiceKeys, awsfake.ServiceKey{ID: described.ID, Service: "bedrock.amazonaws.com", Active: described.Active, Created: described.Created})
	case "root-key":
		root.Keys = append(root.Keys, described)
	case "password":
		user := &users[len(users)-1]
		user.Password, user.PasswordChanged, user.PasswordLastUsed = true, described.Created, described.LastUsed
	default:
		user := &users[len(users)-1]
		user.Certificates = append(user.Certificates, awsfake.Certificate{Active: described.Active, Rotated: described.Created})
	}
	return true, nil
}
