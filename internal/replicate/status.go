package replicate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Status is the state of a pipeline by its ledger, slot and cache. It needs no running process and no
// warehouse.
type Status struct {
	Ledger   string        `json:"ledger"`
	Root     string        `json:"root"`
	Changes  string        `json:"changes,omitempty"` // "none" for snapshots alone
	Entries  int64         `json:"entries"`
	Position string        `json:"position"`
	Staged   *time.Time    `json:"staged_at,omitempty"` // when the position was staged
	Slot     *SlotStatus   `json:"slot,omitempty"`
	Tables   []TableStatus `json:"tables"`
	Problem  string        `json:"problem,omitempty"` // of slot and ledger
	Hint     string        `json:"hint,omitempty"`
	Warning  string        `json:"warning,omitempty"` // of a slot that fits, but may soon be lost
	Remedy   string        `json:"remedy,omitempty"`  // of the warning
	// Refused are publications, of any origin, that make statements of the application fail.
	Refused []publication.Refused `json:"refused,omitempty"`
}

// SlotStatus is the replication slot's part.
type SlotStatus struct {
	Name      string     `json:"name"`
	Active    bool       `json:"active"`
	ActivePID int32      `json:"active_pid,omitempty"`
	Holder    string     `json:"holder,omitempty"` // application, user and start of the session that uses it
	IdleSince *time.Time `json:"idle_since,omitempty"`
	Confirmed string     `json:"confirmed"`
	LagBytes  int64      `json:"lag_bytes"`  // WAL written since the slot's position
	KeptBytes int64      `json:"kept_bytes"` // WAL that the slot makes the server keep
	SafeBytes *int64     `json:"safe_bytes,omitempty"`
	WALStatus string     `json:"wal_status"`
	Reason    string     `json:"invalidation_reason,omitempty"`
	LagTime   float64    `json:"lag_seconds"` // since the position was staged
}

// TableStatus is one table's part.
type TableStatus struct {
	Table  string `json:"table"`
	Target string `json:"target"`
	// State is one of: loaded, behind, not loaded, snapshot needed, snapshot running, reload needed, quarantined or unknown.
	State   string           `json:"state"`
	Staged  int64            `json:"staged_rows"`
	Loaded  int64            `json:"loaded_rows"`
	Entry   int64            `json:"loaded_entry"`
	Rescued map[string]int64 `json:"rescued,omitempty"`
	Reload  string           `json:"reload_needed,omitempty"`
	// AsOf is when the table's snapshot was taken, if no changes follow it.
	AsOf *time.Time `json:"as_of,omitempty"`
	// NotReplicated is why updates and deletes of a loaded table are not replicated.
	NotReplicated string       `json:"not_replicated,omitempty"`
	Quarantine    string       `json:"quarantine,omitempty"`
	Since         *time.Time   `json:"quarantined_since,omitempty"`
	Remedy        string       `json:"remedy,omitempty"`
	WaitingRows   int64        `json:"waiting_rows"`
	Kept          []KeptStatus `json:"kept,omitempty"` // beside the log
}

// Err is the error that a monitor reads.
func (s *Status) Err() error {
	if s.Problem != "" {
		return failure.New(failure.Conflict, "%s", s.Problem).WithHint("%s", s.Hint)
	}
	for _, r := range s.Refused {
		if r.Own {
			return failure.New(failure.Tables, "publication %s: %s", r.What(), r.Why).WithHint("%s", r.Remedy)
		}
	}
	bad := 0 // a table that is not loaded yet is not bad: it may not be wanted
	for _, t := range s.Tables {
		if t.State == "quarantined" || t.State == "reload needed" || t.State == "snapshot needed" || t.keptBad() {
			bad++
		}
	}
	if bad > 0 {
		return failure.New(failure.Tables, "%d of %d tables need attention", bad, len(s.Tables)).WithHint("the table above has the fix for each")
	}
	return nil
}

// Status reads the state of the pipeline.
//
// If the ledger is damaged, Status returns the slot and the contents of loads/ together with the
// error.
func (p *Pipeline) Status(ctx context.Context) (*Status, error) {
	r := &reporting{p: p, s: &Status{Root: p.workspace.Files().Root(), Tables: []TableStatus{}}}
	if p.damage != nil {
		r.s.Problem, r.s.Hint = p.damage.Error(), failure.HintOf(p.damage)
	}
	conn, done, err := p.link.Connect(ctx)
	switch {
	case err != nil && p.damage != nil:
		return r.s, errors.Join(p.damage, err)
	case err != nil:
		return nil, err
	}
	defer done()
	r.conn = conn
	if p.damage == nil {
		return r.status(ctx)
	}
	if err := r.damaged(ctx); err != nil {
		return r.s, errors.Join(p.damage, err)
	}
	return r.s, p.damage
}

// reporting is a status that is being read.
type reporting struct {
	p    *Pipeline
	conn *pgx.Conn
	s    *Status
}

func (r *reporting) status(ctx context.Context) (*Status, error) {
	p, s := r.p, r.s
	state := p.ledger.State()
	r.position(state)
	if err := r.slot(ctx); err != nil {
		return nil, err
	}
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	if s.Problem == "" {
		if err := loads.Older(ctx, p.workspace.Files(), p.ledger); failure.KindOf(err) == failure.Conflict {
			s.Problem, s.Hint = err.Error(), failure.HintOf(err)
		}
	}
	replaced, err := p.replaced(ctx, r.conn, state)
	if err != nil {
		return nil, err
	}
	r.tables(state, cache, replaced)
	if err := r.notLoaded(ctx); err != nil {
		return s, err
	}
	return s, r.application(ctx)
}

// position reports how far the ledger is.
func (r *reporting) position(state *ledger.State) {
	r.s.Ledger, r.s.Entries, r.s.Position = state.Ledger, state.Head, state.Position.String()
	if !r.p.link.Replicates() {
		r.s.Changes = ledger.ChangesNone
	}
	if !state.PositionTime.IsZero() {
		r.s.Staged = &state.PositionTime
	}
}

// tables adds the tables of the ledger. replaced are those whose names are other tables'.
func (r *reporting) tables(state *ledger.State, cache *loads.Cache, replaced map[schema.TableName]string) {
	for _, t := range state.Sorted() {
		r.table(state, t, cache.Tables[t.Table], replaced[t.Table])
	}
}

// table adds a table of the ledger.
func (r *reporting) table(state *ledger.State, t *ledger.TableState, cached loads.Table, replaced string) {
	one := tableStatus(t.Table.String(), load.Summarize(state, t), cached)
	one.Target = r.p.Target(t.Table).Display()
	one.judge(state, t, cached, replaced)
	if t.Begin != nil && !state.Origin.Replicates() {
		one.AsOf = &t.Begin.Taken
	}
	one.Kept = keptStatuses(r.p.newLoader().KeptStates(state, t, cached))
	r.s.Tables = append(r.s.Tables, one)
}

// judge sets the state of a table of the ledger, and its remedy. replaced is why its name is another
// table's; "" if it is not.
func (t *TableStatus) judge(state *ledger.State, table *ledger.TableState, cached loads.Table, replaced string) {
	if t.Reload = replaced; table.Reload != nil {
		t.Reload = table.Reload.Reason
	}
	switch {
	case t.Quarantine != "":
		t.State = "quarantined"
	case table.Snapshot == nil && state.Pending(table.Table):
		t.State = "snapshot running"
	case !state.Current(table):
		t.State, t.Remedy = "snapshot needed", "ingest full-load --tables "+table.Table.Argument()
	case t.Reload != "":
		t.State, t.Remedy = "reload needed", "ingest full-load --tables "+table.Table.Argument()
	case t.WaitingRows > 0 || cached.Snapshot != table.Snapshot.Begin:
		t.State = "behind"
	default:
		t.State = "loaded"
	}
}

// notLoaded adds the selected tables that the ledger does not know. They are newer than the last full
// load, or failed in it.
func (r *reporting) notLoaded(ctx context.Context) error {
	state := r.p.ledger.State()
	if state.Origin == nil {
		return nil
	}
	choice := r.p.selection()
	relations, err := r.p.source.Catalog(r.conn).Relations(ctx, choice.Schemas(nil), nil)
	if err != nil {
		return err
	}
	byOID := state.ByOIDs()
	for _, one := range relations {
		if state.Tables[one.Name] == nil && choice.Unloaded(state, byOID, &one) {
			r.s.Tables = append(r.s.Tables, TableStatus{
				Table: one.Name.String(), Target: r.p.Target(one.Name).Display(), State: "not loaded",
				Remedy: "ingest full-load --tables " + one.Name.Argument(),
			})
		}
	}
	return nil
}

// damaged reports without a ledger.
func (r *reporting) damaged(ctx context.Context) error {
	if err := r.slot(ctx); err != nil {
		return err
	}
	cache, err := loads.Read(ctx, r.p.workspace.Files(), "")
	if err != nil {
		return err
	}
	r.s.Ledger = cache.Ledger
	for _, name := range slices.SortedFunc(maps.Keys(cache.Tables), schema.TableName.Compare) {
		loaded := cache.Tables[name]
		t := tableStatus(name.String(), load.Staged{Snapshot: loaded.Snapshot, Rows: loaded.Rows}, loaded)
		t.Target, t.State, t.Staged = r.p.Target(name).Display(), "unknown", 0
		if t.Quarantine != "" {
			t.State = "quarantined"
		}
		r.s.Tables = append(r.s.Tables, t)
	}
	return nil
}

func tableStatus(name string, staged load.Staged, loaded loads.Table) TableStatus {
	t := TableStatus{Table: name, Staged: staged.Rows, Rescued: staged.Rescued, Loaded: loaded.Rows, Entry: loaded.Entry}
	t.WaitingRows = max(0, staged.Rows-loaded.Rows)
	if staged.Snapshot != loaded.Snapshot {
		t.WaitingRows = staged.Rows
	}
	if q := loaded.Quarantine; q != nil && q.Snapshot == staged.Snapshot {
		t.Quarantine, t.Since, t.Remedy = q.Reason, &q.Since, q.Hint
	}
	return t
}

// slot reports the slot, and whether it and the source fit the ledger.
func (r *reporting) slot(ctx context.Context) error {
	p, s := r.p, r.s
	if !p.link.Replicates() && p.damage == nil {
		return r.alone(ctx)
	}
	slot, err := p.link.ReadSlot(ctx, r.conn)
	if err != nil {
		return err
	}
	if slot != nil {
		s.Slot = &SlotStatus{
			Name: slot.Name, Active: slot.Active, ActivePID: slot.ActivePID, Holder: slot.Holder, IdleSince: slot.IdleSince,
			Confirmed: slot.Confirmed.String(),
			LagBytes:  slot.LagBytes, KeptBytes: slot.KeptBytes, SafeBytes: slot.SafeBytes, WALStatus: slot.WALStatus, Reason: slot.Reason,
		}
		if s.Staged != nil {
			s.Slot.LagTime = p.opt.Now().Sub(*s.Staged).Seconds()
		}
	}
	if p.damage != nil {
		return nil
	}
	if err := p.source.Identify(ctx); err != nil {
		return err
	}
	if p.ledger.State().Origin == nil {
		err := p.link.Begun(ctx)
		s.Problem, s.Hint = err.Error(), failure.HintOf(err)
		return nil
	}
	if slot, err = p.link.CheckSlot(ctx, r.conn, p.ledger.State()); err != nil {
		s.Problem, s.Hint = err.Error(), failure.HintOf(err)
	} else if w := slot.Warning(); w != nil {
		s.Warning, s.Remedy = w.What+": "+w.Why, w.Remedy
	}
	return nil
}
