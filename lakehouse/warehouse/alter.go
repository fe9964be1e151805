//go:build cgo

package warehouse

import (
	"slices"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// alter is ALTER TABLE and ALTER VIEW: one commit.
func (t alterer) alter(st *sparksql.AlterTable) error {
	c, m, err := t.kept(st.Name)
	if err != nil {
		return err
	}
	if st.Query != nil || st.Binding != "" {
		return definer{t.statement}.alterView(c, m, st)
	}
	if m.kind == kindView && st.Set == nil && st.Unset == nil && st.RenameTo == nil {
		return notView(c, m, "'ALTER TABLE'")
	}
	if st.Tags {
		return t.alterTags(c, m, st)
	}
	if st.Policy != nil {
		return t.setPolicy(c, m, st.Policy)
	}
	if m.kind == kindView && (st.Constrain != nil || st.Release != "") {
		return notView(c, m, "a constraint")
	}
	what, fed := commit{}, feeds(m)
	switch {
	case st.Add != nil:
		what.operation, err = "ADD COLUMNS", t.addColumns(c, m, st)
	case st.Retype != nil:
		what.operation, err = "CHANGE COLUMN", t.retype(c, m, st.Retype)
	case st.Recomment != nil:
		what.operation, err = "CHANGE COLUMN", recomment(m, st.Recomment.Name, st.Recomment.Comment)
	case st.NotNull != nil:
		what.operation, err = "CHANGE COLUMN", t.nullRule(c, m, st.NotNull)
	case st.Rename != nil:
		what.operation, err = "RENAME COLUMN", t.renameColumn(c, m, st.Rename[0], st.Rename[1])
	case st.Constrain != nil:
		what.operation, err = "ADD CONSTRAINT", t.addConstraint(c, m, st.Constrain)
	case st.Release != "":
		what.operation, err = "DROP CONSTRAINT", dropConstraint(m, st.Release, st.IfExists)
	case st.Drop != nil:
		what.operation, err = "DROP COLUMNS", t.dropColumns(c, m, st)
	case st.RenameTo != nil:
		return t.rename(c, m, st.RenameTo)
	case st.ClusterSet:
		m.cluster = st.Cluster
		what.operation, err = "CLUSTER BY", checkCluster(m)
	case st.Set != nil:
		what.operation = "SET TBLPROPERTIES"
		for _, p := range st.Set {
			m.properties[p.Key] = p.Value
		}
	default:
		what.operation, err = "UNSET TBLPROPERTIES", unset(m, st)
	}
	if err != nil {
		return err
	}
	if m.kind == kindView {
		m.updated = t.store.now()
		return c.save(t.ctx, t.conn, m)
	}
	if err := checkFeed(m, fed); err != nil {
		return err
	}
	return c.committed(t.ctx, t.conn, m, what, t.store.now())
}

// alterTags sets or removes tags, which are no part of the table's history.
func (t alterer) alterTags(c *catalog, m *metaTable, st *sparksql.AlterTable) error {
	names := st.Unset
	for _, p := range st.Set {
		names = append(names, p.Key)
	}
	for _, name := range names {
		if err := t.exec("DELETE FROM "+c.meta("tags")+" WHERE table_id = ? AND name = ?", m.id, name); err != nil {
			return err
		}
	}
	for _, p := range st.Set {
		if p.Key == "" || strings.ContainsAny(p.Key, ".,-=/:") || strings.TrimSpace(p.Key) != p.Key {
			return sparksql.Errorf("22023", "INVALID_PARAMETER_VALUE", "Tag key %s is not valid.", sparksql.QuoteSpark(p.Key))
		}
		if err := t.exec("INSERT INTO "+c.meta("tags")+" VALUES (?, ?, ?)", m.id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func unset(m *metaTable, st *sparksql.AlterTable) error {
	for _, k := range st.Unset {
		if _, ok := m.properties[k]; !ok && !st.IfExists {
			return sparksql.Errorf("42K0J", "UNSET_NONEXISTENT_PROPERTIES", "Attempted to unset non-existent properties [%s] in table %s.", sparksql.QuoteSpark(k), sparksql.QuoteName([]string{m.schema, m.name}))
		}
		delete(m.properties, k)
	}
	return nil
}

func (t alterer) addColumns(c *catalog, m *metaTable, st *sparksql.AlterTable) error {
	for _, d := range st.Add {
		if columnIndex(m.columns, d.Name) >= 0 {
			if st.IfNotExists {
				continue
			}
			return sparksql.Errorf("42710", "FIELD_ALREADY_EXISTS", "Cannot add column, because %s already exists in the table's schema.", sparksql.QuoteSpark(d.Name))
		}
		if d.NotNull && m.rows > 0 {
			return sparksql.Errorf("42000", "DELTA_ADDING_COLUMN_WITH_NOT_NULL", "NOT NULL is not supported in ALTER TABLE ADD COLUMNS.")
		}
		m.columns = append(m.columns, metaColumn{Name: d.Name, Type: d.Type.String(), Comment: d.Comment})
		if err := checkColumns(m); err != nil {
			return err
		}
		for _, name := range []string{c.table(m.schema, m.name), c.meta(deadName(m.generation))} {
			if err := t.exec("ALTER TABLE IF EXISTS " + name + " ADD COLUMN " + sparksql.QuoteDuckDB(d.Name) + " " + d.Type.DuckDB()); err != nil {
				return err
			}
		}
	}
	return nil
}

// retype widens a column, as far as Delta's type widening goes.
func (t alterer) retype(c *catalog, m *metaTable, d *sparksql.ColumnDef) error {
	i := columnIndex(m.columns, d.Name)
	if i < 0 {
		return unresolvedColumn(d.Name, m.columns)
	}
	from, err := sparksql.ParseType(m.columns[i].Type)
	if err != nil {
		return err
	}
	if from.Equal(d.Type) {
		return nil
	}
	enabled := strings.EqualFold(m.properties["delta.enableTypeWidening"], "true") || from.Kind == sparksql.StringType
	if !enabled || !widenable(from, d.Type) {
		return sparksql.Errorf("42837", "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP", "ALTER TABLE CHANGE COLUMN is not supported for changing column %s from %s to %s. (Type widening needs the table property 'delta.enableTypeWidening' = 'true'.)", d.Name, from.SQL(), d.Type.SQL())
	}
	if err := c.endGeneration(t.ctx, t.conn, m); err != nil {
		return err
	}
	m.columns[i].Type = d.Type.String()
	return t.exec("ALTER TABLE " + c.table(m.schema, m.name) + " ALTER COLUMN " + sparksql.QuoteDuckDB(m.columns[i].Name) + " SET DATA TYPE " + d.Type.DuckDB())
}

// widenable is Delta's table of type changes: within integers, integers to DOUBLE
// or DECIMAL, FLOAT to DOUBLE, DECIMAL to a wider one, DATE to TIMESTAMP_NTZ.
func widenable(from, to sparksql.Type) bool {
	if from.Nested() || to.Nested() {
		return false
	}
	return translate.Widens(from, to)
}

func recomment(m *metaTable, column, comment string) error {
	i := columnIndex(m.columns, column)
	if i < 0 {
		return unresolvedColumn(column, m.columns)
	}
	m.columns[i].Comment = comment
	return nil
}

func (t alterer) nullRule(c *catalog, m *metaTable, rule *sparksql.NullRule) error {
	i := columnIndex(m.columns, rule.Column)
	if i < 0 {
		return unresolvedColumn(rule.Column, m.columns)
	}
	verb := " DROP NOT NULL"
	if rule.NotNull {
		verb = " SET NOT NULL"
	}
	if m.columns[i].NotNull == rule.NotNull {
		return nil
	}
	m.columns[i].NotNull = rule.NotNull
	return t.exec("ALTER TABLE " + c.table(m.schema, m.name) + " ALTER COLUMN " + sparksql.QuoteDuckDB(m.columns[i].Name) + verb)
}

func needMapping(m *metaTable, class, what string) error {
	if mapped(m) {
		return nil
	}
	return sparksql.Errorf("42KD4", class, "%s is not supported for your Delta table. Please upgrade your Delta table and enable column mapping: ALTER TABLE … SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name').", what)
}

func (t alterer) renameColumn(c *catalog, m *metaTable, from, to string) error {
	if err := needMapping(m, "DELTA_UNSUPPORTED_RENAME_COLUMN", "Column rename"); err != nil {
		return err
	}
	i := columnIndex(m.columns, from)
	if i < 0 {
		return unresolvedColumn(from, m.columns)
	}
	if j := columnIndex(m.columns, to); j >= 0 && j != i {
		return sparksql.Errorf("42710", "FIELD_ALREADY_EXISTS", "Cannot rename column, because %s already exists in the table's schema.", sparksql.QuoteSpark(to))
	}
	if err := c.endGeneration(t.ctx, t.conn, m); err != nil {
		return err
	}
	old := m.columns[i].Name
	m.columns[i].Name = to
	for k, by := range m.cluster {
		if strings.EqualFold(by, from) {
			m.cluster[k] = to
		}
	}
	return t.exec("ALTER TABLE " + c.table(m.schema, m.name) + " RENAME COLUMN " + sparksql.QuoteDuckDB(old) + " TO " + sparksql.QuoteDuckDB(to))
}

func (t alterer) dropColumns(c *catalog, m *metaTable, st *sparksql.AlterTable) error {
	if err := needMapping(m, "DELTA_UNSUPPORTED_DROP_COLUMN", "DROP COLUMN"); err != nil {
		return err
	}
	if err := c.endGeneration(t.ctx, t.conn, m); err != nil {
		return err
	}
	for _, name := range st.Drop {
		i := columnIndex(m.columns, name)
		if i < 0 {
			if st.IfExists {
				continue
			}
			return unresolvedColumn(name, m.columns)
		}
		if slices.ContainsFunc(m.cluster, func(k string) bool { return strings.EqualFold(k, name) }) {
			return sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_DROP_CLUSTERING_COLUMN", "Dropping clustering columns (%s) is not allowed.", name)
		}
		if len(m.columns) == 1 {
			return sparksql.Errorf("0AKDC", "DELTA_DROP_COLUMN_ON_SINGLE_FIELD_SCHEMA", "Cannot drop column from a schema with a single column.")
		}
		if err := t.exec("ALTER TABLE " + c.table(m.schema, m.name) + " DROP COLUMN " + sparksql.QuoteDuckDB(m.columns[i].Name)); err != nil {
			return err
		}
		m.columns = append(m.columns[:i:i], m.columns[i+1:]...)
	}
	return nil
}

// rename is RENAME TO, within the schema.
func (t alterer) rename(c *catalog, m *metaTable, to []string) error {
	target, schema, name, err := t.complete(translate.Space{Catalog: c.name, Schema: m.schema}, to)
	if err != nil {
		return err
	}
	if target != c || schema != m.schema {
		return sparksql.Unsupported("RENAME TO another schema")
	}
	if err := checkName(name); err != nil {
		return err
	}
	old, err := c.find(t.ctx, t.conn, schema, name)
	if err != nil {
		return err
	}
	if old != nil {
		return tableExists(c.name, schema, name)
	}
	if m.kind == kindTable {
		if err := t.exec("ALTER TABLE " + c.table(m.schema, m.name) + " RENAME TO " + sparksql.QuoteDuckDB(name)); err != nil {
			return err
		}
	}
	m.name, m.updated = name, t.store.now()
	return c.save(t.ctx, t.conn, m)
}

// commentOn is COMMENT ON.
func (t definer) commentOn(st *sparksql.CommentOn) error {
	if st.What == "SCHEMA" {
		catalogName, schema := t.space.Catalog, strings.ToLower(st.Name[len(st.Name)-1])
		if len(st.Name) == 2 {
			catalogName = st.Name[0]
		}
		c, err := t.store.catalog(catalogName)
		if err != nil {
			return err
		}
		if err := t.needSchema(c, schema); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM "+c.meta("schemas")+" WHERE name = ?", schema); err != nil {
			return err
		}
		return t.exec("INSERT INTO "+c.meta("schemas")+" VALUES (?, ?)", schema, st.Comment)
	}
	name := st.Name
	if st.What == "COLUMN" {
		if len(name) < 2 {
			return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "COMMENT ON COLUMN needs a table: table.%s.", sparksql.QuoteSpark(name[0]))
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
		m.comment = st.Comment
	}
	if err != nil {
		return err
	}
	m.updated = t.store.now()
	return c.save(t.ctx, t.conn, m)
}
