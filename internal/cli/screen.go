package cli

import (
	"io"
	"os"
	"strconv"

	colour "github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// newScreen is the terminal that w is, with the width that COLUMNS gives or
// its own; anything but a terminal has neither an end nor colours.
func newScreen(w io.Writer, lookup config.Lookup) report.Screen {
	file, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return report.Screen{}
	}
	var screen report.Screen
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		screen.Width = width
	}
	columns, _ := lookup("COLUMNS")
	if width, err := strconv.Atoi(columns); err == nil && width > 0 {
		screen.Width = width
	}
	if colours := newPalette(w, lookup); colours.on {
		screen.Paint = colours.state
	}
	return screen
}

// state colours a text by what a key's state asks for: red to be disabled,
// yellow to be warned about, faint for what is disabled already.
func (p palette) state(state audit.State, text string) string {
	switch {
	case state.PastLimit():
		return p.red(text)
	case state.NeedsWarning():
		return p.yellow(text)
	case state == audit.Disabled:
		return p.paint(colour.Faint, text)
	}
	return text
}
