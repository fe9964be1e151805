package bronze

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
)

// Errors of a statement, by what is known about its outcome.
var (
	errPassing = &databricks.StatementError{Class: "DELTA_CONCURRENT_APPEND", Outcome: databricks.Failed}
	errUnknown = &databricks.StatementError{Message: "reset", Outcome: databricks.Unknown}
	errRefused = &databricks.StatementError{Class: "INSUFFICIENT_PERMISSIONS", SQLState: "42501", Outcome: databricks.Failed}
)

// A statement that changes nothing is tried at most six times, and only if a
// retry may help.
func TestStatementsThatAreRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		ended bool // the context
		times int
	}{
		"no error":               {nil, false, 1},
		"one that passes":        {errPassing, false, 6},
		"an unknown outcome":     {errUnknown, false, 6},
		"one for good":           {loadtest.ErrNotRun, false, 1},
		"the run ends meanwhile": {errPassing, true, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			times := 0
			err := Retry(ctx, slog.New(slog.DiscardHandler), func() error {
				if times++; c.ended {
					cancel()
				}
				if times > 20 {
					t.Fatalf("%s: there is no end to it", name)
				}
				return c.err
			})
			if !errors.Is(err, c.err) || times != c.times {
				t.Errorf("%s: %d times, %v; want %d", name, times, err, c.times)
			}
		})
	}
}

// Tables are asked by one statement. If the warehouse refuses it, they are asked
// one by one, and only those that are refused alone are reported.
func TestTablesThatAreAskedTogether(t *testing.T) {
	for name, c := range map[string]struct {
		errs       map[string]error // by the tables of a statement
		asked      []string
		refused    string
		unanswered bool
		err        error
	}{
		"all answer":     {nil, []string{"abc"}, "", false, nil},
		"one is refused": {map[string]error{"abc": errRefused, "b": errRefused}, []string{"abc", "a", "b", "c"}, "b", false, nil},
		"only together":  {map[string]error{"abc": errRefused}, []string{"abc", "a", "b", "c"}, "", false, nil},
		"all are refused": {map[string]error{"abc": errRefused, "a": errRefused, "b": errRefused, "c": errRefused},
			[]string{"abc", "a", "b", "c"}, "abc", true, nil},
		"the warehouse is away":   {map[string]error{"abc": errPassing}, []string{"abc"}, "", false, errPassing},
		"it goes away in between": {map[string]error{"abc": errRefused, "b": errUnknown}, []string{"abc", "a", "b"}, "", false, errUnknown},
		"it does not know a table": {map[string]error{"abc": errRefused, "a": errRefused, "b": loadtest.ErrNotRun},
			[]string{"abc", "a", "b"}, "a", false, loadtest.ErrNotRun},
	} {
		var asked []string
		refused := ""
		unanswered, err := AskTogether([]string{"a", "b", "c"}, func(tables []string) error {
			asked = append(asked, strings.Join(tables, ""))
			return c.errs[asked[len(asked)-1]]
		}, func(table string, _ error) { refused += table })
		if !slices.Equal(asked, c.asked) || refused != c.refused || (unanswered != nil) != c.unanswered || !errors.Is(err, c.err) {
			t.Errorf("%s: asked %q, refused %q, %v, %v", name, asked, refused, unanswered, err)
		}
	}
	refused := 0
	unanswered, err := AskTogether([]string{"a"}, func([]string) error { return errRefused }, func(string, error) { refused++ })
	if refused != 1 || unanswered == nil || err != nil {
		t.Errorf("of one table: %d refused, %v, %v", refused, unanswered, err)
	}
}
