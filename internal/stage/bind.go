package stage

import (
	"errors"
	"slices"

	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
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
	b := &binding{table: name, rules: rules, message: m, state: c.state, tx: &c.tx, parts: c.byTable[name], catalog: c.catalog(),
		text: c.stager.Source.Text}
	obstacle, err := b.decide(c.ctx)
	if err != nil {
		return err
	}
	c.mark(name, b.reasons...)
	if obstacle != "" {
		// The run continues. The table's log is incomplete from here on.
		c.lose(name, obstacle)
		c.bind(&relation{message: *m, table: name, ignored: true, lost: obstacle})
		return nil
	}
	p, err := c.partFor(b)
	if undecodable := (*undecodableError)(nil); errors.As(err, &undecodable) {
		c.bind(&relation{message: *m, table: name, ignored: true, refused: undecodable})
		return nil
	}
	if err != nil {
		return err
	}
	c.mark(name, b.bear(p)...)
	if reason := b.keyReason(); reason != "" {
		c.mark(name, reason)
	}
	c.bind(b.relation(p))
	return nil
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

// partFor returns the part that a binding's rows go to: the table's last one if
// it has these columns, or else a new one.
func (c *collector) partFor(b *binding) (*part, error) {
	if p := b.last(); p != nil && p.oid == b.message.ID && sameBinding(p.columns, b.columns) {
		return p, nil
	}
	p, err := b.newPart(c.ctx)
	if err != nil {
		return nil, err
	}
	c.parts = append(c.parts, p)
	c.byTable[b.table] = append(c.byTable[b.table], p)
	return p, nil
}

func sameMessage(a, b *pgoutput.Relation) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name && a.ReplicaIdentity == b.ReplicaIdentity && slices.Equal(a.Columns, b.Columns)
}
