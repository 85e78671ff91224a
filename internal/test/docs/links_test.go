package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			if file == "" {
				file = path.Base(page)
			}
			file = path.Join(path.Dir(page), file)
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, target)
				continue
			}
			if anchor != "" && !hasAnchor(read(t, file), anchor) {
				t.Errorf("%s links to %s, and no heading there is called so", page, target)
			}
		}
	}
}

var (
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInLinks = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// hasAnchor follows how GitHub names headings.
func hasAnchor(page, anchor string) bool {
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		name := notInLinks.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}

var pageName = regexp.MustCompile(`\bdocs/[a-z0-9/-]+\.(?:md|json|tmpl)\b`)

func TestPagesNamedInTheCodeExist(t *testing.T) {
	t.Parallel()
	named := 0
	for _, folder := range []string{"cmd", "internal", "terraform", "deploy", ".ci", ".github"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(file) //nolint:gosec // our own files
			for _, name := range pageName.FindAllString(string(content), -1) {
				named++
				if _, missing := os.Stat(filepath.Join(root, name)); missing != nil {
					t.Errorf("%s names %s, which does not exist", file, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if named < 20 {
		t.Errorf("found only %d names of pages", named)
	}
}

func TestContributingShowsTheLayoutAsItIs(t *testing.T) {
	t.Parallel()
	named := firstColumn(t, read(t, "CONTRIBUTING.md"), "Layout")
	for _, folder := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, entry fs.DirEntry, err error) error {
			pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), root+"/")
			if err != nil || entry.IsDir() || path.Ext(file) != ".go" || slices.Contains(named, pkg) || slices.Contains(named, path.Dir(pkg)+"/*") {
				return err
			}
			t.Errorf("CONTRIBUTING.md does not say what %s is for", pkg)
			named = append(named, pkg)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pkg := range named {
		if found, err := filepath.Glob(filepath.Join(root, pkg)); err != nil || len(found) == 0 {
			t.Errorf("CONTRIBUTING.md has a package that is not there: %s", pkg)
		}
	}
}
