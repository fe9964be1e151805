package replicate

import (
	"context"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/internal/wait"
)

// Load brings the tables to the ledger's head.
func (p *Pipeline) Load(ctx context.Context, tables []string, repair bool, rebuild ...kept.Kind) (*Summary, error) {
	s := p.newSummary()
	if err := p.link.Begun(ctx); err != nil {
		return s, s.end(p, err)
	}
	o, err := p.loadOptions(tables, repair, rebuild)
	if err == nil {
		err = p.load(ctx, s, o)
		measure(ctx, p)
	}
	return s, s.end(p, err)
}

func (p *Pipeline) loadOptions(tables []string, repair bool, rebuild []kept.Kind) (load.Options, error) {
	o := load.Options{Repair: repair, Rebuild: rebuild}
	for _, name := range tables {
		table, err := selection.Known(p.ledger.State(), name, p.config.Source.Schemas[0])
		if err != nil {
			return o, err
		}
		o.Tables = append(o.Tables, table)
	}
	return o, nil
}

// load brings tables to the ledger's head and adds the results to the summary.
func (p *Pipeline) load(ctx context.Context, s *Summary, o load.Options) error {
	return p.loadUnder(ctx, ctx, s, o)
}

// loadUnder does the work of load. The end of locking ends only the wait for the lock.
func (p *Pipeline) loadUnder(ctx, locking context.Context, s *Summary, o load.Options) error {
	loader, lock, err := p.loader(locking)
	if err != nil {
		return err
	}
	defer lock.Close()
	results, err := p.reports.load(ctx, loader, o)
	for _, r := range results {
		if r.Pending {
			continue
		}
		t := s.table(p, r.Table)
		t.Loaded, t.Total, t.Replaced, t.Quarantined = r.Rows, r.Total, r.Replaced, r.Quarantined
		t.Added, t.Widened, t.Kept = r.Added, r.Widened, keptSummaries(r.Kept)
		t.fail(r.Err)
	}
	return err
}

// newLoader makes the loading half without a lock: it may read, but not write.
func (p *Pipeline) newLoader() *load.Loader {
	return &load.Loader{
		Ledger: p.ledger, Files: p.workspace.Files(), Workspace: p.workspace, Warehouse: p.workspace.Warehouse(), Target: p.Target,
		Run: p.opt.Run, Version: p.opt.Version, Jobs: p.config.Load.Jobs, ColumnComments: p.config.Load.ColumnComments, Log: p.log,
		Now:  p.opt.Now,
		View: p.names.CurrentView, Kept: p.names.Kept, Keep: p.names.Keep, Control: p.names.Control(),
		Tags: func(t schema.TableName) map[string]string { return p.config.Shape.Of(t).Tags },
	}
}

// loadWait is how long a run waits for another one that is loading.
const loadWait = 10 * time.Minute

// loader makes the loading half under the load lock. It waits for a run that holds the lock. The
// caller closes the lock.
func (p *Pipeline) loader(ctx context.Context) (*load.Loader, *postgres.Lock, error) {
	said := false
	for deadline := time.Now().Add(loadWait); ; {
		lock, err := p.source.TakeLock(ctx, "loading", postgres.LockKey("load", p.link.Slot))
		if err == nil {
			loader := p.newLoader()
			loader.Lock = lock
			return loader, lock, nil
		}
		if failure.KindOf(err) != failure.Conflict || time.Now().After(deadline) {
			return nil, nil, err
		}
		if !said {
			said = true
			p.log.Info("waiting for the run that is loading", "because", err)
		}
		if err := wait.For(ctx, 200*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
}
