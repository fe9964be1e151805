package replicate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/load"
	"ingest/internal/schema"
)

// Status is what a pipeline's ledger, slot and cache say. It needs no running
// process and no warehouse.
type Status struct {
	Ledger   string        `json:"ledger"`
	Root     string        `json:"root"`
	Entries  int64         `json:"entries"`
	Position string        `json:"position"`
	Staged   *time.Time    `json:"staged_at,omitempty"` // when the position was staged
	Slot     *SlotStatus   `json:"slot,omitempty"`
	Tables   []TableStatus `json:"tables"`
	Problem  string        `json:"problem,omitempty"` // of slot and ledger
	Hint     string        `json:"hint,omitempty"`
	Warning  string        `json:"warning,omitempty"` // of a slot that fits, but is about to be lost
	Remedy   string        `json:"remedy,omitempty"`  // of the warning
	// Refused are publications, of any origin, that make statements of the
	// application fail.
	Refused []Refused `json:"refused,omitempty"`
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
	Table   string           `json:"table"`
	Target  string           `json:"target"`
	State   string           `json:"state"` // loaded, behind, not loaded, snapshot needed, snapshot running, reload needed, quarantined, unknown
	Staged  int64            `json:"staged_rows"`
	Loaded  int64            `json:"loaded_rows"`
	Entry   int64            `json:"loaded_entry"`
	Rescued map[string]int64 `json:"rescued,omitempty"`
	Reload  string           `json:"reload_needed,omitempty"`
	// NotReplicated says why updates and deletes are not, of a table that is loaded.
	NotReplicated string       `json:"not_replicated,omitempty"`
	Quarantine    string       `json:"quarantine,omitempty"`
	Since         *time.Time   `json:"quarantined_since,omitempty"`
	Remedy        string       `json:"remedy,omitempty"`
	WaitingRows   int64        `json:"waiting_rows"`
	Kept          []KeptStatus `json:"kept,omitempty"` // beside the log
}

// Status reads the state of the pipeline.
//
// Where the ledger is damaged, what the slot and loads/ say is given with the
// error that says so.
func (p *Pipeline) Status(ctx context.Context) (*Status, error) {
	if p.damage != nil {
		return p.damaged(ctx)
	}
	state := p.ledger.State()
	s := &Status{Ledger: state.Ledger, Root: p.workspace.Files().Root(), Entries: state.Head, Position: state.Position.String(), Tables: []TableStatus{}}
	if !state.PositionTime.IsZero() {
		s.Staged = &state.PositionTime
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := p.slotStatus(ctx, conn, s); err != nil {
		return nil, err
	}
	cache, err := load.ReadCache(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	if s.Problem == "" {
		if err := load.Older(ctx, p.workspace.Files(), p.ledger); failure.KindOf(err) == failure.Conflict {
			s.Problem, s.Hint = err.Error(), failure.HintOf(err)
		}
	}
	replaced, err := p.replaced(ctx, conn, state)
	if err != nil {
		return nil, err
	}
	for _, t := range state.Sorted() {
		s.Tables = append(s.Tables, tableStatus(t.Table.String(), load.Summarize(state, t), cache.Tables[t.Table]))
		last := &s.Tables[len(s.Tables)-1]
		last.Target = p.Target(t.Table).Display()
		if last.Reload = replaced[t.Table]; t.Reload != nil {
			last.Reload = t.Reload.Reason
		}
		switch {
		case last.Quarantine != "":
			last.State = "quarantined"
		case t.Snapshot == nil && state.Pending(t.Table):
			last.State = "snapshot running"
		case !state.Current(t):
			last.State, last.Remedy = "snapshot needed", "ingest full-load --tables "+t.Table.Argument()
		case last.Reload != "":
			last.State, last.Remedy = "reload needed", "ingest full-load --tables "+t.Table.Argument()
		case last.WaitingRows > 0 || cache.Tables[t.Table].Snapshot != t.Snapshot.Begin:
			last.State = "behind"
		default:
			last.State = "loaded"
		}
		last.Kept = keptStatuses(p.newLoader().KeptStates(state, t, cache.Tables[t.Table]))
	}
	if err := p.notLoaded(ctx, conn, s); err != nil {
		return s, err
	}
	return s, p.applicationStatus(ctx, conn, s)
}

// notLoaded adds the tables that are selected and that the ledger does not know:
// they came since the last full load, or failed in it.
func (p *Pipeline) notLoaded(ctx context.Context, conn *pgx.Conn, s *Status) error {
	state := p.ledger.State()
	if state.Origin == nil {
		return nil
	}
	relations, err := p.source.Catalog(ctx, conn, p.schemas(nil), nil)
	if err != nil {
		return err
	}
	byOID := state.ByOIDs()
	for _, r := range relations {
		if state.Tables[r.Name] == nil && p.unloaded(state, byOID, &r) {
			s.Tables = append(s.Tables, TableStatus{Table: r.Name.String(), Target: p.Target(r.Name).Display(), State: "not loaded", Remedy: "ingest full-load --tables " + r.Name.Argument()})
		}
	}
	return nil
}

// damaged is the status without a ledger.
func (p *Pipeline) damaged(ctx context.Context) (*Status, error) {
	s := &Status{Root: p.workspace.Files().Root(), Tables: []TableStatus{}, Problem: p.damage.Error(), Hint: failure.HintOf(p.damage)}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return s, errors.Join(p.damage, err)
	}
	defer done()
	if err := p.slotStatus(ctx, conn, s); err != nil {
		return s, errors.Join(p.damage, err)
	}
	cache, err := load.ReadCache(ctx, p.workspace.Files(), "")
	if err != nil {
		return s, errors.Join(p.damage, err)
	}
	s.Ledger = cache.Ledger
	for _, name := range slices.SortedFunc(maps.Keys(cache.Tables), schema.TableName.Compare) {
		loaded := cache.Tables[name]
		t := tableStatus(name.String(), load.Staged{Snapshot: loaded.Snapshot, Rows: loaded.Rows}, loaded)
		t.Target, t.State, t.Staged = p.Target(name).Display(), "unknown", 0
		if t.Quarantine != "" {
			t.State = "quarantined"
		}
		s.Tables = append(s.Tables, t)
	}
	return s, p.damage
}

func tableStatus(name string, staged load.Staged, loaded load.Loaded) TableStatus {
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

func (p *Pipeline) slotStatus(ctx context.Context, conn *pgx.Conn, s *Status) error {
	slot, err := p.readSlot(ctx, conn)
	if err != nil {
		return err
	}
	if slot != nil {
		s.Slot = &SlotStatus{
			Name: slot.Name, Active: slot.Active, ActivePID: slot.ActivePID, Holder: slot.Holder, IdleSince: slot.IdleSince, Confirmed: slot.Confirmed.String(),
			LagBytes: slot.LagBytes, KeptBytes: slot.KeptBytes, SafeBytes: slot.SafeBytes, WALStatus: slot.WALStatus, Reason: slot.Reason,
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
		err := p.begun(ctx)
		s.Problem, s.Hint = err.Error(), failure.HintOf(err)
		return nil
	}
	if slot, err = p.checkSlot(ctx, conn, p.ledger.State()); err != nil {
		s.Problem, s.Hint = err.Error(), failure.HintOf(err)
	} else if what, why, remedy := slotWarning(slot); what != "" {
		s.Warning, s.Remedy = what+": "+why, remedy
	}
	return nil
}

// Err says for a monitor what is wrong.
func (s *Status) Err() error {
	if s.Problem != "" {
		return failure.New(failure.Conflict, "%s", s.Problem).WithHint("%s", s.Hint)
	}
	for _, r := range s.Refused {
		if r.Own {
			return failure.New(failure.Tables, "publication %s: %s", r.What(), r.Why).WithHint("%s", r.Remedy)
		}
	}
	bad := 0 // tables that are not loaded yet are not: perhaps nobody asked for them
	for _, t := range s.Tables {
		if t.State == "quarantined" || t.State == "reload needed" || t.State == "snapshot needed" || t.keptBad() {
			bad++
		}
	}
	if bad > 0 {
		return failure.New(failure.Tables, "%d of %d tables need attention", bad, len(s.Tables)).WithHint("the table above names each remedy")
	}
	return nil
}
