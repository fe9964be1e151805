//go:build cgo

package warehouse

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// Where a view's schema binding, and the names that its query's columns had, are
// kept: as in Spark, which does not list the properties of this prefix.
const (
	viewProperties  = "view."
	propertyBinding = viewProperties + "schemaMode"
	propertyColumn  = viewProperties + "query.out.col."
)

// createView is CREATE VIEW. Where it replaces a view, that is dropped, with all
// that was said about it.
func (t definer) createView(st *sparksql.CreateView) error {
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return err
	}
	if err := t.needSchema(c, schema); err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := t.knowsBinding(st.Binding); err != nil {
		return err
	}
	old, err := c.find(t.ctx, t.conn, schema, name)
	if err != nil {
		return err
	}
	switch {
	case old != nil && st.IfNotExists:
		return nil
	case old != nil && (!st.Replace || old.kind != kindView):
		return tableExists(c.name, schema, name)
	}
	r, err := t.translator().Query(st.Query)
	if err != nil {
		return err
	}
	m := &metaTable{schema: schema, name: name, kind: kindView, properties: map[string]string{propertyBinding: sparksql.Compensation}, created: t.store.now()}
	if st.Columns != nil && len(st.Columns) != len(r.Columns) {
		return sparksql.Errorf("21S01", "CREATE_VIEW_COLUMN_ARITY_MISMATCH", "Cannot create view %s: it names %d columns but its query has %d.", sparksql.QuoteName(st.Name), len(st.Columns), len(r.Columns))
	}
	t.define(m, r, st.Text)
	for i, d := range st.Columns {
		m.columns[i].Name, m.columns[i].Comment = d.Name, d.Comment
	}
	for _, p := range st.Properties {
		m.properties[p.Key] = p.Value
	}
	if st.Binding != "" {
		m.properties[propertyBinding] = st.Binding
	}
	if st.Comment != nil {
		m.comment = *st.Comment
	}
	if old != nil {
		if err := t.drop(c, old); err != nil {
			return err
		}
	}
	if m.id, err = c.next(t.ctx, t.conn); err != nil {
		return err
	}
	return c.save(t.ctx, t.conn, m)
}

// define gives a view its query, and the columns that this has now.
func (t definer) define(m *metaTable, r translate.Result, text string) {
	m.view, m.viewSpace, m.updated, m.columns = text, t.space, t.store.now(), nil
	maps.DeleteFunc(m.properties, func(k, _ string) bool { return strings.HasPrefix(k, propertyColumn) })
	for i, col := range r.Columns {
		m.columns = append(m.columns, metaColumn{Name: col.Name, Type: col.Type.String()})
		m.properties[propertyColumn+strconv.Itoa(i)] = col.Name
	}
}

// alterView is ALTER VIEW … AS and … WITH SCHEMA. What was said about the view
// stays, but for the comments of its columns.
func (t definer) alterView(c *catalog, m *metaTable, st *sparksql.AlterTable) error {
	if m.kind != kindView {
		return sparksql.Errorf("42809", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "'ALTER VIEW' expects a view but %s is a table.", sparksql.QuoteName([]string{c.name, m.schema, m.name}))
	}
	if err := t.knowsBinding(st.Binding); err != nil {
		return err
	}
	if st.Query != nil {
		r, err := t.translator().Query(st.Query)
		if err != nil {
			return err
		}
		t.define(m, r, st.Text)
	} else {
		m.properties[propertyBinding], m.updated = st.Binding, t.store.now()
	}
	return c.save(t.ctx, t.conn, m)
}

func (t definer) knowsBinding(binding string) error {
	if binding != "" && t.switches.NoSchemaEvolutionOfViews {
		return sparksql.Errorf("42601", "PARSE_SYNTAX_ERROR", "Syntax error at or near 'SCHEMA'.")
	}
	return nil
}

// viewOf is a view as the translator sees it.
func (t *statement) viewOf(c *catalog, m *metaTable, version int) (translate.Table, error) {
	if version >= 0 {
		return translate.Table{}, sparksql.Errorf("42K0L", "TIME_TRAVEL_ON_VIEW", "A view has no versions: %s.", sparksql.QuoteName([]string{c.name, m.schema, m.name}))
	}
	st, err := sparksql.Parse(m.view)
	if err != nil {
		return translate.Table{}, err
	}
	q, ok := st.(*sparksql.QueryStatement)
	if !ok {
		return translate.Table{}, errors.New("read view: not a query")
	}
	v := translate.Table{Catalog: m.viewSpace.Catalog, Schema: m.viewSpace.Schema, Name: m.name, View: q.Query, Binding: m.properties[propertyBinding], Session: m.viewSpace.Session}
	v.Columns, err = sparkColumns(m.columns)
	for i, col := range m.columns {
		name, known := m.properties[propertyColumn+strconv.Itoa(i)]
		if !known { // of a version that did not keep it
			name = col.Name
		}
		v.Selected = append(v.Selected, name)
	}
	return v, err
}

// grant is GRANT and REVOKE. What was granted is kept, and not asked for: who
// signs in may do everything.
func (t definer) grant(st *sparksql.Grant) error {
	c, m, err := t.kept(st.Name)
	if err != nil {
		return err
	}
	for _, p := range st.Privileges {
		if err := t.exec("DELETE FROM "+c.meta("grants")+" WHERE table_id = ? AND principal = ? AND privilege = ?", m.id, st.Principal, p); err != nil {
			return err
		}
		if st.Revoke {
			continue
		}
		if err := t.exec("INSERT INTO "+c.meta("grants")+" VALUES (?, ?, ?)", m.id, st.Principal, p); err != nil {
			return err
		}
	}
	return nil
}

// grants are the rows of information_schema.table_privileges.
func (t informer) grants(c *catalog) ([][]string, error) {
	found, err := t.conn.QueryContext(t.ctx, "SELECT m.schema_name, m.name, g.principal, g.privilege FROM "+c.meta("grants")+" g JOIN "+c.meta("tables")+" m ON m.id = g.table_id ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	var rows [][]string
	for found.Next() {
		row := []string{localUser, "", c.name, "", "", "", "NO"}
		if err := found.Scan(&row[3], &row[4], &row[1], &row[5]); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// showGrants is SHOW GRANTS ON a table or view.
func (t inspector) showGrants(s *sparksql.Show) (*result, error) {
	c, m, err := t.named(s.Name)
	if err != nil {
		return nil, err
	}
	all, err := informer{t.statement}.grants(c)
	var rows [][]any
	for _, g := range all {
		if g[3] == m.schema && g[4] == m.name && (s.Key == "" || strings.EqualFold(s.Key, g[1])) {
			rows = append(rows, []any{g[1], g[5], "TABLE", strings.Join([]string{c.name, m.schema, m.name}, ".")})
		}
	}
	return textRows([]string{"Principal", "ActionType", "ObjectType", "ObjectKey"}, rows), err
}
