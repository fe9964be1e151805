package replicate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// Plan is what a command would do. Making it writes nothing: it makes no lock, slot, publication or
// file, and sends no statement.
type Plan struct {
	Run     string       `json:"run"`
	Command string       `json:"command"`         // that would do it
	Makes   []string     `json:"makes"`           // schema and volume that are missing
	Source  PlannedRead  `json:"source"`          // what happens in the source
	Tables  []*TablePlan `json:"tables"`          // by name
	Control []string     `json:"control"`         // statements that add rows to the control table
	Unknown []string     `json:"unknown"`         // what only the run itself can find out
	Error   string       `json:"error,omitempty"` // what would stop the run
	Hint    string       `json:"hint,omitempty"`
}

// PlannedRead is the source's part of a plan.
type PlannedRead struct {
	Statements []string `json:"statements"` // on publications
	Slot       string   `json:"slot"`
	SlotAction string   `json:"slot_action,omitempty"` // make, replace, read; none if the slot is not touched
	From       string   `json:"from,omitempty"`        // LSN to read changes from
	To         string   `json:"to,omitempty"`          // LSN to read changes up to, as of now
	WALBytes   int64    `json:"wal_bytes"`             // between them
}

// TablePlan is one table's part of a plan.
type TablePlan struct {
	Table    string `json:"table"`
	Target   string `json:"target"`
	Snapshot bool   `json:"snapshot"` // rows are read from the source
	// EstimatedRows and Bytes are the server's estimates for a planned snapshot. Rows are −1 if the
	// table was never analyzed.
	EstimatedRows int64    `json:"estimated_rows,omitempty"`
	Bytes         int64    `json:"bytes,omitempty"`
	StagedRows    int64    `json:"staged_rows,omitempty"` // that are staged and would be loaded
	Statements    []string `json:"statements"`            // on the warehouse; paths, numbers and times are as of now
	Reload        string   `json:"reload_needed,omitempty"`
	Note          string   `json:"note,omitempty"`
	Error         string   `json:"error,omitempty"` // why nothing, or not all, is done
	Hint          string   `json:"hint,omitempty"`

	name schema.TableName
}

// planning is a plan in progress.
type planning struct {
	p    *Pipeline
	plan *Plan
	s    *Summary // takes the problems of tables
	// loads are the loads that are planned, and state the ledger that they are planned for.
	loads []load.Plan
	state *ledger.State
}

// PlanFullLoad plans FullLoad.
func (p *Pipeline) PlanFullLoad(ctx context.Context, o FullLoadOptions) (*Plan, error) {
	return p.planned(ctx, "full-load", func(pl *planning) error { return pl.fullLoad(ctx, o) })
}

// PlanCDC plans CDC without Follow.
func (p *Pipeline) PlanCDC(ctx context.Context, o CDCOptions) (*Plan, error) {
	return p.planned(ctx, "cdc", func(pl *planning) error { return pl.cdc(ctx, o) })
}

// PlanLoad plans Load.
func (p *Pipeline) PlanLoad(ctx context.Context, tables []string, repair bool, rebuild ...kept.Kind) (*Plan, error) {
	return p.planned(ctx, "load", func(pl *planning) error {
		if err := p.link.Begun(ctx); err != nil {
			return err
		}
		o, err := p.loadOptions(tables, repair, rebuild)
		if err != nil {
			return err
		}
		return pl.load(ctx, o)
	})
}

// PlanNext plans what loads everything: first a full load, later a cdc that also takes snapshots of
// new tables.
func (p *Pipeline) PlanNext(ctx context.Context) (*Plan, error) {
	if !p.Begun() {
		return p.PlanFullLoad(ctx, FullLoadOptions{})
	}
	return p.planned(ctx, "cdc --snapshot-new", func(pl *planning) error { return pl.cdc(ctx, CDCOptions{SnapshotNew: true}) })
}

func (p *Pipeline) planned(ctx context.Context, command string, decide func(*planning) error) (*Plan, error) {
	pl := &planning{p: p, s: p.newSummary(), plan: &Plan{
		Run: p.opt.Run, Command: command, Makes: []string{}, Tables: []*TablePlan{}, Control: []string{}, Unknown: []string{},
		Source: PlannedRead{Statements: []string{}, Slot: p.slotName()},
	}}
	err := p.explain(ctx, pl.decided(ctx, decide))
	for _, t := range pl.s.Tables {
		pl.table(t.name).Error, pl.table(t.name).Hint = t.Error, t.Hint
	}
	slices.SortFunc(pl.plan.Tables, func(a, b *TablePlan) int { return a.name.Compare(b.name) })
	if err == nil {
		return pl.plan, pl.failing()
	}
	pl.plan.Error, pl.plan.Hint = err.Error(), failure.HintOf(err)
	return pl.plan, err
}

// failing returns an error if some tables would fail.
func (pl *planning) failing() error {
	for _, t := range pl.plan.Tables {
		if t.Error != "" {
			return failure.New(failure.Tables, "some tables would fail, the first: %s", t.Error).
				WithHint("%s", cmp.Or(t.Hint, "`ingest status` shows each table"))
		}
	}
	return nil
}

func (pl *planning) table(name schema.TableName) *TablePlan {
	i := slices.IndexFunc(pl.plan.Tables, func(t *TablePlan) bool { return t.name == name })
	if i >= 0 {
		return pl.plan.Tables[i]
	}
	t := &TablePlan{Table: name.String(), Target: pl.p.Target(name).Display(), Statements: []string{}, name: name}
	pl.plan.Tables = append(pl.plan.Tables, t)
	return t
}

func (pl *planning) unknown(format string, args ...any) {
	pl.plan.Unknown = append(pl.plan.Unknown, fmt.Sprintf(format, args...))
}

func (pl *planning) fullLoad(ctx context.Context, o FullLoadOptions) error {
	p := pl.p
	makes, err := p.workspace.Place().Missing(ctx)
	if err != nil {
		return err
	}
	pl.plan.Makes = append(pl.plan.Makes, makes...)
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	d, err := (&decider{p, conn, pl.s}).fullLoad(ctx, o)
	if err != nil {
		return err
	}
	if d.origin != nil && p.link.Replicates() {
		slot, err := p.inTheWay(ctx, conn, d)
		if err != nil {
			return err
		}
		pl.plan.Source.Slot, pl.plan.Source.SlotAction = p.link.Slot, "make"
		if slot != nil {
			pl.plan.Source.SlotAction = "replace"
		}
		pl.unknown("where the slot begins: known once all transactions that are writing have ended")
	}
	return pl.snapshots(ctx, conn, d, o.StageOnly)
}

// snapshots plans the snapshots of a decision.
func (pl *planning) snapshots(ctx context.Context, conn *pgx.Conn, d *decision, stageOnly bool) error {
	p := pl.p
	pl.plan.Source.Statements = append(pl.plan.Source.Statements, d.statements...)
	if len(d.relations) == 0 {
		return nil
	}
	pubs, err := publication.Read(ctx, conn, p.source, p.link.Reads())
	if err != nil {
		return err
	}
	insert, _, err := p.source.WAL(conn).Positions(ctx)
	if err != nil {
		return err
	}
	begin := &ledger.Begin{Sort: insert, Taken: p.opt.Now().UTC()}
	state := p.ledger.State()
	number, uuid := state.Head+1, cmp.Or(state.Ledger, "…") // a new ledger is made with one
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return err
	}
	after := *state
	after.Ledger = uuid
	if d.origin != nil {
		after.Origin = &ledger.Origin{Database: p.source.Facts.Database, Slot: p.slotName()}
	}
	for i := range d.relations {
		r := pubs.As(&d.relations[i])
		done := stage.Describe(&p.config.Shape, r)
		t := pl.table(r.Name)
		t.Snapshot, t.EstimatedRows, t.Bytes = true, r.Rows, r.Bytes
		if stageOnly {
			continue
		}
		done.Begin, done.Rows, done.Directory = number, atLeast(r), stage.SnapshotDirectory(p.opt.Run, r.Name, number)
		var planned load.Plan
		if err := p.newLoader().PlanSnapshot(ctx, cache, &after, done, begin, &planned); err != nil {
			return err
		}
		pl.loads, pl.state = append(pl.loads, planned), &after
		t.Statements, t.Note = append(t.Statements, planned.Statements...), planned.Unsure
		if planned.Err != nil {
			t.Error, t.Hint = planned.Err.Error(), failure.HintOf(planned.Err)
		}
	}
	pl.unknown("the exact number of rows: those shown are the server's estimates")
	if !stageOnly && p.link.Replicates() {
		pl.unknown("changes that are staged while the snapshots are read, which a COPY INTO appends")
	}
	return nil
}

// atLeast is the number of rows that a relation certainly has: none if it has no pages, else one,
// whatever the estimate.
func atLeast(r *postgres.Relation) int64 {
	for _, l := range r.Leaves {
		if l.Blocks > 0 {
			return max(1, r.Rows)
		}
	}
	return 0
}

func (pl *planning) cdc(ctx context.Context, o CDCOptions) error {
	p := pl.p
	if err := p.link.Begun(ctx); err != nil {
		return err
	}
	if err := p.readsChanges(); err != nil {
		return err
	}
	if err := p.namesStand(ctx); err != nil {
		return err
	}
	if err := pl.sparing(ctx); err != nil {
		return err
	}
	target, marks, err := p.ready(ctx)
	if err != nil {
		return err
	}
	from := p.ledger.State().Position
	read := &pl.plan.Source
	read.SlotAction, read.From, read.To, read.WALBytes = "read", from.String(), max(from, target).String(), int64(max(from, target)-from)
	for _, m := range marks {
		pl.table(m.Table).Reload = m.Reason
	}
	if o.SnapshotNew {
		if err := pl.newTables(ctx); err != nil {
			return err
		}
	}
	if p.reloads() {
		if err := pl.reload(ctx, marks); err != nil {
			return err
		}
	}
	if read.WALBytes > 0 {
		pl.unknown("which changes are in %d bytes of WAL: known only after they are decoded; each table that has some gets a COPY INTO, "+
			"after ALTER TABLE ADD COLUMNS where columns are new", read.WALBytes)
	}
	if o.StageOnly {
		return nil
	}
	return pl.load(ctx, load.Options{})
}

func (pl *planning) newTables(ctx context.Context) error {
	conn, done, err := pl.p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	d, err := (&decider{pl.p, conn, pl.s}).fresh(ctx)
	if err != nil {
		return err
	}
	return pl.snapshots(ctx, conn, d, false)
}

// reload plans the full loads of tables that are marked, or are about to be.
func (pl *planning) reload(ctx context.Context, marks []ledger.ReloadMark) error {
	conn, done, err := pl.p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	d, err := (&decider{pl.p, conn, pl.s}).reload(ctx, func(table schema.TableName) bool {
		return marked(pl.p.ledger.State(), table) || slices.ContainsFunc(marks, func(m ledger.ReloadMark) bool { return m.Table == table })
	})
	if err != nil {
		return err
	}
	return pl.snapshots(ctx, conn, d, false)
}

// load plans the loading of what is staged now.
func (pl *planning) load(ctx context.Context, o load.Options) error {
	loader := pl.p.newLoader()
	plans, err := loader.Plan(ctx, o)
	if err != nil {
		return err
	}
	statements := 0
	for _, found := range plans {
		t := pl.table(found.Table)
		if t.Snapshot { // a newer one replaces it
			continue
		}
		pl.loads = append(pl.loads, found)
		t.StagedRows, t.Note = found.Rows, found.Unsure
		t.Statements = append(t.Statements, found.Statements...)
		if found.Err != nil {
			t.Error, t.Hint = found.Err.Error(), failure.HintOf(found.Err)
		}
		statements += len(found.Statements)
	}
	if statements > 0 {
		pl.unknown("whether the tables hold what loads/ says: a load asks them before it writes, and this plan starts no warehouse")
	}
	return nil
}

// decided makes the plan.
func (pl *planning) decided(ctx context.Context, decide func(*planning) error) error {
	if err := decide(pl); err != nil {
		return err
	}
	return pl.control(ctx)
}

// control plans the rows of the control table.
func (pl *planning) control(ctx context.Context) error {
	state := pl.state
	if state == nil {
		state = pl.p.ledger.State()
	}
	cache, err := loads.Read(ctx, pl.p.workspace.Files(), state.Ledger)
	if err != nil {
		return err
	}
	statements, err := pl.p.newLoader().PlanControl(ctx, cache, state, pl.loads)
	pl.plan.Control = append(pl.plan.Control, statements...)
	return err
}

// sparing plans what a run of cdc would do about failing statements of the application.
func (pl *planning) sparing(ctx context.Context) error {
	conn, done, err := pl.p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	refusals, pubs, err := pl.p.application.refusals(ctx, conn)
	if err != nil || len(refusals) == 0 {
		return err
	}
	statements, _, _ := pubs.Spare(refusals)
	pl.plan.Source.Statements = append(pl.plan.Source.Statements, statements...)
	return nil
}
