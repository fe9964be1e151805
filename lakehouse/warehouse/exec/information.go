//go:build cgo

package exec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// absent is NULL in a row of an information_schema.
const absent = "\x00"

// The columns of the views of information_schema that clients use.
var (
	tableViewColumns = []string{
		"table_catalog", "table_schema", "table_name", "table_type", "is_insertable_into", "commit_action", "table_owner", "comment",
		"created", "created_by", "last_altered", "last_altered_by", "data_source_format",
	}
	columnViewColumns = []string{
		"table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default", "is_nullable",
		"full_data_type", "data_type",
		"character_maximum_length", "numeric_precision", "numeric_precision_radix", "numeric_scale", "datetime_precision", "comment",
	}
	viewViewColumns = []string{"table_catalog", "table_schema", "table_name", "view_definition", "check_option",
		"is_updatable", "is_insertable_into"}
)

// emptyViews describe things that the local workspace does not have, so they have no rows.
var emptyViews = map[string][]string{
	"column_tags":  {"catalog_name", "schema_name", "table_name", "column_name", "tag_name", "tag_value"},
	"column_masks": {"table_catalog", "table_schema", "table_name", "column_name", "mask_name", "using_columns"},
	"row_filters":  {"table_catalog", "table_schema", "table_name", "filter_name", "target_columns"},
	"catalog_tags": {"catalog_name", "tag_name", "tag_value"},
	"schema_tags":  {"catalog_name", "schema_name", "tag_name", "tag_value"},
	"volume_tags":  {"catalog_name", "schema_name", "volume_name", "tag_name", "tag_value"},
	"routines": {"routine_catalog", "routine_schema", "routine_name", "routine_type", "data_type",
		"routine_body", "routine_definition"},
	"check_constraints": {"constraint_catalog", "constraint_schema", "constraint_name", "check_clause"},
	"table_constraints": {
		"constraint_catalog", "constraint_schema", "constraint_name", "table_catalog", "table_schema", "table_name", "constraint_type",
		"is_deferrable", "initially_deferred", "enforced", "comment",
	},
	"key_column_usage": {
		"constraint_catalog", "constraint_schema", "constraint_name", "table_catalog", "table_schema", "table_name", "column_name",
		"ordinal_position", "position_in_unique_constraint",
	},
	"constraint_column_usage": {
		"table_catalog", "table_schema", "table_name", "column_name", "constraint_catalog", "constraint_schema", "constraint_name",
	},
	"constraint_table_usage": {
		"table_catalog", "table_schema", "table_name", "constraint_catalog", "constraint_schema", "constraint_name",
	},
	"referential_constraints": {
		"constraint_catalog", "constraint_schema", "constraint_name", "unique_constraint_catalog", "unique_constraint_schema",
		"unique_constraint_name", "match_option", "update_rule", "delete_rule",
	},
}

// informationTypes are the types of columns that are not text.
var informationTypes = map[string]sparksql.Type{
	"ordinal_position": sparksql.Int, "character_maximum_length": sparksql.Long, "numeric_precision": sparksql.Int,
	"numeric_precision_radix": sparksql.Int,
	"numeric_scale":           sparksql.Int, "datetime_precision": sparksql.Int, "created": sparksql.Timestamp,
	"last_altered": sparksql.Timestamp,
}

// systemInformation is a view of system.information_schema: that of every catalog.
func (t informer) systemInformation(view string) (translate.Table, error) {
	if view == "catalogs" {
		var rows [][]string
		for _, name := range t.store.Catalogs() {
			rows = append(rows, []string{name, localUser, absent})
		}
		return inlineTable(store.SystemCatalog, view, []string{"catalog_name", "catalog_owner", "comment"}, rows), nil
	}
	var out translate.Table
	var parts []string
	for _, name := range t.store.Catalogs() {
		c, err := t.store.Catalog(name)
		if err != nil {
			return out, err
		}
		if out, err = t.informationSchema(c, view); err != nil {
			return out, err
		}
		parts = append(parts, "FROM "+out.SQL)
	}
	out.Catalog, out.SQL = store.SystemCatalog, "("+strings.Join(parts, " UNION ALL ")+")"
	return out, nil
}

// informationRows describes a table in information_schema.tables, or its columns.
func informationRows(c *store.Catalog, m *store.Table, columns bool) [][]string {
	if columns {
		return informationColumns(c, m)
	}
	insertable, format := "YES", "DELTA"
	if m.Kind == store.KindView {
		insertable, format = "NO", "UNKNOWN_DATA_SOURCE_FORMAT"
	}
	at := func(t time.Time) string { return t.Format("2006-01-02 15:04:05.999999") }
	return [][]string{{
		c.Name, m.Schema, m.Name, m.Kind, insertable, "PRESERVE", localUser, orAbsent(m.Comment), at(m.Created), localUser,
		at(m.Updated), localUser, format,
	}}
}

func orAbsent(s string) string {
	if s == "" {
		return absent
	}
	return s
}

func informationColumns(c *store.Catalog, m *store.Table) [][]string {
	var out [][]string
	for i, col := range m.Columns {
		nullable := "YES"
		if col.NotNull {
			nullable = "NO"
		}
		short, _, _ := strings.Cut(strings.ToUpper(col.Type), "(")
		short, _, _ = strings.Cut(short, "<")
		row := []string{c.Name, m.Schema, m.Name, col.Name, fmt.Sprint(i), absent, nullable, col.Type, catalogType(short), absent}
		out = append(out, append(append(row, precisionOf(col.Type)...), orAbsent(col.Comment)))
	}
	return out
}

// catalogType is a type's name as Unity Catalog keeps it.
func catalogType(short string) string {
	switch short {
	case "TINYINT":
		return "BYTE"
	case "SMALLINT":
		return "SHORT"
	case "BIGINT":
		return "LONG"
	}
	return short
}

// precisionOf are numeric_precision, its radix, numeric_scale and datetime_precision.
func precisionOf(text string) []string {
	t, err := sparksql.ParseType(text)
	if err != nil {
		return []string{absent, absent, absent, absent}
	}
	switch t.Kind {
	case sparksql.ByteType:
		return []string{"8", "2", "0", absent}
	case sparksql.ShortType:
		return []string{"16", "2", "0", absent}
	case sparksql.IntType:
		return []string{"32", "2", "0", absent}
	case sparksql.LongType:
		return []string{"64", "2", "0", absent}
	case sparksql.FloatType:
		return []string{"24", "2", absent, absent}
	case sparksql.DoubleType:
		return []string{"53", "2", absent, absent}
	case sparksql.DecimalType:
		return []string{fmt.Sprint(t.Precision), "10", fmt.Sprint(t.Scale), absent}
	case sparksql.DateType:
		return []string{absent, absent, absent, "0"}
	case sparksql.TimestampType, sparksql.TimestampNTZType:
		return []string{absent, absent, absent, "3"}
	default:
		return []string{absent, absent, absent, absent}
	}
}

// inlineTable is a relation of text and of the types of informationTypes.
func inlineTable(catalog, name string, cols []string, rows [][]string) translate.Table {
	out := translate.Table{Catalog: catalog, Schema: "information_schema", Name: name}
	fields, names := make([]string, len(cols)), make([]string, len(cols))
	for i, col := range cols {
		typ, said := informationTypes[col]
		if !said {
			typ = sparksql.String
		}
		names[i] = fmt.Sprintf("c%d", i)
		out.Columns = append(out.Columns, translate.Column{Name: col, Type: typ})
		fields[i] = "CAST(" + names[i] + " AS " + typ.DuckDB() + ") AS " + sparksql.QuoteDuckDB(col)
	}
	// The last line is filtered out; it gives an empty table its columns.
	lines := make([]string, 0, len(rows)+1)
	for _, r := range append(rows, slices.Repeat([]string{absent}, len(cols))) {
		quoted := make([]string, len(r))
		for i, s := range r {
			quoted[i] = "NULL"
			if s != absent {
				quoted[i] = sparksql.QuoteText(s)
			}
		}
		lines = append(lines, "("+strings.Join(quoted, ", ")+")")
	}
	out.SQL = "(SELECT " + strings.Join(fields, ", ") + " FROM (VALUES " + strings.Join(lines, ", ") + ") AS v(" +
		strings.Join(names, ", ") + ") WHERE c0 IS NOT NULL)"
	return out
}

// informationSchema answers the few views that clients read.
func (t informer) informationSchema(c *store.Catalog, view string) (translate.Table, error) {
	var rows [][]string
	var cols []string
	schemas, err := c.Schemas(t.Ctx, t.Conn)
	if err != nil {
		return translate.Table{}, err
	}
	switch view {
	case "schemata":
		cols = []string{"catalog_name", "schema_name", "schema_owner"}
		for _, s := range schemas {
			rows = append(rows, []string{c.Name, s, localUser})
		}
	case "tables", "columns":
		cols = tableViewColumns
		if view == "columns" {
			cols = columnViewColumns
		}
		for _, s := range schemas {
			list, err := c.List(t.Ctx, t.Conn, s)
			if err != nil {
				return translate.Table{}, err
			}
			for _, m := range list {
				rows = append(rows, informationRows(c, m, view == "columns")...)
			}
		}
	case "views":
		cols = viewViewColumns
		for _, s := range schemas {
			list, err := c.List(t.Ctx, t.Conn, s)
			if err != nil {
				return translate.Table{}, err
			}
			for _, m := range list {
				if m.Kind == store.KindView {
					rows = append(rows, []string{c.Name, m.Schema, m.Name, m.View, "NONE", "NO", "NO"})
				}
			}
		}
	case "table_tags":
		cols = []string{"catalog_name", "schema_name", "table_name", "tag_name", "tag_value"}
		if rows, err = t.tags(c); err != nil {
			return translate.Table{}, err
		}
	case "table_privileges":
		cols = []string{"grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type", "is_grantable"}
		if rows, err = t.grants(c); err != nil {
			return translate.Table{}, err
		}
	default:
		if cols = emptyViews[view]; cols == nil {
			return translate.Table{}, refusal.TableNotFound(c.Name, "information_schema", view)
		}
	}
	return inlineTable(c.Name, view, cols, rows), nil
}

// tags are the rows of information_schema.table_tags.
func (t informer) tags(c *store.Catalog) ([][]string, error) {
	found, err := t.Conn.QueryContext(t.Ctx, "SELECT m.schema_name, m.name, g.name, g.value FROM "+c.Hidden("tags")+" g JOIN "+
		c.Hidden("tables")+" m ON m.id = g.table_id ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	var rows [][]string
	for found.Next() {
		row := []string{c.Name, "", "", "", ""}
		if err := found.Scan(&row[1], &row[2], &row[3], &row[4]); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}
