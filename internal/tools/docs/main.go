// Command docs writes the generated parts of docs/. It is run from the root of
// the repository, by 'make docs'.
package main

import (
	"fmt"
	"os"

	"github.com/iam-sleuth/sleuth/internal/test/docs"
)

func main() {
	if err := generate(docs.ConfigurationPage, docs.Templates()); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func generate(page string, templates map[string]string) error {
	for file, text := range templates {
		if err := write(file, text); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(page) //nolint:gosec // a constant
	if err != nil {
		return err
	}
	settings, err := docs.Settings()
	if err != nil {
		return err
	}
	updated, err := docs.Regenerate(string(content), settings)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return write(page, updated)
}

func write(file, text string) error {
	return os.WriteFile(file, []byte(text), 0o644) //nolint:gosec // documentation is for everybody to read
}
