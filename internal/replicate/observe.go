package replicate

import (
	"context"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Observer learns what a run does, for its metrics. Its methods return at once and call nothing of the
// pipeline. Any goroutine may call them. Without an observer a run asks and counts nothing for it.
type Observer interface {
	// Opened is called once with the ledger's state.
	Opened(*ledger.State)
	// Appended is an entry that this run has appended to the ledger.
	Appended(*ledger.Entry)
	// Reading says that rows were read from the source. They are not staged yet.
	Reading()
	// Current says that nothing below an LSN waits to be staged.
	Current(upto pglogrepl.LSN)
	// Loaded is a load that ended, whether it found something or not. statements is how many it sent to
	// the warehouse. An error also goes to Failed.
	Loaded(results []load.TableResult, statements int, err error)
	// Failed is an error that a following run retries, or that ends a run.
	Failed(error)
	// Measured is what the source says about the slot; nil if there is none. Up to flushed, the WAL can
	// be read. limit is how many bytes of WAL a slot may keep, −1 for no limit.
	Measured(slot *postgres.Slot, flushed pglogrepl.LSN, limit int64, state *ledger.State)
}

// measureEvery is how often a following run that is observed asks the source about its slot.
// measureFor is how long it waits for the answer.
const (
	measureEvery = 15 * time.Second
	measureFor   = 10 * time.Second
)

// measuring asks the source about the slot until halt is done. A failure is only logged: the run itself
// reports that the source does not answer.
func (f *follower) measuring(ctx, halt context.Context, r *round) error {
	for halt.Err() == nil {
		measure(ctx, f.p)
		if err := r.pause(ctx, halt, f.o.MeasureEvery); err != nil {
			return err
		}
	}
	return nil
}

// measure asks the source about the slot, for the observer.
func measure(ctx context.Context, p *Pipeline) {
	if p.opt.Observer == nil || ctx.Err() != nil || !p.link.Replicates() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, measureFor)
	defer cancel()
	if err := ask(ctx, p); err != nil {
		p.log.Debug("the slot was not measured", "because", err)
	}
}

func ask(ctx context.Context, p *Pipeline) error {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, flushed, err := p.source.WAL(conn).Positions(ctx)
	if err != nil {
		return err
	}
	slot, limit, err := p.link.ReadSlotAndLimit(ctx, conn)
	if err != nil {
		return err
	}
	p.opt.Observer.Measured(slot, flushed, limit, p.ledger.State())
	return nil
}

// appended is the ledger's hook; nil without an observer.
func (o *Options) appended() func(*ledger.Entry) {
	if o.Observer == nil {
		return nil
	}
	return o.Observer.Appended
}

// current is the stager's hook; nil without an observer.
func (o *Options) current() func(pglogrepl.LSN) {
	if o.Observer == nil {
		return nil
	}
	return o.Observer.Current
}
