package replicate

import (
	"context"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/wait"
)

// CDCOptions choose what a run of cdc does.
type CDCOptions struct {
	StageOnly   bool
	Follow      bool // run until stop is done
	SnapshotNew bool // take snapshots of selected tables that have none
	// LookEvery is how often a following run looks for new tables and for changes that logical
	// decoding does not show. 0 means every minute.
	LookEvery time.Duration
	// MeasureEvery is how often a following run that is observed asks the source about its slot. 0 means
	// every 15 seconds.
	MeasureEvery time.Duration
	// Backoff is how a following run waits after a transient error.
	Backoff wait.Backoff
}

// CDC stages what the source committed before the call, and loads it. With Follow it runs until stop
// is done; transient errors do not end it. ctx ends it at once. If stop ends by its deadline and the
// work had been failing for some time, CDC returns that failure. A canceled stop was asked for and is
// no error.
func (p *Pipeline) CDC(ctx, stop context.Context, o CDCOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.cdc(ctx, stop, s, o)
	if p.reloads() {
		s.reloaded(p.ledger.State())
	}
	p.compact(ctx)
	measure(ctx, p)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) cdc(ctx, stop context.Context, s *Summary, o CDCOptions) error {
	if err := p.link.Begun(ctx); err != nil {
		return err
	}
	if err := p.readsChanges(); err != nil {
		return err
	}
	if !o.Follow { // a following run does this before it stages
		if err := p.application.spare(ctx); err != nil {
			return err
		}
	}
	if err := loads.Older(ctx, p.workspace.Files(), p.ledger); err != nil { // before anything is staged
		return err
	}
	if err := p.namesStand(ctx); err != nil {
		return err
	}
	if o.Follow {
		return (&follower{p, o}).follow(ctx, stop, s)
	}
	target, marks, err := p.ready(ctx)
	if err != nil {
		return err
	}
	if o.SnapshotNew {
		if err := p.snapshotNew(ctx, s); err != nil {
			return err
		}
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	end := p.reports.watch.stage()
	result, err := stager.Drain(ctx, target, marks)
	end()
	s.add(p, result)
	if err != nil {
		return err
	}
	if p.reloads() {
		if err := p.reload(ctx, s, nil); err != nil {
			return err
		}
	}
	if o.StageOnly {
		return nil
	}
	return p.load(ctx, s, load.Options{})
}

// ready returns the position to stage up to. It is an error if the slot does not continue where the
// ledger ends. It also returns marks for changes that decoding did not show.
func (p *Pipeline) ready(ctx context.Context) (target pglogrepl.LSN, marks []ledger.ReloadMark, err error) {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer done()
	// Read this first: the ledger then has every commit that was acknowledged before.
	if target, _, err = p.source.WAL(conn).Positions(ctx); err != nil {
		return 0, nil, err
	}
	if err := p.checkServer(ctx, conn); err != nil {
		return 0, nil, err
	}
	if err := p.source.Identify(ctx); err != nil {
		return 0, nil, err
	}
	slot, err := p.link.CheckSlot(ctx, conn, p.ledger.State())
	if err != nil {
		return 0, nil, err
	}
	p.link.Warn(slot)
	marks, err = p.hidden(ctx, conn)
	return target, marks, err
}

// checkServer returns an error unless the session's server is the one that the run began with. After a
// failover it is another server. A standby is no error here: it may be promoted.
func (p *Pipeline) checkServer(ctx context.Context, conn *pgx.Conn) error {
	f, err := p.source.Ask(ctx, conn)
	if err != nil {
		return err
	}
	f.Standby = false
	return finding.First(p.source.Needs(&f))
}

// snapshotNew takes snapshots of selected tables that have none.
func (p *Pipeline) snapshotNew(ctx context.Context, s *Summary) error {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	decide := &decider{p, conn, s}
	d, err := decide.fresh(ctx)
	if err != nil {
		return err
	}
	if err := decide.publish(ctx, d); err != nil {
		return err
	}
	return p.snapshot(ctx, s, d.relations)
}
