package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// binding compares one Relation message with what the ledger, the entry so far
// and the catalog know about its table. It decides which columns are staged and
// which rows the log lacks. It changes nothing: the collector marks the table,
// keeps the part and routes the changes.
type binding struct {
	table   schema.TableName
	rules   *shape.Shape
	message *pgoutput.Relation

	state   *ledger.State
	tx      *transaction // the one that the message is part of
	parts   []*part      // the table's parts of this entry, in order
	catalog *postgres.Catalog
	text    postgres.Text

	// What decide finds.
	columns []schema.Column // the staged columns, in the message's order
	places  []int           // of those columns in a tuple
	births  []Change        // that the message shows
	reasons []string        // why the table needs a full load
}

// decide finds the columns. It returns why they cannot be staged, or "" if they
// can.
func (b *binding) decide(ctx context.Context) (obstacle string, err error) {
	if uncovered, err := b.uncovered(ctx); err != nil || uncovered != "" {
		return uncovered, err
	}
	if err := b.match(ctx); err != nil {
		return "", err
	}
	if i := slices.IndexFunc(b.columns, func(col schema.Column) bool { return !b.text.Legible(col.Name) }); i >= 0 {
		return b.text.IllegibleColumn(b.columns[i]).String(), nil
	}
	return shape.What(b.rules.CheckNames(b.columns)), nil
}

// relation returns the relation whose changes go to p.
func (b *binding) relation(p *part) *relation {
	m := b.message
	r := &relation{message: *m, table: b.table, columns: b.columns, places: b.places, part: p, nothing: make([]pgoutput.Datum, len(m.Columns)),
		key: b.key()}
	for i := range r.nothing {
		r.nothing[i].Kind = 'n'
	}
	for _, col := range m.Columns {
		r.inKey = append(r.inKey, col.Key)
	}
	return r
}

// continues reports whether the current transaction continues the table's
// newest snapshot.
func (b *binding) continues() bool { return b.state.Continues(b.table, b.tx.final) }

// outdated reports whether a snapshot of the table was taken between the part's
// rows and the current transaction. If so, columns must be compared with the
// snapshot's.
func (b *binding) outdated(p *part) bool {
	return b.continues() && !b.state.Continues(b.table, p.last())
}

// last returns the table's newest part, or nil if there is none.
func (b *binding) last() *part {
	if len(b.parts) == 0 {
		return nil
	}
	return b.parts[len(b.parts)-1]
}

// known returns the table's columns by name at the current transaction, and the
// relation's OID. They come from the ledger and from this entry so far.
func (b *binding) known() (map[string]schema.Column, uint32) {
	columns := b.state.KnownAt(b.table, b.tx.final)
	var oid uint32
	if t := b.state.Tables[b.table]; t != nil {
		oid = t.OID
	}
	for _, p := range b.parts {
		if !b.outdated(p) {
			for _, col := range p.columns {
				columns[col.Name] = col
			}
			oid = p.oid
		}
	}
	return columns, oid
}

// newest returns the columns of the table's newest change.
func (b *binding) newest() []schema.Column {
	for _, p := range slices.Backward(b.parts) {
		if !b.outdated(p) {
			return p.columns
		}
	}
	if t := b.state.Tables[b.table]; t != nil {
		return t.Columns
	}
	return nil
}

// match finds the staged columns. They have the types that the target has or
// will have (see retyped). The catalog is asked only about a message that
// differs from what is known.
func (b *binding) match(ctx context.Context) error {
	known, oid := b.known()
	settled := oid == b.message.ID
	for i, mc := range b.message.Columns {
		if !b.rules.Keeps(mc.Name) {
			continue
		}
		col := b.rules.Column(schema.Column{Name: mc.Name, Key: mc.Key, Postgres: schema.PostgresType{OID: mc.TypeOID, Typmod: mc.Typmod}})
		k, ok := known[mc.Name]
		if ok && k.Postgres.OID == mc.TypeOID && k.Postgres.Typmod == mc.Typmod && sameTreatment(k, col) {
			col.Postgres, col.Number, col.Type, col.Cast = k.Postgres, k.Number, k.Type, k.Cast
		} else {
			settled = false
		}
		b.columns, b.places = append(b.columns, col), append(b.places, i)
	}
	newest := b.newest()
	if settled && slices.EqualFunc(b.columns, newest, identical) {
		b.columns = newest // share the list instead of a copy per table
		return nil
	}
	if settled && sameOrder(b.columns, newest) {
		return nil
	}
	return b.resolve(ctx, known, oid)
}

// resolve looks up new and changed columns in the catalog. It finds the births,
// and the reasons why rows may have changed without being sent.
func (b *binding) resolve(ctx context.Context, known map[string]schema.Column, oid uint32) error {
	refs := make([]postgres.TypeRef, len(b.columns))
	for i, col := range b.columns {
		refs[i] = postgres.TypeRef{OID: col.Postgres.OID, Typmod: col.Postgres.Typmod}
	}
	types, err := b.catalog.Types(ctx, refs)
	if err != nil {
		return err
	}
	attributes, err := b.catalog.Attributes(ctx, b.message.ID)
	if err != nil {
		return err
	}
	if oid != 0 && oid != b.message.ID {
		b.reasons = append(b.reasons, b.whyAnother(ctx, oid))
	}
	now := b.identify(attributes, known)
	for i := range b.columns {
		col := &b.columns[i]
		col.Postgres = types[refs[i]]
		attr, there := attributes.Columns[col.Name]
		k, before := known[col.Name]
		*col, col.Number = b.rules.Column(*col), attr.Number
		kept := true
		if before && k.Target() == col.Target() {
			col.Type, kept = retyped(k, col.Postgres)
			col.Cast = k.Cast
		}
		if before && !there { // renamed by now; a later message identifies it by its number
			col.Number = k.Number
		}
		if oid != b.message.ID || b.state.Another(b.table, b.message.ID) {
			continue // the table is new or already marked
		}
		if n, sure := now.numbers[col.Name]; sure {
			done, err := b.born(ctx, col, n, now)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		reason := changeReason(col, k, before, kept, there, attr, now.names)
		if reason == "" && !before {
			if reason, err = b.whyUnsure(ctx, col.Name, attr.Number, now); err != nil {
				return err
			}
		}
		if reason != "" {
			b.reasons = append(b.reasons, reason)
		}
	}
	return nil
}

// whyAnother returns why the table's changes come from another relation than
// the one with that OID.
func (b *binding) whyAnother(ctx context.Context, oid uint32) string {
	if names, err := b.catalog.Names(ctx, []uint32{oid}, []schema.TableName{b.table}); err == nil {
		if reason := names.Replaced(b.table, oid); reason != "" {
			return reason
		}
	}
	return postgres.Recreated
}

// whyUnsure returns why existing rows may have a value in a new column, or ""
// if they have none. number is the column's own.
func (b *binding) whyUnsure(ctx context.Context, column string, number int16, now identity) (string, error) {
	if b.droppedUnseen(now.catalog.Dropped, number, now.names) {
		return fmt.Sprintf("column %q was added after one that is dropped by now, and may have had its name", column), nil
	}
	t := b.state.Tables[b.table]
	if t == nil {
		return "", nil
	}
	files, err := b.catalog.Files(ctx, b.message.ID)
	return AddedReason(column, t.Witness, files), err
}

// droppedUnseen reports whether a column that the ledger never saw was added
// with a number below n and dropped again. The message being resolved may be
// about that column, under the same name.
func (b *binding) droppedUnseen(dropped []int16, n int16, known map[int16]string) bool {
	t := b.state.Tables[b.table]
	return t != nil && t.Snapshot != nil && slices.ContainsFunc(dropped, func(d int16) bool {
		return d > t.Snapshot.Highest && d < n && known[d] == ""
	})
}

// newPart returns a part for the rows of the binding's columns.
func (b *binding) newPart(ctx context.Context) (*part, error) {
	decoders, err := b.text.TextDecoders(b.columns)
	if err != nil {
		return nil, &undecodableError{fmt.Errorf("%s: %w", b.table, err)}
	}
	p := &part{table: b.table, oid: b.message.ID, columns: b.columns, layout: changesLayout(b.columns), rows: map[schema.Op]int64{}}
	p.meta, p.rowBytes = bindChanges(p.layout, len(b.columns)), p.layout.RowBytes()
	if p.dec, err = newRowDecoder(b.rules, b.table, b.columns, decoders, b.text.Charset); err != nil {
		return nil, &undecodableError{err}
	}
	if p.partitions, err = b.newLeaves(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// newLeaves returns all leaves of a partitioned table if there are new ones, so
// that the removal of a leaf can be detected later. It ignores leaves that were
// attached rather than created as partitions: the look for hidden changes
// handles those. A table that had rows and no leaves is not partitioned.
func (b *binding) newLeaves(ctx context.Context) ([]uint32, error) {
	t := b.state.Tables[b.table]
	if t == nil || t.Snapshot == nil || len(t.Partitions) == 0 && t.Snapshot.Rows > 0 {
		return nil, nil
	}
	if len(t.Partitions) == 0 {
		if partitioned, err := b.catalog.Partitioned(ctx, b.message.ID); err != nil || !partitioned {
			return nil, err
		}
	}
	relations, err := b.catalog.Relations(ctx, nil, []uint32{b.message.ID})
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

// identical reports whether two columns are equal in every field.
func identical(x, y schema.Column) bool {
	return x.Name == y.Name && x.Number == y.Number && x.Key == y.Key && x.Cast == y.Cast && x.Postgres == y.Postgres &&
		x.Type.Equal(y.Type) && sameTreatment(x, y)
}

// sameOrder reports whether two lists have the same column names in the same
// order.
func sameOrder(a, b []schema.Column) bool {
	return slices.EqualFunc(a, b, func(x, y schema.Column) bool { return x.Name == y.Name })
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
