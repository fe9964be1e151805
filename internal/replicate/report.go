package replicate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Report is a pipeline over a period, by its ledger and the cache of loads. It needs no warehouse.
type Report struct {
	Pipeline string    `json:"pipeline"`
	Target   string    `json:"target"` // catalog and schema
	Version  string    `json:"version"`
	Time     time.Time `json:"time"`
	Since    time.Time `json:"since"`
	// Status is the state now. Without a source it has no slot, and no tables that were never loaded.
	Status *Status `json:"status"`
	// Unreachable is why the source did not answer; "" if it did.
	Unreachable string `json:"source_unreachable,omitempty"`
	// Entries are those of the period, oldest first.
	Entries []EntryReport `json:"entries"`
	// Tables are those that the entries name, by name.
	Tables []TableReport `json:"tables"`
	// Events are what happened besides changes of rows, newest first: at most MostEvents of them. MoreEvents
	// were left out.
	Events     []Event `json:"events"`
	MoreEvents int     `json:"more_events,omitempty"`
	// Loads are what woke the warehouse in the period, oldest first. AllLoads counts those of the pipeline.
	Loads    []LoadReport `json:"loads"`
	AllLoads int64        `json:"all_loads"`
}

// MostEvents is how many events a report has.
const MostEvents = 500

// EntryReport is what one entry staged. Rows and bytes are those of changes; snapshots have their own.
type EntryReport struct {
	Entry         int64            `json:"entry"`
	Kind          ledger.Kind      `json:"kind"`
	Time          time.Time        `json:"time"`
	Transactions  int64            `json:"transactions"`
	Rows          map[string]int64 `json:"rows,omitempty"` // by operation
	Bytes         int64            `json:"bytes"`
	SnapshotRows  int64            `json:"snapshot_rows"`
	SnapshotBytes int64            `json:"snapshot_bytes"`
	Rescued       int64            `json:"rescued"`
	// Lag is the age of the newest commit when it was staged; nil for an entry without commits.
	Lag *float64 `json:"lag_seconds,omitempty"`

	lastCommit *time.Time
}

// TableReport is what happened to one table in the period.
type TableReport struct {
	Table      string           `json:"table"`
	Rows       map[string]int64 `json:"rows,omitempty"` // staged changes by operation
	Bytes      int64            `json:"bytes"`          // of Parquet, snapshots included
	LastChange *time.Time       `json:"last_change,omitempty"`
	Snapshots  int              `json:"snapshots"`
	Schema     int              `json:"schema_changes"`
	Reloads    int              `json:"reloads"` // times that it was marked
	Rescued    int64            `json:"rescued"`
}

// Event kinds.
const (
	EventOrigin     = "origin"
	EventSnapshot   = "snapshot"
	EventAbandoned  = "abandoned"
	EventSchema     = "schema"
	EventReload     = "reload"
	EventRescued    = "rescued"
	EventQuarantine = "quarantine"
	EventEnd        = "end"
)

// Event is something that happened to a table, or to the pipeline if Table is empty.
type Event struct {
	Time  time.Time `json:"time"`
	Entry int64     `json:"entry,omitempty"`
	Kind  string    `json:"kind"`
	Table string    `json:"table,omitempty"`
	What  string    `json:"what"`
}

// LoadReport is what one load did, or several within an hour.
type LoadReport struct {
	loads.Past
	// Lag is the age of the newest loaded commit when the last of the loads ended. It is nil if none of the
	// period's entries has a commit up to there.
	Lag *float64 `json:"lag_seconds,omitempty"`
}

// Report reads the period since a moment. If there is no source, it reports without one; unreachable says why. If
// the ledger is damaged, it returns what can be read together with the error.
func (p *Pipeline) Report(ctx context.Context, since time.Time, unreachable error) (*Report, error) {
	r := &Report{
		Pipeline: p.config.Pipeline, Target: p.config.Destination.Catalog + "." + p.config.Destination.Schema,
		Version: p.opt.Version, Time: p.opt.Now().UTC(), Since: since.UTC(), Entries: []EntryReport{}, Loads: []LoadReport{},
	}
	var err error
	if p.source == nil {
		r.Unreachable = unreachable.Error()
		r.Status, err = p.ledgerStatus(ctx)
	} else {
		r.Status, err = p.Status(ctx)
	}
	// A damaged ledger is a problem that the status names. Nothing of the period can be read then.
	if r.Status != nil && p.damage != nil {
		r.Tables, r.Events = []TableReport{}, []Event{}
		return r, err
	}
	if err != nil {
		return nil, err
	}
	state := p.ledger.State()
	period := &period{report: r, tables: map[schema.TableName]*TableReport{}, times: map[int64]time.Time{}, born: map[string]int{},
		full: map[int64][]Event{}, rows: map[int64]int64{}}
	if err := p.ledger.Recent(ctx, state, since, period.add); err != nil {
		return nil, err
	}
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	period.snapshots()
	period.gone(state)
	period.quarantines(cache)
	period.loads(cache)
	period.end()
	return r, nil
}

// ledgerStatus is Status without the source.
func (p *Pipeline) ledgerStatus(ctx context.Context) (*Status, error) {
	r := &reporting{p: p, s: &Status{Root: p.workspace.Files().Root(), Tables: []TableStatus{}}}
	if p.damage != nil {
		r.s.Problem, r.s.Hint = p.damage.Error(), failure.HintOf(p.damage)
		return r.s, p.damage
	}
	state := p.ledger.State()
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	r.position(state)
	r.tables(state, cache, nil)
	return r.s, nil
}

// period sums up entries, which come newest first.
type period struct {
	report *Report
	tables map[schema.TableName]*TableReport
	times  map[int64]time.Time // of entries
	born   map[string]int      // events of columns, by table and text
	full   map[int64][]Event   // snapshots of tables, by their begin entry
	rows   map[int64]int64     // of those snapshots
}

func (d *period) table(name schema.TableName) *TableReport {
	t := d.tables[name]
	if t == nil {
		t = &TableReport{Table: name.String()}
		d.tables[name] = t
	}
	return t
}

func (d *period) event(e *ledger.Entry, kind string, table schema.TableName, what string) {
	d.report.Events = append(d.report.Events, Event{Time: e.Time.UTC(), Entry: e.Number, Kind: kind, Table: nameOf(table), What: what})
}

// nameOf is the text of a name; "" for none.
func nameOf(table schema.TableName) string {
	if table == (schema.TableName{}) {
		return ""
	}
	return table.String()
}

// add is called with each entry of the period.
func (d *period) add(e *ledger.Entry) error {
	d.times[e.Number] = e.Time.UTC()
	one := EntryReport{Entry: e.Number, Kind: e.Kind, Time: e.Time.UTC()}
	switch e.Kind {
	case ledger.KindOrigin:
		what := "replication begins with slot " + e.Origin.Slot
		if !e.Origin.Replicates() {
			what = "snapshots alone begin"
		}
		d.event(e, EventOrigin, schema.TableName{}, what+" of database "+e.Origin.Database)
	case ledger.KindDone:
		d.done(e, &one)
	case ledger.KindAbandoned:
		for _, t := range e.Abandoned.Tables {
			d.event(e, EventAbandoned, t, "its snapshot was given up: "+e.Abandoned.Reason)
		}
	case ledger.KindChanges:
		d.changes(e, &one)
	case ledger.KindEnd:
		d.event(e, EventEnd, schema.TableName{}, e.End.Reason)
	case ledger.KindBegin:
	}
	d.report.Entries = append(d.report.Entries, one)
	return nil
}

func (d *period) done(e *ledger.Entry, one *EntryReport) {
	t := d.table(e.Done.Table)
	t.Snapshots++
	one.SnapshotRows, one.SnapshotBytes = e.Done.Rows, bytesOf(e.Done.Segments)
	t.Bytes += one.SnapshotBytes
	d.rows[e.Done.Begin] += e.Done.Rows
	d.full[e.Done.Begin] = append(d.full[e.Done.Begin], Event{Time: e.Time.UTC(), Entry: e.Number, Kind: EventSnapshot,
		Table: e.Done.Table.String(), What: counted(e.Done.Rows, "row") + " staged by a full load"})
	d.rescued(e, one, t, e.Done.Table, e.Done.Rescued)
}

func (d *period) changes(e *ledger.Entry, one *EntryReport) {
	c := e.Changes
	one.Transactions, one.lastCommit = c.Transactions, c.LastCommit
	if c.LastCommit != nil && c.Transactions > 0 {
		lag := max(0, e.Time.Sub(*c.LastCommit).Seconds())
		one.Lag = &lag
	}
	for i := range c.Tables {
		part := &c.Tables[i]
		t := d.table(part.Table)
		for op, n := range part.Rows {
			add(&one.Rows, string(op), n)
			add(&t.Rows, string(op), n)
		}
		bytes := bytesOf(part.Segments)
		one.Bytes += bytes
		t.Bytes += bytes
		if t.LastChange == nil && c.LastCommit != nil {
			t.LastChange = c.LastCommit
		}
		d.births(e, part.Table, part.Births)
		d.rescued(e, one, t, part.Table, part.Rescued)
	}
	for i := range c.Ahead {
		d.births(e, c.Ahead[i].Table, c.Ahead[i].Births)
	}
	for _, m := range c.Reload {
		d.table(m.Table).Reloads++
		d.event(e, EventReload, m.Table, m.Reason)
	}
}

// births reports columns that a table has under their names from an entry on. An entry may announce one that
// a later entry has again.
func (d *period) births(e *ledger.Entry, table schema.TableName, births []ledger.Birth) {
	for i := range births {
		b := &births[i]
		what := "column " + b.Column + " was added"
		if b.Was != "" {
			what = "column " + b.Was + " was renamed to " + b.Column
		}
		key := table.String() + " " + what
		if k, again := d.born[key]; again {
			d.report.Events[k].Time, d.report.Events[k].Entry = e.Time.UTC(), e.Number // the first entry that has it
			continue
		}
		d.born[key] = len(d.report.Events)
		d.table(table).Schema++
		d.event(e, EventSchema, table, what)
	}
}

func (d *period) rescued(e *ledger.Entry, one *EntryReport, t *TableReport, table schema.TableName, columns map[string]int64) {
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		n := columns[column]
		t.Rescued += n
		one.Rescued += n
		d.event(e, EventRescued, table, counted(n, "value")+" of column "+column+" went into _rescued")
	}
}

// snapshots reports full loads: few tables one by one, many as one event.
func (d *period) snapshots() {
	for begin, tables := range d.full {
		if len(tables) > fewTables {
			tables = []Event{{Time: tables[0].Time, Entry: tables[0].Entry, Kind: EventSnapshot,
				What: fmt.Sprintf("%d tables with %s staged by a full load", len(tables), counted(d.rows[begin], "row"))}}
		}
		d.report.Events = append(d.report.Events, tables...)
	}
}

// fewTables is how many tables of a full load have an event each.
const fewTables = 3

// gone reports columns that were dropped in the period.
func (d *period) gone(state *ledger.State) {
	for _, t := range state.Sorted() {
		for _, g := range t.Gone {
			if at, ok := d.times[g.Entry]; ok {
				d.table(t.Table).Schema++
				d.report.Events = append(d.report.Events, Event{Time: at, Entry: g.Entry, Kind: EventSchema, Table: t.Table.String(),
					What: "column " + g.Column + " was dropped"})
			}
		}
	}
}

// quarantines reports those that began in the period and have not ended.
func (d *period) quarantines(cache *loads.Cache) {
	for name, t := range cache.Tables {
		for what, q := range map[string]*loads.Quarantine{"": t.Quarantine, "current state: ": of(t.Current), "history: ": of(t.History)} {
			if q != nil && !q.Since.Before(d.report.Since) {
				d.report.Events = append(d.report.Events,
					Event{Time: q.Since.UTC(), Kind: EventQuarantine, Table: name.String(), What: what + q.Reason})
			}
		}
	}
}

func of(k *loads.Kept) *loads.Quarantine {
	if k == nil {
		return nil
	}
	return k.Quarantine
}

// loads reports what the cache remembers of the period.
func (d *period) loads(cache *loads.Cache) {
	d.report.AllLoads = cache.Number
	for _, past := range cache.Past {
		if past.Last.Before(d.report.Since) {
			continue
		}
		one := LoadReport{Past: past}
		for i := range d.report.Entries { // newest first
			if e := &d.report.Entries[i]; e.Entry <= past.Entry && e.lastCommit != nil {
				lag := max(0, past.Last.Sub(*e.lastCommit).Seconds())
				one.Lag = &lag
				break
			}
		}
		d.report.Loads = append(d.report.Loads, one)
	}
}

// end puts everything into its order.
func (d *period) end() {
	r := d.report
	slices.Reverse(r.Entries)
	r.Tables = []TableReport{}
	for _, name := range slices.SortedFunc(maps.Keys(d.tables), schema.TableName.Compare) {
		r.Tables = append(r.Tables, *d.tables[name])
	}
	slices.SortStableFunc(r.Events, func(a, b Event) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return schema.TableName{Name: a.Table}.Compare(schema.TableName{Name: b.Table})
	})
	if r.Events == nil {
		r.Events = []Event{}
	}
	if n := len(r.Events) - MostEvents; n > 0 {
		r.Events, r.MoreEvents = r.Events[:MostEvents], n
	}
}

func add(m *map[string]int64, key string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[key] += n
}

func bytesOf(segments []ledger.Segment) int64 {
	var n int64
	for i := range segments {
		n += segments[i].Bytes
	}
	return n
}

// counted is a number with its noun: 1 row, 2 rows.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
