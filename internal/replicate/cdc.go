package replicate

import (
	"context"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"ingest/internal/finding"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/wait"
)

// CDCOptions choose what a run of cdc does.
type CDCOptions struct {
	StageOnly   bool
	Follow      bool // go on until stop ends
	SnapshotNew bool // take snapshots of selected tables that have none
	// LookEvery is how often a following run looks for new tables and for what
	// logical decoding does not tell; 0: every minute.
	LookEvery time.Duration
	// Backoff is how a following run waits after an error that may pass.
	Backoff wait.Backoff
}

// CDC stages what the source committed before the call and loads it. With
// Follow it goes on until stop is done, whatever comes in between that may pass;
// ctx ends it at once. Where stop's deadline ends it, and what it does had failed
// for some time then, that is its error; a stop that is canceled was asked for.
func (p *Pipeline) CDC(ctx, stop context.Context, o CDCOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.cdc(ctx, stop, s, o)
	if p.reloads() {
		s.reloaded(p.ledger.State())
	}
	p.compact(ctx)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) cdc(ctx, stop context.Context, s *Summary, o CDCOptions) error {
	if err := p.link.Begun(ctx); err != nil {
		return err
	}
	if err := finding.First(p.source.Needs(&p.source.Facts)); err != nil {
		return err
	}
	if !o.Follow { // which does so before it stages
		if err := p.application.spare(ctx); err != nil {
			return err
		}
	}
	if err := load.Older(ctx, p.workspace.Files(), p.ledger); err != nil { // before anything is staged
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
	result, err := stager.Drain(ctx, target, marks)
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

// ready says up to where to stage, and insists that the slot goes on where the
// ledger ends. It gives marks for what came about unseen.
func (p *Pipeline) ready(ctx context.Context) (target pglogrepl.LSN, marks []ledger.ReloadMark, err error) {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer done()
	// Read first: a commit that was acknowledged before this is in.
	if target, _, err = p.source.Positions(ctx, conn); err != nil {
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

// checkServer insists that the server that a session is on, which after a failover is
// another one than at the beginning, is what it was. That a standby answers is another
// matter: it may be promoted.
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
