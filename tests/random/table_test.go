//go:build cgo && unix

package random

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// column is a column of a table.
type column struct {
	name   string
	kind   *kind
	known  bool   // the newest full load had it, under this or another name
	called string // that name
	filled bool   // it was added with values that are not sent
	own    bool   // each row has another one
}

// partition is a leaf of a table: it holds the rows whose first column is in
// [from, from + partitionWidth), or all others.
type partition struct {
	name string
	from int
	rest bool // the default partition
	// known: the newest full load read it.
	known bool
}

// table is what the test knows of a source table.
type table struct {
	name     string // now
	logged   string // in the ledger: the name of its newest full load; "" if there was none
	remade   bool   // the full load's was dropped, and this one made
	columns  []column
	primary  []string // the primary key's columns
	pkey     string   // the primary key's name
	index    []string // columns of the unique index that may be the identity
	identity string   // DEFAULT, FULL, NOTHING, INDEX
	leaves   []partition
	split    bool // partitioned
	made     int  // columns, leaves and indexes, for their names

	sent bool     // updates are sent since the newest full load
	key  []string // that tells rows of the log apart: the newest full load's
	expectation
}

// expectation is what a table's definition went through since its newest full
// load.
type expectation struct {
	must  []cause  // what has to leave the mark
	may   []string // what may leave it
	blind []string // what leaves a difference that nothing can see but a verification
	// written: the table was written as a whole.
	written bool
}

func (t *table) clone() *table {
	c := *t
	c.primary, c.index = slices.Clone(t.primary), slices.Clone(t.index)
	c.columns, c.leaves = slices.Clone(t.columns), slices.Clone(t.leaves)
	c.must, c.may, c.blind = slices.Clone(t.must), slices.Clone(t.may), slices.Clone(t.blind)
	return &c
}

// sql is the quoted name.
func (t *table) sql() string { return schema.QuotePostgres(t.name) }

func (t *table) names() []string {
	var out []string
	for _, c := range t.columns {
		out = append(out, c.name)
	}
	return out
}

func quoted(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, schema.QuotePostgres(n))
	}
	return strings.Join(out, ", ")
}

// next makes a name.
func (t *table) next(prefix string) string {
	t.made++
	return fmt.Sprintf("%s%d", prefix, t.made)
}

// columnName makes a name, now and then one that has to be quoted.
func (w *world) columnName(t *table) string {
	name := t.next("c")
	if w.chance(6) {
		return fmt.Sprintf(oneOf(w, []string{"%s ü;=", "Column, %s", "%s.(x)", "%s\"q\"", "%s`'", "_%s{}"}), name)
	}
	return name
}

// identityKey is the key that the log's rows have now.
func (t *table) identityKey() []string {
	if t.identity == "INDEX" {
		return t.index
	}
	return t.primary
}

// usable says whether the application may update the table while its updates
// are published.
func (t *table) usable() bool {
	switch t.identity {
	case "FULL":
		return true
	case "DEFAULT":
		return len(t.primary) > 0
	case "INDEX":
		return len(t.index) > 0
	}
	return false
}

// loaded records a full load.
func (t *table) loaded() {
	t.logged, t.key = t.name, slices.Clone(t.identityKey())
	t.expectation, t.remade, t.sent = expectation{}, false, t.usable()
	for i := range t.columns {
		t.columns[i].known, t.columns[i].called = true, t.columns[i].name
	}
	for i := range t.leaves {
		t.leaves[i].known = true
	}
}

// writtenWhole records that Postgres wrote the table as a whole. The ledger then cannot know whether older rows have a default of
// a new column.
func (t *table) writtenWhole() {
	t.written = true
	if t.fresh() > 0 {
		t.allow("a column was added, and the table was written as a whole")
	}
}

// fresh counts columns that the newest full load did not have.
func (t *table) fresh() int {
	n := 0
	for _, c := range t.columns {
		if !c.known {
			n++
		}
	}
	return n
}

// partitionWidth is how many keys a leaf has.
const partitionWidth = 20

// create makes a table with some rows.
func (w *world) create() *table {
	w.t.Helper()
	w.made++
	t := &table{name: fmt.Sprintf("t%d", w.made), identity: "DEFAULT"}
	if w.chance(4) {
		t.name = fmt.Sprintf("Größe-%d", w.made)
	}
	w.define(t)
	w.tables = append(w.tables, t)
	return t
}

// define makes t under its name with new columns, identity and rows.
func (w *world) define(t *table) {
	w.t.Helper()
	t.split = w.chance(4)
	t.columns, t.primary, t.index, t.leaves, t.identity = nil, nil, nil, nil, "DEFAULT"
	keys := w.between(0, 3)
	if t.split {
		t.columns = append(t.columns, column{name: w.columnName(t), kind: kindOf("integer")})
	}
	for len(t.columns) < keys {
		t.columns = append(t.columns, column{name: w.columnName(t), kind: oneOf(w, keyKinds())})
	}
	if keys > 0 {
		t.primary, t.pkey = t.names(), t.next("pk_")+"_"+t.name
	}
	for range w.between(1, 5) {
		t.columns = append(t.columns, column{name: w.columnName(t), kind: oneOf(w, kinds)})
	}
	var defs []string
	for _, c := range t.columns {
		defs = append(defs, schema.QuotePostgres(c.name)+" "+c.kind.sql)
	}
	if len(t.primary) > 0 {
		defs = append(defs, "CONSTRAINT "+schema.QuotePostgres(t.pkey)+" PRIMARY KEY ("+quoted(t.primary)+")")
	}
	sql := "CREATE TABLE " + t.sql() + " (" + strings.Join(defs, ", ") + ")"
	if t.split {
		sql += " PARTITION BY RANGE (" + schema.QuotePostgres(t.columns[0].name) + ")"
	}
	w.must(sql)
	if t.split {
		w.leaf(t, partition{rest: true})
		w.leaf(t, partition{from: 0})
	}
	for _, c := range t.columns {
		w.outOfLine(t, c)
	}
	w.identify(t)
	for range w.between(0, 3) {
		w.must(w.insertSQL(t, w.between(1, 8)))
	}
}

// outOfLine lets large values be stored out of line as they are, so that they
// are not sent with an update that leaves them alone.
func (w *world) outOfLine(t *table, c column) {
	if c.kind.large {
		w.must("ALTER TABLE " + t.sql() + " ALTER " + schema.QuotePostgres(c.name) + " SET STORAGE EXTERNAL")
	}
}

func (w *world) partitionName(t *table) string {
	w.parts++
	return fmt.Sprintf("%s_p%d", t.name, w.parts)
}

// leaf adds a partition.
func (w *world) leaf(t *table, p partition) {
	w.t.Helper()
	p.name = w.partitionName(t)
	w.must("CREATE TABLE " + schema.QuotePostgres(p.name) + " PARTITION OF " + t.sql() + p.bounds())
	if t.identity == "FULL" {
		w.must("ALTER TABLE " + schema.QuotePostgres(p.name) + " REPLICA IDENTITY FULL")
	}
	t.leaves = append(t.leaves, p)
}

func (p partition) bounds() string {
	if p.rest {
		return " DEFAULT"
	}
	return fmt.Sprintf(" FOR VALUES FROM (%d) TO (%d)", p.from, p.from+partitionWidth)
}

// identify gives the table a random replica identity.
func (w *world) identify(t *table) {
	w.t.Helper()
	switch n := w.rnd.IntN(8); {
	case n == 0:
		w.setIdentity(t, "NOTHING")
	case n <= 2 || n <= 5 && len(t.primary) == 0:
		w.setIdentity(t, "FULL")
	case n == 3 && !t.split && len(t.primary) > 0:
		w.setIdentity(t, "INDEX")
	}
}

// setIdentity changes the replica identity of the table and its leaves.
func (w *world) setIdentity(t *table, identity string) {
	w.t.Helper()
	as := identity
	if identity == "INDEX" {
		name := schema.QuotePostgres(t.next("i") + " " + t.name)
		t.index = t.primary[:1:1]
		w.must("DELETE FROM " + t.sql() + " a USING " + t.sql() + " b WHERE a.ctid < b.ctid AND a." + quoted(t.index) + " = b." + quoted(t.index))
		w.must("CREATE UNIQUE INDEX " + name + " ON " + t.sql() + " (" + quoted(t.index) + ")")
		as = "USING INDEX " + name
	}
	w.must("ALTER TABLE " + t.sql() + " REPLICA IDENTITY " + as)
	for _, p := range t.leaves {
		w.must("ALTER TABLE " + schema.QuotePostgres(p.name) + " REPLICA IDENTITY " + as)
	}
	t.identity = identity
}
