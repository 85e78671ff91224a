package app

import (
	"log/slog"
	"slices"
	"time"

	"github.com/lmittmann/tint"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// Terminal is the terminal that people read the log on.
type Terminal struct{ Colours bool }

// Logger writes the log: short lines for people on a terminal, and JSON
// elsewhere, unless the settings say otherwise.
func (a *App) Logger(how config.Log) *slog.Logger {
	if how.Format == config.LogText || (how.Format != config.LogJSON && a.Terminal != nil) {
		return slog.New(tint.NewTextHandler(a.Log, &tint.Options{
			Level: how.Level, TimeFormat: time.TimeOnly, NoColor: a.Terminal == nil || !a.Terminal.Colours, ReplaceAttr: forPeople,
		}))
	}
	return slog.New(slog.NewJSONHandler(a.Log, &slog.HandlerOptions{Level: how.Level}))
}

// forPeople leaves out of a line what nobody can take in there: whole results,
// which are shown when the command ends, and the run's own id.
func forPeople(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && slices.Contains([]string{"summary", "totals", "answer", "rules", "run"}, attr.Key) {
		return slog.Attr{}
	}
	return attr
}
