package crash

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hole is one way in which a well-formed answer can lack, or falsify, what a
// verdict rests on.
type hole struct {
	name   string
	change func(answer string) string
}

// without leaves an element out.
func without(element string) func(string) string { return put(element, "") }

// holding puts a text into an element.
func holding(element, text string) func(string) string {
	return put(element, "<"+element+">"+text+"</"+element+">")
}

func put(element, markup string) func(string) string {
	whole := regexp.MustCompile(`(?s)<` + element + `>.*?</` + element + `>|<` + element + `/>`)
	return func(answer string) string { return whole.ReplaceAllLiteralString(answer, markup) }
}

// holesOf are the holes in the answers of each action.
func holesOf(action string) []hole {
	truncated := hole{"truncated without a marker", holding("IsTruncated", "true")}
	switch action {
	case "GetAccessKeyLastUsed":
		return []hole{
			{"no date although a service is named", without("LastUsedDate")},
			{"another user's name", holding("UserName", "SOMEBODY")},
			{"no user's name", without("UserName")},
			{"a date of 1970", holding("LastUsedDate", "1970-01-01T00:00:00Z")},
			{"a date of the year 1", holding("LastUsedDate", "0001-01-01T00:00:00Z")},
			{"nothing", without("AccessKeyLastUsed")},
		}
	case "ListAccessKeys":
		return []hole{
			truncated,
			{"a creation date of 1970", holding("CreateDate", "1970-01-01T00:00:00Z")},
			{"no creation date", without("CreateDate")},
			{"no status", without("Status")},
			{"another user's name", holding("UserName", "SOMEBODY")},
			{"no list", without("AccessKeyMetadata")},
		}
	case "ListUserTags":
		return []hole{truncated, {"no list", without("Tags")}, {"no values", without("Value")}}
	case "ListUsers":
		return []hole{truncated, {"no list", without("Users")}}
	}
	return nil
}

// holeIn are the holes that the answer to a call may have; nil for a call whose
// answers have none.
func holeIn(c call) []hole {
	words := strings.Fields(c.label)
	if len(words) < 2 || words[0] != "aws" {
		return nil
	}
	return holesOf(words[1])
}

// TestAnswersWithHoles has each answer that a verdict rests on come back with
// each hole, in the plan and when it is read again before the key is disabled.
// No key is disabled by it, and the run says so.
func TestAnswersWithHoles(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ListUsers", "ListAccessKeys", "GetAccessKeyLastUsed", "ListUserTags"} {
		for _, hole := range holesOf(action) {
			for nth := range 2 {
				if action == "ListUsers" && nth > 0 {
					continue // it is read once
				}
				t.Run(fmt.Sprintf("%s, %s, read %d", action, hole.name, nth+1), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, nextAccount(), inMemory)
					settle(w, "IDLE", "EXEMPT", "YOUNG")
					p := &process{w: w, fate: func(c call) fate {
						about := strings.HasSuffix(c.label, action) || strings.Contains(c.label, action+" IDLE") || strings.Contains(c.label, action+"  AKIAIDLE")
						if about && c.nth == nth+1 {
							return fate{rewrite: hole.change}
						}
						return fate{}
					}}
					_, err := p.run(t.Context())
					if p.holes == 0 {
						t.Fatalf("no answer had the hole: this tests nothing; the calls were %v", p.calls)
					}
					if err == nil {
						t.Error("the run succeeded")
					}
					for _, id := range []string{"AKIAIDLE000000000001", "AKIAEXEMPT0000000001", "AKIAYOUNG00000000001"} {
						// What the list of users holds is read key by key all the same.
						isDue := action == "ListUsers" && id == "AKIAIDLE000000000001"
						if !isDue && !isActive(t, w, id) {
							t.Errorf("key %s was disabled", id)
						}
					}
				})
			}
		}
	}
}
