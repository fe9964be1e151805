package replicate

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
)

// lookEvery is how often a following run looks for new tables, and for what
// logical decoding does not tell.
const lookEvery = time.Minute

// follower is a run that goes on until it is asked to end.
type follower struct {
	p *Pipeline
	o CDCOptions
}

// follow stages on one goroutine, loads on another, looks for hidden changes on
// a third and, if asked, takes snapshots of new tables on a fourth, until stop
// is done. What is staged then is loaded before it returns. Each of them goes on
// after an error that may pass, with new sessions, from what the ledger says;
// any other error ends all.
func (f *follower) follow(ctx, stop context.Context, s *Summary) error {
	p, o := f.p, &f.o
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
	snapshots, loads := p.newSummary(), p.newSummary() // of their own: summaries are not shared
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

// snapshots takes those that a following run is to take by itself: of tables that
// have none, and of those that need another one.
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

// loadLast loads what is staged when a following run was asked to end. Without
// the source, whose locks it needs, it is left to the next run: ending in the
// middle of an outage, however it showed first, is no failure of this one.
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
	p.log.Warn("the source is away: what is staged and not loaded yet is left to the next run", "because", inOneLine(away))
	return nil
}

// stageOn stages from the ledger's position until halt is done or an error
// comes, on sessions that it opens anew.
func (f *follower) stageOn(ctx, halt context.Context, s *Summary, stager *stage.Stager, found <-chan []ledger.ReloadMark, r *round) error {
	p := f.p
	if _, err := p.ledger.Refresh(ctx); err != nil {
		return err
	}
	limited, cancel := f.limited(ctx)
	defer context.AfterFunc(halt, cancel)() // nothing was read yet
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

// lookHidden looks for what logical decoding does not tell, and hands it to
// whoever stages. What finds no room there is found again.
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

// limited bounds questions to the catalog: a connection may be gone without
// either end being told.
func (f *follower) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*f.p.source.StallAfter())
}
