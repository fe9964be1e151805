package kept

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// propertyFeed is Delta's property that gives a table a change data feed.
// propertyOurFeed says that the configuration switched it on.
const (
	propertyFeed    = "delta.enableChangeDataFeed"
	propertyOurFeed = "ingest.change_data_feed"
)

// Alter adds the columns that the table lacks and widens types. It runs before
// the log gets rows with these columns. If another run does not know the
// columns, its statement then fails and loses nothing.
func (k *Table) Alter(columns []schema.Column, do func(bronze.Operation) error) error {
	return k.births(columns).alter(columns, do)
}

// alter is Table.Alter for columns whose births are read already.
func (b *births) alter(columns []schema.Column, do func(bronze.Operation) error) error {
	k := b.table
	if !k.exists || k.err != nil {
		return nil
	}
	var missing, narrow []databricks.TargetColumn
	for _, c := range columns {
		have, ok := k.types[schema.FoldCase(c.Target())]
		_, _, born := b.value(c)
		switch to := (databricks.TargetColumn{Name: c.Target(), Type: c.Type}); {
		case !ok && !born: // columns with values in existing rows are added by restated
			missing = append(missing, to)
		case ok && schema.Widens(have, c.Type):
			narrow = append(narrow, to)
		}
	}
	for _, op := range k.alterations(missing, narrow) {
		if err := do(op); err != nil || k.err != nil {
			return err
		}
	}
	return nil
}

// alterations lists the statements that add the missing columns and widen the
// narrow ones.
func (k *Table) alterations(missing, narrow []databricks.TargetColumn) []bronze.Operation {
	var ops []bronze.Operation
	refused := func(err error) error {
		if !databricks.Refused(err) {
			return err
		}
		k.refused(fmt.Errorf("alter %s: %w", k.Data.Display(), err))
		return nil
	}
	note := func(columns []databricks.TargetColumn) func() {
		return func() {
			if k.err == nil {
				k.add(columns)
			}
		}
	}
	if len(missing) > 0 {
		if p := databricks.RequiredProperties(missing); len(p) > 0 {
			ops = append(ops, bronze.Operation{SQL: databricks.SetProperties(k.Data, p), Fail: refused})
		}
		ops = append(ops, bronze.Operation{SQL: databricks.AddColumns(k.Data, missing), Fail: refused, Done: note(missing)})
	}
	if len(narrow) > 0 {
		ops = append(ops, bronze.Operation{
			SQL: databricks.SetProperties(k.Data, map[string]string{databricks.PropertyTypeWidening: "true"}), Fail: refused,
		})
	}
	for _, c := range narrow {
		ops = append(ops, bronze.Operation{
			SQL: databricks.WidenColumn(k.Data, c.Name, c.Type), Fail: refused, Done: note([]databricks.TargetColumn{c}),
		})
	}
	return ops
}

// feed switches the change data feed of an existing table on or off if the
// option changed. It leaves a feed alone that somebody else switched on.
func (k *Table) feed(do func(bronze.Operation) error) error {
	on, ours := strings.EqualFold(k.properties[propertyFeed], "true"), k.properties[propertyOurFeed] == "true"
	if !k.exists || k.properties == nil || k.Feed && on || !k.Feed && !(on && ours) {
		return nil
	}
	to := map[string]string{propertyFeed: strconv.FormatBool(k.Feed), propertyOurFeed: strconv.FormatBool(k.Feed)}
	return do(bronze.Operation{SQL: databricks.SetProperties(k.Data, to), Done: func() { k.properties = nil }, Fail: func(err error) error {
		if databricks.Refused(err) {
			k.refused(fmt.Errorf("alter %s: %w", k.Data.Display(), err))
			return nil
		}
		return err
	}})
}
