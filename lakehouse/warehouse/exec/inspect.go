//go:build cgo

package exec

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// inspect runs SHOW and DESCRIBE.
func (t inspector) inspect(st sparksql.Statement) (*result.Result, error) {
	switch st := st.(type) {
	case *sparksql.Describe:
		return t.describe(st)
	case *sparksql.Explain:
		return t.explain(st)
	}
	s, ok := st.(*sparksql.Show)
	if !ok {
		return nil, sparksql.Unsupported("this statement")
	}
	switch s.What {
	case "CATALOGS":
		return result.TextRows([]string{"catalog"}, filtered(t.store.Catalogs(), s)), nil
	case "SCHEMAS":
		return t.showSchemas(s)
	case "TABLE EXTENDED":
		return t.showTableExtended(s)
	case "TABLES", "VIEWS":
		return t.showTables(s)
	case "VOLUMES":
		return t.showVolumes(s)
	case "COLUMNS":
		_, m, err := t.named(s.Name)
		if err != nil {
			return nil, err
		}
		var rows [][]any
		for _, c := range m.Columns {
			rows = append(rows, []any{c.Name})
		}
		return result.TextRows([]string{"col_name"}, rows), nil
	case "TBLPROPERTIES":
		return t.showProperties(s)
	case "GRANTS":
		return t.showGrants(s)
	}
	c, m, err := t.named(s.Name)
	if err != nil {
		return nil, err
	}
	return result.TextRows([]string{"createtab_stmt"}, [][]any{{createText(c, m)}}), nil
}

// named is kept, and also finds the session's temporary views.
func (t *statement) named(name []string) (*store.Catalog, *store.Table, error) {
	if m := t.temporary(name); m != nil {
		return temporaryCatalog, m, nil
	}
	return t.kept(name)
}

// filtered returns the names that match SHOW's pattern: * is any text, | separates alternatives.
func filtered(names []string, s *sparksql.Show) [][]any {
	var rows [][]any
	for _, n := range names {
		if shown(n, s) {
			rows = append(rows, []any{n})
		}
	}
	return rows
}

func shown(name string, s *sparksql.Show) bool {
	if !s.HasFilter {
		return true
	}
	for choice := range strings.SplitSeq(strings.ToLower(s.Pattern), "|") {
		if wild(strings.TrimSpace(choice), strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func wild(pattern, name string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for i := 0; i <= len(name); i++ {
		if wild(rest, name[i:]) {
			return true
		}
		if rest == "" {
			return true
		}
	}
	return false
}

func (t inspector) showSchemas(s *sparksql.Show) (*result.Result, error) {
	name := t.space.Catalog
	if s.Name != nil {
		name = s.Name[0]
	}
	c, err := t.store.Catalog(name)
	if err != nil {
		return nil, err
	}
	names, err := c.Schemas(t.Ctx, t.Conn)
	return result.TextRows([]string{"databaseName"}, filtered(append(names, "information_schema"), s)), err
}

// spaceOf is the schema that SHOW … IN names.
func (t inspector) spaceOf(name []string) (*store.Catalog, string, error) {
	space := t.space
	switch len(name) {
	case 1:
		space.Schema = name[0]
	case 2:
		space = translate.Space{Catalog: name[0], Schema: name[1]}
	}
	c, err := t.store.Catalog(space.Catalog)
	if err != nil {
		return nil, "", err
	}
	return c, strings.ToLower(space.Schema), t.needSchema(c, space.Schema)
}

// listed are the tables and views of the schema that a SHOW names.
func (t inspector) listed(name []string) (*store.Catalog, []*store.Table, error) {
	c, schema, err := t.spaceOf(name)
	if err != nil {
		return nil, nil, err
	}
	list, err := c.List(t.Ctx, t.Conn, schema)
	return c, list, err
}

func (t inspector) showTables(s *sparksql.Show) (*result.Result, error) {
	_, list, err := t.listed(s.Name)
	if err != nil {
		return nil, err
	}
	head := "tableName"
	if s.What == "VIEWS" {
		head = "viewName"
	}
	r := result.TextRows([]string{"database", head, "isTemporary"}, nil)
	r.Columns[2].Type = sparksql.Boolean
	for _, m := range list {
		if (s.What == "TABLES" || m.Kind == store.KindView) && shown(m.Name, s) {
			r.Rows = append(r.Rows, []any{m.Schema, m.Name, false})
		}
	}
	for _, m := range t.session.temporaries() {
		if shown(m.Name, s) {
			r.Rows = append(r.Rows, []any{"", m.Name, true})
		}
	}
	return r, nil
}

func (t inspector) showVolumes(s *sparksql.Show) (*result.Result, error) {
	c, schema, err := t.spaceOf(s.Name)
	if err != nil {
		return nil, err
	}
	names, err := t.files.Names(c.Name, schema)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for _, n := range names {
		if shown(n, s) {
			rows = append(rows, []any{schema, n})
		}
	}
	return result.TextRows([]string{"database", "volume_name"}, rows), nil
}

func (t inspector) showProperties(s *sparksql.Show) (*result.Result, error) {
	c, m, err := t.named(s.Name)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for _, k := range sortedKeys(m.Properties) {
		if (s.Key == "" || s.Key == k) && (m.Kind != store.KindView || !strings.HasPrefix(k, viewProperties)) {
			rows = append(rows, []any{k, m.Properties[k]})
		}
	}
	if s.Key != "" && rows == nil {
		rows = [][]any{{s.Key, fmt.Sprintf("Table %s does not have property: %s", strings.Join([]string{c.Name, m.Schema, m.Name}, "."), s.Key)}}
	}
	return result.TextRows([]string{"key", "value"}, rows), nil
}

// createText is the statement that makes a table or view.
func createText(c *store.Catalog, m *store.Table) string {
	quoted := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	full := strings.Join([]string{c.Name, m.Schema, m.Name}, ".")
	var b strings.Builder
	if m.Kind == store.KindView {
		b.WriteString("CREATE VIEW " + full + "\n")
		if binding := m.Properties[propertyBinding]; binding != "" {
			b.WriteString("WITH SCHEMA " + binding + "\n")
		}
		b.WriteString("AS\n" + m.View)
		return b.String()
	}
	b.WriteString("CREATE TABLE " + full + " (\n")
	for i, col := range m.Columns {
		typ, _ := sparksql.ParseType(col.Type) // it was parsed before it was kept
		b.WriteString("  " + sparksql.QuoteSpark(col.Name) + " " + typ.SQL())
		if col.NotNull {
			b.WriteString(" NOT NULL")
		}
		if col.Comment != "" {
			b.WriteString(" COMMENT " + quoted(col.Comment))
		}
		if i < len(m.Columns)-1 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString(")\nUSING delta\n")
	if len(m.Cluster) > 0 {
		names := make([]string, len(m.Cluster))
		for i, k := range m.Cluster {
			names[i] = sparksql.QuoteSpark(k)
		}
		b.WriteString("CLUSTER BY (" + strings.Join(names, ", ") + ")\n")
	}
	if m.Comment != "" {
		b.WriteString("COMMENT " + quoted(m.Comment) + "\n")
	}
	if len(m.Properties) > 0 {
		var parts []string
		for _, k := range sortedKeys(m.Properties) {
			parts = append(parts, "  "+quoted(k)+" = "+quoted(m.Properties[k]))
		}
		b.WriteString("TBLPROPERTIES (\n" + strings.Join(parts, ",\n") + ")\n")
	}
	return b.String()
}

func (t inspector) describe(d *sparksql.Describe) (*result.Result, error) {
	three := []string{"col_name", "data_type", "comment"}
	switch d.What {
	case "QUERY":
		r, err := t.translator().Query(d.Query)
		if err != nil {
			return nil, err
		}
		var rows [][]any
		for _, c := range r.Columns {
			rows = append(rows, []any{c.Name, c.Type.String(), nil})
		}
		return result.TextRows(three, rows), nil
	case "HISTORY":
		return t.describeHistory(d)
	case "DETAIL":
		return t.describeDetail(d)
	case "CATALOG":
		c, err := t.store.Catalog(d.Name[0])
		if err != nil {
			return nil, err
		}
		return result.TextRows([]string{"info_name", "info_value"}, [][]any{{"Catalog Name", c.Name}, {"Comment", ""}, {"Owner", t.user}}), nil
	case "SCHEMA":
		return t.describeSchema(d)
	case "VOLUME":
		_, full, err := t.volume(d.Name)
		return result.TextRows([]string{"name"}, [][]any{{full}}), err
	}
	c, m, err := t.named(d.Name)
	if err != nil {
		return nil, err
	}
	if d.Column != nil {
		i := columnIndex(m.Columns, d.Column[len(d.Column)-1])
		if i < 0 {
			return nil, unresolvedColumn(d.Column[len(d.Column)-1], m.Columns)
		}
		col := m.Columns[i]
		return result.TextRows([]string{"info_name", "info_value"},
			[][]any{{"col_name", col.Name}, {"data_type", col.Type}, {"comment", orNull(col.Comment)}}), nil
	}
	return result.TextRows(three, t.describeRows(c, m, d.Extended)), nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (t inspector) describeRows(c *store.Catalog, m *store.Table, extended bool) [][]any {
	var rows [][]any
	for _, col := range m.Columns {
		rows = append(rows, []any{col.Name, col.Type, orNull(col.Comment)})
	}
	if len(m.Cluster) > 0 {
		rows = append(rows, []any{"# Clustering Information", "", ""}, []any{"# col_name", "data_type", "comment"})
		for _, k := range m.Cluster {
			if i := columnIndex(m.Columns, k); i >= 0 {
				rows = append(rows, []any{m.Columns[i].Name, m.Columns[i].Type, orNull(m.Columns[i].Comment)})
			}
		}
	}
	if !extended {
		return rows
	}
	rows = append(rows, []any{"", "", ""}, []any{"# Detailed Table Information", "", ""}, []any{"Catalog", c.Name, ""},
		[]any{"Database", m.Schema, ""},
		[]any{"Table", m.Name, ""}, []any{"Created Time", m.Created.Format(time.UnixDate), ""},
		[]any{"Last Access", "UNKNOWN", ""}, []any{"Type", m.Kind, ""})
	if m.Comment != "" {
		rows = append(rows, []any{"Comment", m.Comment, ""})
	}
	if m.Kind == store.KindView {
		return append(rows, []any{"View Text", m.View, ""})
	}
	var parts []string
	for _, k := range sortedKeys(m.Properties) {
		parts = append(parts, k+"="+m.Properties[k])
	}
	return append(rows, []any{"Provider", "delta", ""}, []any{"Owner", t.user, ""}, []any{"Is_managed_location", "true", ""},
		[]any{"Table Properties", "[" + strings.Join(parts, ",") + "]", ""})
}

func (t inspector) describeSchema(d *sparksql.Describe) (*result.Result, error) {
	c, schema, err := t.spaceOf(d.Name)
	if err != nil {
		return nil, err
	}
	var comment string
	err = t.Conn.QueryRowContext(t.Ctx, "SELECT comment FROM "+c.Hidden("schemas")+" WHERE name = ?", schema).Scan(&comment)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return result.TextRows([]string{"database_description_item", "database_description_value"},
		[][]any{{"Catalog Name", c.Name}, {"Namespace Name", schema}, {"Comment", comment}, {"Owner", t.user}}), nil
}

func (t inspector) describeHistory(d *sparksql.Describe) (*result.Result, error) {
	c, m, err := t.needTable(d.Name, "DESCRIBE HISTORY")
	if err != nil {
		return nil, err
	}
	query := "SELECT version, committed, operation, parameters, metrics FROM " + c.Hidden("history") +
		" WHERE table_id = ? ORDER BY version DESC"
	if d.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", d.Limit)
	}
	rows, err := t.Conn.QueryContext(t.Ctx, query, m.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	text := sparksql.String
	r := &result.Result{Modified: -1, Columns: []translate.Column{{Name: "version", Type: sparksql.Long},
		{Name: "timestamp", Type: sparksql.Timestamp}, {Name: "userId", Type: text}, {Name: "userName", Type: text},
		{Name: "operation", Type: text}, {Name: "operationParameters", Type: text}, {Name: "readVersion", Type: sparksql.Long},
		{Name: "operationMetrics", Type: text}}}
	for rows.Next() {
		var version int64
		var at time.Time
		var operation, parameters, metrics string
		if err := rows.Scan(&version, &at, &operation, &parameters, &metrics); err != nil {
			return nil, err
		}
		row := []any{version, at, nil, t.user, operation, parameters, nil, metrics}
		if version > 0 {
			row[6] = version - 1
		}
		r.Rows = append(r.Rows, row)
	}
	return r, rows.Err()
}

func (t inspector) describeDetail(d *sparksql.Describe) (*result.Result, error) {
	c, m, err := t.needTable(d.Name, "DESCRIBE DETAIL")
	if err != nil {
		return nil, err
	}
	text := sparksql.String
	return &result.Result{Modified: -1,
		Columns: []translate.Column{{Name: "format", Type: text}, {Name: "id", Type: text}, {Name: "name", Type: text},
			{Name: "description", Type: text}, {Name: "createdAt", Type: sparksql.Timestamp},
			{Name: "lastModified", Type: sparksql.Timestamp}, {Name: "clusteringColumns", Type: text}, {Name: "numFiles", Type: sparksql.Long},
			{Name: "properties", Type: text}},
		Rows: [][]any{{"delta", fmt.Sprintf("%032x", m.ID), strings.Join([]string{c.Name, m.Schema, m.Name}, "."), orNull(m.Comment), m.Created,
			m.Updated, store.Encode(orNone(m.Cluster)), int64(1), store.Encode(m.Properties)}}}, nil
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
