package replicate

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
	"ingest/internal/wait"
)

// lookEvery is how often a following run looks for new tables, and for what
// logical decoding does not tell.
const lookEvery = time.Minute

// follow stages on one goroutine, loads on another, looks for hidden changes on
// a third and, if asked, takes snapshots of new tables on a fourth, until stop
// is done. What is staged then is loaded before it returns. Each of them goes on
// after an error that may pass, with new sessions, from what the ledger says;
// any other error ends all.
func (p *Pipeline) follow(ctx, stop context.Context, s *Summary, o CDCOptions) error {
	stager, err := p.stager()
	if err != nil {
		return err
	}
	if o.LookEvery <= 0 {
		o.LookEvery = lookEvery
	}
	g, gctx := errgroup.WithContext(ctx)
	halt, cancel := context.WithCancel(stop)
	defer cancel()
	found := make(chan []ledger.ReloadMark, 1)
	r := p.newRounds(o)
	g.Go(func() error {
		defer cancel()
		return r.staging.repeat(gctx, halt, func() error { return p.stageOn(gctx, halt, s, stager, found, r.staging) })
	})
	g.Go(func() error {
		if err := r.looking.pause(gctx, halt, o.LookEvery); err != nil { // staging has just looked
			return err
		}
		return r.looking.repeat(gctx, halt, func() error { return p.lookHidden(gctx, halt, found) })
	})
	g.Go(func() error {
		return r.compacting.repeat(gctx, halt, func() error { p.compact(gctx); return nil })
	})
	snapshots, loads := p.newSummary(), p.newSummary() // of their own: summaries are not shared
	if o.SnapshotNew || p.reloads() {
		before := map[schema.TableName]time.Time{}
		g.Go(func() error {
			return r.snapshots.repeat(gctx, halt, func() error {
				return snapshots.repeat(p, func(one *Summary) error { return p.snapshots(gctx, one, o, before) })
			})
		})
	}
	if !o.StageOnly {
		g.Go(func() error {
			return r.loading.repeat(gctx, halt, func() error {
				locking, cancel := context.WithCancel(gctx)
				defer cancel()
				defer context.AfterFunc(halt, cancel)()
				return loads.repeat(p, func(one *Summary) error { return p.loadUnder(gctx, locking, one, load.Options{}) })
			})
		})
	}
	err = g.Wait()
	over := p.opt.Now()
	if err == nil && !o.StageOnly {
		err = p.loadLast(ctx, r, loads)
	}
	if err == nil && errors.Is(stop.Err(), context.DeadlineExceeded) {
		err = r.failing(over)
	}
	s.merge(p, snapshots)
	s.merge(p, loads)
	return err
}

// snapshots takes those that a following run is to take by itself: of tables that
// have none, and of those that need another one.
func (p *Pipeline) snapshots(ctx context.Context, s *Summary, o CDCOptions, before map[schema.TableName]time.Time) error {
	if o.SnapshotNew {
		if err := p.snapshotNew(ctx, s); err != nil {
			return err
		}
	}
	if !p.reloads() {
		return nil
	}
	return p.reload(ctx, s, before)
}

// loadLast loads what is staged when a following run was asked to end. Without
// the source, whose locks it needs, it is left to the next run: ending in the
// middle of an outage, however it showed first, is no failure of this one.
func (p *Pipeline) loadLast(ctx context.Context, r *rounds, loads *Summary) error {
	away := r.staging.because
	if away == nil {
		away = loads.repeat(p, func(one *Summary) error { return p.load(ctx, one, load.Options{}) })
		r.loading.because = nil // this attempt counts
	}
	if away == nil || failure.KindOf(away) == failure.Destination || !postgres.Passing(away) {
		return away
	}
	p.log.Warn("the source is away: what is staged and not loaded yet is left to the next run", "because", inOneLine(away))
	return nil
}

// stageOn stages from the ledger's position until halt is done or an error
// comes, on sessions that it opens anew.
func (p *Pipeline) stageOn(ctx, halt context.Context, s *Summary, stager *stage.Stager, found <-chan []ledger.ReloadMark, r *round) error {
	if _, err := p.ledger.Refresh(ctx); err != nil {
		return err
	}
	limited, cancel := p.limited(ctx)
	defer context.AfterFunc(halt, cancel)() // nothing was read yet
	if err := p.spareApplication(limited); err != nil {
		cancel()
		return err
	}
	target, marks, err := p.ready(limited)
	cancel()
	if err != nil {
		return err
	}
	result, err := stager.Follow(ctx, halt, stage.FollowOptions{Target: target, Marks: marks, Found: found, Drained: r.succeeded})
	s.add(p, result)
	return err
}

// lookHidden looks for what logical decoding does not tell, and hands it to
// whoever stages. What finds no room there is found again.
func (p *Pipeline) lookHidden(ctx, halt context.Context, found chan<- []ledger.ReloadMark) error {
	limited, cancel := p.limited(ctx)
	defer cancel()
	defer context.AfterFunc(halt, cancel)()
	if err := p.spareApplication(limited); err != nil {
		return err
	}
	conn, done, err := p.connect(limited)
	if err != nil {
		return err
	}
	defer done()
	marks, err := p.hidden(limited, conn)
	if err != nil || len(marks) == 0 {
		return err
	}
	select {
	case found <- marks:
	default:
	}
	return nil
}

// limited bounds questions to the catalog: a connection may be gone without
// either end being told.
func (p *Pipeline) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*p.source.StallAfter())
}

// rounds are what a following run does.
type rounds struct{ staging, looking, compacting, snapshots, loading *round }

func (p *Pipeline) newRounds(o CDCOptions) *rounds {
	one := func(what string, every time.Duration) *round {
		return &round{p: p, what: what, every: every, backoff: o.Backoff}
	}
	r := &rounds{
		staging: one("staging", 0), looking: one("looking for hidden changes", o.LookEvery), compacting: one("compacting the ledger", compactEvery),
		snapshots: one("loading new tables", o.LookEvery), loading: one("loading", p.config.Load.Interval),
	}
	r.staging.stages, r.staging.begun, r.loading.othersPass = true, p.ledger.State().Position, true
	return r
}

// failing is the error of the first one that could not do its work when the time
// of the run was over; nil if all could.
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

// round is one of the things that a following run does again and again.
type round struct {
	p          *Pipeline
	what       string
	every      time.Duration
	backoff    wait.Backoff
	othersPass bool // that another run holds the lock ends nothing
	stages     bool // moves the ledger's position
	begun      lsn  // of the ledger when the run began; of what stages

	failed  time.Time // when it began to fail; zero while it works
	because error     // why it failed last; nil while it works
	idle    time.Time // when it began to fail without staging anything in between
	reached lsn       // the ledger's position when it failed last

	internal int       // the server's internal errors in a row
	position lsn       // of the ledger when they began
	worked   time.Time // when it began to work
}

// internalErrors in a row end a run: what the server takes for its own defect
// is often gone with a restart, and else stays.
const internalErrors = 5

// workedLong is for how long it must work for a new internal error to be the
// first one.
const workedLong = time.Minute

// stuck counts internal errors of the server, and says that there were too many
// without anything having been staged in between.
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

// repeat does something every interval until halt is done, and sooner or later
// again after an error that may pass.
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
		case halt.Err() != nil && errors.Is(err, context.Canceled): // asked to end before it had begun
			return nil
		case r.stuck(err):
			return failure.New(failure.Source, "%s: the server failed by an internal error %d times in a row, and nothing was staged in between: %w", r.what, r.internal, inOneLine(err)).
				WithHint("the server's log says more; mend it there and run the command again. If it cannot decode the slot for good: SELECT pg_drop_replication_slot('%s'), then `ingest full-load --repair`", r.p.slot)
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

// failing says that it could not do its work when the time of the run was over:
// the last attempt failed, nothing was staged since the first one that did, and
// that is longer ago than the longest pause between attempts, or nothing
// was staged at all. What began shortly before the end is left to the next run.
func (r *round) failing(over time.Time) bool {
	nothing := r.stages && r.worked.IsZero() && r.p.ledger.State().Position == r.begun
	return r.because != nil && (nothing || over.Sub(r.idle) >= r.backoff.Longest())
}

// broke says what broke and gives the time until the next attempt.
func (r *round) broke(err error) time.Duration {
	now, position := r.p.opt.Now(), r.p.ledger.State().Position
	if r.failed.IsZero() {
		r.failed = now
	}
	if r.because == nil || r.stages && position != r.reached {
		r.idle, r.reached = now, position
	}
	r.because = err
	next := r.backoff.Next()
	r.p.log.Warn(r.what+" broke off and will go on", "because", inOneLine(err), "again_in", next.Round(time.Millisecond).String())
	return next
}

// succeeded makes the next wait a short one, and says that what broke is back.
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

// passing says that an error may be gone when the same is tried again.
func passing(err error) bool {
	if failure.KindOf(err) == failure.Destination {
		return databricks.Passing(err)
	}
	return postgres.Passing(err)
}

// repeat does something once more and adds what it did. Of a table that failed
// before, the newest counts.
func (s *Summary) repeat(p *Pipeline, do func(one *Summary) error) error {
	one := p.newSummary()
	err := do(one)
	for _, t := range s.Tables {
		if err == nil && t.Quarantined { // those that still are come again
			t.Error, t.Hint, t.Quarantined = "", "", false
		}
		for i := range t.Kept {
			if err == nil {
				t.Kept[i].Error, t.Kept[i].Hint = "", ""
			}
		}
	}
	for _, from := range one.Tables {
		t := s.table(p, from.name)
		t.Error, t.Hint, t.Quarantined, t.Total = "", "", false, 0
	}
	s.merge(p, one)
	return err
}

// merge adds another summary's tables.
func (s *Summary) merge(p *Pipeline, o *Summary) {
	s.Entries += o.Entries
	for _, from := range o.Tables {
		t := s.table(p, from.name)
		t.Staged += from.Staged
		t.Segments += from.Segments
		t.Bytes += from.Bytes
		t.Loaded += from.Loaded
		t.Replaced += from.Replaced
		t.Total = max(t.Total, from.Total)
		t.Quarantined = t.Quarantined || from.Quarantined
		t.Added = append(t.Added, from.Added...)
		t.Widened = append(t.Widened, from.Widened...)
		t.mergeKept(from.Kept)
		if from.Error != "" {
			t.Error, t.Hint = from.Error, from.Hint
		}
	}
}
