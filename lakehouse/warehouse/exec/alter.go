//go:build cgo

package exec

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// alter is ALTER TABLE and ALTER VIEW: one commit.
func (t alterer) alter(st *sparksql.AlterTable) error {
	c, m, err := t.kept(st.Name)
	if err != nil {
		return err
	}
	if st.Query != nil || st.Binding != "" {
		return definer(t).alterView(c, m, st)
	}
	if m.Kind == store.KindView && st.Set == nil && st.Unset == nil && st.RenameTo == nil {
		return notView(c, m, "'ALTER TABLE'")
	}
	if st.Tags {
		return t.alterTags(c, m, st)
	}
	if st.Policy != nil {
		return t.setPolicy(c, m, st.Policy)
	}
	if m.Kind == store.KindView && (st.Constrain != nil || st.Release != "") {
		return notView(c, m, "a constraint")
	}
	what, fed := store.Commit{}, store.Feeds(m)
	switch {
	case st.Add != nil:
		what.Operation, err = "ADD COLUMNS", t.addColumns(c, m, st)
	case st.Retype != nil:
		what.Operation, err = "CHANGE COLUMN", t.retype(c, m, st.Retype)
	case st.Recomment != nil:
		what.Operation, err = "CHANGE COLUMN", recomment(m, st.Recomment.Name, st.Recomment.Comment)
	case st.NotNull != nil:
		what.Operation, err = "CHANGE COLUMN", t.nullRule(c, m, st.NotNull)
	case st.Rename != nil:
		what.Operation, err = "RENAME COLUMN", t.renameColumn(c, m, st.Rename[0], st.Rename[1])
	case st.Constrain != nil:
		what.Operation, err = "ADD CONSTRAINT", t.addConstraint(c, m, st.Constrain)
	case st.Release != "":
		what.Operation, err = "DROP CONSTRAINT", dropConstraint(m, st.Release, st.IfExists)
	case st.Drop != nil:
		what.Operation, err = "DROP COLUMNS", t.dropColumns(c, m, st)
	case st.RenameTo != nil:
		return t.rename(c, m, st.RenameTo)
	case st.ClusterSet:
		m.Cluster = st.Cluster
		what.Operation, err = "CLUSTER BY", checkCluster(m)
	case st.Set != nil:
		what.Operation = "SET TBLPROPERTIES"
		for _, p := range st.Set {
			m.Properties[p.Key] = p.Value
		}
	default:
		what.Operation, err = "UNSET TBLPROPERTIES", unset(m, st)
	}
	if err != nil {
		return err
	}
	if m.Kind == store.KindView {
		m.Updated = t.store.Now()
		return c.Save(t.Ctx, t.Conn, m)
	}
	if err := checkFeed(m, fed); err != nil {
		return err
	}
	return c.Committed(t.Ctx, t.Conn, m, what, t.store.Now())
}

// alterTags sets or removes tags, which are no part of the table's history.
func (t alterer) alterTags(c *store.Catalog, m *store.Table, st *sparksql.AlterTable) error {
	names := st.Unset
	for _, p := range st.Set {
		names = append(names, p.Key)
	}
	for _, name := range names {
		if err := t.Exec("DELETE FROM "+c.Hidden("tags")+" WHERE table_id = ? AND name = ?", m.ID, name); err != nil {
			return err
		}
	}
	for _, p := range st.Set {
		if p.Key == "" || strings.ContainsAny(p.Key, ".,-=/:") || strings.TrimSpace(p.Key) != p.Key {
			return sparksql.Errorf("22023", "INVALID_PARAMETER_VALUE", "Tag key %s is not valid.", sparksql.QuoteSpark(p.Key))
		}
		if err := t.Exec("INSERT INTO "+c.Hidden("tags")+" VALUES (?, ?, ?)", m.ID, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func unset(m *store.Table, st *sparksql.AlterTable) error {
	for _, k := range st.Unset {
		if _, ok := m.Properties[k]; !ok && !st.IfExists {
			return sparksql.Errorf("42K0J", "UNSET_NONEXISTENT_PROPERTIES", "Attempted to unset non-existent properties [%s] in table %s.",
				sparksql.QuoteSpark(k), sparksql.QuoteName([]string{m.Schema, m.Name}))
		}
		delete(m.Properties, k)
	}
	return nil
}

func (t alterer) addColumns(c *store.Catalog, m *store.Table, st *sparksql.AlterTable) error {
	for _, d := range st.Add {
		if columnIndex(m.Columns, d.Name) >= 0 {
			if st.IfNotExists {
				continue
			}
			return sparksql.Errorf("42710", "FIELD_ALREADY_EXISTS", "Cannot add column, because %s already exists in the table's schema.",
				sparksql.QuoteSpark(d.Name))
		}
		if d.NotNull {
			return sparksql.Errorf("0AKDC", "DELTA_OPERATION_NOT_ALLOWED",
				"Operation not allowed: `NOT NULL in ALTER TABLE ADD COLUMNS` is not supported for Delta tables.")
		}
		m.Columns = append(m.Columns, store.Column{Name: d.Name, Type: d.Type.String(), Comment: d.Comment})
		if err := checkColumns(m); err != nil {
			return err
		}
		for _, name := range []string{c.Qualified(m.Schema, m.Name), c.Hidden(store.DeadName(m.Generation))} {
			if err := t.Exec("ALTER TABLE IF EXISTS " + name + " ADD COLUMN " + sparksql.QuoteDuckDB(d.Name) + " " + d.Type.DuckDB()); err != nil {
				return err
			}
		}
	}
	return nil
}

// retype widens a column, if Delta's type widening allows it.
func (t alterer) retype(c *store.Catalog, m *store.Table, d *sparksql.ColumnDef) error {
	i := columnIndex(m.Columns, d.Name)
	if i < 0 {
		return unresolvedColumn(d.Name, m.Columns)
	}
	from, err := sparksql.ParseType(m.Columns[i].Type)
	if err != nil {
		return err
	}
	if from.Equal(d.Type) {
		return nil
	}
	enabled := strings.EqualFold(m.Properties["delta.enableTypeWidening"], "true") || from.Kind == sparksql.StringType
	if !enabled || !widenable(from, d.Type) {
		return sparksql.Errorf("42837", "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP",
			"ALTER TABLE CHANGE COLUMN is not supported for changing column %s from %s to %s. (Type widening needs the table property 'delta.enableTypeWidening' = 'true'.)",
			d.Name, from.SQL(), d.Type.SQL())
	}
	if err := c.ChangeColumns(t.Ctx, t.Conn, m); err != nil {
		return err
	}
	m.Columns[i].Type = d.Type.String()
	return t.Exec("ALTER TABLE " + c.Qualified(m.Schema, m.Name) + " ALTER COLUMN " + sparksql.QuoteDuckDB(m.Columns[i].Name) +
		" SET DATA TYPE " + d.Type.DuckDB())
}

// widenable is Delta's table of type changes: within integers, integers to DOUBLE
// or DECIMAL, FLOAT to DOUBLE, DECIMAL to a wider one, DATE to TIMESTAMP_NTZ.
func widenable(from, to sparksql.Type) bool {
	if from.Nested() || to.Nested() {
		return false
	}
	return translate.Widens(from, to)
}

func recomment(m *store.Table, column, comment string) error {
	i := columnIndex(m.Columns, column)
	if i < 0 {
		return unresolvedColumn(column, m.Columns)
	}
	m.Columns[i].Comment = comment
	return nil
}

func (t alterer) nullRule(c *store.Catalog, m *store.Table, rule *sparksql.NullRule) error {
	i := columnIndex(m.Columns, rule.Column)
	if i < 0 {
		return unresolvedColumn(rule.Column, m.Columns)
	}
	verb := " DROP NOT NULL"
	if rule.NotNull {
		verb = " SET NOT NULL"
	}
	if m.Columns[i].NotNull == rule.NotNull {
		return nil
	}
	m.Columns[i].NotNull = rule.NotNull
	return t.Exec("ALTER TABLE " + c.Qualified(m.Schema, m.Name) + " ALTER COLUMN " + sparksql.QuoteDuckDB(m.Columns[i].Name) + verb)
}

func needMapping(m *store.Table, class, what string) error {
	if mapped(m) {
		return nil
	}
	return sparksql.Errorf("42KD4", class, "%s is not supported for your Delta table. Please upgrade your Delta table and enable column "+
		"mapping: ALTER TABLE … SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name').", what)
}

func (t alterer) renameColumn(c *store.Catalog, m *store.Table, from, to string) error {
	if err := needMapping(m, "DELTA_UNSUPPORTED_RENAME_COLUMN", "Column rename"); err != nil {
		return err
	}
	i := columnIndex(m.Columns, from)
	if i < 0 {
		return unresolvedColumn(from, m.Columns)
	}
	if j := columnIndex(m.Columns, to); j >= 0 && j != i {
		return sparksql.Errorf("42710", "FIELD_ALREADY_EXISTS",
			"Cannot rename column, because %s already exists in the table's schema.", sparksql.QuoteSpark(to))
	}
	if err := checkOwn(to); err != nil {
		return err
	}
	if err := c.ChangeColumns(t.Ctx, t.Conn, m); err != nil {
		return err
	}
	old := m.Columns[i].Name
	m.Columns[i].Name = to
	for k, by := range m.Cluster {
		if strings.EqualFold(by, from) {
			m.Cluster[k] = to
		}
	}
	return t.Exec("ALTER TABLE " + c.Qualified(m.Schema, m.Name) + " RENAME COLUMN " + sparksql.QuoteDuckDB(old) +
		" TO " + sparksql.QuoteDuckDB(to))
}

func (t alterer) dropColumns(c *store.Catalog, m *store.Table, st *sparksql.AlterTable) error {
	if err := needMapping(m, "DELTA_UNSUPPORTED_DROP_COLUMN", "DROP COLUMN"); err != nil {
		return err
	}
	if err := c.ChangeColumns(t.Ctx, t.Conn, m); err != nil {
		return err
	}
	for _, name := range st.Drop {
		i := columnIndex(m.Columns, name)
		if i < 0 {
			if st.IfExists {
				continue
			}
			return unresolvedColumn(name, m.Columns)
		}
		if slices.ContainsFunc(m.Cluster, func(k string) bool { return strings.EqualFold(k, name) }) {
			return sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_DROP_CLUSTERING_COLUMN", "Dropping clustering columns (%s) is not allowed.", name)
		}
		if len(m.Columns) == 1 {
			return sparksql.Errorf("0AKDC", "DELTA_DROP_COLUMN_ON_SINGLE_FIELD_SCHEMA", "Cannot drop column from a schema with a single column.")
		}
		if err := t.Exec("ALTER TABLE " + c.Qualified(m.Schema, m.Name) + " DROP COLUMN " + sparksql.QuoteDuckDB(m.Columns[i].Name)); err != nil {
			return err
		}
		m.Columns = append(m.Columns[:i:i], m.Columns[i+1:]...)
	}
	return nil
}

// rename is RENAME TO, within the schema.
func (t alterer) rename(c *store.Catalog, m *store.Table, to []string) error {
	target, schema, name, err := t.complete(translate.Space{Catalog: c.Name, Schema: m.Schema}, to)
	if err != nil {
		return err
	}
	if target != c || schema != m.Schema {
		return sparksql.Unsupported("RENAME TO another schema")
	}
	if err := store.CheckName(name); err != nil {
		return err
	}
	old, err := c.Find(t.Ctx, t.Conn, schema, name)
	if err != nil {
		return err
	}
	if old != nil {
		return refusal.TableExists(c.Name, schema, name)
	}
	if m.Kind == store.KindTable {
		if err := t.Exec("ALTER TABLE " + c.Qualified(m.Schema, m.Name) + " RENAME TO " + sparksql.QuoteDuckDB(name)); err != nil {
			return err
		}
	}
	m.Name, m.Updated = name, t.store.Now()
	return c.Save(t.Ctx, t.Conn, m)
}

// commentOn is COMMENT ON.
func (t definer) commentOn(st *sparksql.CommentOn) error {
	if st.What == "SCHEMA" {
		catalogName, schema := t.space.Catalog, strings.ToLower(st.Name[len(st.Name)-1])
		if len(st.Name) == 2 {
			catalogName = st.Name[0]
		}
		c, err := t.store.Catalog(catalogName)
		if err != nil {
			return err
		}
		if err := t.needSchema(c, schema); err != nil {
			return err
		}
		if err := t.Exec("DELETE FROM "+c.Hidden("schemas")+" WHERE name = ?", schema); err != nil {
			return err
		}
		return t.Exec("INSERT INTO "+c.Hidden("schemas")+" VALUES (?, ?)", schema, st.Comment)
	}
	name := st.Name
	if st.What == "COLUMN" {
		if len(name) < 2 {
			return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "COMMENT ON COLUMN needs a table: table.%s.",
				sparksql.QuoteSpark(name[0]))
		}
		name = name[:len(name)-1]
	}
	c, m, err := t.kept(name)
	if err != nil {
		return err
	}
	if st.What == "COLUMN" {
		err = recomment(m, st.Name[len(st.Name)-1], st.Comment)
	} else {
		m.Comment = st.Comment
	}
	if err != nil {
		return err
	}
	m.Updated = t.store.Now()
	return c.Save(t.Ctx, t.Conn, m)
}
