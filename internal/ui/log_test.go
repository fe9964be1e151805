package ui

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

func TestEveryLineHasTheRun(t *testing.T) {
	tests := []struct {
		name     string
		format   LogFormat
		terminal bool
		json     bool
	}{
		{"a job", LogAuto, false, true},
		{"a terminal", LogAuto, true, false},
		{"text in a job", LogText, false, false},
		{"JSON on a terminal", LogJSON, true, true},
	}
	text := regexp.MustCompile(`^time=\d\d:\d\d:\d\d level=INFO msg=staged run=r-1 table=public\.orders\n$`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, stdout, stderr := buffered()
			o.Terminal = test.terminal
			o.Logger(test.format, slog.LevelInfo, "r-1").Info("staged", "table", "public.orders")
			if stdout.Len() > 0 {
				t.Errorf("the log went to standard output: %s", stdout)
			}
			if !test.json {
				if !text.Match(stderr.Bytes()) {
					t.Errorf("got %q, want %s", stderr, text)
				}
				return
			}
			var line map[string]any
			if err := json.Unmarshal(stderr.Bytes(), &line); err != nil {
				t.Fatalf("%v in %q", err, stderr)
			}
			if line["run"] != "r-1" || line["table"] != "public.orders" || line["msg"] != "staged" {
				t.Errorf("got %v", line)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	for name, visible := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		level, err := ParseLogLevel(name)
		if err != nil {
			t.Fatal(err)
		}
		o, _, stderr := buffered()
		log := o.Logger(LogJSON, level, "r")
		log.Debug("a")
		log.Info("a")
		log.Warn("a")
		log.Error("a")
		if got := bytes.Count(stderr.Bytes(), []byte("\n")); got != visible {
			t.Errorf("%s: %d lines, want %d", name, got, visible)
		}
	}
	if _, err := ParseLogLevel("loud"); failure.KindOf(err) != failure.Usage {
		t.Errorf("level loud: %v, want a usage error", err)
	}
	if _, err := ParseLogFormat("xml"); failure.KindOf(err) != failure.Usage {
		t.Errorf("format xml: %v, want a usage error", err)
	}
}
