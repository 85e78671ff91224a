package cli

import (
	"fmt"
	"io"
	"os"

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

func (p palette) bold(args ...any) string   { return p.paint("1", args...) }
func (p palette) red(args ...any) string    { return p.paint("31", args...) }
func (p palette) yellow(args ...any) string { return p.paint("33", args...) }

func (p palette) paint(code string, args ...any) string {
	if !p.on {
		return fmt.Sprint(args...)
	}
	return "\x1b[" + code + "m" + fmt.Sprint(args...) + "\x1b[0m"
}
