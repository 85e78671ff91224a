// Package npm installs npm packages that tests run: a second opinion on what
// others specify. Their versions are fixed here. They are installed once, in
// the user's cache, from npm's registry as the machine has it set up, and none
// of their install scripts is run.
package npm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Package is one version of an npm package.
type Package struct{ Name, Version string }

// The packages that tests use.
var (
	Dynalite = Package{"dynalite", "4.0.0"} // DynamoDB's API
	AxeCore  = Package{"axe-core", "4.14.1"}
	VNU      = Package{"vnu-jar", "26.9.27"} // the Nu HTML checker; needs Java
)

func (p Package) String() string { return p.Name + "@" + p.Version }

// installTimeout is for slow networks.
const installTimeout = 3 * time.Minute

// Installed returns the folder of a package, and installs it before if it is
// not there. If npm is missing or cannot install it, the test is skipped, or
// fails if SLEUTH_REQUIRE_ALL is 1.
func Installed(t testing.TB, p Package) string {
	t.Helper()
	folder, err := p.install(t.Context())
	if err != nil {
		Missing(t, err)
	}
	return folder
}

// Program returns the path of a program that a package needs, such as java. If
// it is missing the test is skipped, or fails if SLEUTH_REQUIRE_ALL is 1.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, fmt.Errorf("not installed: %s", name))
	}
	return path
}

// Missing ends a test for want of a part: it is skipped, or fails if
// SLEUTH_REQUIRE_ALL is 1.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("SLEUTH_REQUIRE_ALL") == "1" {
		t.Fatal(err)
	}
	t.Skipf("skipped: %v", err)
}

// install returns the package's folder in the cache. Several processes may
// install at once: each does so in a folder of its own, and the first to end
// gives it the name that all look for.
func (p Package) install(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for %s: %w", p, err)
	}
	cache = filepath.Join(cache, "sleuth-ci")
	installed := filepath.Join(cache, "npm-"+p.Name+"-"+p.Version)
	folder := filepath.Join(installed, "node_modules", p.Name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("not installed: npm, which installs %s", p)
	}
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "installing-npm-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := p.installIn(ctx, npm, fresh); err != nil {
		return "", err
	}
	err = os.Rename(fresh, installed)
	if _, there := os.Stat(folder); there == nil || !errors.Is(there, fs.ErrNotExist) {
		return folder, there
	}
	return "", fmt.Errorf("keep %s: %w", p, err)
}

func (p Package) installIn(ctx context.Context, npm, folder string) error {
	ctx, stop := context.WithTimeout(ctx, installTimeout)
	defer stop()
	command := exec.CommandContext(ctx, npm, "install", "--prefix", folder, //nolint:gosec // a version fixed above
		"--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-package-lock", "--silent", p.String())
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm cannot install %s: %w: %.300s", p, err, output)
	}
	return nil
}
