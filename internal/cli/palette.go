package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// palette colours text for a terminal, and leaves it alone elsewhere.
type palette struct{ on bool }

// newPalette honours NO_COLOR: https://no-color.org
func newPalette(w io.Writer, lookup config.Lookup) palette {
	file, isFile := w.(*os.File)
	noColour, _ := lookup("NO_COLOR")
	return palette{on: isFile && noColour == "" && term.IsTerminal(int(file.Fd()))}
}

func (p palette) bold(args ...any) string   { return p.paint(text.Bold, args...) }
func (p palette) red(args ...any) string    { return p.paint(text.FgRed, args...) }
func (p palette) yellow(args ...any) string { return p.paint(text.FgYellow, args...) }

func (p palette) paint(colour text.Color, args ...any) string {
	if !p.on {
		return fmt.Sprint(args...)
	}
	return colour.Sprint(args...)
}
