package cli

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/text"
)

// palette colours text for a terminal, and leaves it alone elsewhere.
type palette struct{ on bool }

// palette is that of standard output.
func (a *console) palette() palette { return palette{a.terminal.stdout && a.terminal.colours} }

func (p palette) bold(args ...any) string   { return p.paint(text.Bold, args...) }
func (p palette) red(args ...any) string    { return p.paint(text.FgRed, args...) }
func (p palette) yellow(args ...any) string { return p.paint(text.FgYellow, args...) }

func (p palette) paint(colour text.Color, args ...any) string {
	if !p.on {
		return fmt.Sprint(args...)
	}
	return colour.Sprint(args...)
}
