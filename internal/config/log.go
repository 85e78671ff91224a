package config

import (
	"log/slog"
	"strings"
)

// LogFormat is how the log is written.
type LogFormat string

// The formats of the log.
const (
	LogAuto LogFormat = "auto" // LogText on a terminal, else LogJSON
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Log is how the log is written, and from which level on.
type Log struct {
	Format LogFormat
	Level  slog.Level
}

// LogOf returns how the log is to be written, as far as the settings can be
// used: what is wrong with them is reported by Check.
func LogOf(l Logging) Log {
	s := Settings{Logging: l}
	return newChecker(&s).log(s.Logging)
}

// log reads the settings of the log. DEBUG asks for its details.
func (c *checker) log(l Logging) Log {
	log := Log{Format: LogFormat(c.oneOf("SLEUTH_LOG_FORMAT", l.LogFormat, string(LogAuto), string(LogText), string(LogJSON)))}
	level := c.oneOf("SLEUTH_LOG_LEVEL", strings.ToLower(l.LogLevel), "debug", "info", "warn", "error")
	_ = log.Level.UnmarshalText([]byte(level)) // an unknown level was reported
	if debugging(string(l.Debug)) {
		log.Level = slog.LevelDebug
	}
	return log
}
