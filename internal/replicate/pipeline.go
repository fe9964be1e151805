package replicate

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/probe"
	"ingest/internal/schema"
	"ingest/internal/segment"
	"ingest/internal/stage"
	"ingest/internal/wait"
)

// Options are what Open needs. The workspace and the source stay the caller's,
// who closes them after the pipeline.
type Options struct {
	Config    *config.Config
	Workspace *databricks.Workspace
	Source    *postgres.Source // nil for commands that do not need it
	Standby   *postgres.Source // of Source, where its changes are read; nil: Source itself
	Run       string           // id of this run
	Version   string
	Log       *slog.Logger
	Now       func() time.Time // the clock
	// Rows is told of rows as they are staged; Loaded as they are loaded. Both
	// may be nil, and are called from several goroutines.
	Rows   func(table schema.TableName, rows, bytes int64)
	Loaded func(table schema.TableName, rows int64)
	// Prepare makes schema and volume where they are missing; Loads says that the
	// SQL warehouse is needed, and looked for before anything is made.
	Prepare, Loads bool
	// Damaged opens the pipeline also where its ledger cannot be read: for
	// Status, which says why, and for Drop.
	Damaged bool
	// AnySource opens the pipeline also where the source is not the one that its
	// ledger belongs to: for a full load, which may begin or repair it, and for
	// what looks and says so.
	AnySource bool
	// Looks opens the pipeline also where a probe found that the workspace is not
	// what this program is built for: for what only looks, and for Drop.
	Looks bool
}

// Pipeline is an open pipeline: both ends answered, the ledger is read. Close
// it.
type Pipeline struct {
	opt       Options
	config    *config.Config
	log       *slog.Logger
	workspace *databricks.Workspace
	source    *postgres.Source
	standby   *postgres.Source // nil: the slot is in source
	ledger    *ledger.Ledger   // nil if it is damaged
	damage    error
	began     int64          // the ledger's head when it was opened
	spool     *segment.Spool // opened with the first stager
	pubs      postgres.Publications
	slot      string
	foreign   atomic.Bool // the source was found not to be the ledger's: nothing is locked there

	toldRenamed atomic.Bool
	warned      once       // of statements of the application that fail
	seen        stage.Seen // by the newest look for hidden changes
}

// Open reads the ledger. Nothing is written but what Prepare makes.
func Open(ctx context.Context, o Options) (*Pipeline, error) {
	p := &Pipeline{opt: o, config: o.Config, log: o.Log, workspace: o.Workspace, source: o.Source, standby: o.Standby}
	if o.Loads {
		if err := p.workspace.Warehouse().Find(ctx); err != nil {
			return nil, err
		}
	}
	if !o.Looks {
		if err := probe.Refusal(ctx, p.workspace); err != nil {
			return nil, err
		}
	}
	if o.Prepare {
		made, err := p.workspace.Prepare(ctx)
		if err != nil {
			return nil, err
		}
		for _, what := range made {
			p.log.Info("made what was missing", "object", what)
		}
	}
	var err error
	p.ledger, err = ledger.Open(ctx, p.workspace.Files(), ledger.Options{Run: o.Run, Version: o.Version, Now: o.Now, Log: o.Log})
	if o.Damaged && failure.KindOf(err) == failure.Conflict {
		p.ledger, p.damage, err = nil, err, nil
	}
	if err == nil {
		err = p.choose(ctx)
	}
	if err == nil && p.source != nil && !o.AnySource {
		err = p.checkOwner(ctx)
	}
	if err != nil {
		return nil, err
	}
	if p.ledger != nil {
		p.began = p.ledger.Head()
	}
	return p, nil
}

// Close removes the spool.
func (p *Pipeline) Close() error {
	if p.spool == nil {
		return nil
	}
	return p.spool.Close()
}

// Target is where a source table goes.
func (p *Pipeline) Target(table schema.TableName) databricks.Table {
	d := p.config.Destination
	return databricks.Table{Catalog: d.Catalog, Schema: d.Schema, Name: p.config.TargetName(table)}
}

// connect opens a session on the source.
func (p *Pipeline) connect(ctx context.Context) (*pgx.Conn, func(), error) {
	conn, err := p.source.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

// atSlot does something on the server that holds the slot: on conn, a session of
// the source, or on one of the standby.
func (p *Pipeline) atSlot(ctx context.Context, conn *pgx.Conn, do func(*postgres.Source, *pgx.Conn) error) error {
	if p.standby == nil {
		return do(p.source, conn)
	}
	there, err := p.standby.Connect(ctx)
	if err != nil {
		return err
	}
	defer there.Close(context.WithoutCancel(ctx))
	return do(p.standby, there)
}

// readSlot reads the pipeline's slot; nil if there is none.
func (p *Pipeline) readSlot(ctx context.Context, conn *pgx.Conn) (slot *postgres.Slot, err error) {
	err = p.atSlot(ctx, conn, func(at *postgres.Source, conn *pgx.Conn) error {
		slot, err = at.Slot(ctx, conn, p.slot)
		return err
	})
	return slot, err
}

// dropSlot drops the pipeline's slot.
func (p *Pipeline) dropSlot(ctx context.Context, conn *pgx.Conn) error {
	return p.atSlot(ctx, conn, func(at *postgres.Source, conn *pgx.Conn) error { return at.DropSlot(ctx, conn, p.slot) })
}

// Sizes that nobody has to choose.
const (
	rangeBytes = 256 << 20
	spanBytes  = 64 << 20
	// peekWorkMem is what the server keeps of a span's answer in memory before
	// it writes temporary files.
	peekWorkMem = "64MB"
)

// stager makes the staging half; the spool is opened with the first one.
func (p *Pipeline) stager() (*stage.Stager, error) {
	st := p.config.Staging
	if p.spool == nil {
		spool, err := openSpool(st.Spool, p.opt.Run)
		if err != nil {
			return nil, err
		}
		p.spool = spool
	}
	return &stage.Stager{
		Source: p.source, Standby: p.standby, Ledger: p.ledger, Files: p.workspace.Files(), Spool: p.spool,
		Slot: p.slot, Publications: p.pubs, Log: p.log, Progress: p.opt.Rows, Selects: p.config.Source.Selects, Shape: &p.config.Shape,
		Began: p.began, Seen: &p.seen,
		Options: stage.Options{
			Run: p.opt.Run, Jobs: p.config.Source.Jobs, Memory: int64(st.Memory), SegmentBytes: int64(st.SegmentBytes),
			RangeBytes: rangeBytes, PeekMaxWAL: int64(p.config.Source.PeekMaxWAL), SpanBytes: spanBytes, WorkMem: peekWorkMem,
			IdleAdvance: int64(st.IdleAdvance), EntryBytes: int64(st.EntryBytes), EntryRows: int64(st.EntryRows), EntryEvery: st.EntryInterval,
			Heartbeat: p.config.Source.Heartbeat, Now: p.opt.Now,
		},
	}, nil
}

// newLoader makes the loading half without a lock: it may look, and not write.
func (p *Pipeline) newLoader() *load.Loader {
	return &load.Loader{
		Ledger: p.ledger, Files: p.workspace.Files(), Workspace: p.workspace, Warehouse: p.workspace.Warehouse(), Target: p.Target,
		Run: p.opt.Run, Version: p.opt.Version, Jobs: p.config.Load.Jobs, ColumnComments: p.config.Load.ColumnComments, Log: p.log, Now: p.opt.Now, Progress: p.opt.Loaded,
		View: p.view, Kept: p.kept, Keep: p.keep,
		Tags: func(t schema.TableName) map[string]string { return p.config.Shape.Of(t).Tags },
	}
}

// loadWait is how long a run waits for another one that is loading.
const loadWait = 10 * time.Minute

// loader makes the loading half under the load lock, waiting for a run that
// holds it. Close the lock.
func (p *Pipeline) loader(ctx context.Context) (*load.Loader, *postgres.Lock, error) {
	said := false
	for deadline := time.Now().Add(loadWait); ; {
		lock, err := p.source.TakeLock(ctx, "loading", postgres.LockKey("load", p.slot))
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

// Key lists the columns that tell a table's rows apart in its log; none if
// there are none, or if the table has no snapshot yet.
func (p *Pipeline) Key(table schema.TableName) []string {
	t := p.ledger.State().Tables[table]
	if t == nil || t.Snapshot == nil {
		return nil
	}
	return t.Key()
}
