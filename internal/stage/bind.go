package stage

import (
	"errors"
	"fmt"
	"slices"

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/postgres/pgoutput"
	"ingest/internal/schema"
	"ingest/internal/shape"
)

// relation handles a Relation message. Such messages repeat often, so an
// unchanged one costs only a comparison.
func (c *collector) relation(m *pgoutput.Relation) error {
	if r := c.relations[m.ID]; r != nil && sameMessage(&r.message, m) {
		return nil
	}
	name := c.tableOf(m)
	c.routed[m.ID] = name
	replaced, err := c.replaced(name, m)
	if err != nil {
		return err
	}
	partition, root, err := c.ofPartition(m)
	if err != nil {
		return err
	}
	if partition {
		c.bind(&relation{message: *m, table: nameOf(m), root: root, ignored: true})
		return nil
	}
	if replaced || !c.wanted(name) {
		c.bind(&relation{message: *m, table: name, ignored: true})
		return nil
	}
	rules := c.stager.Shape.Of(name)
	if err := Agrees(c.state, name, rules, columnNames(m), c.stager.Began); err != nil {
		return err
	}
	uncovered, err := c.uncovered(name, rules, m)
	if err != nil {
		return err
	}
	if uncovered != "" {
		c.giveUp(name, m, uncovered)
		return nil
	}
	columns, places, born, err := c.columnsOf(name, rules, m)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(columns, func(col schema.Column) bool { return !c.stager.Source.Text.Legible(col.Name) }); i >= 0 {
		c.giveUp(name, m, c.stager.Source.Text.IllegibleColumn(columns[i]).String())
		return nil
	}
	if problem := shape.CheckNames(columns); problem != nil {
		// The run continues. The table's log is incomplete from here on.
		c.giveUp(name, m, problem.What)
		return nil
	}
	p, err := c.partFor(name, rules, m.ID, columns)
	if undecodable := (*undecodableError)(nil); errors.As(err, &undecodable) {
		c.bind(&relation{message: *m, table: name, ignored: true, refused: undecodable})
		return nil
	}
	if err != nil {
		return err
	}
	c.bear(p, rules, m, born)
	r := &relation{message: *m, table: name, columns: columns, places: places, part: p, nothing: make([]pgoutput.Datum, len(m.Columns))}
	for i := range r.nothing {
		r.nothing[i].Kind = 'n'
	}
	if reason := c.keyReason(name, m, columns); reason != "" {
		c.mark(name, reason)
	}
	r.key = c.keyOf(name, m, columns)
	for _, col := range m.Columns {
		r.inKey = append(r.inKey, col.Key)
	}
	c.bind(r)
	return nil
}

// giveUp skips the changes of a relation whose columns cannot be staged, from
// this message on.
func (c *collector) giveUp(name schema.TableName, m *pgoutput.Relation, why string) {
	c.lose(name, why)
	c.bind(&relation{message: *m, table: name, ignored: true, lost: why})
}

// bind routes the changes of r's relation to r.
func (c *collector) bind(r *relation) {
	c.relations[r.message.ID], c.latest = r, r
}

// wanted reports whether a table's changes are staged. This is so for selected
// tables, for tables that the ledger knows, and for tables that a snapshot is
// about to add.
func (c *collector) wanted(name schema.TableName) bool {
	if c.stager.Selects == nil || c.stager.Selects(name) || c.state.Tables[name] != nil {
		return true
	}
	for _, o := range c.state.Open {
		if o.Watched[name] {
			return true
		}
	}
	return false
}

// keyOf returns the places of the key's columns: those of the identity. If the
// identity is the whole row, it returns those of the primary key, provided that
// there is one and all its columns are sent. See fold.Key.
func (c *collector) keyOf(name schema.TableName, m *pgoutput.Relation, columns []schema.Column) []int {
	var primary []string
	if t := c.state.Tables[name]; m.ReplicaIdentity == 'f' && t != nil && t.Snapshot != nil {
		if primary = t.Snapshot.PrimaryKey; t.Snapshot.OID == m.ID {
			primary = ledger.SameNumbers(primary, t.Snapshot.Columns, columns)
		}
	}
	if slices.ContainsFunc(primary, func(key string) bool {
		return !slices.ContainsFunc(m.Columns, func(col pgoutput.RelationColumn) bool { return col.Name == key })
	}) {
		primary = nil
	}
	var key []int
	for i, col := range m.Columns {
		if len(primary) == 0 && col.Key || slices.Contains(primary, col.Name) {
			key = append(key, i)
		}
	}
	return key
}

func sameMessage(a, b *pgoutput.Relation) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name && a.ReplicaIdentity == b.ReplicaIdentity && slices.Equal(a.Columns, b.Columns)
}

func sameBinding(a, b []schema.Column) bool {
	return slices.EqualFunc(a, b, func(x, y schema.Column) bool {
		return x.Name == y.Name && x.Postgres.OID == y.Postgres.OID && x.Postgres.Typmod == y.Postgres.Typmod && x.Key == y.Key &&
			x.Type.Equal(y.Type) && sameTreatment(x, y)
	})
}

// sameTreatment reports whether two columns have the same name in the target
// and the same mask.
func sameTreatment(a, b schema.Column) bool { return a.Renamed == b.Renamed && a.Mask.Equal(b.Mask) }

// partFor returns the entry's last part of a table if it has these columns.
// Otherwise it starts a new part.
func (c *collector) partFor(name schema.TableName, rules *shape.Shape, oid uint32, columns []schema.Column) (*part, error) {
	if parts := c.byTable[name]; len(parts) > 0 {
		if p := parts[len(parts)-1]; p.oid == oid && sameBinding(p.columns, columns) {
			return p, nil
		}
	}
	decoders, err := c.stager.Source.Text.TextDecoders(columns)
	if err != nil {
		return nil, &undecodableError{fmt.Errorf("%s: %w", name, err)}
	}
	p := &part{table: name, oid: oid, columns: columns, layout: changesLayout(columns), rows: map[schema.Op]int64{}}
	p.meta, p.rowBytes = bindChanges(p.layout, len(columns)), p.layout.RowBytes()
	if p.dec, err = newRowDecoder(rules, name, columns, decoders, c.stager.Source.Text.Charset); err != nil {
		return nil, &undecodableError{err}
	}
	if p.partitions, err = c.newLeaves(name, oid); err != nil {
		return nil, err
	}
	c.parts = append(c.parts, p)
	c.byTable[name] = append(c.byTable[name], p)
	return p, nil
}

// newLeaves returns all leaves of a partitioned table if there are new ones, so
// that the removal of a leaf can be detected later. It ignores leaves that were
// attached rather than created as partitions: the look for hidden changes
// handles those. A table that had rows and no leaves is not partitioned.
func (c *collector) newLeaves(name schema.TableName, oid uint32) ([]uint32, error) {
	t := c.state.Tables[name]
	if t == nil || t.Snapshot == nil || len(t.Partitions) == 0 && t.Snapshot.Rows > 0 {
		return nil, nil
	}
	if len(t.Partitions) == 0 {
		if partitioned, err := c.catalog().Partitioned(c.ctx, oid); err != nil || !partitioned {
			return nil, err
		}
	}
	relations, err := c.catalog().Relations(c.ctx, nil, []uint32{oid})
	if err != nil || len(relations) == 0 {
		return nil, err
	}
	made, _ := relations[0].Arrived(t.Partitions)
	if len(made) == 0 {
		return nil, nil
	}
	leaves := slices.Clone(t.Partitions)
	for _, l := range made {
		leaves = append(leaves, l.OID)
	}
	slices.Sort(leaves)
	return leaves, nil
}

// known returns the table's columns by name at the current transaction, and the
// relation's OID. They come from the ledger and from this entry so far.
func (c *collector) known(name schema.TableName) (map[string]schema.Column, uint32) {
	columns := c.state.KnownAt(name, c.tx.final)
	var oid uint32
	if t := c.state.Tables[name]; t != nil {
		oid = t.OID
	}
	for _, p := range c.byTable[name] {
		if !c.outdated(p) {
			for _, col := range p.columns {
				columns[col.Name] = col
			}
			oid = p.oid
		}
	}
	return columns, oid
}

// columnsOf returns the staged columns of a relation, their places in a tuple,
// and the births that this message shows. The columns have the types that the
// target has or will have (see retyped).
func (c *collector) columnsOf(name schema.TableName, rules *shape.Shape, m *pgoutput.Relation) ([]schema.Column, []int, []born, error) {
	known, oid := c.known(name)
	var columns []schema.Column
	var places []int
	settled := oid == m.ID
	for i, mc := range m.Columns {
		if !rules.Keeps(mc.Name) {
			continue
		}
		col := rules.Column(schema.Column{Name: mc.Name, Key: mc.Key, Postgres: schema.PostgresType{OID: mc.TypeOID, Typmod: mc.Typmod}})
		k, ok := known[mc.Name]
		if ok && k.Postgres.OID == mc.TypeOID && k.Postgres.Typmod == mc.Typmod && sameTreatment(k, col) {
			col.Postgres, col.Number, col.Type, col.Cast = k.Postgres, k.Number, k.Type, k.Cast
		} else {
			settled = false
		}
		columns, places = append(columns, col), append(places, i)
	}
	newest := c.newest(name)
	if settled && slices.EqualFunc(columns, newest, identical) {
		return newest, places, nil, nil // share the list instead of a copy per table
	}
	if settled && sameOrder(columns, newest) {
		return columns, places, nil, nil
	}
	born, err := c.resolve(name, rules, m, columns, known, oid)
	return columns, places, born, err
}

// identical reports whether two columns are equal in every field.
func identical(x, y schema.Column) bool {
	return x.Name == y.Name && x.Number == y.Number && x.Key == y.Key && x.Cast == y.Cast && x.Postgres == y.Postgres &&
		x.Type.Equal(y.Type) && sameTreatment(x, y)
}

// newest returns the columns of the table's newest part.
func (c *collector) newest(name schema.TableName) []schema.Column {
	for _, p := range slices.Backward(c.byTable[name]) {
		if !c.outdated(p) {
			return p.columns
		}
	}
	if t := c.state.Tables[name]; t != nil {
		return t.Columns
	}
	return nil
}

// resolve looks up new and changed columns in the catalog. It returns the
// births. It marks the table for a reload if rows may have changed without
// being sent.
func (c *collector) resolve(name schema.TableName, rules *shape.Shape, m *pgoutput.Relation, columns []schema.Column,
	known map[string]schema.Column, oid uint32) ([]born, error) {
	refs := make([]postgres.TypeRef, len(columns))
	for i, col := range columns {
		refs[i] = postgres.TypeRef{OID: col.Postgres.OID, Typmod: col.Postgres.Typmod}
	}
	types, err := c.catalog().Types(c.ctx, refs)
	if err != nil {
		return nil, err
	}
	attributes, err := c.catalog().Attributes(c.ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if oid != 0 && oid != m.ID {
		c.mark(name, c.whyAnother(name, oid))
	}
	now := c.identify(name, m, attributes, known)
	var list []born
	for i := range columns {
		col := &columns[i]
		col.Postgres = types[refs[i]]
		attr, there := attributes.Columns[col.Name]
		k, before := known[col.Name]
		*col, col.Number = rules.Column(*col), attr.Number
		kept := true
		if before && k.Target() == col.Target() {
			col.Type, kept = retyped(k, col.Postgres)
			col.Cast = k.Cast
		}
		if before && !there { // renamed by now; a later message identifies it by its number
			col.Number = k.Number
		}
		if oid != m.ID || c.state.Another(name, m.ID) {
			continue // the table is new or already marked
		}
		if n, sure := now.numbers[col.Name]; sure {
			b, done, err := c.birthOf(name, m.ID, col, n, now)
			if err != nil {
				return nil, err
			}
			if b != nil {
				list = append(list, *b)
			}
			if done {
				continue
			}
		}
		reason := changeReason(col, k, before, kept, there, attr, now.known)
		if reason == "" && !before {
			if reason, err = c.whyUnsure(name, m.ID, col.Name, attributes.Dropped, attr.Number, now.known); err != nil {
				return nil, err
			}
		}
		if reason != "" {
			c.mark(name, reason)
		}
	}
	return list, nil
}

// whyUnsure returns why existing rows may have a value in a new column, or ""
// if they have none.
func (c *collector) whyUnsure(name schema.TableName, oid uint32, column string, dropped []int16, number int16,
	known map[int16]string) (string, error) {
	if c.droppedUnseen(name, dropped, number, known) {
		return fmt.Sprintf("column %q was added after one that is dropped by now, and may have had its name", column), nil
	}
	return c.addedReason(name, oid, column)
}

// droppedUnseen reports whether a column that the ledger never saw was added
// with a number below n and dropped again. The message being resolved may be
// about that column, under the same name.
func (c *collector) droppedUnseen(name schema.TableName, dropped []int16, n int16, known map[int16]string) bool {
	t := c.state.Tables[name]
	return t != nil && t.Snapshot != nil && slices.ContainsFunc(dropped, func(d int16) bool {
		return d > t.Snapshot.Highest && d < n && known[d] == ""
	})
}

// changeReason returns why a new or changed column may have altered rows that
// were not sent, or "" if it has not.
func changeReason(col *schema.Column, k schema.Column, before, kept, there bool, attr postgres.Attribute, numbers map[int16]string) string {
	switch {
	case before && there && k.Number != attr.Number:
		return fmt.Sprintf("column %q was dropped and added again", col.Name)
	case before && kept:
		return ""
	case before:
		return fmt.Sprintf("column %q changed its type from %s to %s", col.Name, k.Postgres.Name, col.Postgres.Name)
	case there && numbers[attr.Number] != "":
		return fmt.Sprintf("column %q was renamed to %q", numbers[attr.Number], col.Name)
	case there && attr.HasDefault:
		return fmt.Sprintf("column %q was added with a default, which older rows have too", col.Name)
	case !there:
		return fmt.Sprintf("column %q was added, and is gone or renamed by now", col.Name)
	}
	return ""
}
