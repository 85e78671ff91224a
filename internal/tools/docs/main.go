// Command generate writes the generated parts of docs/ anew. It is run from
// the root of the repository, by 'make docs'.
package main

import (
	"fmt"
	"os"

	"github.com/iam-sleuth/sleuth/internal/test/docs"
)

func main() {
	if err := generate(docs.ConfigurationPage); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(path string) error {
	page, err := os.ReadFile(path) //nolint:gosec // a constant
	if err != nil {
		return err
	}
	settings, err := docs.Settings()
	if err != nil {
		return err
	}
	anew, err := docs.Regenerate(string(page), settings)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(anew), 0o644) //nolint:gosec // a page for everybody
}
