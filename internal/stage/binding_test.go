package stage

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// A message that says what the ledger knows needs no catalog, and shares the
// ledger's list of columns. One that differs only in the key or the order has a
// list of its own.
func TestMessageThatTheLedgerKnows(t *testing.T) {
	int4 := schema.PostgresType{OID: 23, Base: 23, Typmod: -1}
	id := schema.Column{Name: "id", Number: 1, Key: true, Postgres: int4, Type: schema.Type{Kind: schema.Int32}}
	v := schema.Column{Name: "v", Number: 2, Postgres: int4, Type: schema.Type{Kind: schema.Int64}}
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{Table: tableT, OID: 7, Columns: []schema.Column{id, v},
		Snapshot: &ledger.Done{OID: 7, Begin: 2, Columns: []schema.Column{id, v}}, Begin: &ledger.Begin{Fence: 100}}
	for name, c := range map[string]struct {
		columns []string
		keys    []string
		places  []int
		shared  bool
	}{
		"the same":             {[]string{"id", "v"}, []string{"id"}, []int{0, 1}, true},
		"one that is excluded": {[]string{"id", "out", "v"}, []string{"id"}, []int{0, 2}, true},
		"another key":          {[]string{"id", "v"}, []string{"id", "v"}, []int{0, 1}, false},
	} {
		m := &pgoutput.Relation{ID: 7, Namespace: tableT.Schema, Name: tableT.Name, ReplicaIdentity: 'd'}
		for _, n := range c.columns {
			m.Columns = append(m.Columns, pgoutput.RelationColumn{Name: n, TypeOID: 23, Typmod: -1, Key: slices.Contains(c.keys, n)})
		}
		b := &binding{table: tableT, rules: rulesOf(shape.Options{Exclude: []string{"out"}}), message: m, state: state,
			tx: &transaction{final: 200}}
		if obstacle, err := b.decide(t.Context()); obstacle != "" || err != nil {
			t.Errorf("%s: %q, %v", name, obstacle, err)
			continue
		}
		if !slices.Equal(b.places, c.places) || len(b.births) > 0 || len(b.reasons) > 0 {
			t.Errorf("%s: places %v, births %v, reasons %q", name, b.places, b.births, b.reasons)
		}
		if shared := &b.columns[0] == &state.Tables[tableT].Columns[0]; shared != c.shared {
			t.Errorf("%s: the ledger's list is shared: %v", name, shared)
		}
		if len(b.columns) != 2 || b.columns[1].Number != 2 || b.columns[1].Type.Kind != schema.Int64 {
			t.Errorf("%s: columns %+v", name, b.columns)
		}
	}
}

// A part is outdated if a snapshot was taken between its rows and the
// transaction.
func TestPartsFromBeforeASnapshot(t *testing.T) {
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: &ledger.Done{Begin: 3}, Begin: &ledger.Begin{Fence: 100}}
	for name, c := range map[string]struct {
		rows, now pglogrepl.LSN
		want      bool
	}{"both before": {50, 60, false}, "between": {50, 150, true}, "both behind": {120, 150, false}} {
		p := &part{table: tableT, writers: []*writer{{last: c.rows}, {last: c.rows - 1}}}
		if got := (&binding{table: tableT, state: state, tx: &transaction{final: c.now}}).outdated(p); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A Relation message is bound again if any of its fields differs. A part
// continues only with columns that are equal in everything that its segments
// state.
func TestWhatIsBoundAlready(t *testing.T) {
	message := func(change func(*pgoutput.Relation)) *pgoutput.Relation {
		m := &pgoutput.Relation{
			ID: 1, Namespace: "public", Name: "t", ReplicaIdentity: 'd',
			Columns: []pgoutput.RelationColumn{{Key: true, Name: "id", TypeOID: 23, Typmod: -1}},
		}
		change(m)
		return m
	}
	was := message(func(*pgoutput.Relation) {})
	for name, change := range map[string]func(*pgoutput.Relation){
		"schema": func(m *pgoutput.Relation) { m.Namespace = "other" }, "name": func(m *pgoutput.Relation) { m.Name = "u" },
		"identity": func(m *pgoutput.Relation) { m.ReplicaIdentity = 'f' }, "columns": func(m *pgoutput.Relation) { m.Columns = nil },
	} {
		if sameMessage(was, message(change)) {
			t.Errorf("a message with another %s is the same", name)
		}
	}
	if !sameMessage(was, message(func(*pgoutput.Relation) {})) {
		t.Error("the same message is another one")
	}
	mask := fixed("x")
	column := schema.Column{Name: "c", Number: 2, Postgres: schema.PostgresType{OID: 23, Typmod: -1}, Type: schema.Type{Kind: schema.Int32}}
	for name, c := range map[string]struct {
		change            func(*schema.Column)
		binding, identity bool // whether they are equal
	}{
		"nothing":     {func(*schema.Column) {}, true, true},
		"name":        {func(c *schema.Column) { c.Name = "d" }, false, false},
		"number":      {func(c *schema.Column) { c.Number = 3 }, true, false},
		"type":        {func(c *schema.Column) { c.Postgres.OID = 20 }, false, false},
		"typmod":      {func(c *schema.Column) { c.Postgres.Typmod = 9 }, false, false},
		"type's name": {func(c *schema.Column) { c.Postgres.Name = "int4" }, true, false},
		"target type": {func(c *schema.Column) { c.Type.Kind = schema.Int64 }, false, false},
		"key":         {func(c *schema.Column) { c.Key = true }, false, false},
		"cast":        {func(c *schema.Column) { c.Cast = true }, true, false},
		"target name": {func(c *schema.Column) { c.Renamed = "e" }, false, false},
		"mask":        {func(c *schema.Column) { c.Mask = &mask }, false, false},
	} {
		other := column
		c.change(&other)
		if got := sameBinding([]schema.Column{column}, []schema.Column{other}); got != c.binding {
			t.Errorf("another %s: the same binding %v", name, got)
		}
		if got := identical(column, other); got != c.identity {
			t.Errorf("another %s: identical %v", name, got)
		}
	}
	if !sameOrder([]schema.Column{column}, []schema.Column{column}) || sameOrder([]schema.Column{column}, []schema.Column{{Name: "d"}}) {
		t.Error("sameOrder is wrong about the order of columns")
	}
}

// A part continues only for the relation that it was started for.
func TestPartOfAnotherRelation(t *testing.T) {
	columns := []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Int32}, Postgres: schema.PostgresType{OID: 23, Base: 23, Typmod: -1}},
	}
	last := &part{table: tableT, oid: 7, columns: columns}
	c := &collector{stager: &Stager{
		Source: &postgres.Source{},
	}, state: ledger.NewState(), byTable: map[schema.TableName][]*part{tableT: {{table: tableT, oid: 8}, last}}}
	for oid, same := range map[uint32]bool{7: true, 8: false} {
		b := &binding{table: tableT, rules: rulesOf(shape.Options{}), message: &pgoutput.Relation{ID: oid}, state: c.state,
			parts: c.byTable[tableT], columns: columns}
		p, err := c.partFor(b)
		if err != nil || (p == last) != same {
			t.Errorf("the part for %d: %v, %v", oid, p == last, err)
		}
		c.byTable[tableT] = c.byTable[tableT][:2]
	}
}

// The key of a row consists of the identity's columns. Under FULL it consists
// of the primary key's columns, if all of them are sent.
func TestColumnsOfTheKey(t *testing.T) {
	columns := []pgoutput.RelationColumn{{Name: "a", Key: true}, {Name: "b"}, {Name: "c", Key: true}}
	full := []pgoutput.RelationColumn{{Name: "a", Key: true}, {Name: "b", Key: true}, {Name: "c", Key: true}}
	for name, c := range map[string]struct {
		identity byte
		columns  []pgoutput.RelationColumn
		table    *ledger.TableState
		want     []int
	}{
		"the identity's": {'d', columns, &ledger.TableState{Snapshot: &ledger.Done{PrimaryKey: []string{"b"}}}, []int{0, 2}},
		"full":           {'f', full, &ledger.TableState{Snapshot: &ledger.Done{PrimaryKey: []string{"b"}}}, []int{1}},
		"full, and the key was renamed": {'f', full,
			&ledger.TableState{Snapshot: &ledger.Done{PrimaryKey: []string{"was"}, Columns: []schema.Column{{Name: "was", Number: 3}}}}, []int{2}},
		"full, of another relation": {'f', full, &ledger.TableState{
			Snapshot: &ledger.Done{OID: 9, PrimaryKey: []string{"b"}, Columns: []schema.Column{{Name: "b", Number: 1}}},
		}, []int{1}},
		"full, and the key is not sent": {'f', full,
			&ledger.TableState{Snapshot: &ledger.Done{PrimaryKey: []string{"b", "d"}}}, []int{0, 1, 2}},
		"full, and there is none":         {'f', full, &ledger.TableState{Snapshot: &ledger.Done{}}, []int{0, 1, 2}},
		"full, and there is no snapshot":  {'f', full, &ledger.TableState{}, []int{0, 1, 2}},
		"full, of a table that is new":    {'f', full, nil, []int{0, 1, 2}},
		"an identity without any columns": {'n', []pgoutput.RelationColumn{{Name: "a"}}, nil, nil},
	} {
		state := ledger.NewState()
		if c.table != nil {
			state.Tables[tableT] = c.table
		}
		staged := []schema.Column{{Name: "a", Number: 1}, {Name: "b", Number: 2}, {Name: "c", Number: 3}}
		b := &binding{table: tableT, message: &pgoutput.Relation{ReplicaIdentity: c.identity, Columns: c.columns}, state: state, columns: staged}
		if diff := cmp.Diff(c.want, b.key()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A key that differs from the snapshot's does not identify the rows in the log.
// If nothing is sent by the key, or not all of it is staged, another check
// applies.
func TestKeyThatIsAnotherOne(t *testing.T) {
	key := func(names ...string) (list []pgoutput.RelationColumn) {
		for _, n := range names {
			list = append(list, pgoutput.RelationColumn{Name: n, Key: true})
		}
		return append(list, pgoutput.RelationColumn{Name: "v"})
	}
	staged := func(names ...string) (list []schema.Column) {
		for _, n := range names {
			list = append(list, schema.Column{Name: n, Key: true})
		}
		return append(list, schema.Column{Name: "v"})
	}
	snapshot := &ledger.Done{
		Begin: 2, OID: 7, Columns: staged("id"), Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}},
	}
	for name, c := range map[string]struct {
		message *pgoutput.Relation
		columns []schema.Column
		origin  int64
		changed bool
	}{
		"the same":               {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'd', Columns: key("id")}, staged("id"), 1, false},
		"another":                {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'd', Columns: key("v2")}, staged("v2"), 1, true},
		"another, under full":    {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'f', Columns: key("v2")}, staged("v2"), 1, false},
		"of another relation":    {&pgoutput.Relation{ID: 8, ReplicaIdentity: 'd', Columns: key("v2")}, staged("v2"), 1, false},
		"of an older origin":     {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'd', Columns: key("v2")}, staged("v2"), 5, false},
		"none is sent":           {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'd', Columns: key()}, staged(), 1, false},
		"one that is not staged": {&pgoutput.Relation{ID: 7, ReplicaIdentity: 'd', Columns: key("id", "v2")}, staged("v2"), 1, false},
	} {
		state := ledger.NewState()
		state.OriginNumber = c.origin
		state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: snapshot}
		b := &binding{table: tableT, message: c.message, state: state, columns: c.columns}
		if got := b.keyReason(); (got != "") != c.changed {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Covers what may have altered rows without sending them.
func TestReasonsOfANewColumn(t *testing.T) {
	int4, text := schema.PostgresType{Name: "integer"}, schema.PostgresType{Name: "text"}
	numbers := map[int16]string{0: "one that was gone, too", 2: "old", 3: "c"}
	for name, c := range map[string]struct {
		number              int16 // in the ledger
		attr                postgres.Attribute
		before, kept, there bool
		want                string
	}{
		"as it was":   {3, postgres.Attribute{Number: 3}, true, true, true, ""},
		"gone by now": {3, postgres.Attribute{}, true, true, false, ""},
		"added again": {3, postgres.Attribute{Number: 4}, true, true, true, `column "c" was dropped and added again`},
		"another type": {3, postgres.Attribute{Number: 3}, true, false, true,
			`column "c" changed its type from integer to text`},
		"another type, and gone by now": {3, postgres.Attribute{}, true, false, false, `column "c" changed its type from integer to text`},
		"renamed":                       {0, postgres.Attribute{Number: 2}, false, true, true, `column "old" was renamed to "c"`},
		"added with a default": {0, postgres.Attribute{Number: 9, HasDefault: true}, false, true, true,
			`column "c" was added with a default, which older rows have too`},
		"added": {0, postgres.Attribute{Number: 9}, false, true, true, ""},
		"added, and gone by now": {0, postgres.Attribute{HasDefault: true}, false, true, false,
			`column "c" was added, and is gone or renamed by now`},
	} {
		got := changeReason(&schema.Column{Name: "c", Postgres: text}, schema.Column{Name: "c", Number: c.number, Postgres: int4}, c.before,
			c.kept, c.there, c.attr, numbers)
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A column number was given out after the snapshot's highest one and before the
// column's own. It belonged to a column that has been dropped and that the
// ledger does not know.
func TestNumbersOfDroppedColumns(t *testing.T) {
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{Snapshot: &ledger.Done{Highest: 3}}
	state.Tables[tableU] = &ledger.TableState{}
	for name, k := range map[string]struct {
		table   schema.TableName
		dropped []int16
		known   map[int16]string
		want    bool
	}{
		"none":                        {tableT, nil, nil, false},
		"before the snapshot":         {tableT, []int16{3}, nil, false},
		"between":                     {tableT, []int16{3, 4}, nil, true},
		"between, and known":          {tableT, []int16{4}, map[int16]string{4: "x"}, false},
		"behind":                      {tableT, []int16{6, 7}, nil, false},
		"of a table without snapshot": {tableU, []int16{4}, nil, false},
		"of one that is new":          {schema.TableName{Name: "new"}, []int16{4}, nil, false},
	} {
		b := &binding{table: k.table, state: state}
		if got := b.droppedUnseen(k.dropped, 6, k.known); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
