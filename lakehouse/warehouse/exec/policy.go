//go:build cgo

package exec

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// A row filter or a mask is stored as an expression over the table's columns. It applies to queries; statements that write see
// all rows and values.

// createFunction keeps a function for the policies that name it.
func (t definer) createFunction(st *sparksql.CreateFunction) error {
	c, schema, name, err := t.complete(t.space, st.Name)
	if err != nil {
		return err
	}
	if err := t.needSchema(c, schema); err != nil {
		return err
	}
	if _, err := t.function(c, schema, name); err == nil {
		return sparksql.Errorf("42723", "ROUTINE_ALREADY_EXISTS", "Cannot create the function %s because it already exists.",
			sparksql.QuoteName(st.Name))
	}
	return t.Exec("INSERT INTO "+c.Hidden("functions")+" VALUES (?, ?, ?)", schema, strings.ToLower(name), store.Encode(st))
}

func (t *statement) function(c *store.Catalog, schema, name string) (*sparksql.CreateFunction, error) {
	var text string
	query := "SELECT definition FROM " + c.Hidden("functions") + " WHERE schema_name = ? AND name = ?"
	err := t.Conn.QueryRowContext(t.Ctx, query, schema, strings.ToLower(name)).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sparksql.Errorf("42883", "UNRESOLVED_ROUTINE", "Cannot resolve routine %s.",
			sparksql.QuoteName([]string{c.Name, schema, name}))
	}
	if err != nil {
		return nil, err
	}
	f := &sparksql.CreateFunction{}
	return f, json.Unmarshal([]byte(text), f)
}

// setPolicy gives a table a row filter or a mask, or removes it.
func (t alterer) setPolicy(c *store.Catalog, m *store.Table, p *sparksql.Policy) error {
	for _, column := range append([]string{p.Column}, p.Args...) {
		if column != "" && columnIndex(m.Columns, column) < 0 {
			return unresolvedColumn(column, m.Columns)
		}
	}
	column := strings.ToLower(p.Column)
	if err := t.Exec("DELETE FROM "+c.Hidden("policies")+" WHERE table_id = ? AND column_name = ?", m.ID, column); err != nil ||
		p.Function == nil {
		return err
	}
	fc, schema, name, err := t.complete(t.space, p.Function)
	if err != nil {
		return err
	}
	f, err := t.function(fc, schema, name)
	if err != nil {
		return err
	}
	expression, err := f.Applied(p.Args)
	if err != nil {
		return err
	}
	return t.Exec("INSERT INTO "+c.Hidden("policies")+" VALUES (?, ?, ?)", m.ID, column, expression)
}

// policies are a table's expressions by column; that of "" is its row filter.
func (t *statement) policies(c *store.Catalog, m *store.Table) (map[string]string, error) {
	rows, err := t.Conn.QueryContext(t.Ctx, "SELECT column_name, expression FROM "+c.Hidden("policies")+" WHERE table_id = ?", m.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := map[string]string{}
	for rows.Next() {
		var column, expression string
		if err := rows.Scan(&column, &expression); err != nil {
			return nil, err
		}
		found[column] = expression
	}
	return found, rows.Err()
}

// visible is a table as its policies show it to a query.
func (t *statement) visible(c *store.Catalog, m *store.Table, table translate.Table) (translate.Table, error) {
	policies, err := t.policies(c, m)
	if err != nil || len(policies) == 0 {
		return table, err
	}
	seen := table
	if filter := policies[""]; filter != "" {
		st, err := sparksql.Parse("DELETE FROM t WHERE " + filter)
		if err != nil {
			return table, err
		}
		sql, err := t.translator().Where(seen, sparksql.Alias{}, st.(*sparksql.Delete).Where)
		if err != nil {
			return table, err
		}
		seen.SQL = "(" + sql + ")"
	}
	list := make([]string, len(m.Columns))
	for i, col := range m.Columns {
		list[i] = sparksql.QuoteSpark(col.Name)
		if mask := policies[strings.ToLower(col.Name)]; mask != "" {
			list[i] = "CAST((" + mask + ") AS " + col.Type + ") AS " + list[i]
		}
	}
	items, err := sparksql.ParseItems(strings.Join(list, ", "))
	if err != nil {
		return table, err
	}
	r, err := t.translator().SelectFrom(items, seen, "")
	table.SQL = "(" + r.SQL + ")"
	return table, err
}
