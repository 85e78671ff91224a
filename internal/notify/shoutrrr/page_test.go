package shoutrrr_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
)

// docs/shoutrrr.md names every service, with the length of its messages.
func TestPageNamesEveryKind(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/shoutrrr.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([a-z]+)://[^|]+ \\| ([0-9,]+) bytes \\|$")
	var named []string
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		named = append(named, match[1])
		limit, err := strconv.Atoi(strings.ReplaceAll(match[2], ",", ""))
		if err != nil || limit != shoutrrr.Limit(match[1]) {
			t.Errorf("%s: %s bytes, want %d", match[1], match[2], shoutrrr.Limit(match[1]))
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(shoutrrr.Kinds(), named); diff != "" {
		t.Errorf("services (-known +named):\n%s", diff)
	}
}
