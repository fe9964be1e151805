package replicate

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/hidden"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/preflight"
	"github.com/ingest-tool/ingest/internal/probe"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/target"
)

// Options are what Open needs. The caller owns the workspace and the source, and closes them after the
// pipeline.
type Options struct {
	Config    *config.Config
	Workspace *databricks.Workspace
	Source    *postgres.Source // nil for commands that do not need it
	Standby   *postgres.Source // standby of Source that changes are read from; nil: Source itself
	Run       string           // id of this run
	Version   string
	Log       *slog.Logger
	Now       func() time.Time // the clock
	// Watch is called as the run goes on.
	Watch Watch
	// Observer learns what the run does; nil for none.
	Observer Observer
	// Loads means that the command needs the SQL warehouse: Open looks for it first.
	Loads bool
	// Damaged opens the pipeline even if its ledger cannot be read. Status uses it to report why; Drop
	// uses it too.
	Damaged bool
	// AnySource opens the pipeline even if the source is not the one that its ledger belongs to. A
	// full load uses it, which may begin or repair the ledger, and so do commands that only look and
	// report.
	AnySource bool
	// Looks opens the pipeline even if a probe found that the workspace lacks what this program needs.
	// It is for commands that only look, and for Drop.
	Looks bool
}

// Pipeline is an open pipeline: both ends answered and the ledger is read. The caller closes it.
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

	reports     reporter
	application *application
	seen        stage.Seen // by the newest look for hidden changes
}

// Open reads the ledger. It writes nothing: a full load makes what is missing, once it has decided.
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
	var err error
	p.ledger, err = ledger.Open(ctx, p.workspace.Files(), ledger.Options{Run: o.Run, Version: o.Version, Now: o.Now, Log: o.Log,
		Appended: o.appended()})
	if o.Damaged && failure.KindOf(err) == failure.Conflict {
		p.ledger, p.damage, err = nil, err, nil
	}
	p.link = &origin.Link{
		Names: origin.Names{Config: o.Config}, Source: o.Source, Standby: o.Standby, Ledger: p.ledger, Workspace: o.Workspace, Run: o.Run,
		WorkMem: peekWorkMem, Log: o.Log, Now: o.Now,
	}
	p.application = &application{link: p.link, log: o.Log}
	p.reports = reporter{watch: o.Watch, observer: o.Observer, statements: p.workspace.Warehouse().Statements, now: o.Now, log: o.Log}
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
		if o.Observer != nil {
			o.Observer.Opened(p.ledger.State())
		}
	}
	return p, nil
}

// Begun reports whether the pipeline has a slot in a ledger that was not ended: cdc goes on from it.
func (p *Pipeline) Begun() bool {
	if p.ledger == nil || !p.link.Replicates() {
		return false
	}
	state := p.ledger.State()
	return state.Origin != nil && !state.Ended && state.Origin.Replicates()
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

// Sizes that are not configurable.
const (
	rangeBytes = 256 << 20
	spanBytes  = 64 << 20
	// peekWorkMem is how much of a span's answer the server keeps in memory before it writes temporary
	// files.
	peekWorkMem = "64MB"
	// yieldFor is how long the staging of changes waits for a snapshot that would otherwise lose its place
	// in the ledger again. A snapshot needs it from its start to its entry.
	yieldFor = 10 * time.Second
)

// stager makes the staging half. The first call opens the spool.
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
		Slot: p.link.Slot, Publications: p.link.Reads(), Log: p.log, Watch: p.reports.staging(), Current: p.opt.current(),
		Selects: p.config.Source.Selects, Shape: &p.config.Shape,
		Began: p.began, Seen: &p.seen,
		Options: stage.Options{
			Run: p.opt.Run, Jobs: p.config.Source.Jobs, Memory: int64(st.Memory), SegmentBytes: int64(st.SegmentBytes),
			RangeBytes: rangeBytes, PeekMaxWAL: int64(p.config.Source.PeekMaxWAL), SpanBytes: spanBytes, WorkMem: peekWorkMem,
			IdleAdvance: int64(st.IdleAdvance), EntryBytes: int64(st.EntryBytes), EntryRows: int64(st.EntryRows), EntryEvery: st.EntryInterval,
			YieldFor: yieldFor, Heartbeat: p.config.Source.Heartbeat, Now: p.opt.Now,
		},
	}, nil
}

// Key lists the columns that identify a table's rows in its log. It is empty if there are none, or if
// the table has no snapshot yet.
func (p *Pipeline) Key(table schema.TableName) []string {
	t := p.ledger.State().Tables[table]
	if t == nil || t.Snapshot == nil {
		return nil
	}
	return t.Key()
}

// Check returns the findings of the source, its slot, its publications and its tables.
func (p *Pipeline) Check(ctx context.Context) ([]finding.Finding, error) {
	return preflight.Source(ctx, preflight.Ends{Config: p.config, Link: p.link, Workspace: p.workspace, Log: p.log})
}

// selection chooses among the source's tables, by the ledger's current state.
func (p *Pipeline) selection() *selection.Selection {
	return &selection.Selection{Config: p.config, Source: p.source, State: p.ledger.State(), Log: p.log}
}

// namesStand returns an error if a name of the configuration matches nothing. It opens a session only if
// the configuration has names.
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

// hidden looks for changes that logical decoding does not show. Changes that need no mark are noted
// for the next entry.
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
