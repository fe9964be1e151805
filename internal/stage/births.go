package stage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/postgres/pgoutput"
	"ingest/internal/postgres/value"
	"ingest/internal/schema"
	"ingest/internal/shape"
	"ingest/internal/vector"
)

// A Relation message has the names of columns, and no attribute numbers. The
// catalog has the numbers, and is that of now: it may have moved on since the
// message was written. Where both together leave one reading only, a new column
// is born: it is known what the rows before it have in its place. Where they do
// not, nothing is born, and the table is marked.

// Change is what became of a column between two looks at a table.
type Change struct {
	Birth ledger.Birth
	Text  []byte // Postgres's own text of Value, as pgoutput sends it; nil for none
}

// born is a Change that a message shows.
type born = Change

// identity says which columns those of a message are.
type identity struct {
	// numbers are their attribute numbers, by name; nil where more than one reading
	// is left.
	numbers map[string]int16
	// known are the names that the ledger has, by number: the newest of each.
	known   map[int16]string
	columns map[string]schema.Column // that the ledger has, by name
	newest  []schema.Column          // those of the table's newest change
	catalog postgres.Attributes      // of now
}

// identify tells which columns those of a message are.
func (c *collector) identify(name schema.TableName, m *pgoutput.Relation, a postgres.Attributes, known map[string]schema.Column) identity {
	id := identity{known: map[int16]string{}, columns: known, newest: c.newest(name), catalog: a}
	for _, k := range slices.Sorted(maps.Keys(known)) {
		id.known[known[k].Number] = k
	}
	for _, k := range id.newest {
		id.known[k.Number] = k.Name
	}
	t := c.state.Tables[name]
	if !c.continues(name) || m.ID != t.Snapshot.OID {
		return id
	}
	names := make([]string, len(m.Columns))
	for i, col := range m.Columns {
		names[i] = col.Name
	}
	id.numbers = Numbers(names, a, id.newest, known, t.Snapshot)
	return id
}

// Numbers gives the attribute numbers of columns that a table had at some time
// since the ledger's newest change of it, in their order, given the catalog of a
// later time; nil unless one reading only is left. Postgres lists columns by
// their numbers, gives no number twice, and leaves out of the list what is
// dropped. So the columns are the first of those that are there now, if none was
// there in between that is dropped by now. Each name that the ledger knows must
// still have its number.
func Numbers(columns []string, a postgres.Attributes, newest []schema.Column, known map[string]schema.Column, d *ledger.Done) map[string]int16 {
	numbers := map[int16]bool{}
	for _, k := range known {
		numbers[k.Number] = true
	}
	live := map[int16]string{}
	for name, attr := range a.Columns {
		sent := attr.Number > d.Highest && !attr.Generated || slices.Contains(d.Excluded, name)
		if numbers[attr.Number] || sent {
			live[attr.Number] = name
		}
	}
	order := slices.Sorted(maps.Keys(live))
	if len(columns) > len(order) {
		return nil
	}
	out := map[string]int16{}
	for i, name := range columns {
		k, ok := known[name]
		if ok && k.Number != order[i] || slices.Contains(d.Excluded, name) && (order[i] > d.Highest || numbers[order[i]]) {
			return nil
		}
		out[name] = order[i]
	}
	there := func(n int16) bool { // when the columns were read, perhaps
		return n > d.Highest && !numbers[n] || slices.ContainsFunc(newest, func(k schema.Column) bool { return k.Number == n })
	}
	for _, n := range a.Dropped {
		if len(columns) > 0 && n < order[len(columns)-1] && there(n) {
			return nil
		}
	}
	return out
}

// birthOf says what is born with a column of the number n, which is its own for
// certain. done is false where it is no news, and its type is to be looked at; a
// table that needs a full load for it is marked.
func (c *collector) birthOf(name schema.TableName, oid uint32, col *schema.Column, n int16, now identity) (b *born, done bool, err error) {
	was := now.known[n]
	if was == col.Name {
		return nil, false, nil
	}
	col.Number = n
	t := c.state.Tables[name]
	if reason := Obstacle(col, was, now.columns, t); reason != "" {
		c.mark(name, reason)
		return nil, true, nil
	}
	if was != "" {
		change, reason := Renamed(col, now.newest)
		if reason != "" {
			c.mark(name, reason)
			return nil, true, nil
		}
		return &change, true, nil
	}
	missing, err := c.stager.Source.Missing(c.ctx, c.aux, oid, n)
	if err != nil {
		return nil, false, err
	}
	change, reason := Added(col, now.catalog, missing, t)
	if reason != "" {
		c.mark(name, reason)
		return nil, true, nil
	}
	if change.Text == nil {
		return nil, true, nil // NULL, as the log has it
	}
	return &change, true, nil
}

// Obstacle says why a column that is new under its name cannot be born, whatever
// its rows have: "" if it can. was is the name that it had before.
func Obstacle(col *schema.Column, was string, known map[string]schema.Column, t *ledger.TableState) string {
	switch {
	case was == "" && (slices.Contains(t.Snapshot.Excluded, col.Name) || slices.Contains(t.Excluded, col.Name)):
		return fmt.Sprintf("column %q was excluded, and is not any more", col.Name)
	case was == "" && col.Number <= t.Snapshot.Highest:
		return fmt.Sprintf("column %q was there when the table was loaded, and its values were not sent", col.Name)
	}
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if other := known[k]; other.Number != col.Number && schema.FoldCase(other.Target()) == schema.FoldCase(col.Target()) {
			return fmt.Sprintf("column %q has the name in the target that column %q had before", col.Name, other.Name)
		}
	}
	return ""
}

// Renamed is the birth of a column that had another name in the newest columns.
// It gives the column the type that the target is to have for it. The reason is
// why the rows before it cannot be read from the column of the old name.
func Renamed(col *schema.Column, newest []schema.Column) (Change, string) {
	i := slices.IndexFunc(newest, func(k schema.Column) bool { return k.Number == col.Number })
	if i < 0 {
		return Change{}, fmt.Sprintf("column %q was renamed, and had been dropped before", col.Name)
	}
	k := newest[i]
	reason := fmt.Sprintf("column %q was renamed to %q", k.Name, col.Name)
	if !k.Mask.Equal(col.Mask) || k.Cast != col.Cast || k.Cast && !k.Type.Equal(col.Type) {
		return Change{}, reason
	}
	retyped, kept := retyped(k, col.Postgres)
	if !kept {
		return Change{}, reason
	}
	col.Type = retyped
	return Change{Birth: ledger.Birth{Number: col.Number, Column: col.Name, Was: k.Name, From: k.Target(), Type: k.Type}}, ""
}

// Added is the birth of a column that was added, with the text of the value that
// the rows before it have; no text where that is NULL. The reason is why that is
// not known.
func Added(col *schema.Column, catalog postgres.Attributes, missing []postgres.Missing, t *ledger.TableState) (Change, string) {
	var attr postgres.Attribute
	for _, a := range catalog.Columns { // whatever it is called by now
		if a.Number == col.Number {
			attr = a
		}
	}
	text, sure := former(missing, t)
	if sure && text != nil && (attr.Type != postgres.TypeRef{OID: col.Postgres.OID, Typmod: col.Postgres.Typmod} || len(text) > longestDefault) {
		sure = false
	}
	switch {
	case sure:
		return Change{Birth: ledger.Birth{Number: col.Number, Column: col.Name, Type: col.Type}, Text: text}, ""
	case attr.HasDefault:
		return Change{}, fmt.Sprintf("column %q was added with a default, which older rows have too", col.Name)
	}
	return Change{}, rewrittenSince(col.Name)
}

// longestDefault is what a view repeats of a default, in bytes.
const longestDefault = 16 << 10

// former gives the text of the value that a column has in all rows that were
// there when it was added, nil for NULL, from what the leaves keep of it. sure is
// false where a leaf was written as a whole since, or leaves differ. A leaf that
// is younger than the column has no such rows.
func former(missing []postgres.Missing, t *ledger.TableState) (text []byte, sure bool) {
	has := slices.IndexFunc(missing, func(m postgres.Missing) bool { return m.Has })
	if has < 0 {
		return nil, !slices.ContainsFunc(missing, func(m postgres.Missing) bool {
			return t.Witness.Rewritten(map[uint32]uint32{m.Leaf: m.File})
		})
	}
	text = append([]byte{}, missing[has].Text...)
	for _, m := range missing {
		younger := !m.Has && len(missing) > 1 && m.File == m.Leaf && !slices.Contains(t.Partitions, m.Leaf)
		if !younger && (!m.Has || string(m.Text) != string(text)) {
			return nil, false
		}
	}
	return text, true
}

// bear gives a part what is born with the message that it was bound for.
func (c *collector) bear(p *part, rules *shape.Shape, m *pgoutput.Relation, list []born) {
	t := c.state.Tables[p.table]
	if c.tx.skip || !c.continues(p.table) {
		return
	}
	for _, mc := range m.Columns {
		if !rules.Keeps(mc.Name) && !t.Snapshot.Has(mc.Name) && !slices.Contains(t.Excluded, mc.Name) && !slices.Contains(p.excluded, mc.Name) {
			p.excluded = append(p.excluded, mc.Name)
		}
	}
	for _, b := range list {
		birth, err := p.dec.birth(&b)
		if err != nil {
			c.mark(p.table, unreadable(b.Birth.Column, err))
			continue
		}
		birth.LSN, birth.Seq = c.tx.final, c.tx.seq
		p.births = append(p.births, birth)
	}
}

// birth decodes the value of a Change, as it decodes those of rows.
func (d *rowDecoder) birth(b *Change) (ledger.Birth, error) {
	birth := b.Birth
	i := slices.IndexFunc(d.columns, func(c schema.Column) bool { return c.Number == birth.Number })
	if b.Text == nil || i < 0 {
		return birth, nil
	}
	before := d.rescued[d.columns[i].Target()]
	v := vector.NewColumn(d.columns[i].Type.File())
	if err := d.append(v, i, b.Text); err != nil {
		return birth, err
	}
	birth.Type = d.columns[i].Type
	if !v.IsNull(0) {
		birth.Value = v.AppendJSON(nil, 0)
	}
	if len(d.rescue) > 0 {
		var texts map[string]string
		if err := json.Unmarshal(value.CloseRescued(d.rescue), &texts); err != nil {
			return birth, err
		}
		text := texts[d.columns[i].Target()]
		birth.Rescued = &text
		d.forget()
		if d.rescued[d.columns[i].Target()] = before; before == 0 { // it is in no row
			delete(d.rescued, d.columns[i].Target())
		}
	}
	return birth, nil
}
