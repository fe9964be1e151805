package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A Relation message has column names but no attribute numbers. The catalog has
// the numbers, but in its current version, which may be newer than the message.
// If message and catalog together allow only one interpretation, a new column
// is born: its value in earlier rows is known. Otherwise no column is born and
// the table is marked.

// Change is what happened to a column between two looks at a table.
type Change struct {
	Birth ledger.Birth
	Text  []byte // Postgres's text of Value, as pgoutput sends it; nil if there is none
}

// identity maps a message's columns to attribute numbers.
type identity struct {
	// numbers are the attribute numbers by name. It is nil if more than one
	// interpretation is possible.
	numbers map[string]int16
	// names are the newest ones in the ledger, by number.
	names   map[int16]string
	columns map[string]schema.Column // the ledger's, by name
	newest  []schema.Column          // of the table's newest change
	catalog postgres.Attributes      // current
}

// identify determines which columns the columns of the message are. known are
// the ledger's and the entry's, by name.
func (b *binding) identify(a postgres.Attributes, known map[string]schema.Column) identity {
	id := identity{names: map[int16]string{}, columns: known, newest: b.newest(), catalog: a}
	for _, k := range slices.Sorted(maps.Keys(known)) {
		id.names[known[k].Number] = k
	}
	for _, k := range id.newest {
		id.names[k.Number] = k.Name
	}
	t := b.state.Tables[b.table]
	if !b.continues() || b.message.ID != t.Snapshot.OID {
		return id
	}
	id.numbers = Numbers(columnNames(b.message), a, id.newest, known, t.Snapshot)
	return id
}

// Numbers returns the attribute numbers of columns that a table had at some
// time since the ledger's newest change of it. columns are in the table's
// order. The catalog a is from a later time. The result is nil unless exactly
// one interpretation is possible. Postgres lists columns by number, never
// reuses a number, and omits dropped columns. So the columns are the first of
// the current ones, unless a column in between has since been dropped. Each
// name that the ledger knows must still have its number.
func Numbers(columns []string, a postgres.Attributes, newest []schema.Column, known map[string]schema.Column,
	d *ledger.Done) map[string]int16 {
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
	there := func(n int16) bool { // possibly, when the columns were read
		return n > d.Highest && !numbers[n] || slices.ContainsFunc(newest, func(k schema.Column) bool { return k.Number == n })
	}
	for _, n := range a.Dropped {
		if len(columns) > 0 && n < order[len(columns)-1] && there(n) {
			return nil
		}
	}
	return out
}

// born finds the birth of a column whose number n is certain, or the reason why
// the column requires a full load. done is false if the column is already known,
// so that its type must be checked.
func (b *binding) born(ctx context.Context, col *schema.Column, n int16, now identity) (done bool, err error) {
	was := now.names[n]
	if was == col.Name {
		return false, nil
	}
	col.Number = n
	t := b.state.Tables[b.table]
	if reason := Obstacle(col, was, now.columns, t); reason != "" {
		b.reasons = append(b.reasons, reason)
		return true, nil
	}
	if was != "" {
		change, reason := Renamed(col, now.newest)
		b.add(change, reason)
		return true, nil
	}
	missing, err := b.catalog.Missing(ctx, b.message.ID, n)
	if err != nil {
		return false, err
	}
	change, reason := Added(col, now.catalog, missing, t)
	if reason == "" && change.Text == nil {
		return true, nil // NULL, which the log already has
	}
	b.add(change, reason)
	return true, nil
}

// add adds a birth, or the reason why there is none.
func (b *binding) add(change Change, reason string) {
	if reason != "" {
		b.reasons = append(b.reasons, reason)
		return
	}
	b.births = append(b.births, change)
}

// Obstacle returns why a column with a new name cannot be born, regardless of
// its rows, or "" if it can. was is the column's earlier name.
func Obstacle(col *schema.Column, was string, known map[string]schema.Column, t *ledger.TableState) string {
	switch {
	case was == "" && (slices.Contains(t.Snapshot.Excluded, col.Name) || slices.Contains(t.Excluded, col.Name)):
		return fmt.Sprintf("column %q was excluded, and no longer is", col.Name)
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

// Renamed returns the birth of a column that has another name in the newest
// columns. It sets the column's type to the one that the target will have. The
// reason says why earlier rows cannot be read from the column of the old name.
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

// Added returns the birth of an added column with the text of its value in
// earlier rows. The text is nil if the value is NULL. The reason says why the
// value is unknown.
func Added(col *schema.Column, catalog postgres.Attributes, missing []postgres.Missing, t *ledger.TableState) (Change, string) {
	var attr postgres.Attribute
	for _, a := range catalog.Columns { // under any current name
		if a.Number == col.Number {
			attr = a
		}
	}
	text, sure := former(missing, t)
	if text != nil &&
		(attr.Type != postgres.TypeRef{OID: col.Postgres.OID, Typmod: col.Postgres.Typmod} || len(text) > longestDefault) {
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

// longestDefault is the longest default that a view repeats, in bytes.
const longestDefault = 16 << 10

// former returns the text of the value that a column has in all rows that
// existed when it was added, or nil for NULL. It uses what each leaf's catalog
// entry keeps. sure is false if a leaf has been rewritten since or if leaves
// differ. A leaf that is younger than the column has no such rows.
func former(missing []postgres.Missing, t *ledger.TableState) (text []byte, sure bool) {
	has := slices.IndexFunc(missing, func(m postgres.Missing) bool { return m.Has })
	if has < 0 {
		return nil, !slices.ContainsFunc(missing, func(m postgres.Missing) bool {
			return t.Witness.Rewritten(map[uint32]uint32{m.Leaf: m.File})
		})
	}
	text = append([]byte{}, missing[has].Text...)
	for _, m := range missing {
		younger := !m.Has && m.File == m.Leaf && !slices.Contains(t.Partitions, m.Leaf)
		if !younger && (!m.Has || string(m.Text) != string(text)) {
			return nil, false
		}
	}
	return text, true
}

// bear adds the births to the part that the message is bound to. It returns why
// the table needs a full load if a value cannot be decoded.
func (b *binding) bear(p *part) (reasons []string) {
	if b.tx.skip || !b.continues() {
		return nil
	}
	t := b.state.Tables[b.table]
	for _, mc := range b.message.Columns {
		if !b.rules.Keeps(mc.Name) && !t.Snapshot.Has(mc.Name) && !slices.Contains(t.Excluded, mc.Name) && !slices.Contains(p.excluded, mc.Name) {
			p.excluded = append(p.excluded, mc.Name)
		}
	}
	for _, change := range b.births {
		birth, err := p.dec.birth(&change)
		if err != nil {
			reasons = append(reasons, unreadable(change.Birth.Column, err))
			continue
		}
		birth.LSN, birth.Seq = b.tx.final, b.tx.seq
		p.births = append(p.births, birth)
	}
	return reasons
}

// birth decodes the value of a Change like a value of a row.
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
		if d.rescued[d.columns[i].Target()] = before; before == 0 { // no row has it
			delete(d.rescued, d.columns[i].Target())
		}
	}
	return birth, nil
}
