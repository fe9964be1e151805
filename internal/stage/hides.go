package stage

import (
	"slices"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// No run shows what a table's newest snapshot hides. A run with another
// configuration stops before it stages the table's changes in two cases. If the
// run began before the snapshot, any difference stops it. If the run would
// write in clear text what the snapshot masks or excludes, it always stops. A
// later run that hides more, or hides differently, is a configuration change:
// its changes follow the new configuration, and the table is marked for a
// reload.

// The check is made twice: when a table's changes are first read, which saves
// the work, and before each upload, for snapshots that began in between. So no
// file of the Volume shows rows that were committed after such a snapshot.

// Agrees returns why changes of a table must not be staged under the rules of
// this run, or nil. columns are the table's columns in the source. began is the
// ledger's head when the run read its configuration.
func Agrees(state *ledger.State, table schema.TableName, rules *shape.Shape, columns []string, began int64) error {
	if t := state.Tables[table]; state.Current(t) {
		known := slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return !t.Snapshot.Has(name) })
		if err := agrees(table, rules, known, HiddenBy(t.Snapshot), t.Snapshot.Begin, began); err != nil {
			return err
		}
	}
	for _, o := range state.Open {
		if !o.Pending[table] {
			continue
		}
		for _, b := range o.Begin.Tables {
			if b.Table == table && b.Hides != nil {
				if err := agrees(table, rules, columns, b.Hides, o.Number, began); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func agrees(table schema.TableName, rules *shape.Shape, columns []string, snapshot *ledger.Hidden, begin, began int64) error {
	run := hidesOf(rules, columns)
	for _, name := range columns {
		there, here := treatmentOf(snapshot, name), treatmentOf(run, name)
		shows := here.clear() && !there.clear()
		if there.equal(here) || !shows && begin <= began {
			continue
		}
		return failure.New(failure.Conflict,
			"%s: column %q is %s in the full load of entry %d, and %s by the configuration of this run: changes of it are not staged",
			table, name, there, begin, here).
			WithHint("start the run again with the configuration of that full load; or, for this run's configuration: "+
				"`ingest full-load --tables %s`", table.Argument())
	}
	return nil
}

// treatment is how one column's values are treated.
type treatment struct {
	excluded bool
	mask     *schema.Mask // nil: values are copied unchanged
}

func treatmentOf(h *ledger.Hidden, column string) treatment {
	t := treatment{excluded: slices.Contains(h.Excluded, column)}
	if m, ok := h.Masks[column]; ok {
		t.mask = &m
	}
	return t
}

func (t treatment) clear() bool { return !t.excluded && t.mask == nil }

func (t treatment) equal(o treatment) bool { return t.excluded == o.excluded && t.mask.Equal(o.mask) }

func (t treatment) String() string {
	switch {
	case t.excluded:
		return "left out"
	case t.mask != nil && t.mask.KeyID != "":
		return "masked (" + string(t.mask.Kind) + ", key " + t.mask.KeyID + ")"
	case t.mask != nil:
		return "masked (" + string(t.mask.Kind) + ")"
	}
	return "in clear text"
}

// HiddenBy returns what a snapshot hides.
func HiddenBy(d *ledger.Done) *ledger.Hidden {
	h := &ledger.Hidden{Excluded: d.Excluded}
	for _, c := range d.Columns {
		if c.Mask != nil {
			if h.Masks == nil {
				h.Masks = map[string]schema.Mask{}
			}
			h.Masks[c.Name] = *c.Mask
		}
	}
	return h
}

// hidesOf returns what the rules hide of a table's columns.
func hidesOf(rules *shape.Shape, columns []string) *ledger.Hidden {
	d := &ledger.Done{}
	for _, name := range columns {
		c := schema.Column{Name: name}
		if !rules.Keeps(name) {
			d.Excluded = append(d.Excluded, name)
			continue
		}
		c.Mask = rules.Column(c).Mask
		d.Columns = append(d.Columns, c)
	}
	return HiddenBy(d)
}

func columnNames(m *pgoutput.Relation) []string {
	names := make([]string, len(m.Columns))
	for i, c := range m.Columns {
		names[i] = c.Name
	}
	return names
}

func names(columns []schema.Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}
