//go:build cgo

package warehouse

import (
	"fmt"
	"sort"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

var ctasColumns = []string{"num_affected_rows", "num_inserted_rows"}

// createTable is CREATE TABLE in all its forms: one commit.
func (t definer) createTable(st *sparksql.CreateTable) (*result, error) {
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return nil, err
	}
	if err := t.needSchema(c, schema); err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	old, err := c.find(t.ctx, t.conn, schema, name)
	if err != nil {
		return nil, err
	}
	switch {
	case old != nil && st.IfNotExists:
		return nothing(), nil
	case old != nil && (!st.Replace || old.kind == kindView):
		return nil, tableExists(c.name, schema, name)
	}
	// The query may read the table that it replaces, so it runs before that goes.
	m, source, err := t.tableDefinition(c, schema, name, st)
	if err != nil {
		return nil, err
	}
	if old == nil {
		err = t.freshTable(c, m)
	} else {
		err = t.inherit(c, m, old, st)
	}
	if err != nil {
		return nil, err
	}
	return t.makeTable(c, m, source, st)
}

// tableDefinition is the new table's metadata and, of CREATE TABLE AS, its rows.
func (t definer) tableDefinition(c *catalog, schema, name string, st *sparksql.CreateTable) (*metaTable, string, error) {
	now := t.store.now()
	m := &metaTable{schema: schema, name: name, kind: kindTable, cluster: st.Cluster, properties: map[string]string{}, created: now}
	for _, p := range st.Properties {
		m.properties[p.Key] = p.Value
	}
	if st.Comment != nil {
		m.comment = *st.Comment
	}
	source := ""
	if st.Query != nil {
		r, err := t.translator().Query(st.Query)
		if err != nil {
			return nil, "", err
		}
		source = r.SQL
		for _, col := range r.Columns {
			if col.Type.Kind == sparksql.VoidType || col.Type.Kind == sparksql.IntervalType {
				return nil, "", sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_DATA_TYPES",
					"Found columns using unsupported data types: [%s: %s]; cast them.", col.Name, col.Type.SQL())
			}
			m.columns = append(m.columns, metaColumn{Name: col.Name, Type: col.Type.String()})
		}
	}
	for _, d := range st.Columns {
		m.columns = append(m.columns, metaColumn{Name: d.Name, Type: d.Type.String(), Comment: d.Comment, NotNull: d.NotNull})
	}
	if err := checkColumns(m); err != nil {
		return nil, "", err
	}
	return m, source, checkCluster(m)
}

func columnIndex(cols []metaColumn, name string) int {
	for i, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

func unresolvedColumn(name string, cols []metaColumn) *Error {
	names := make([]string, 0, len(cols))
	for _, c := range cols {
		names = append(names, sparksql.QuoteSpark(c.Name))
	}
	return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "A column, variable, or function parameter with name %s cannot be resolved. Did you mean one of the following? [%s].", sparksql.QuoteSpark(name), strings.Join(names, ", "))
}

// checkColumns refuses what Delta refuses in a table's columns.
func checkColumns(m *metaTable) error {
	seen := map[string]bool{}
	for _, c := range m.columns {
		key := strings.ToLower(c.Name)
		if seen[key] {
			return sparksql.Errorf("42711", "COLUMN_ALREADY_EXISTS", "The column %s already exists. Choose another name or rename the existing column.", sparksql.QuoteSpark(c.Name))
		}
		seen[key] = true
		if strings.ContainsAny(c.Name, " ,;{}()\n\t=") && !mapped(m) {
			return sparksql.Errorf("42K05", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "Found invalid character(s) among ' ,;{}()\\n\\t=' in the column names of your schema. Invalid column names: %s. Please use other characters and try again. Alternatively, enable Column Mapping to keep using these characters.", c.Name)
		}
		if c.Type == "void" {
			return sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_DATA_TYPES", "Found columns using unsupported data types: [%s: VOID].", c.Name)
		}
	}
	return nil
}

func mapped(m *metaTable) bool {
	mode := strings.ToLower(m.properties["delta.columnMapping.mode"])
	return mode == "name" || mode == "id"
}

func (t definer) freshTable(c *catalog, m *metaTable) error {
	var err error
	if m.id, err = c.next(t.ctx, t.conn); err != nil {
		return err
	}
	m.generation = m.id
	m.version = -1
	return nil
}

// inherit takes over what REPLACE keeps of the old table, whose rows go.
func (t definer) inherit(c *catalog, m, old *metaTable, st *sparksql.CreateTable) error {
	if err := c.endGeneration(t.ctx, t.conn, old); err != nil {
		return err
	}
	m.id, m.version, m.generation, m.created = old.id, old.version, old.generation, old.created
	if !t.switches.PropertiesLostOnReplace {
		for k, v := range old.properties {
			if _, said := m.properties[k]; !said {
				m.properties[k] = v
			}
		}
		if st.Comment == nil {
			m.comment = old.comment
		}
	}
	if err := checkFeed(m, feeds(old)); err != nil {
		return err
	}
	if t.switches.PropertiesLostOnReplace {
		if err := t.exec("DELETE FROM "+c.meta("tags")+" WHERE table_id = ?", m.id); err != nil {
			return err
		}
	}
	if t.switches.PoliciesLostOnReplace {
		if err := t.exec("DELETE FROM "+c.meta("policies")+" WHERE table_id = ?", m.id); err != nil {
			return err
		}
	}
	if t.switches.CopyMemoryLostOnReplace {
		return t.exec("DELETE FROM "+c.meta("copied")+" WHERE table_id = ?", m.id)
	}
	return nil
}

// makeTable makes the DuckDB table, in place of one of its name, fills it, and
// commits the first or next version.
func (t definer) makeTable(c *catalog, m *metaTable, source string, st *sparksql.CreateTable) (*result, error) {
	sql := t.createSQL(c, m)
	if source != "" {
		fields, names := make([]string, len(m.columns)), make([]string, len(m.columns))
		for i, col := range m.columns {
			typ, err := sparksql.ParseType(col.Type)
			if err != nil {
				return nil, err
			}
			names[i] = fmt.Sprintf("c%d", i)
			fields[i] = "CAST(" + names[i] + " AS " + typ.DuckDB() + ") AS " + sparksql.QuoteDuckDB(col.Name)
		}
		fields = append(fields, fmt.Sprintf("CAST(%d AS BIGINT) AS %s", stamp(m.version+1, false), bornColumn))
		sql = "CREATE OR REPLACE TABLE " + c.table(m.schema, m.name) + " AS SELECT " + strings.Join(fields, ", ") + " FROM (" + source + ") AS s(" + strings.Join(names, ", ") + ")"
	}
	if err := t.exec(sql); err != nil {
		return nil, err
	}
	var err error
	if m.rows, err = t.count("SELECT count(*) FROM " + c.table(m.schema, m.name)); err != nil {
		return nil, err
	}
	if err := t.checkConstraints(c, m); err != nil {
		return nil, err
	}
	verb := "CREATE TABLE"
	if st.Replace {
		verb = "CREATE OR REPLACE TABLE"
	}
	if source != "" {
		verb += " AS SELECT"
	}
	if err := checkFeed(m, false); err != nil {
		return nil, err
	}
	if err := c.committed(t.ctx, t.conn, m, commit{verb, nil, map[string]string{"numOutputRows": fmt.Sprint(m.rows)}}, t.store.now()); err != nil {
		return nil, err
	}
	if source == "" || t.switches.CTASWithoutRow {
		return nothing(), nil
	}
	return numbers(ctasColumns, m.rows, m.rows), nil
}

func (t *statement) createSQL(c *catalog, m *metaTable) string {
	cols := make([]string, len(m.columns))
	for i, col := range m.columns {
		typ, _ := sparksql.ParseType(col.Type) // it was parsed before it was kept
		cols[i] = sparksql.QuoteDuckDB(col.Name) + " " + typ.DuckDB()
		if col.NotNull {
			cols[i] += " NOT NULL"
		}
	}
	cols = append(cols, bornColumn+" BIGINT")
	return "CREATE OR REPLACE TABLE " + c.table(m.schema, m.name) + " (" + strings.Join(cols, ", ") + ")"
}

func (t definer) dropTable(st *sparksql.DropTable) error {
	if t.temporary(st.Name) != nil && st.View {
		t.session.setTemporary(st.Name[0], nil)
		return nil
	}
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return err
	}
	m, err := t.need(c, schema, name)
	if err != nil {
		if st.IfExists && failure(err).HasClass("TABLE_OR_VIEW_NOT_FOUND") {
			return nil
		}
		return err
	}
	if st.View && m.kind != kindView {
		return sparksql.Errorf("42809", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "'DROP VIEW' expects a view but %s is a table.", sparksql.QuoteName([]string{c.name, schema, name}))
	}
	if !st.View && m.kind == kindView {
		return sparksql.Errorf("42809", "EXPECT_TABLE_NOT_VIEW.USE_DROP_VIEW", "'DROP TABLE' expects a table but %s is a view. Use DROP VIEW.", sparksql.QuoteName([]string{c.name, schema, name}))
	}
	return t.drop(c, m)
}

// drop removes a table or view and all that is kept about it.
func (t *statement) drop(c *catalog, m *metaTable) error {
	if m.kind == kindTable {
		if err := t.exec("DROP TABLE IF EXISTS " + c.table(m.schema, m.name)); err != nil {
			return err
		}
	}
	return c.forget(t.ctx, t.conn, m)
}

// target is a table as the translator sees it.
func (t *statement) target(c *catalog, m *metaTable) (translate.Table, error) {
	return asTable(c, m, c.table(m.schema, m.name), m.columns)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
