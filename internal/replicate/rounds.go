package replicate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/wait"
)

// rounds are what a following run does.
type rounds struct{ staging, looking, compacting, snapshots, loading *round }

func (f *follower) newRounds() *rounds {
	p, o := f.p, &f.o
	one := func(what string, every time.Duration) *round {
		return &round{p: p, what: what, every: every, backoff: o.Backoff}
	}
	r := &rounds{
		staging: one("staging", 0), looking: one("looking for hidden changes", o.LookEvery),
		compacting: one("compacting the ledger", compactEvery),
		snapshots:  one("loading new tables", o.LookEvery), loading: one("loading", p.config.Load.Interval),
	}
	r.staging.stages, r.staging.begun, r.loading.othersPass = true, p.ledger.State().Position, true
	return r
}

// failing is the error of the first round that was failing when the run's time was over; nil if none
// was.
func (r *rounds) failing(over time.Time) error {
	for _, one := range []*round{r.staging, r.loading, r.snapshots, r.looking} {
		if !one.failing(over) {
			continue
		}
		kind := failure.KindOf(one.because)
		if errors.Is(one.because, postgres.ErrLockLost) {
			kind = failure.Source // its session was cut
		}
		since := over.Sub(one.idle).Round(time.Millisecond)
		return failure.New(kind, "%s has failed for %s when the time of the run was over: %w", one.what, since, inOneLine(one.because))
	}
	return nil
}

// round is one of the things that a following run repeats.
type round struct {
	p          *Pipeline
	what       string
	every      time.Duration
	backoff    wait.Backoff
	othersPass bool          // another run's lock ends nothing
	stages     bool          // moves the ledger's position
	begun      pglogrepl.LSN // ledger's position when the run began, if the round stages

	failed  time.Time     // when it began to fail; zero while it works
	because error         // newest error; nil while it works
	idle    time.Time     // since when it fails without staging anything
	reached pglogrepl.LSN // ledger's position at the newest failure

	internal int           // internal errors of the server in a row
	position pglogrepl.LSN // ledger's position at the first of them
	worked   time.Time     // when it began to work
}

// internalErrors in a row end a run. The server reports its own defects as internal errors. A restart
// often clears them; otherwise they stay.
const internalErrors = 5

// workedLong is how long a round must work before the count of internal errors restarts.
const workedLong = time.Minute

// stuck counts internal errors of the server. It reports whether there were too many without anything
// staged in between.
func (r *round) stuck(err error) bool {
	if !postgres.Internal(err) {
		return false
	}
	now := r.p.ledger.State().Position
	if now != r.position || r.failed.IsZero() && r.p.opt.Now().Sub(r.worked) >= workedLong {
		r.internal, r.position = 0, now
	}
	r.internal++
	return r.internal >= internalErrors
}

// repeat does something every interval until halt is done. After a transient error it retries with a
// shorter or longer wait.
func (r *round) repeat(ctx, halt context.Context, do func() error) error {
	for {
		err := do()
		next := r.every
		switch {
		case err == nil:
			r.internal = 0
			r.succeeded()
		case ctx.Err() != nil:
			return ctx.Err()
		case halt.Err() != nil && errors.Is(err, context.Canceled): // asked to end before it began
			return nil
		case r.stuck(err):
			return failure.New(failure.Source, "%s: the server failed with an internal error %d times in a row, "+
				"and nothing was staged in between: %w", r.what, r.internal, inOneLine(err)).
				WithHint("the server's log says more; fix the cause there and run the command again. If it cannot decode the slot for good: "+
					"SELECT pg_drop_replication_slot('%s'), then `ingest full-load --repair`", r.p.link.Slot)
		case !passing(err) && !(r.othersPass && errors.Is(err, postgres.ErrLockHeld)):
			return err
		default:
			next = r.broke(err)
		}
		if err := r.pause(ctx, halt, next); err != nil || halt.Err() != nil {
			return err
		}
	}
}

// failing reports whether the round was failing when the run's time was over. It was if the last
// attempt failed and nothing was staged since the first failure. That failure must be older than the
// longest pause between attempts, unless the run staged nothing at all. A failure that began shortly
// before the end is left to the next run.
func (r *round) failing(over time.Time) bool {
	nothing := r.stages && r.worked.IsZero() && r.p.ledger.State().Position == r.begun
	return r.because != nil && (nothing || over.Sub(r.idle) >= r.backoff.Longest())
}

// broke logs the failure and returns the time until the next attempt.
func (r *round) broke(err error) time.Duration {
	now, position := r.p.opt.Now(), r.p.ledger.State().Position
	if r.failed.IsZero() {
		r.failed = now
	}
	if r.because == nil || r.stages && position != r.reached {
		r.idle, r.reached = now, position
	}
	r.because = err
	r.p.reports.failed(err)
	next := r.backoff.Next()
	r.p.log.Warn(r.what+" broke off and will continue", "because", inOneLine(err), "again_in", next.Round(time.Millisecond).String())
	return next
}

// succeeded resets the wait to a short one, and logs the recovery.
func (r *round) succeeded() {
	r.backoff.Reset()
	now := r.p.opt.Now()
	if r.worked.IsZero() || !r.failed.IsZero() {
		r.worked = now
	}
	if !r.failed.IsZero() {
		r.p.log.Info(r.what+" is back: drained", "after", now.Sub(r.failed).Round(time.Millisecond).String())
		r.failed, r.because = time.Time{}, nil
	}
}

// pause waits until halt is done, which is no error.
func (r *round) pause(ctx, halt context.Context, d time.Duration) error {
	either, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(halt, cancel)()
	_ = wait.For(either, d)
	return ctx.Err()
}

// passing reports whether an error is transient.
func passing(err error) bool {
	if failure.KindOf(err) == failure.Destination {
		return databricks.Passing(err)
	}
	return postgres.Passing(err)
}
