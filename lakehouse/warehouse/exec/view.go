//go:build cgo

package exec

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Where a view's schema binding, and the names that its query's columns had, are
// kept: as in Spark, which does not list the properties of this prefix.
const (
	viewProperties  = "view."
	propertyBinding = viewProperties + "schemaMode"
	propertyColumn  = viewProperties + "query.out.col."
)

// createView is CREATE VIEW. If it replaces a view, it drops that with its comments, tags and grants.
func (t definer) createView(st *sparksql.CreateView) error {
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return err
	}
	if err := t.needSchema(c, schema); err != nil {
		return err
	}
	if err := store.CheckName(name); err != nil {
		return err
	}
	if err := t.knowsBinding(st.Binding); err != nil {
		return err
	}
	old, err := c.Find(t.Ctx, t.Conn, schema, name)
	if err != nil {
		return err
	}
	switch {
	case old != nil && st.IfNotExists:
		return nil
	case old != nil && (!st.Replace || old.Kind != store.KindView):
		return refusal.TableExists(c.Name, schema, name)
	}
	r, err := t.translator().Query(st.Query)
	if err != nil {
		return err
	}
	m := &store.Table{Schema: schema, Name: name, Kind: store.KindView, Properties: map[string]string{
		propertyBinding: sparksql.Compensation,
	}, Created: t.store.Now()}
	if st.Columns != nil && len(st.Columns) != len(r.Columns) {
		return sparksql.Errorf("21S01", "CREATE_VIEW_COLUMN_ARITY_MISMATCH", "Cannot create view %s: it names %d columns but its query has %d.",
			sparksql.QuoteName(st.Name), len(st.Columns), len(r.Columns))
	}
	t.define(m, r, st.Text)
	for i, d := range st.Columns {
		m.Columns[i].Name, m.Columns[i].Comment = d.Name, d.Comment
	}
	for i, col := range m.Columns {
		if columnIndex(m.Columns[:i], col.Name) >= 0 {
			return sparksql.Errorf("42711", "COLUMN_ALREADY_EXISTS",
				"The column %s already exists. Choose another name or rename the existing column.", sparksql.QuoteSpark(strings.ToLower(col.Name)))
		}
	}
	for _, p := range st.Properties {
		m.Properties[p.Key] = p.Value
	}
	if st.Binding != "" {
		m.Properties[propertyBinding] = st.Binding
	}
	if st.Comment != nil {
		m.Comment = *st.Comment
	}
	if old != nil {
		if err := t.drop(c, old); err != nil {
			return err
		}
	}
	if m.ID, err = c.Next(t.Ctx, t.Conn); err != nil {
		return err
	}
	return c.Save(t.Ctx, t.Conn, m)
}

// define gives a view its query, and the columns that this has now.
func (t definer) define(m *store.Table, r translate.Result, text string) {
	m.View, m.ViewSpace, m.Updated, m.Columns = text, t.space, t.store.Now(), nil
	maps.DeleteFunc(m.Properties, func(k, _ string) bool { return strings.HasPrefix(k, propertyColumn) })
	for i, col := range r.Columns {
		m.Columns = append(m.Columns, store.Column{Name: col.Name, Type: col.Type.String()})
		m.Properties[propertyColumn+strconv.Itoa(i)] = col.Name
	}
}

// alterView is ALTER VIEW … AS and … WITH SCHEMA. Comment, tags and grants of the view stay; the comments of its columns do not.
func (t definer) alterView(c *store.Catalog, m *store.Table, st *sparksql.AlterTable) error {
	if m.Kind != store.KindView {
		return sparksql.Errorf("42809", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "'ALTER VIEW' expects a view but %s is a table.",
			sparksql.QuoteName([]string{c.Name, m.Schema, m.Name}))
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
		m.Properties[propertyBinding], m.Updated = st.Binding, t.store.Now()
	}
	return c.Save(t.Ctx, t.Conn, m)
}

func (t definer) knowsBinding(binding string) error {
	if binding != "" && t.switches.NoSchemaEvolutionOfViews {
		return sparksql.Errorf("42601", "PARSE_SYNTAX_ERROR", "Syntax error at or near 'SCHEMA'.")
	}
	return nil
}

// viewOf is a view as the translator sees it.
func (t *statement) viewOf(c *store.Catalog, m *store.Table, version int) (translate.Table, error) {
	if version >= 0 {
		return translate.Table{},
			sparksql.Errorf("42K0L", "TIME_TRAVEL_ON_VIEW", "A view has no versions: %s.", sparksql.QuoteName([]string{c.Name, m.Schema, m.Name}))
	}
	st, err := sparksql.Parse(m.View)
	if err != nil {
		return translate.Table{}, err
	}
	q, ok := st.(*sparksql.QueryStatement)
	if !ok {
		return translate.Table{}, errors.New("read view: not a query")
	}
	v := translate.Table{
		Catalog: m.ViewSpace.Catalog, Schema: m.ViewSpace.Schema, Name: m.Name, View: q.Query, Binding: m.Properties[propertyBinding],
		Session: m.ViewSpace.Session,
	}
	v.Columns, err = store.SparkColumns(m.Columns)
	for i, col := range m.Columns {
		name, known := m.Properties[propertyColumn+strconv.Itoa(i)]
		if !known { // of a version that did not keep it
			name = col.Name
		}
		v.Selected = append(v.Selected, name)
	}
	return v, err
}

// grant is GRANT and REVOKE. Grants are stored and not enforced: every user may do everything.
func (t definer) grant(st *sparksql.Grant) error {
	c, m, err := t.kept(st.Name)
	if err != nil {
		return err
	}
	for _, p := range st.Privileges {
		if err := t.Exec("DELETE FROM "+c.Hidden("grants")+" WHERE table_id = ? AND principal = ? AND privilege = ?", m.ID,
			st.Principal, p); err != nil {
			return err
		}
		if st.Revoke {
			continue
		}
		if err := t.Exec("INSERT INTO "+c.Hidden("grants")+" VALUES (?, ?, ?)", m.ID, st.Principal, p); err != nil {
			return err
		}
	}
	return nil
}

// grants are the rows of information_schema.table_privileges.
func (t informer) grants(c *store.Catalog) ([][]string, error) {
	found, err := t.Conn.QueryContext(t.Ctx, "SELECT m.schema_name, m.name, g.principal, g.privilege FROM "+c.Hidden("grants")+" g JOIN "+
		c.Hidden("tables")+" m ON m.id = g.table_id ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	var rows [][]string
	for found.Next() {
		row := []string{localUser, "", c.Name, "", "", "", "NO"}
		if err := found.Scan(&row[3], &row[4], &row[1], &row[5]); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// showGrants is SHOW GRANTS ON a table or view.
func (t inspector) showGrants(s *sparksql.Show) (*result.Result, error) {
	c, m, err := t.named(s.Name)
	if err != nil {
		return nil, err
	}
	all, err := informer(t).grants(c)
	var rows [][]any
	for _, g := range all {
		if g[3] == m.Schema && g[4] == m.Name && (s.Key == "" || strings.EqualFold(s.Key, g[1])) {
			rows = append(rows, []any{g[1], g[5], "TABLE", strings.Join([]string{c.Name, m.Schema, m.Name}, ".")})
		}
	}
	return result.TextRows([]string{"Principal", "ActionType", "ObjectType", "ObjectKey"}, rows), err
}
