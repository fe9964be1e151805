package ui

import (
	"io"
	"log/slog"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

// LogFormat is how a line of the log is written.
type LogFormat string

// The formats. LogAuto is text on a terminal and JSON elsewhere.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// ParseLogFormat reads the name of a format.
func ParseLogFormat(s string) (LogFormat, error) {
	switch f := LogFormat(s); f {
	case LogAuto, LogText, LogJSON:
		return f, nil
	}
	return "", failure.New(failure.Usage, "log format %q: want auto, text or json", s)
}

// ParseLogLevel reads the name of a level.
func ParseLogLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, failure.New(failure.Usage, "log level %q: want debug, info, warn or error", s)
}

// Logger makes the run's log on standard error. Every line has the run's id.
func (o *Output) Logger(format LogFormat, level slog.Level, runID string) *slog.Logger {
	text := format == LogText || format == LogAuto && o.Attended()
	return slog.New(logHandler(o.stderr, text, level)).With("run", runID)
}

func logHandler(w io.Writer, text bool, level slog.Level) slog.Handler {
	if !text {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	}
	return slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
			}
			return a
		},
	})
}
