package replicate

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// lookEvery is how often a following run looks for new tables and for changes that logical decoding
// does not show.
const lookEvery = time.Minute

// follower is a run that goes on until it is asked to end.
type follower struct {
	p *Pipeline
	o CDCOptions
}

// follow runs four goroutines until stop is done: one stages, one loads, one looks for hidden changes
// and, if asked, one takes snapshots of new tables. It loads what is staged before it returns. After a
// transient error each goroutine goes on with new sessions from the ledger's position. Any other error
// ends all of them.
func (f *follower) follow(ctx, stop context.Context, s *Summary) error {
	p, o := f.p, &f.o
	stager, err := p.stager()
	if err != nil {
		return err
	}
	defer p.reports.watch.stage()()
	o.LookEvery = cmp.Or(o.LookEvery, lookEvery)
	o.MeasureEvery = cmp.Or(o.MeasureEvery, measureEvery)
	g, gctx := errgroup.WithContext(ctx)
	halt, cancel := context.WithCancel(stop)
	defer cancel()
	found := make(chan []ledger.ReloadMark, 1)
	r := f.newRounds()
	g.Go(func() error {
		defer cancel()
		return r.staging.repeat(gctx, halt, func() error { return f.stageOn(gctx, halt, s, stager, found, r.staging) })
	})
	g.Go(func() error {
		if err := r.looking.pause(gctx, halt, o.LookEvery); err != nil { // staging has just looked
			return err
		}
		return r.looking.repeat(gctx, halt, func() error { return f.lookHidden(gctx, halt, found) })
	})
	g.Go(func() error {
		return r.compacting.repeat(gctx, halt, func() error { p.compact(gctx); return nil })
	})
	if p.opt.Observer != nil {
		g.Go(func() error { return f.measuring(gctx, halt, r.looking) })
	}
	snapshots, loads := p.newSummary(), p.newSummary() // each goroutine has its own: summaries are not shared
	if o.SnapshotNew || p.reloads() {
		before := map[schema.TableName]time.Time{}
		g.Go(func() error {
			return r.snapshots.repeat(gctx, halt, func() error {
				return snapshots.repeat(p, func(one *Summary) error { return f.snapshots(gctx, one, before) })
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
		err = f.loadLast(ctx, r, loads)
	}
	if err == nil && errors.Is(stop.Err(), context.DeadlineExceeded) {
		err = r.failing(over)
	}
	s.merge(p, snapshots)
	s.merge(p, loads)
	return err
}

// snapshots takes the snapshots that a following run takes by itself: of tables that have none, and of
// tables that need another one.
func (f *follower) snapshots(ctx context.Context, s *Summary, before map[schema.TableName]time.Time) error {
	p := f.p
	if f.o.SnapshotNew {
		if err := p.snapshotNew(ctx, s); err != nil {
			return err
		}
	}
	if !p.reloads() {
		return nil
	}
	return p.reload(ctx, s, before)
}

// loadLast loads what is staged when a following run is asked to end. Loading needs locks in the
// source. If the source is unreachable, loadLast leaves the load to the next run: a run that ends
// during an outage does not fail, however the outage first showed.
func (f *follower) loadLast(ctx context.Context, r *rounds, loads *Summary) error {
	p := f.p
	away := r.staging.because
	if away == nil {
		away = loads.repeat(p, func(one *Summary) error { return p.load(ctx, one, load.Options{}) })
		r.loading.because = nil // this attempt counts
	}
	if away == nil || failure.KindOf(away) == failure.Destination || !postgres.Passing(away) {
		return away
	}
	p.log.Warn("the source cannot be reached: the next run loads what is staged and not loaded yet", "because", inOneLine(away))
	return nil
}

// stageOn stages from the ledger's position until halt is done or an error occurs. It opens new
// sessions.
func (f *follower) stageOn(ctx, halt context.Context, s *Summary, stager *stage.Stager, found <-chan []ledger.ReloadMark, r *round) error {
	p := f.p
	if _, err := p.ledger.Refresh(ctx); err != nil {
		return err
	}
	limited, cancel := f.limited(ctx)
	defer context.AfterFunc(halt, cancel)() // nothing is read yet
	if err := p.application.spare(limited); err != nil {
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

// lookHidden looks for changes that logical decoding does not show, and hands them to the goroutine
// that stages. If its buffer is full, the next look finds them again.
func (f *follower) lookHidden(ctx, halt context.Context, found chan<- []ledger.ReloadMark) error {
	p := f.p
	limited, cancel := f.limited(ctx)
	defer cancel()
	defer context.AfterFunc(halt, cancel)()
	if err := p.application.spare(limited); err != nil {
		return err
	}
	conn, done, err := p.link.Connect(limited)
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

// limited sets a time limit on catalog queries: a connection may be gone without either end knowing.
func (f *follower) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*f.p.source.StallAfter())
}
