package cli

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	colour "github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// terminal says which of a command's outputs are terminals, and how they show
// text. The zero terminal is none.
type terminal struct {
	stdout, stderr bool
	width          int  // of a line; zero is any
	colours        bool // as NO_COLOR allows: https://no-color.org
}

// terminalOf looks at where a command's output goes. Its width is what COLUMNS
// says, or else its own.
func terminalOf(stdout, stderr io.Writer, lookup config.Lookup) terminal {
	t := terminal{stdout: isTerminal(stdout), stderr: isTerminal(stderr)}
	noColour, _ := lookup("NO_COLOR")
	t.colours = noColour == ""
	for _, w := range []io.Writer{stderr, stdout} {
		if !isTerminal(w) {
			continue
		}
		if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil {
			t.width = width
		}
	}
	columns, _ := lookup("COLUMNS")
	if width, err := strconv.Atoi(columns); err == nil && width > 0 && (t.stdout || t.stderr) {
		t.width = width
	}
	return t
}

func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}

// screen is where tables are shown.
func (a *console) screen() report.Screen {
	if !a.terminal.stdout {
		return report.Screen{}
	}
	screen := report.Screen{Width: a.terminal.width}
	if colours := a.palette(); colours.on {
		screen.Paint = colours.state
	}
	return screen
}

// wrapping breaks lines between words, as a terminal breaks them anywhere. What
// is indented by eight spaces is to be copied, and stays as it is.
type wrapping struct {
	out   io.Writer
	width int

	mu     sync.Mutex // guards column
	column int        // how far the last line has come, if it was not ended
}

const toCopy = "        "

// Write implements io.Writer.
func (w *wrapping) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out strings.Builder
	for line := range bytes.Lines(text) {
		ended := bytes.HasSuffix(line, []byte("\n"))
		content := strings.TrimSuffix(string(line), "\n")
		if w.column == 0 {
			content = wrapLine(content, w.width)
		}
		out.WriteString(content)
		w.column += len(content)
		if ended {
			out.WriteByte('\n')
			w.column = 0
		}
	}
	if _, err := io.WriteString(w.out, out.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// wrapLine breaks a line between words into several that fit a width, if they
// can. Those after the first are indented two more.
func wrapLine(line string, width int) string {
	if colour.StringWidthWithoutEscSequences(line) <= width || strings.HasPrefix(line, toCopy) {
		return line
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))] + "  "
	var out strings.Builder
	column := 0
	for i, word := range strings.Split(line, " ") {
		size := colour.StringWidthWithoutEscSequences(word)
		switch {
		case i == 0:
		case column > len(indent) && word != "" && column+1+size > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += size
	}
	return out.String()
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
