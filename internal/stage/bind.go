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

// relation takes a Relation message. Such a message comes again and again, so
// what is bound already and has not changed costs a comparison only.
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
	if i := slices.IndexFunc(columns, func(col schema.Column) bool { return !c.stager.Source.Legible(col.Name) }); i >= 0 {
		c.giveUp(name, m, c.stager.Source.IllegibleColumn(columns[i]).String())
		return nil
	}
	if problem := shape.CheckNames(columns); problem != nil {
		// The run goes on. What the table had is not complete from here on.
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

// giveUp leaves out the changes of a relation whose columns cannot be staged, from
// this message on.
func (c *collector) giveUp(name schema.TableName, m *pgoutput.Relation, why string) {
	c.lose(name, why)
	c.bind(&relation{message: *m, table: name, ignored: true, lost: why})
}

// bind makes r what changes of its relation are routed to.
func (c *collector) bind(r *relation) {
	c.relations[r.message.ID], c.latest = r, r
}

// wanted says whether a table's changes are staged: those of selected tables,
// and of all that the ledger knows or is about to.
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

// keyOf lists the key's columns: those of the identity, or, where the identity
// is the whole row, those of the primary key if there is one and all of it is
// sent. See fold.Key.
func (c *collector) keyOf(name schema.TableName, m *pgoutput.Relation, columns []schema.Column) []int {
	var primary []string
	if t := c.state.Tables[name]; m.ReplicaIdentity == 'f' && t != nil && t.Snapshot != nil {
		primary = ledger.SameNumbers(t.Snapshot.PrimaryKey, t.Snapshot.Columns, columns)
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
		return x.Name == y.Name && x.Postgres.OID == y.Postgres.OID && x.Postgres.Typmod == y.Postgres.Typmod && x.Key == y.Key && x.Type.Equal(y.Type) && sameTreatment(x, y)
	})
}

// sameTreatment says whether two columns have the same name in the target and
// are masked alike.
func sameTreatment(a, b schema.Column) bool { return a.Renamed == b.Renamed && a.Mask.Equal(b.Mask) }

// partFor finds the entry's last part of a table if it has these columns, else
// begins a new one.
func (c *collector) partFor(name schema.TableName, rules *shape.Shape, oid uint32, columns []schema.Column) (*part, error) {
	if parts := c.byTable[name]; len(parts) > 0 {
		if p := parts[len(parts)-1]; p.oid == oid && sameBinding(p.columns, columns) {
			return p, nil
		}
	}
	decoders, err := c.stager.Source.TextDecoders(columns)
	if err != nil {
		return nil, &undecodableError{fmt.Errorf("%s: %w", name, err)}
	}
	p := &part{table: name, oid: oid, columns: columns, layout: changesLayout(columns), rows: map[schema.Op]int64{}}
	p.meta, p.rowBytes = bindChanges(p.layout, len(columns)), p.layout.RowBytes()
	if p.dec, err = newRowDecoder(rules, name, columns, decoders, c.stager.Source.Charset()); err != nil {
		return nil, &undecodableError{err}
	}
	if p.partitions, err = c.newLeaves(name, oid); err != nil {
		return nil, err
	}
	c.parts = append(c.parts, p)
	c.byTable[name] = append(c.byTable[name], p)
	return p, nil
}

// newLeaves gives the leaves of a partitioned table if there are new ones, so
// that it is noticed when one of them goes. Those that were not made as
// partitions are left to whoever looks for hidden changes. A table that had rows
// and no leaves is not partitioned.
func (c *collector) newLeaves(name schema.TableName, oid uint32) ([]uint32, error) {
	t := c.state.Tables[name]
	if t == nil || t.Snapshot == nil || len(t.Partitions) == 0 && t.Snapshot.Rows > 0 {
		return nil, nil
	}
	if len(t.Partitions) == 0 {
		if partitioned, err := c.stager.Source.Partitioned(c.ctx, c.aux, oid); err != nil || !partitioned {
			return nil, err
		}
	}
	relations, err := c.stager.Source.Catalog(c.ctx, c.aux, nil, []uint32{oid})
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

// known gives the columns that the ledger, or this entry so far, has for a
// table at the current transaction, by name, and the relation's OID.
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

// columnsOf gives the columns of a relation that are staged, with the types that
// the target has, or is to have, for them (see retyped), their places in a
// tuple, and what is born with this message.
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
		return newest, places, nil, nil // not a copy for each of many tables
	}
	if settled && sameOrder(columns, newest) {
		return columns, places, nil, nil
	}
	born, err := c.resolve(name, rules, m, columns, known, oid)
	return columns, places, born, err
}

// identical says whether two columns are the same in all they say.
func identical(x, y schema.Column) bool {
	return x.Name == y.Name && x.Number == y.Number && x.Key == y.Key && x.Cast == y.Cast && x.Postgres == y.Postgres && x.Type.Equal(y.Type) && sameTreatment(x, y)
}

// newest lists the columns of the table's newest part.
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

// resolve looks new and changed columns up in the catalog. It gives what is born,
// and marks the table for a reload where rows may have changed without being
// sent.
func (c *collector) resolve(name schema.TableName, rules *shape.Shape, m *pgoutput.Relation, columns []schema.Column, known map[string]schema.Column, oid uint32) ([]born, error) {
	refs := make([]postgres.TypeRef, len(columns))
	for i, col := range columns {
		refs[i] = postgres.TypeRef{OID: col.Postgres.OID, Typmod: col.Postgres.Typmod}
	}
	types, err := c.stager.Source.Types(c.ctx, c.aux, refs)
	if err != nil {
		return nil, err
	}
	attributes, err := c.stager.Source.Attributes(c.ctx, c.aux, m.ID)
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
		if before && !there { // renamed by now, which a later message will tell by the number
			col.Number = k.Number
		}
		if oid != m.ID {
			continue // a table that is new, or marked already
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

// whyUnsure says why rows that were there may have a value in a new column; "" if
// they have none.
func (c *collector) whyUnsure(name schema.TableName, oid uint32, column string, dropped []int16, number int16, known map[int16]string) (string, error) {
	if c.droppedUnseen(name, dropped, number, known) {
		return fmt.Sprintf("column %q was added after one that is dropped by now, and may have had its name", column), nil
	}
	return c.addedReason(name, oid, column)
}

// droppedUnseen says whether a column that the ledger never had was given out
// before the number n and dropped again: the message that is looked up now may
// be about that one, under the same name.
func (c *collector) droppedUnseen(name schema.TableName, dropped []int16, n int16, known map[int16]string) bool {
	t := c.state.Tables[name]
	return t != nil && t.Snapshot != nil && slices.ContainsFunc(dropped, func(d int16) bool {
		return d > t.Snapshot.Highest && d < n && known[d] == ""
	})
}

// changeReason says why a new or changed column may have altered rows that were
// not sent; "" if it has not.
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
