package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// State is the combined content of the entries from the first to Head.
type State struct {
	Ledger   string // UUID; "" if there is no entry
	Head     int64  // number of the newest entry; 0 if there is none
	Checksum string // SHA-256 of the newest entry's bytes, hex

	// Packed is the newest entry up to which all entries are in packs, so that
	// changes up to it may be folded. It is 0 before the first checkpoint.
	// PackedChecksum is the entry's SHA-256.
	Packed         int64
	PackedChecksum string

	Origin       *Origin // the newest
	OriginNumber int64
	// Position is the end LSN of the newest origin or changes entry. Reading
	// starts there.
	Position     pglogrepl.LSN
	PositionTime time.Time // when that entry was written
	// Timeline is the timeline of Position.
	Timeline    int32
	PositionRun string // the run that wrote it
	// Unsettled are the staged transactions that were not visible yet at the
	// newest changes entry.
	Unsettled []uint64
	// Open are the snapshots that still matter for staging, by begin entry.
	// Either a table is not complete yet, or commits below the fence may still
	// arrive.
	Open   map[int64]*OpenBegin
	Tables map[schema.TableName]*TableState
	Ended  bool
}

// OpenBegin is a begin entry that still matters.
type OpenBegin struct {
	Number int64
	Run    string
	Begin  Begin
	// Pending are the tables that are neither complete nor abandoned.
	Pending map[schema.TableName]bool
	// Watched are the tables that are not abandoned. Staging must separate
	// their changes that are visible in the snapshot from the others.
	Watched map[schema.TableName]bool
}

// TableState is the state of one table.
type TableState struct {
	Table schema.TableName
	// Snapshot is the newest done entry, nil before the first. Begin is its
	// begin entry.
	Snapshot *Done
	Begin    *Begin
	// DoneNumber is the number of that done entry, 0 before the first.
	DoneNumber int64
	// Columns are the newest columns that count: those of the snapshot, or of a
	// part that was compared with it.
	Columns []schema.Column
	OID     uint32
	// Partitions are the OIDs of the known leaves, ascending. The list is empty
	// if the table has no partitions.
	Partitions []uint32
	// Folded and Changes are the parts staged after the snapshot's begin entry,
	// in load order. Without a snapshot they are all parts. The oldest parts
	// are folded into sums, the newest are single. The newest part is never
	// folded.
	Folded  []FoldedChanges
	Changes []StagedChanges
	// Reload is set while the log lacks something that Postgres did not send.
	Reload *ReloadMark
	// Witness is the newest one. It is nil in a ledger of a version without
	// witnesses.
	Witness *Witness
	// Born are the births of columns since the snapshot, in the order of the
	// log. Excluded are the columns excluded from changes since the snapshot.
	Born     []StagedBirth
	Excluded []string
	// Gone are the columns that changes since the snapshot no longer have.
	Gone []Gone
	// Ahead holds the catalog's columns if they differ from Columns. It is nil
	// if no look has found a difference since the newest change.
	Ahead *TableAhead
}

// StagedChanges is one table's part of a changes entry.
type StagedChanges struct {
	Entry      int64
	Start, End pglogrepl.LSN // of the whole entry
	TableChanges
}

// NewState returns the state of an empty ledger.
func NewState() *State {
	return &State{Open: map[int64]*OpenBegin{}, Tables: map[schema.TableName]*TableState{}}
}

// clone copies everything that apply changes in place.
func (s *State) clone() *State {
	c := *s
	c.Open = make(map[int64]*OpenBegin, len(s.Open))
	for n, o := range s.Open {
		copied := *o
		copied.Pending, copied.Watched = maps.Clone(o.Pending), maps.Clone(o.Watched)
		c.Open[n] = &copied
	}
	c.Tables = make(map[schema.TableName]*TableState, len(s.Tables))
	for n, t := range s.Tables {
		copied := *t
		copied.Changes = slices.Clip(t.Changes) // so that appends to different clones do not share memory
		copied.Born, copied.Excluded, copied.Gone = slices.Clip(t.Born), slices.Clip(t.Excluded), slices.Clip(t.Gone)
		c.Tables[n] = &copied
	}
	return &c
}

// Current reports whether the table has a snapshot that is newer than the
// newest origin. If so, later changes continue it.
func (s *State) Current(t *TableState) bool {
	return t != nil && t.Snapshot != nil && t.Snapshot.Begin > s.OriginNumber
}

// Pending reports whether a snapshot of the table has begun and is neither
// complete nor abandoned.
func (s *State) Pending(table schema.TableName) bool {
	for _, o := range s.Open {
		if o.Pending[table] {
			return true
		}
	}
	return false
}

// Another reports whether a loaded table has this name but another OID.
func (s *State) Another(table schema.TableName, oid uint32) bool {
	t := s.Tables[table]
	return s.Current(t) && t.Snapshot.OID != oid
}

// Sorted returns the tables sorted by name.
func (s *State) Sorted() []*TableState {
	return slices.SortedFunc(maps.Values(s.Tables), func(a, b *TableState) int { return a.Table.Compare(b.Table) })
}

// ByOIDs maps each OID to the table that the relation's changes belong to,
// whatever the relation's current name. If a relation was renamed and loaded
// again, that is the table with the newest snapshot of it.
func (s *State) ByOIDs() map[uint32]*TableState {
	tables := make(map[uint32]*TableState, len(s.Tables))
	for _, t := range s.Tables {
		if newest := tables[t.OID]; newest == nil || t.newerThan(newest) {
			tables[t.OID] = t
		}
	}
	return tables
}

// newerThan orders tables with the same OID by their snapshots. Tables without
// a snapshot come last. The name breaks ties, so that the result is
// deterministic.
func (t *TableState) newerThan(other *TableState) bool {
	begin := func(t *TableState) int64 {
		if t.Snapshot == nil || t.Snapshot.OID != t.OID { // of another relation, or none
			return -1
		}
		return t.Snapshot.Begin
	}
	if a, b := begin(t), begin(other); a != b {
		return a > b
	}
	return t.Table.Compare(other.Table) < 0
}

// Watching lists the begin entries whose snapshots may contain changes of the
// table that are not staged yet, oldest first.
func (s *State) Watching(table schema.TableName) []*OpenBegin {
	var open []*OpenBegin
	for _, o := range s.Open {
		if o.Watched[table] && s.watched(o) {
			open = append(open, o)
		}
	}
	slices.SortFunc(open, func(a, b *OpenBegin) int { return cmp.Compare(a.Number, b.Number) })
	return open
}

// watched reports whether commits that the snapshot may contain are still to
// come. After a new origin there are none: what an older snapshot lacks is
// lost, and its LSNs and transaction ids may belong to another cluster. Without
// a slot there are never any.
func (s *State) watched(o *OpenBegin) bool {
	return s.Position < o.Begin.Fence && o.Number > s.OriginNumber && s.Origin.Replicates()
}

func (s *State) table(name schema.TableName) *TableState {
	t := s.Tables[name]
	if t == nil {
		t = &TableState{Table: name}
		s.Tables[name] = t
	}
	return t
}

// apply applies a validated entry.
func (s *State) apply(e *Entry, checksum string) {
	s.Ledger, s.Head, s.Checksum = e.Ledger, e.Number, checksum
	switch e.Kind {
	case KindOrigin:
		s.Origin, s.OriginNumber = e.Origin, e.Number
		s.Position, s.PositionTime, s.PositionRun = e.Origin.ConsistentPoint, e.Time, e.Run
		s.Timeline = e.Origin.Timeline
		s.Unsettled, s.Ended = nil, false
		for _, t := range s.Tables {
			t.Reload = nil // no table is current now, and the mark's LSN may belong to another cluster
		}
	case KindBegin:
		o := &OpenBegin{Number: e.Number, Run: e.Run, Begin: *e.Begin, Pending: map[schema.TableName]bool{}, Watched: map[schema.TableName]bool{}}
		for _, t := range e.Begin.Tables {
			o.Pending[t.Table], o.Watched[t.Table] = true, true
		}
		s.Open[e.Number] = o
	case KindDone:
		s.applyDone(e.Number, e.Done)
	case KindAbandoned:
		for _, t := range e.Abandoned.Tables {
			o := s.Open[e.Abandoned.Begin]
			delete(o.Pending, t)
			delete(o.Watched, t)
		}
	case KindChanges:
		s.applyChanges(e)
	case KindEnd:
		s.Ended = true
	}
	maps.DeleteFunc(s.Open, func(_ int64, o *OpenBegin) bool {
		return len(o.Pending) == 0 && (len(o.Watched) == 0 || !s.watched(o))
	})
}

func (s *State) applyDone(number int64, d *Done) {
	o := s.Open[d.Begin]
	delete(o.Pending, d.Table)
	t := s.table(d.Table)
	if t.Snapshot != nil && t.Snapshot.Begin > d.Begin {
		return // superseded before it was complete
	}
	begin := o.Begin
	t.Snapshot, t.Begin, t.DoneNumber = d, &begin, number
	t.Columns, t.OID, t.Partitions, t.Witness = d.Columns, d.OID, d.Partitions, d.Witness
	t.Born, t.Excluded, t.Gone, t.Ahead = nil, nil, nil, nil
	t.Folded = slices.DeleteFunc(slices.Clone(t.Folded), func(f FoldedChanges) bool { return f.Last < d.Begin })
	t.Changes = slices.DeleteFunc(slices.Clone(t.Changes), func(c StagedChanges) bool { return c.Entry < d.Begin })
	if t.Reload != nil && !s.needs(t, t.Reload) {
		t.Reload = nil
	}
}

func (s *State) applyChanges(e *Entry) {
	c := e.Changes
	s.Position, s.PositionTime, s.PositionRun, s.Unsettled = c.End, e.Time, e.Run, c.Unsettled
	s.Timeline = cmp.Or(c.Timeline, s.Timeline)
	for _, part := range c.Tables {
		t := s.table(part.Table)
		if part.Generation == 0 {
			part.Generation = s.GenerationAt(part.Table, part.last())
		}
		if !t.Older(&part) {
			part.Columns = t.numbered(part.OID, part.Columns)
		}
		t.Changes = append(t.Changes, StagedChanges{Entry: e.Number, Start: c.Start, End: c.End, TableChanges: part})
		if s.Current(t) && t.Older(&part) {
			continue
		}
		t.lack(e.Number, &part)
		t.Columns, t.OID = part.Columns, part.OID
		t.bear(e.Number, &part)
		if len(part.Partitions) > 0 {
			t.Partitions = part.Partitions
		}
	}
	s.applyWitnesses(c.Witnesses)
	s.applyAhead(c.Ahead, e.Number)
	for _, m := range c.Reload {
		t := s.table(m.Table)
		if s.needs(t, &m) && (t.Reload == nil || t.Reload.yields(&m)) {
			t.Reload = &m
		}
	}
}

// numbered returns columns that were compared with the table's snapshot.
// Attribute numbers identify the columns of one relation only. If these are of
// another relation than the snapshot, they get none, so that nothing takes them
// for the table's under new names.
func (t *TableState) numbered(oid uint32, columns []schema.Column) []schema.Column {
	if t.Snapshot == nil || t.Snapshot.OID == oid {
		return columns
	}
	columns = slices.Clone(columns)
	for i := range columns {
		columns[i].Number = 0
	}
	return columns
}

// last returns the newest commit.
func (c *TableChanges) last() pglogrepl.LSN {
	var last pglogrepl.LSN
	for _, seg := range c.Segments {
		last = max(last, seg.Last)
	}
	return last
}
