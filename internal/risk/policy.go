// Package risk says what the policies of IAM users may let them do, to sort keys
// by what is at stake. It is pure, and errs on one side: it claims too much
// rather than too little, and what it cannot read is never taken for harmless.
package risk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ability is something that a policy allows, as JSON names it.
type Ability string

// The abilities.
const (
	Administrator     Ability = "administrator"      // everything
	ChangePermissions Ability = "change_permissions" // attach, write or replace policies, or join groups
	CreateCredentials Ability = "create_credentials" //nolint:gosec // of other users; no credential itself
	PassRoles         Ability = "pass_roles"         // to services, which then act with them
	ReadData          Ability = "read_data"          // that AWS services keep
	AssumeRoles       Ability = "assume_roles"       // whatever those may do
	OwnCredentials    Ability = "own_credentials"    // more of them for the user itself
)

// Abilities lists all abilities, the gravest first.
func Abilities() []Ability {
	return []Ability{Administrator, ChangePermissions, CreateCredentials, PassRoles, ReadData, AssumeRoles, OwnCredentials}
}

// actionsOf are the actions that give an ability, in lower case. Of data only
// the services that hold most of it are named; docs/risk.md lists them.
var actionsOf = map[Ability][]string{
	ChangePermissions: {
		"iam:addusertogroup", "iam:attachgrouppolicy", "iam:attachrolepolicy", "iam:attachuserpolicy", "iam:createpolicyversion",
		"iam:deleteuserpermissionsboundary", "iam:putgrouppolicy", "iam:putrolepolicy", "iam:putuserpermissionsboundary",
		"iam:putuserpolicy", "iam:setdefaultpolicyversion", "iam:updateassumerolepolicy",
	},
	CreateCredentials: {
		"iam:createaccesskey", "iam:createloginprofile", "iam:createservicespecificcredential", "iam:resetservicespecificcredential",
		"iam:updateaccesskey", "iam:updateloginprofile", "iam:uploadsigningcertificate", "iam:uploadsshpublickey",
	},
	PassRoles:   {"iam:passrole"},
	AssumeRoles: {"sts:assumerole"},
	ReadData: {
		"athena:getqueryresults", "codecommit:gitpull", "dynamodb:batchgetitem", "dynamodb:getitem", "dynamodb:getrecords", "dynamodb:partiqlselect",
		"dynamodb:query", "dynamodb:scan", "ebs:getsnapshotblock", "ecr:batchgetimage", "es:eshttpget", "es:eshttppost", "kinesis:getrecords",
		"lambda:getfunction", "logs:filterlogevents", "logs:getlogevents", "logs:getqueryresults", "rds-data:executestatement", "rds-db:connect",
		"redshift-data:getstatementresult", "redshift:getclustercredentials", "s3:getobject", "s3:getobjectversion", "secretsmanager:batchgetsecretvalue",
		"secretsmanager:getsecretvalue", "sqs:receivemessage", "ssm:getparameter", "ssm:getparameterhistory", "ssm:getparameters", "ssm:getparametersbypath",
	},
}

// Reading is what one policy allows.
type Reading struct {
	Abilities map[Ability]bool
	// Err says what could not be read of the policy, which may allow more; nil if
	// all was.
	Err error
}

// Read reads a policy document. Conditions, and statements that deny, are left
// out of account: they can only make less possible.
func Read(document string) Reading {
	r := Reading{Abilities: map[Ability]bool{}}
	whole, err := members([]byte(document), "version", "id", "statement")
	if err != nil {
		r.Err = err
		return r
	}
	statements, err := listOf(whole["statement"])
	if err != nil || len(statements) == 0 && whole["statement"] == nil {
		r.Err = errors.New("it has no statements that can be read")
		return r
	}
	for i, raw := range statements {
		s, err := statementOf(raw)
		if err != nil {
			r.Err = errors.Join(r.Err, fmt.Errorf("statement %d: %w", i+1, err))
			continue
		}
		if s.allows {
			s.addTo(r.Abilities)
		}
	}
	return r
}

// statement is one statement of a policy, in lower case.
type statement struct {
	allows              bool
	actions, notActions []string
	resources           []string
	otherThan           bool // the resources are those that it is not about
}

func statementOf(raw json.RawMessage) (statement, error) {
	var s statement
	parts, err := members(raw, "sid", "effect", "action", "notaction", "resource", "notresource", "condition")
	if err != nil {
		return s, err
	}
	var effect string
	if json.Unmarshal(parts["effect"], &effect) != nil {
		return s, errors.New("it has no effect that can be read")
	}
	switch strings.ToLower(effect) {
	case "deny":
		return s, nil
	case "allow":
		s.allows = true
	default:
		return s, fmt.Errorf("its effect is %q", effect)
	}
	if s.actions, err = textsOf(parts["action"]); err != nil {
		return s, fmt.Errorf("its actions: %w", err)
	}
	if s.notActions, err = textsOf(parts["notaction"]); err != nil {
		return s, fmt.Errorf("its actions: %w", err)
	}
	if (parts["action"] == nil) == (parts["notaction"] == nil) {
		return s, errors.New("it needs either actions or those that it is not about")
	}
	s.otherThan = parts["notresource"] != nil
	if s.otherThan == (parts["resource"] != nil) {
		return s, errors.New("it needs either resources or those that it is not about")
	}
	if s.resources, err = textsOf(parts["resource"]); err == nil {
		_, err = textsOf(parts["notresource"])
	}
	if err != nil {
		return s, fmt.Errorf("its resources: %w", err)
	}
	return s, nil
}

// addTo adds what a statement allows.
func (s statement) addTo(abilities map[Ability]bool) {
	if s.everything() {
		abilities[Administrator] = true
	}
	for ability, actions := range actionsOf {
		for _, action := range actions {
			switch {
			case !s.names(action) || !s.reaches(action):
			case ability == CreateCredentials && s.onlyOwn():
				abilities[OwnCredentials] = true
			default:
				abilities[ability] = true
			}
		}
	}
}

// everything reports whether a statement allows all actions on all resources, or
// all but some that change nobody's permissions.
func (s statement) everything() bool {
	if !s.anyResource() {
		return false
	}
	for _, pattern := range s.actions {
		if strings.Trim(pattern, "*") == "" || pattern == "*:*" {
			return true
		}
	}
	if s.notActions == nil {
		return false
	}
	for _, ability := range []Ability{ChangePermissions, CreateCredentials, PassRoles} {
		for _, action := range actionsOf[ability] {
			if !s.names(action) {
				return false
			}
		}
	}
	return true
}

// names reports whether a statement is about an action.
func (s statement) names(action string) bool {
	if s.notActions != nil {
		return !anyMatches(s.notActions, action)
	}
	return anyMatches(s.actions, action)
}

func anyMatches(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, text) })
}

// anyResource reports whether the resources may be all of an account.
func (s statement) anyResource() bool {
	if s.otherThan {
		return true
	}
	for _, pattern := range s.resources {
		if _, literal := serviceOf(pattern); !literal {
			return true
		}
	}
	return false
}

// reaches reports whether the resources may include some that an action is
// about: not if each is of another service.
func (s statement) reaches(action string) bool {
	if s.otherThan {
		return true
	}
	wanted, _, _ := strings.Cut(action, ":")
	for _, pattern := range s.resources {
		if service, literal := serviceOf(pattern); !literal || service == resourceService(wanted) {
			return true
		}
	}
	return false
}

// resourceService is the service in the ARNs that a service's actions are about.
func resourceService(service string) string {
	switch service {
	case "sts":
		return "iam" // its roles
	case "ebs":
		return "ec2" // its snapshots
	case "redshift-data":
		return "redshift"
	case "rds-data":
		return "rds"
	}
	return service
}

// serviceOf is the service in a pattern of ARNs; literal is false if the pattern
// may match those of several services.
func serviceOf(pattern string) (service string, literal bool) {
	parts := strings.SplitN(pattern, ":", 4)
	if len(parts) < 4 {
		return "", false
	}
	for _, part := range parts[:3] {
		if strings.ContainsAny(part, "*?$") {
			return "", false
		}
	}
	return parts[2], true
}

// onlyOwn reports whether every resource is the user itself.
func (s statement) onlyOwn() bool {
	if s.otherThan {
		return false
	}
	for _, pattern := range s.resources {
		service, literal := serviceOf(pattern)
		if !literal || service == "iam" && !strings.HasSuffix(pattern, "/${aws:username}") {
			return false
		}
	}
	return true
}

// matches reports whether a pattern with * and ? matches all of a text. Both are
// in lower case. It takes time in proportion to both lengths multiplied.
func matches(pattern, text string) bool {
	star, retry, p, t := -1, 0, 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// members reads an object whose names, in any case, must be among those known,
// each at most once.
func members(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	found := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isText := token.(string)
		if err != nil || !isText {
			return nil, errors.New("it is not valid JSON")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errors.New("it is not valid JSON")
		}
		lower := strings.ToLower(name)
		if _, twice := found[lower]; twice {
			return nil, fmt.Errorf("it has %q twice", name)
		}
		if !slices.Contains(known, lower) {
			return nil, fmt.Errorf("it has an unknown element %q", name)
		}
		found[lower] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("it is not valid JSON")
	}
	if decoder.More() {
		return nil, errors.New("more follows after it")
	}
	return found, nil
}

// listOf reads a list, or one value as a list of it.
func listOf(raw json.RawMessage) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '[' {
		if len(trimmed) == 0 {
			return nil, nil
		}
		return []json.RawMessage{raw}, nil
	}
	var list []json.RawMessage
	err := json.Unmarshal(raw, &list)
	return list, err
}

// textsOf reads a text or a list of texts in lower case; nil stays nil.
func textsOf(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	list, err := listOf(raw)
	if err != nil {
		return nil, errors.New("they are not a list")
	}
	if len(list) == 0 {
		return nil, errors.New("there are none")
	}
	texts := make([]string, len(list))
	for i, one := range list {
		if json.Unmarshal(one, &texts[i]) != nil || bytes.Equal(bytes.TrimSpace(one), []byte("null")) || texts[i] == "" {
			return nil, errors.New("one is not a text")
		}
		texts[i] = strings.ToLower(texts[i])
	}
	return texts, nil
}
