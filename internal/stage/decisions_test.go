package stage

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
)

var tableU = schema.TableName{Schema: "public", Name: "u"}

func watches(names ...schema.TableName) map[schema.TableName]bool {
	out := map[schema.TableName]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// Changes are staged for tables that are selected, that the ledger knows, or
// that an open snapshot is about to add.
func TestTablesWhoseChangesAreStaged(t *testing.T) {
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{Table: tableT}
	state.Open[3] = &ledger.OpenBegin{Number: 3, Watched: watches(tableU)}
	selected, none := schema.TableName{Schema: "public", Name: "selected"}, schema.TableName{Schema: "public", Name: "none"}
	c := &collector{stager: &Stager{Selects: func(n schema.TableName) bool { return n == selected }}, state: state}
	for name, want := range map[schema.TableName]bool{tableT: true, tableU: true, selected: true, none: false} {
		if got := c.wanted(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if c.stager.Selects = nil; !c.wanted(none) {
		t.Error("where nothing is selected, all are")
	}
}

// Covers which table a relation's changes belong to while the relation is being
// loaded under a new name.
func TestOwnersOfRelations(t *testing.T) {
	done := func(begin int64) *ledger.Done { return &ledger.Done{Begin: begin, OID: 7} }
	begun := func(number int64, watched ...schema.TableName) map[int64]*ledger.OpenBegin {
		return map[int64]*ledger.OpenBegin{
			number: {Number: number, Watched: watches(watched...), Begin: ledger.Begin{Tables: []ledger.BeginTable{{Table: tableU, OID: 7}}}},
		}
	}
	for name, c := range map[string]struct {
		loaded *ledger.TableState // public.t, with OID 7
		open   map[int64]*ledger.OpenBegin
		want   schema.TableName
	}{
		"loaded":                                    {&ledger.TableState{Snapshot: done(3)}, nil, tableT},
		"being loaded under another name":           {&ledger.TableState{Snapshot: done(3)}, begun(5, tableU), tableU},
		"of that, given up":                         {&ledger.TableState{Snapshot: done(3)}, begun(5), tableT},
		"before the newest origin":                  {&ledger.TableState{Snapshot: done(3)}, begun(2, tableU), tableT},
		"at the origin":                             {&ledger.TableState{}, begun(1, tableU), tableT},
		"loaded since":                              {&ledger.TableState{Snapshot: done(6)}, begun(5, tableU), tableT},
		"of the same full load":                     {&ledger.TableState{Snapshot: done(5)}, begun(5, tableU), tableT},
		"changed only":                              {&ledger.TableState{}, begun(5, tableU), tableU},
		"being loaded for the first time":           {nil, begun(5, tableU), tableU},
		"being loaded for the first time, given up": {nil, begun(5), schema.TableName{}},
	} {
		state := ledger.NewState()
		state.OriginNumber, state.Open = 1, c.open
		if c.loaded != nil {
			c.loaded.Table, c.loaded.OID = tableT, 7
			state.Tables[tableT] = c.loaded
		}
		if got := owners(state)[7]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Changes collected for one table are decided again if they now belong to
// another table.
func TestReroutedRelations(t *testing.T) {
	for name, c := range map[string]struct {
		had, has schema.TableName // the relation's table before and now; zero if there is none
		redo     bool
	}{
		"nobody's":                     {schema.TableName{}, schema.TableName{}, false},
		"the same":                     {tableT, tableT, false},
		"another's":                    {tableT, tableU, true},
		"its name's, and it is loaded": {schema.TableName{}, tableT, false},
		"another's than its name's":    {schema.TableName{}, tableU, true},
		"nobody's any more":            {tableT, schema.TableName{}, true},
	} {
		state := ledger.NewState()
		if c.has != (schema.TableName{}) {
			state.Tables[c.has] = &ledger.TableState{Table: c.has, OID: 7}
		}
		k := &collector{owners: map[uint32]schema.TableName{}, routed: map[uint32]schema.TableName{7: tableT}}
		if c.had != (schema.TableName{}) {
			k.owners[7] = c.had
		}
		if err := k.rerouted(state); errors.Is(err, errRedo) != c.redo || err != nil && !c.redo {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An entry includes what a look found if it applies to the newest snapshot and
// differs from the ledger. Such a finding requires an entry, because the files
// decide about columns that are added later.
func TestWhatALookFound(t *testing.T) {
	witness := func(version uint32, file uint32) ledger.Witness {
		w := ledger.Witness{Publication: schema.Publication{Name: "p", Version: version}}
		if file != 0 {
			w.Files = map[uint32]uint32{7: file}
		}
		return w
	}
	old := witness(1, 0)
	for name, c := range map[string]struct {
		ledger     *ledger.Witness
		begin      int64
		origin     int64
		found      ledger.Witness
		news, owed bool
	}{
		"the same":             {&old, 3, 1, witness(1, 0), false, false},
		"another publication":  {&old, 3, 1, witness(2, 0), true, true},
		"another file":         {&old, 3, 1, witness(1, 70), true, true},
		"the ledger has none":  {nil, 3, 1, witness(1, 0), true, true},
		"of an older snapshot": {&old, 2, 1, witness(2, 0), false, false},
		"of an older origin":   {&old, 3, 4, witness(2, 0), false, false},
	} {
		state := ledger.NewState()
		state.OriginNumber = c.origin
		state.Tables[tableT] = &ledger.TableState{Table: tableT, Witness: c.ledger, Snapshot: &ledger.Done{Begin: 3}}
		s := &Seen{}
		s.Set([]ledger.TableWitness{{Table: tableT, Begin: c.begin, Witness: c.found}}, nil)
		if news, owed := len(s.news(state)) > 0, s.owed(state); news != c.news || owed != c.owed {
			t.Errorf("%s: news %v, owed %v; want %v, %v", name, news, owed, c.news, c.owed)
		}
	}
	if (*Seen)(nil).owed(ledger.NewState()) {
		t.Error("something is owed where nothing is looked for")
	}
	if got := WitnessOf(&postgres.Relation{Leaves: []postgres.Leaf{{OID: 7, File: 7}, {OID: 8, File: 80}}}); !maps.Equal(got.Files,
		map[uint32]uint32{8: 80}) {
		t.Errorf("files %v", got.Files)
	}
	if got := WitnessOf(&postgres.Relation{Leaves: []postgres.Leaf{{OID: 7, File: 7}}}); got.Files != nil {
		t.Errorf("files %v", got.Files)
	}
	if AddedReason("c", nil, map[uint32]uint32{7: 7}) != "" || AddedReason("c", nil, map[uint32]uint32{7: 8}) == "" {
		t.Error("a file that the leaf was made with tells of no rewriting, and another one does")
	}
}

// An entry has one mark per table and reason. The mark of lost rows has the LSN
// of the last lost row.
func TestMarksOfAnEntry(t *testing.T) {
	state := ledger.NewState()
	state.Position = 50
	state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: &ledger.Done{Begin: 3}, Begin: &ledger.Begin{Fence: 100}}
	mark := func(lsn pglogrepl.LSN, reason string, generation int64) ledger.ReloadMark {
		return ledger.ReloadMark{Table: tableT, LSN: lsn, Reason: reason, Generation: generation}
	}
	for name, c := range map[string]struct {
		do   func(*collector)
		want []ledger.ReloadMark
	}{
		"twice": {func(c *collector) { c.mark(tableT, "a"); c.mark(tableT, "a"); c.mark(tableT, "b") },
			[]ledger.ReloadMark{mark(200, "a", 3), mark(200, "b", 3)}},
		"the first says where": {func(c *collector) { c.mark(tableT, "a"); c.tx.final = 300; c.mark(tableT, "a") },
			[]ledger.ReloadMark{mark(200, "a", 3)}},
		"lost": {func(c *collector) {
			c.lose(tableT, "a")
			c.tx.final = 300
			c.lose(tableT, "a")
			c.tx.final = 250
			c.lose(tableT, "a")
		}, []ledger.ReloadMark{mark(300, "a", 0)}},
		"lost beside a mark": {func(c *collector) { c.mark(tableT, "a"); c.lose(tableT, "a") },
			[]ledger.ReloadMark{mark(200, "a", 3), mark(200, "a", 0)}},
		"staged already":  {func(c *collector) { c.tx.skip = true; c.mark(tableT, "a"); c.lose(tableT, "a") }, nil},
		"in the snapshot": {func(c *collector) { c.tx.final = 100; c.mark(tableT, "a"); c.lose(tableT, "a") }, nil},
		"behind it":       {func(c *collector) { c.tx.final = 101; c.mark(tableT, "a") }, []ledger.ReloadMark{mark(101, "a", 3)}},
		"no snapshot": {func(c *collector) { c.mark(tableU, "b"); c.lose(tableU, "a") },
			[]ledger.ReloadMark{{Table: tableU, LSN: 200, Reason: "a"}}},
		"marked by the ledger": {func(c *collector) {
			m := mark(150, "a", 3)
			c.state.Tables[tableT].Reload = &m
			c.mark(tableT, "b")
			c.found([]ledger.ReloadMark{mark(150, "c", 3)})
		}, nil},
		"found": {func(c *collector) { c.found([]ledger.ReloadMark{mark(150, "a", 3), mark(160, "a", 3)}) },
			[]ledger.ReloadMark{mark(150, "a", 3)}},
	} {
		state.Tables[tableT].Reload = nil
		k := &collector{state: state, tx: transaction{final: 200}}
		c.do(k)
		if diff := cmp.Diff(c.want, k.marks.list); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// An entry is decided again if it has changes of a table whose snapshot was
// begun, completed or abandoned in the meantime.
func TestSnapshotsThatAnEntryDidNotKnow(t *testing.T) {
	open := func(number int64, watched, pending []schema.TableName) *ledger.OpenBegin {
		return &ledger.OpenBegin{Number: number, Begin: ledger.Begin{Fence: 900}, Watched: watches(watched...), Pending: watches(pending...)}
	}
	only := []schema.TableName{tableT}
	for name, c := range map[string]struct {
		decided, now *ledger.OpenBegin
		snapshot     int64 // of the table, now; 0 for none
		want         bool
	}{
		"none":                       {nil, nil, 0, false},
		"one that was known":         {open(3, only, only), open(3, only, only), 0, false},
		"one that was known is done": {open(3, only, only), open(3, only, nil), 3, false},
		"begun":                      {nil, open(9, only, only), 0, true},
		"another":                    {open(3, only, only), open(9, only, only), 0, true},
		"begun and given up":         {nil, open(9, nil, nil), 0, false},
		"given up":                   {open(3, only, only), open(3, nil, nil), 0, true},
		"begun, of another table":    {nil, open(9, []schema.TableName{tableU}, []schema.TableName{tableU}), 0, false},
		"begun and done":             {nil, nil, 9, true},
		"done before":                {nil, nil, 5, false},
		"begun, and not watched":     {nil, open(9, nil, only), 0, true},
		"known, and not watched":     {open(3, nil, only), open(3, nil, only), 0, false},
	} {
		state := func(o *ledger.OpenBegin) *ledger.State {
			s := ledger.NewState()
			if s.Head = 5; o != nil {
				s.Open[o.Number] = o
			}
			return s
		}
		decided, now := state(c.decided), state(c.now)
		if begunSince(now, decided, tableT) != (c.want && c.snapshot == 0) {
			t.Errorf("%s: begunSince is wrong about a table that the ledger does not know", name)
		}
		now.Tables[tableT] = &ledger.TableState{Table: tableT}
		if c.snapshot != 0 {
			now.Tables[tableT].Snapshot = &ledger.Done{Begin: c.snapshot}
		}
		if got := begunSince(now, decided, tableT); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The results of entries add up over a run, with one mark per table, the
// newest.
func TestResultOfADrain(t *testing.T) {
	var r DrainResult
	r.add(&ledger.Changes{Transactions: 2, Reload: []ledger.ReloadMark{{Table: tableT, Reason: "a"}, {Table: tableU, Reason: "b"}},
		Tables: []ledger.TableChanges{{Table: tableT, Rows: map[schema.Op]int64{schema.OpInsert: 3}}}})
	r.add(&ledger.Changes{Transactions: 1, Reload: []ledger.ReloadMark{{Table: tableT, Reason: "c"}},
		Tables: []ledger.TableChanges{{Table: tableT, Rows: map[schema.Op]int64{schema.OpInsert: 1, schema.OpDelete: 2}}}})
	var reasons []string
	for _, m := range r.Reload {
		reasons = append(reasons, m.Reason)
	}
	if !slices.Equal(reasons, []string{"b", "c"}) || r.Entries != 2 || r.Transactions != 3 || r.Rows != 6 ||
		r.Tables[tableT][schema.OpInsert] != 4 || r.Tables[tableT][schema.OpDelete] != 2 {
		t.Errorf("%+v", r)
	}
	r.fail(map[schema.TableName]error{tableT: errRedo})
	r.fail(map[schema.TableName]error{tableU: errRedo})
	if len(r.Failed) != 2 {
		t.Errorf("failed: %v", r.Failed)
	}
}

// If the server ends inside a transaction, it has sent less than it should.
func TestEndInsideATransaction(t *testing.T) {
	spool, err := segment.OpenSpool(t.TempDir(), "run")
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	d := &drain{Stager: &Stager{Spool: spool}}
	c := d.newCollector(t.Context(), ledger.NewState(), nil, false)
	c.inside, c.tx.final = true, 150
	_, err = d.cut(t.Context(), c, 200)
	checkError(t, err, "the server ended inside the transaction that commits at 0/96")
}

// Covers which changes belong to a partition and what its root then lacks.
func TestChangesOfPartitions(t *testing.T) {
	part := schema.TableName{Schema: "public", Name: "t_1"}
	for name, c := range map[string]struct {
		oid       uint32 // of the relation public.t_1
		loaded    *ledger.TableState
		selects   bool
		partition bool
		root      schema.TableName
	}{
		"of the root": {9, nil, true, true, tableT},
		"loaded by itself before": {9, &ledger.TableState{Table: part, OID: 9, Snapshot: &ledger.Done{Begin: 3, OID: 9}},
			true, false, schema.TableName{}},
		"under the name of one that is gone": {9,
			&ledger.TableState{Table: part, OID: 5, Snapshot: &ledger.Done{Begin: 3, OID: 5}}, true, true, tableT},
		"of an older origin": {9,
			&ledger.TableState{Table: part, OID: 9, Snapshot: &ledger.Done{Begin: 1, OID: 9}}, true, true, tableT},
		"not wanted": {8, nil, false, false, schema.TableName{}},
	} {
		state := ledger.NewState()
		state.OriginNumber = 1
		state.Tables[tableT] = &ledger.TableState{Table: tableT, OID: 7, Partitions: []uint32{9}, Snapshot: &ledger.Done{Begin: 2, OID: 7}}
		if c.loaded != nil {
			state.Tables[part] = c.loaded
		}
		k := &collector{stager: &Stager{Selects: func(schema.TableName) bool { return c.selects }}, state: state, owners: owners(state)}
		partition, root, err := k.ofPartition(&pgoutput.Relation{ID: c.oid, Namespace: "public", Name: "t_1"})
		if partition != c.partition || root != c.root || err != nil {
			t.Errorf("%s: %v, %s, %v", name, partition, root, err)
		}
	}
	for root, want := range map[schema.TableName]int{tableT: 1, tableU: 0, {}: 0} {
		state := ledger.NewState()
		state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: &ledger.Done{Begin: 2}, Begin: &ledger.Begin{Fence: 50}}
		state.Tables[tableU] = &ledger.TableState{Table: tableU}
		k := &collector{state: state, left: map[schema.TableName]bool{}, tx: transaction{final: 100}}
		if k.leave(&relation{table: part, root: root}); len(k.marks.list) != want || !k.left[part] {
			t.Errorf("left out of %s: marks %+v", root, k.marks.list)
		}
	}
}

// A change that cannot be decoded does no harm if a newer snapshot contains it.
// Otherwise the table is reported once, with the first such change, and its
// mark has the LSN of the last one.
func TestChangesThatAreRefused(t *testing.T) {
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: &ledger.Done{Begin: 2}, Begin: &ledger.Begin{Fence: 150}}
	c := &collector{state: state, left: map[schema.TableName]bool{}}
	r := &relation{table: tableT}
	for _, final := range []pglogrepl.LSN{150, 160, 170} {
		if c.tx.final = final; r.refused == nil {
			c.refuse(r, errors.New("odd"))
		} else {
			c.leave(r)
		}
		if failed := c.failed[tableT]; (failed != nil) != (final > 150) {
			t.Errorf("at %s: %v", final, failed)
		}
	}
	checkError(t, c.failed[tableT], "skipped from 0/A0 on: odd")
	if len(c.marks.list) != 1 || c.marks.list[0].LSN != 170 || !r.ignored || !c.left[tableT] {
		t.Errorf("marks %+v", c.marks.list)
	}
}

// A run reports a mark once, however many entries contain it.
func TestMarksAreReportedOnce(t *testing.T) {
	var lines bytes.Buffer
	s := &Stager{Log: slog.New(slog.NewTextHandler(&lines, nil))}
	for lsn := range 3 {
		s.report([]ledger.ReloadMark{{Table: tableT, Reason: "a", LSN: pglogrepl.LSN(lsn)}})
	}
	if s.report([]ledger.ReloadMark{{Table: tableT, Reason: "b"}}); bytes.Count(lines.Bytes(), []byte("\n")) != 2 {
		t.Errorf("logged:\n%s", &lines)
	}
}

// A relation became one that cannot be loaded, before it was locked.
func TestWhatARelationBecame(t *testing.T) {
	was := &postgres.Relation{Table: schema.Table{Name: tableT}, Kind: "r", Persistence: "p"}
	for name, c := range map[string]struct {
		now  func(*postgres.Relation)
		want string
	}{
		"the same":        {func(*postgres.Relation) {}, ""},
		"renamed":         {func(r *postgres.Relation) { r.Name = tableU }, "was renamed to public.u"},
		"of another kind": {func(r *postgres.Relation) { r.Kind = "v" }, "was changed so that it cannot be loaded"},
		"unlogged":        {func(r *postgres.Relation) { r.Persistence = "u" }, "was changed so that it cannot be loaded"},
		"with an odd column": {func(r *postgres.Relation) { r.Illegible = []postgres.Illegible{{Column: 2}} },
			"was changed so that it cannot be loaded"},
		"one that the target cannot hold": {func(r *postgres.Relation) { r.Columns = []schema.Column{{Name: "_op"}} },
			"was altered so that the configuration does not fit"},
	} {
		now := *was
		c.now(&now)
		if got := (&Stager{}).became(was, &now); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := (&Stager{}).became(was, nil); got != "was dropped" {
		t.Errorf("gone: %q", got)
	}
}

// Covers when the entry being collected is due.
func TestWhenAnEntryIsDue(t *testing.T) {
	const never, now = time.Hour, 0
	committed := func(c *collector) { c.committed = []uint64{7} }
	for name, c := range map[string]struct {
		collect func(*collector)
		every   time.Duration
		advance int64
		idle    pglogrepl.LSN
		marks   int
		stop    bool
		want    bool
	}{
		"just begun":                        {committed, never, 0, 0, 0, false, false},
		"after its time":                    {committed, now, 0, 0, 0, false, true},
		"when the run is to end":            {committed, never, 0, 0, 0, true, true},
		"with a mark":                       {committed, never, 0, 0, 1, false, true},
		"with enough bytes":                 {func(c *collector) { committed(c); c.total = 1000 }, never, 0, 0, 0, false, true},
		"with less":                         {func(c *collector) { committed(c); c.total = 999 }, never, 0, 0, 0, false, false},
		"with enough rows":                  {func(c *collector) { committed(c); c.rows = 10 }, never, 0, 0, 0, false, true},
		"inside a transaction":              {func(c *collector) { committed(c); c.inside = true }, now, 0, 0, 1, false, false},
		"to end before its first row":       {func(c *collector) { c.inside = true }, never, 0, 0, 0, true, true},
		"to end, and some of it has come":   {func(c *collector) { c.inside, c.tx.seq = true, 1 }, never, 0, 0, 0, true, false},
		"nothing came":                      {func(*collector) {}, never, 50, 149, 0, false, false},
		"nothing came, over much WAL":       {func(*collector) {}, never, 50, 150, 0, false, true},
		"nothing came, for long":            {func(*collector) {}, now, 50, 101, 0, false, true},
		"nothing at all, for long":          {func(*collector) {}, now, 50, 100, 0, false, false},
		"nothing came, and none is written": {func(*collector) {}, now, 0, 150, 0, false, false},
	} {
		stop, end := context.WithCancel(t.Context())
		if c.stop {
			end()
		}
		state := ledger.NewState()
		state.Position = 100
		d := &drain{Stager: &Stager{
			Options: Options{IdleAdvance: c.advance, EntryBytes: 1000, EntryRows: 10, EntryEvery: c.every},
		}, marks: make([]ledger.ReloadMark, c.marks)}
		k := &collector{state: state}
		c.collect(k)
		if got := d.due(stop, k)(c.idle); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		end()
	}
}
