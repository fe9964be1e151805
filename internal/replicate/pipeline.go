package replicate

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/finding"
	"ingest/internal/hidden"
	"ingest/internal/ledger"
	"ingest/internal/origin"
	"ingest/internal/postgres"
	"ingest/internal/postgres/publication"
	"ingest/internal/preflight"
	"ingest/internal/probe"
	"ingest/internal/schema"
	"ingest/internal/segment"
	"ingest/internal/selection"
	"ingest/internal/stage"
	"ingest/internal/target"
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
	ledger    *ledger.Ledger // nil if it is damaged
	damage    error
	began     int64 // the ledger's head when it was opened
	link      *origin.Link
	names     target.Names
	spool     *segment.Spool // opened with the first stager

	application *application
	seen        stage.Seen // by the newest look for hidden changes
}

// Open reads the ledger. Nothing is written but what Prepare makes.
func Open(ctx context.Context, o Options) (*Pipeline, error) {
	p := &Pipeline{opt: o, config: o.Config, log: o.Log, workspace: o.Workspace, source: o.Source, names: target.Names{Config: o.Config}}
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
	p.link = &origin.Link{
		Names: origin.Names{Config: o.Config}, Source: o.Source, Standby: o.Standby, Ledger: p.ledger, Workspace: o.Workspace, Run: o.Run,
		WorkMem: peekWorkMem, Log: o.Log, Now: o.Now,
	}
	p.application = &application{link: p.link, log: o.Log}
	if err == nil {
		err = p.link.Choose(ctx)
	}
	if err == nil && p.source != nil && !o.AnySource {
		err = p.link.CheckOwner(ctx)
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
func (p *Pipeline) Target(table schema.TableName) databricks.Table { return p.names.Table(table) }

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
		spool, err := stage.OpenSpool(st.Spool, p.opt.Run)
		if err != nil {
			return nil, err
		}
		p.spool = spool
	}
	return &stage.Stager{
		Source: p.source, Standby: p.opt.Standby, Ledger: p.ledger, Files: p.workspace.Files(), Spool: p.spool,
		Slot: p.link.Slot, Publications: p.link.Publications, Log: p.log, Progress: p.opt.Rows, Selects: p.config.Source.Selects, Shape: &p.config.Shape,
		Began: p.began, Seen: &p.seen,
		Options: stage.Options{
			Run: p.opt.Run, Jobs: p.config.Source.Jobs, Memory: int64(st.Memory), SegmentBytes: int64(st.SegmentBytes),
			RangeBytes: rangeBytes, PeekMaxWAL: int64(p.config.Source.PeekMaxWAL), SpanBytes: spanBytes, WorkMem: peekWorkMem,
			IdleAdvance: int64(st.IdleAdvance), EntryBytes: int64(st.EntryBytes), EntryRows: int64(st.EntryRows), EntryEvery: st.EntryInterval,
			Heartbeat: p.config.Source.Heartbeat, Now: p.opt.Now,
		},
	}, nil
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

// Check gives the findings of the source, its slot, its publications and its tables.
func (p *Pipeline) Check(ctx context.Context) ([]finding.Finding, error) {
	return preflight.Source(ctx, preflight.Ends{Config: p.config, Link: p.link, Workspace: p.workspace, Log: p.log})
}

// selection chooses among the source's tables, by what the ledger has now.
func (p *Pipeline) selection() *selection.Selection {
	return &selection.Selection{Config: p.config, Source: p.source, State: p.ledger.State(), Log: p.log}
}

// namesStand insists that the names of the configuration stand for something. A session
// is opened only if the configuration names anything.
func (p *Pipeline) namesStand(ctx context.Context) error {
	if !p.config.NamesAny() {
		return nil
	}
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	return p.selection().CheckNames(ctx, conn, false)
}

// hidden looks for what logical decoding does not tell. What needs no mark is noted for
// the next entry.
func (p *Pipeline) hidden(ctx context.Context, conn *pgx.Conn) ([]ledger.ReloadMark, error) {
	pubs, err := publication.Read(ctx, conn, p.source, p.link.Publications)
	if err != nil {
		return nil, err
	}
	look := &hidden.Look{Source: p.source, Names: p.names, Began: p.began}
	found, err := look.At(ctx, conn, p.ledger.State(), pubs)
	if err != nil {
		return nil, err
	}
	p.seen.Set(found.Seen, found.Ahead)
	return found.Marks, nil
}
