//go:build cgo

package exec

import (
	"fmt"
	"sort"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

var ctasColumns = []string{"num_affected_rows", "num_inserted_rows"}

// createTable is CREATE TABLE in all its forms: one commit.
func (t definer) createTable(st *sparksql.CreateTable) (*result.Result, error) {
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return nil, err
	}
	if err := t.needSchema(c, schema); err != nil {
		return nil, err
	}
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	old, err := c.Find(t.Ctx, t.Conn, schema, name)
	if err != nil {
		return nil, err
	}
	switch {
	case old != nil && st.IfNotExists:
		return result.Nothing(), nil
	case old != nil && (!st.Replace || old.Kind == store.KindView):
		return nil, refusal.TableExists(c.Name, schema, name)
	}
	// The query may read the table that it replaces, so it runs before that is dropped.
	m, source, err := t.tableDefinition(c, schema, name, st)
	if err != nil {
		return nil, err
	}
	if old != nil && old.Graves > 0 && strings.Contains(source, c.Graves(old)) {
		// It reads graves, which the replacement moves.
		if err := c.Settle(t.Ctx, t.Conn, old); err != nil {
			return nil, err
		}
		if m, source, err = t.tableDefinition(c, schema, name, st); err != nil {
			return nil, err
		}
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
func (t definer) tableDefinition(c *store.Catalog, schema, name string, st *sparksql.CreateTable) (*store.Table, string, error) {
	now := t.store.Now()
	m := &store.Table{Schema: schema, Name: name, Kind: store.KindTable, Cluster: st.Cluster, Properties: map[string]string{}, Created: now}
	for _, p := range st.Properties {
		m.Properties[p.Key] = p.Value
	}
	if st.Comment != nil {
		m.Comment = *st.Comment
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
			m.Columns = append(m.Columns, store.Column{Name: col.Name, Type: col.Type.String()})
		}
	}
	for _, d := range st.Columns {
		m.Columns = append(m.Columns, store.Column{Name: d.Name, Type: d.Type.String(), Comment: d.Comment, NotNull: d.NotNull})
	}
	if err := checkColumns(m); err != nil {
		return nil, "", err
	}
	return m, source, checkCluster(m)
}

func columnIndex(cols []store.Column, name string) int {
	for i, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

func unresolvedColumn(name string, cols []store.Column) *refusal.Error {
	names := make([]string, 0, len(cols))
	for _, c := range cols {
		names = append(names, sparksql.QuoteSpark(c.Name))
	}
	return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITH_SUGGESTION",
		"A column, variable, or function parameter with name %s cannot be resolved. Did you mean one of the following? [%s].",
		sparksql.QuoteSpark(name), strings.Join(names, ", "))
}

// checkColumns refuses what Delta refuses in a table's columns.
func checkColumns(m *store.Table) error {
	seen := map[string]bool{}
	for _, c := range m.Columns {
		key := strings.ToLower(c.Name)
		if seen[key] {
			return sparksql.Errorf("42711", "COLUMN_ALREADY_EXISTS",
				"The column %s already exists. Choose another name or rename the existing column.", sparksql.QuoteSpark(c.Name))
		}
		seen[key] = true
		if strings.ContainsAny(c.Name, " ,;{}()\n\t=") && !mapped(m) {
			return sparksql.Errorf("42K05", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
				"Found invalid character(s) among ' ,;{}()\\n\\t=' in the column names of your schema. Invalid column names: %s. "+
					"Please use other characters and try again. Alternatively, enable Column Mapping to keep using these characters.", c.Name)
		}
		if err := checkOwn(c.Name); err != nil {
			return err
		}
		if c.Type == "void" {
			return sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_DATA_TYPES", "Found columns using unsupported data types: [%s: VOID].", c.Name)
		}
	}
	return nil
}

// checkOwn refuses the names of the workspace's own columns.
func checkOwn(column string) error {
	if strings.HasPrefix(strings.ToLower(column), store.OwnColumns) {
		return sparksql.Unsupported("a column named %s (names that begin with %s are its own)", sparksql.QuoteSpark(column), store.OwnColumns)
	}
	return nil
}

func mapped(m *store.Table) bool {
	mode := strings.ToLower(m.Properties["delta.columnMapping.mode"])
	return mode == "name" || mode == "id"
}

func (t definer) freshTable(c *store.Catalog, m *store.Table) error {
	var err error
	if m.ID, err = c.Next(t.Ctx, t.Conn); err != nil {
		return err
	}
	m.Generation = m.ID
	m.Version = -1
	return nil
}

// inherit copies what REPLACE keeps of the old table: everything but its rows.
func (t definer) inherit(c *store.Catalog, m, old *store.Table, st *sparksql.CreateTable) error {
	if err := c.EndGeneration(t.Ctx, t.Conn, old); err != nil {
		return err
	}
	m.ID, m.Version, m.Generation, m.Created = old.ID, old.Version, old.Generation, old.Created
	if !t.switches.PropertiesLostOnReplace {
		for k, v := range old.Properties {
			if _, said := m.Properties[k]; !said {
				m.Properties[k] = v
			}
		}
		if st.Comment == nil {
			m.Comment = old.Comment
		}
	}
	if err := checkFeed(m, store.Feeds(old)); err != nil {
		return err
	}
	if t.switches.PropertiesLostOnReplace {
		if err := t.Exec("DELETE FROM "+c.Hidden("tags")+" WHERE table_id = ?", m.ID); err != nil {
			return err
		}
	}
	if t.switches.PoliciesLostOnReplace {
		if err := t.Exec("DELETE FROM "+c.Hidden("policies")+" WHERE table_id = ?", m.ID); err != nil {
			return err
		}
	}
	if t.switches.CopyMemoryLostOnReplace {
		return t.Exec("DELETE FROM "+c.Hidden("copied")+" WHERE table_id = ?", m.ID)
	}
	return nil
}

// makeTable makes the DuckDB table, in place of one of its name, fills it, and
// commits the first or next version.
func (t definer) makeTable(c *store.Catalog, m *store.Table, source string, st *sparksql.CreateTable) (*result.Result, error) {
	sql := t.createSQL(c, m)
	if source != "" {
		fields, names := make([]string, len(m.Columns)), make([]string, len(m.Columns))
		for i, col := range m.Columns {
			typ, err := sparksql.ParseType(col.Type)
			if err != nil {
				return nil, err
			}
			names[i] = fmt.Sprintf("c%d", i)
			fields[i] = "CAST(" + names[i] + " AS " + typ.DuckDB() + ") AS " + sparksql.QuoteDuckDB(col.Name)
		}
		fields = append(fields, fmt.Sprintf("CAST(%d AS BIGINT) AS %s", store.Stamp(m.Version+1, false), store.BornColumn))
		sql = "CREATE OR REPLACE TABLE " + c.Qualified(m.Schema, m.Name) + " AS SELECT " + strings.Join(fields, ", ") + " FROM (" + source +
			") AS s(" + strings.Join(names, ", ") + ")"
	}
	if err := t.Exec(sql); err != nil {
		return nil, err
	}
	var err error
	if m.Rows, err = t.Number("SELECT count(*) FROM " + c.Qualified(m.Schema, m.Name)); err != nil {
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
	if err := c.Committed(t.Ctx, t.Conn, m, store.Commit{
		Operation: verb, Parameters: nil, Metrics: map[string]string{"numOutputRows": fmt.Sprint(m.Rows)},
	}, t.store.Now()); err != nil {
		return nil, err
	}
	if source == "" || t.switches.CTASWithoutRow {
		return result.Nothing(), nil
	}
	return result.Numbers(ctasColumns, m.Rows, m.Rows), nil
}

func (t *statement) createSQL(c *store.Catalog, m *store.Table) string {
	cols := make([]string, len(m.Columns))
	for i, col := range m.Columns {
		typ, _ := sparksql.ParseType(col.Type) // it was parsed before it was kept
		cols[i] = sparksql.QuoteDuckDB(col.Name) + " " + typ.DuckDB()
		if col.NotNull {
			cols[i] += " NOT NULL"
		}
	}
	cols = append(cols, store.BornColumn+" BIGINT")
	return "CREATE OR REPLACE TABLE " + c.Qualified(m.Schema, m.Name) + " (" + strings.Join(cols, ", ") + ")"
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
		if st.IfExists && refusal.Of(err).HasClass("TABLE_OR_VIEW_NOT_FOUND") {
			return nil
		}
		return err
	}
	if st.View && m.Kind != store.KindView {
		return sparksql.Errorf("42809", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "'DROP VIEW' expects a view but %s is a table.",
			sparksql.QuoteName([]string{c.Name, schema, name}))
	}
	if !st.View && m.Kind == store.KindView {
		return sparksql.Errorf("42809", "EXPECT_TABLE_NOT_VIEW.USE_DROP_VIEW", "'DROP TABLE' expects a table but %s is a view. Use DROP VIEW.",
			sparksql.QuoteName([]string{c.Name, schema, name}))
	}
	return t.drop(c, m)
}

// drop removes a table or view and all that is kept about it.
func (t *statement) drop(c *store.Catalog, m *store.Table) error {
	if m.Kind == store.KindTable {
		if err := t.Exec("DROP TABLE IF EXISTS " + c.Qualified(m.Schema, m.Name)); err != nil {
			return err
		}
	}
	return c.Forget(t.Ctx, t.Conn, m)
}

// target is a table as the translator sees it.
func (t *statement) target(c *store.Catalog, m *store.Table) (translate.Table, error) {
	if m.Graves > 0 {
		living, err := t.Living(c, m)
		if err != nil {
			return translate.Table{}, err
		}
		return store.AsTable(c, m, "(SELECT "+living.All+" FROM "+living.From+")", m.Columns)
	}
	return store.AsTable(c, m, c.Qualified(m.Schema, m.Name), m.Columns)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
