//go:build unix

package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/wait"
)

func resultOf(table schema.TableName, inserts int64) stage.DrainResult {
	return stage.DrainResult{Tables: map[schema.TableName]map[schema.Op]int64{table: {schema.OpInsert: inserts}}}
}

// aRound is a round of a following run, with a clock that the test moves. move moves the ledger's
// position.
func aRound(t *testing.T) (r *round, now *time.Time, move func()) {
	t.Helper()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	p := &Pipeline{log: slog.New(slog.DiscardHandler), link: &origin.Link{
		Names: origin.Names{Slot: "s"},
	}, ledger: ledgertest.Open(t, &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, false)}
	p.opt.Now = func() time.Time { return at }
	r = &round{p: p, what: "staging", backoff: wait.Backoff{Least: time.Nanosecond, Most: time.Minute, Random: func() float64 { return 0 }}}
	move = func() {
		t.Helper()
		state := p.ledger.State()
		if _, err := p.ledger.Append(t.Context(), state.Head, &ledger.Changes{Start: state.Position, End: state.Position + 8}); err != nil {
			t.Fatal(err)
		}
	}
	return r, &at, move
}

var (
	errInternal  = fmt.Errorf("decode: %w", &pgconn.PgError{Code: "XX000"})
	errCutOff    = fmt.Errorf("read: %w", io.ErrUnexpectedEOF)
	errForbidden = fmt.Errorf("read: %w", &pgconn.PgError{Code: "42501"})
)

// Which errors are retried, and which end the run.
func TestWhatARoundRepeats(t *testing.T) {
	held := failure.New(failure.Conflict, "another run holds it: %w", postgres.ErrLockHeld)
	for what, c := range map[string]struct {
		errs       []error // of the attempts, in order; then all succeed
		othersPass bool
		attempts   int
		want       string
	}{
		"all is well":                                        {nil, false, 3, ""},
		"transient errors":                                   {[]error{errCutOff, errCutOff}, false, 5, ""},
		"what does not pass":                                 {[]error{errCutOff, errForbidden}, false, 2, "42501"},
		"a lock that another holds":                          {[]error{held}, false, 1, "another run holds it"},
		"a lock that another holds for a while":              {[]error{held}, true, 4, ""},
		"an error of the workspace":                          {[]error{failure.New(failure.Destination, "no: %w", errCutOff)}, false, 4, ""},
		"one that does not pass":                             {[]error{failure.New(failure.Destination, "no")}, false, 1, "no"},
		"what does not pass, where others may hold the lock": {[]error{errForbidden}, true, 1, "42501"},
		"of the workspace, and only a server's would pass": {
			[]error{failure.New(failure.Destination, "no: %w", &pgconn.PgError{Code: "57P01"})}, false, 1, "57P01",
		},
		"internal errors": {[]error{errInternal, errInternal, errInternal, errInternal, errInternal}, false, 5,
			"internal error 5 times in a row"},
		"internal errors with a success in between": {
			[]error{errInternal, errInternal, errInternal, errInternal, nil, errInternal}, false, 9, "",
		},
		"internal errors with another one in between": {
			[]error{errInternal, errInternal, errCutOff, errInternal, errInternal, errInternal}, false,
			6, "internal error 5 times in a row"},
	} {
		t.Run(what, func(t *testing.T) {
			r, _, _ := aRound(t)
			r.othersPass, r.every = c.othersPass, time.Nanosecond
			halt, end := context.WithCancel(t.Context())
			attempts, well := 0, 0
			err := r.repeat(t.Context(), halt, func() error {
				if attempts++; attempts <= len(c.errs) {
					return c.errs[attempts-1]
				}
				if well++; well == 3 {
					end()
				}
				return nil
			})
			end()
			said := ""
			if err != nil {
				said = err.Error()
			}
			if failuretest.Reason(t, "error", said, c.want); attempts != c.attempts {
				t.Errorf("%d attempts, want %d", attempts, c.attempts)
			}
		})
	}
}

// What a run does when it is asked to end, and when it is ended.
func TestRoundsThatAreToEnd(t *testing.T) {
	r, _, _ := aRound(t)
	r.every = time.Hour
	halt, end := context.WithCancel(t.Context())
	if err := r.repeat(t.Context(), halt, func() error { end(); return context.Canceled }); err != nil {
		t.Errorf("asked to end before it had begun: %v", err)
	}
	halt, end = context.WithCancel(t.Context())
	if err := r.repeat(t.Context(), halt, func() error { end(); return errCutOff }); err != nil {
		t.Errorf("asked to end in trouble: %v", err)
	}
	halt, end = context.WithCancel(t.Context())
	if err := r.repeat(t.Context(), halt, func() error { end(); return errForbidden }); !errors.Is(err, errForbidden) {
		t.Errorf("asked to end, and it does not pass: %v", err)
	}
	ctx, kill := context.WithCancel(t.Context())
	if err := r.repeat(ctx, t.Context(), func() error { kill(); return errForbidden }); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if err := r.repeat(t.Context(), t.Context(), func() error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled by nothing that is known: %v", err)
	}
}

// Internal errors are counted in a row. Staging something, or a minute of work, restarts the count.
func TestInternalErrorsInARow(t *testing.T) {
	for what, between := range map[string]struct {
		do    func(r *round, now *time.Time, move func())
		stuck bool
	}{
		"nothing":                   {func(*round, *time.Time, func()) {}, true},
		"something is staged":       {func(_ *round, _ *time.Time, move func()) { move() }, false},
		"a minute of work":          {func(r *round, now *time.Time, _ func()) { r.failed = time.Time{}; *now = now.Add(workedLong) }, false},
		"less than a minute's work": {func(r *round, now *time.Time, _ func()) { r.failed = time.Time{}; *now = now.Add(workedLong - 1) }, true},
		"a minute of trouble":       {func(_ *round, now *time.Time, _ func()) { *now = now.Add(workedLong) }, true},
	} {
		r, now, move := aRound(t)
		r.worked, r.failed = *now, *now
		for range internalErrors - 1 {
			if r.stuck(errInternal) {
				t.Errorf("%s: stuck too early", what)
			}
		}
		if between.do(r, now, move); r.stuck(errCutOff) {
			t.Errorf("%s: stuck by another error", what)
		}
		if got := r.stuck(errInternal); got != between.stuck {
			t.Errorf("%s: stuck %v", what, got)
		}
	}
}

// Work is counted from when it resumed.
func TestInternalErrorsAfterAnOutage(t *testing.T) {
	r, now, _ := aRound(t)
	r.succeeded()
	r.broke(errCutOff)
	*now = now.Add(workedLong)
	r.succeeded()
	for range internalErrors - 1 {
		r.stuck(errInternal)
	}
	if !r.stuck(errInternal) {
		t.Error("the time of the outage counts as work")
	}
}

// A run whose time is over fails if its last attempt failed and it has been failing for long.
func TestRunsWhoseTimeIsOver(t *testing.T) {
	for what, c := range map[string]struct {
		do   func(r *round, now *time.Time, move func())
		want bool
	}{
		"it worked":                              {func(r *round, _ *time.Time, _ func()) { r.succeeded() }, false},
		"it has not begun":                       {func(*round, *time.Time, func()) {}, false},
		"it never worked":                        {func(r *round, _ *time.Time, _ func()) { r.broke(errCutOff) }, true},
		"it never worked, and something is done": {func(r *round, _ *time.Time, move func()) { move(); r.broke(errCutOff) }, false},
		"it failed at the end": {func(r *round, now *time.Time, _ func()) {
			r.succeeded()
			r.broke(errCutOff)
			*now = now.Add(time.Minute - 1)
		}, false},
		"it failed for a minute": {func(r *round, now *time.Time, _ func()) {
			r.succeeded()
			r.broke(errCutOff)
			*now = now.Add(time.Minute)
		}, true},
		"it failed before, and worked since": {func(r *round, now *time.Time, _ func()) {
			r.succeeded()
			r.broke(errCutOff)
			*now = now.Add(time.Hour)
			r.succeeded()
		}, false},
		"it fails again and again": {func(r *round, now *time.Time, _ func()) {
			r.succeeded()
			r.broke(errCutOff)
			*now = now.Add(time.Minute)
			r.broke(errCutOff)
		}, true},
		"it fails again and again, and stages in between": {func(r *round, now *time.Time, move func()) {
			r.succeeded()
			r.broke(errCutOff)
			*now = now.Add(time.Minute)
			move()
			r.broke(errCutOff)
		}, false},
	} {
		r, now, move := aRound(t)
		r.stages, r.begun = true, r.p.ledger.State().Position
		if c.do(r, now, move); r.failing(*now) != c.want {
			t.Errorf("%s: failing %v", what, !c.want)
		}
	}
	r, now, move := aRound(t) // one that stages nothing
	r.succeeded()
	r.broke(errCutOff)
	*now = now.Add(time.Minute)
	move()
	if r.broke(errCutOff); !r.failing(*now) {
		t.Error("what another one staged counts for one that stages nothing")
	}
	r, now, _ = aRound(t)
	r.begun = r.p.ledger.State().Position
	if r.broke(errCutOff); r.failing(*now) {
		t.Error("one that stages nothing has failed at once")
	}
	one := func(failing bool, err error) *round {
		r, at, _ := aRound(t)
		if r.succeeded(); failing {
			r.broke(err)
			*at = at.Add(time.Hour)
		}
		return r
	}
	over := now.Add(time.Hour)
	all := &rounds{staging: one(false, nil), loading: one(true, failure.New(failure.Destination, "busy")), snapshots: one(true, errCutOff),
		looking: one(true, errCutOff)}
	if err := all.failing(over); failure.KindOf(err) != failure.Destination {
		t.Errorf("got %v, want the error of the first that fails", err)
	}
	all = &rounds{staging: one(true, failure.New(failure.Conflict, "gone: %w", postgres.ErrLockLost)),
		loading: one(false, nil), snapshots: one(false,
			nil), looking: one(false, nil)}
	if err := all.failing(over); failure.KindOf(err) != failure.Source {
		t.Errorf("got %v, want that the source failed, which cut the session", err)
	}
	if all.staging = one(false, nil); all.failing(over) != nil {
		t.Error("runs that work fail")
	}
}

// The last load is left to the next run while the source is away, and for no other reason.
func TestLastLoadOfARun(t *testing.T) {
	for what, c := range map[string]struct {
		because error
		fails   bool
	}{
		"the source is away":                    {errCutOff, false},
		"it refuses":                            {errForbidden, true},
		"the workspace is away":                 {failure.New(failure.Destination, "no: %w", errCutOff), true},
		"the lock's session is lost, as in one": {failure.New(failure.Conflict, "gone: %w", postgres.ErrLockLost), false},
	} {
		r, _, _ := aRound(t)
		r.broke(c.because)
		follow := &follower{p: r.p}
		if err := follow.loadLast(t.Context(), &rounds{staging: r, loading: &round{}}, nil); (err != nil) != c.fails {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// For a table that failed before, the newest attempt counts.
func TestSummariesOfAFollowingRun(t *testing.T) {
	b := newBed(t)
	p := b.open(nil)
	s := p.newSummary()
	attempt := func(err error, of string, said string, quarantined bool, total int64) {
		t.Helper()
		got := s.repeat(p, func(one *Summary) error {
			if of != "" {
				x := one.table(p, public(of))
				x.Error, x.Quarantined, x.Total, x.Loaded = said, quarantined, total, 1
			}
			return err
		})
		if !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
	tell := func(of string) string {
		x := s.table(p, public(of))
		return fmt.Sprint(x.Error, " ", x.Quarantined, " ", x.Total, " ", x.Loaded)
	}
	attempt(nil, "t", "bad", true, 5)
	attempt(errCutOff, "", "", false, 0)
	failuretest.Reason(t, "a load that failed says nothing of others", tell("t"), "bad true 5 1")
	attempt(nil, "t", "", false, 3)
	failuretest.Reason(t, "it is well again, and smaller", tell("t"), " false 3 2")
	attempt(nil, "t", "bad", true, 3)
	attempt(nil, "u", "broken", false, 1)
	failuretest.Reason(t, "it is not quarantined any more", tell("t"), " false 3 3")
	attempt(nil, "v", "", false, 1)
	failuretest.Reason(t, "an error stays", tell("u"), "broken false 1 1")
	s.add(p, resultOf(public("t"), 2))
	failuretest.Reason(t, "rows of a drain", fmt.Sprint(s.table(p, public("t")).Changes, s.table(p, public("t")).Staged), "map[insert:2] 2")
	if err := s.end(p, nil); failure.KindOf(err) != failure.Tables {
		t.Errorf("got %v, want that a table failed", err)
	}
	failuretest.Reason(t, "the first that failed", s.end(p, nil).Error(), "1 of 3 tables failed, the first: broken")
	if err := s.end(p, errCutOff); !errors.Is(err, errCutOff) || s.Error == "" {
		t.Errorf("got %v, and the summary says %q", err, s.Error)
	}
	s.table(p, public("u")).fail(nil)
	if s.table(p, public("u")).Error != "broken" {
		t.Error("nothing was an error")
	}
	s.table(p, public("u")).fail(failure.New(failure.Tables, "first").WithHint("do this"))
	if hint := failure.HintOf(s.end(p, nil)); hint != "do this" {
		t.Errorf("hint %q", hint)
	}
	s.table(p, public("u")).Error = ""
	if err := s.end(p, nil); err != nil || s.Position != pglogrepl.LSN(0).String() {
		t.Errorf("all is well: %v at %s", err, s.Position)
	}
}
