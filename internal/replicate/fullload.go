package replicate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// FullLoadOptions choose what a full load does.
type FullLoadOptions struct {
	Tables    []string // names or patterns; empty: what the configuration selects
	Resume    bool     // only tables without a complete snapshot
	StageOnly bool
	Repair    bool // replace a slot that no longer fits, and load what needs it
	// Selected is told of the tables before they are read; may be nil.
	Selected func([]postgres.Relation)

	confirm bool // the warehouse may be asked before anything is decided
}

// TableSummary is what a run did with one table.
type TableSummary struct {
	Table       string           `json:"table"`
	Target      string           `json:"target"`
	Staged      int64            `json:"staged_rows"`
	Segments    int              `json:"segments"`
	Bytes       int64            `json:"bytes"`
	Loaded      int64            `json:"loaded_rows"`
	Total       int64            `json:"total_rows"`
	Replaced    int64            `json:"replaced_rows,omitempty"` // rows that a new snapshot replaced, log included
	Changes     map[string]int64 `json:"changes,omitempty"`       // staged, by operation
	Rescued     map[string]int64 `json:"rescued,omitempty"`       // column → values
	Added       []string         `json:"added_columns,omitempty"`
	Widened     []string         `json:"widened_columns,omitempty"` // with their new types
	Reload      string           `json:"reload_needed,omitempty"`
	Error       string           `json:"error,omitempty"`
	Hint        string           `json:"hint,omitempty"`
	Quarantined bool             `json:"quarantined,omitempty"`
	Kept        []KeptSummary    `json:"kept,omitempty"` // beside the log

	name      schema.TableName
	undecoded string // the error of a change that could not be decoded; "" for none
}

// Summary is what a run did.
type Summary struct {
	Run          string          `json:"run"`
	Tables       []*TableSummary `json:"tables"`
	Entries      int             `json:"entries"`
	Transactions int64           `json:"transactions"`
	Position     string          `json:"position"`
	Statements   int             `json:"statements"`         // sent to the SQL warehouse
	Repaired     []string        `json:"repaired,omitempty"` // what --repair found and did
	Seconds      float64         `json:"seconds"`
	Error        string          `json:"error,omitempty"` // what ended the run early
	Hint         string          `json:"hint,omitempty"`

	started time.Time
	before  int // statements sent before
	byName  map[schema.TableName]*TableSummary
}

func (p *Pipeline) newSummary() *Summary {
	return &Summary{Run: p.opt.Run, Tables: []*TableSummary{}, started: p.opt.Now(), before: p.workspace.Warehouse().Statements(),
		byName: map[schema.TableName]*TableSummary{}}
}

// table finds or begins a table's summary.
func (s *Summary) table(p *Pipeline, name schema.TableName) *TableSummary {
	if t := s.byName[name]; t != nil {
		return t
	}
	t := &TableSummary{Table: name.String(), Target: p.Target(name).Display(), name: name}
	s.Tables = append(s.Tables, t)
	s.byName[name] = t
	return t
}

func (t *TableSummary) fail(err error) {
	if err != nil {
		t.Error, t.Hint = err.Error(), failure.HintOf(err)
	}
}

// end completes the summary, whether the run ended with err or not, and says as
// an error what the exit code needs.
func (s *Summary) end(p *Pipeline, err error) error {
	s.Statements = p.workspace.Warehouse().Statements() - s.before
	s.Seconds = p.opt.Now().Sub(s.started).Seconds()
	s.Position = p.ledger.State().Position.String()
	slices.SortFunc(s.Tables, func(a, b *TableSummary) int { return a.name.Compare(b.name) })
	if err != nil {
		s.Error, s.Hint = err.Error(), failure.HintOf(err)
		return err
	}
	failed, first, hint := 0, "", ""
	for _, t := range s.Tables {
		if reason, remedy := t.failure(); reason != "" {
			if failed++; failed == 1 {
				first, hint = reason, remedy
			}
		}
	}
	if failed == 0 {
		return nil
	}
	e := failure.New(failure.Tables, "%d of %d tables failed, the first: %s", failed, len(s.Tables), first)
	if hint != "" {
		return e.WithHint("%s", hint)
	}
	return e.WithHint("`ingest status` shows each table; the others went on")
}

// FullLoad takes snapshots of the tables, stages and loads them.
func (p *Pipeline) FullLoad(ctx context.Context, o FullLoadOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.fullLoad(ctx, s, o)
	p.compact(ctx)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) fullLoad(ctx context.Context, s *Summary, o FullLoadOptions) error {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	o.confirm = true
	d, err := p.decideFullLoad(ctx, conn, s, o)
	if err != nil {
		return err
	}
	if err := p.publish(ctx, conn, d); err != nil { // before the slot
		return err
	}
	if d.origin != nil {
		if d.lost {
			if err := p.claimSlot(ctx); err != nil {
				return err
			}
		}
		if err := p.makeOrigin(ctx, conn, d.origin); err != nil {
			return err
		}
		if d.origin.unfit != nil {
			s.Repaired = append(s.Repaired, fmt.Sprintf("made slot %s anew at %s, because %s", p.slot, p.ledger.State().Position, d.origin.unfit))
		}
	}
	if o.Repair {
		s.Repaired = append(s.Repaired, p.reloading(d.relations))
	}
	if o.Selected != nil {
		o.Selected(d.relations)
	}
	if err := p.snapshot(ctx, s, d.relations); err != nil {
		return err
	}
	if !o.StageOnly {
		return p.load(ctx, s, load.Options{Tables: names(d.relations), OwnSnapshots: true, Repair: o.Repair})
	}
	return nil
}

// decision is what a full load is about to do.
type decision struct {
	statements []string            // on publications
	published  []postgres.Relation // that the publications then hold
	lost       bool                // the ledger is, and a slot of its name belongs to nobody any more
	origin     *newOrigin          // nil: there is one
	relations  []postgres.Relation // that snapshots are taken of
}

// decideFullLoad looks at both ends and writes nothing. What one table is in
// the way of goes into the summary.
func (p *Pipeline) decideFullLoad(ctx context.Context, conn *pgx.Conn, s *Summary, o FullLoadOptions) (*decision, error) {
	if err := p.checkSource(); err != nil {
		return nil, err
	}
	if !o.StageOnly { // before hours of staging
		if err := p.workspace.Warehouse().Find(ctx); err != nil {
			return nil, err
		}
	}
	relations, err := p.selected(ctx, conn, o.Tables, nil)
	if err != nil {
		return nil, err
	}
	older, err := p.checkEvidence(ctx, relations, o.Repair)
	if err != nil {
		return nil, err
	}
	d := &decision{lost: older && p.ledger.State().Origin == nil}
	if d.origin, err = p.checkOrigin(ctx, conn, o.Repair); err != nil {
		return nil, err
	}
	if relations, err = p.refuse(ctx, conn, s, relations); err != nil {
		return nil, err
	}
	if len(relations) == 0 {
		return nil, failure.New(failure.Source, "no table can be loaded, the first: %s", s.Tables[0].Error).WithHint("%s", s.Tables[0].Hint)
	}
	if relations, err = p.unoccupied(ctx, s, relations, !o.StageOnly && o.confirm); err != nil {
		return nil, err
	}
	if d.statements, err = p.publicationStatements(ctx, conn, relations); err != nil {
		return nil, err
	}
	d.relations, d.published = relations, relations
	if d.origin == nil && (o.Resume || o.Repair && !older) { // behind a new origin, no snapshot is usable
		d.relations, err = p.unfinished(ctx, relations, o.Repair)
	}
	return d, err
}

// reloading says which tables a repair loads again.
func (p *Pipeline) reloading(relations []postgres.Relation) string {
	if len(relations) == 0 {
		return "no table needs a new snapshot"
	}
	list := make([]string, len(relations))
	for i, r := range relations {
		list[i] = r.Name.String()
	}
	return fmt.Sprintf("loading again %d of the selected tables: %s", len(list), strings.Join(list, ", "))
}

func names(relations []postgres.Relation) []schema.TableName {
	out := make([]schema.TableName, len(relations))
	for i, r := range relations {
		out[i] = r.Name
	}
	return out
}

// unfinished keeps the relations without a usable snapshot, and, for a repair,
// those that are marked for a reload or quarantined.
func (p *Pipeline) unfinished(ctx context.Context, relations []postgres.Relation, repair bool) ([]postgres.Relation, error) {
	state := p.ledger.State()
	cache, err := load.ReadCache(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool {
		t := state.Tables[r.Name]
		if !state.Current(t) || state.Pending(r.Name) || another(state, &r) {
			return false
		}
		return !repair || t.Reload == nil && cache.Tables[r.Name].Quarantine == nil
	}), nil
}

// snapshot stages the relations and adds what became of them to the summary.
func (p *Pipeline) snapshot(ctx context.Context, s *Summary, relations []postgres.Relation) error {
	if len(relations) == 0 {
		return nil
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	results, err := stager.SnapshotTables(ctx, relations)
	for _, r := range results {
		t := s.table(p, r.Table)
		t.fail(p.explain(ctx, r.Err))
		if r.Done == nil {
			continue
		}
		t.Staged, t.Segments, t.Rescued = r.Done.Rows, len(r.Done.Segments), r.Done.Rescued
		for _, seg := range r.Done.Segments {
			t.Bytes += seg.Bytes
		}
		s.Entries++
	}
	return err
}

// load brings tables to the ledger's head and adds the results.
func (p *Pipeline) load(ctx context.Context, s *Summary, o load.Options) error {
	return p.loadUnder(ctx, ctx, s, o)
}

// loadUnder does so; the end of locking ends the wait for the lock, and nothing
// else.
func (p *Pipeline) loadUnder(ctx, locking context.Context, s *Summary, o load.Options) error {
	loader, lock, err := p.loader(locking)
	if err != nil {
		return err
	}
	defer lock.Close()
	results, err := loader.Load(ctx, o)
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
