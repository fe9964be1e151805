//go:build cgo

package warehouse

import (
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"strings"
)

// catalogCall is the statement behind GetCatalogs, GetSchemas, GetTables and GetColumns. Drivers read the columns by position,
// so it has all of JDBC's columns (java.sql.DatabaseMetaData), in that order.
func catalogCall(at translate.Space, r *tcli.Request) (string, bool) {
	c := r.Catalog
	if c == "" || c == "%" || c == "*" {
		c = at.Catalog
	}
	from := " FROM " + sparksql.QuoteSpark(c) + ".information_schema."
	like := func(column, pattern string) string {
		if pattern == "" || pattern == "%" || pattern == "*" {
			return ""
		}
		return " AND lower(" + column + ") LIKE lower(" + sparkText(pattern) + ")"
	}
	switch r.Method {
	case "GetCatalogs":
		return "SELECT catalog_name AS TABLE_CAT FROM system.information_schema.catalogs ORDER BY 1", true
	case "GetSchemas":
		return "SELECT schema_name AS TABLE_SCHEM, catalog_name AS TABLE_CATALOG" + from + "schemata WHERE true" +
			like("schema_name", r.Schema) + " ORDER BY 1", true
	case "GetTables":
		return tablesCall + from + "tables WHERE true" + like("table_schema", r.Schema) + like("table_name", r.Table) + " ORDER BY 2, 3", true
	case "GetColumns":
		return columnsCall + from + "columns WHERE true" + like("table_schema", r.Schema) + like("table_name", r.Table) +
			like("column_name", r.Column) + " ORDER BY 2, 3, 17", true
	case "GetTableTypes":
		return "SELECT * FROM VALUES ('TABLE'), ('VIEW') AS t(TABLE_TYPE)", true
	}
	return "", false
}

const tablesCall = `SELECT table_catalog AS TABLE_CAT, table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME,
	CASE WHEN table_type = 'VIEW' THEN 'VIEW' ELSE 'TABLE' END AS TABLE_TYPE, coalesce(comment, '') AS REMARKS, CAST(NULL AS STRING) AS TYPE_CAT,
	CAST(NULL AS STRING) AS TYPE_SCHEM, CAST(NULL AS STRING) AS TYPE_NAME, CAST(NULL AS STRING) AS SELF_REFERENCING_COL_NAME,
	CAST(NULL AS STRING) AS REF_GENERATION`

// columnsCall has in DATA_TYPE the numbers of java.sql.Types.
const columnsCall = `SELECT table_catalog AS TABLE_CAT, table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME, column_name AS COLUMN_NAME,
	CASE data_type WHEN 'BOOLEAN' THEN 16 WHEN 'BYTE' THEN -6 WHEN 'SHORT' THEN 5 WHEN 'INT' THEN 4 WHEN 'LONG' THEN -5 WHEN 'FLOAT' THEN 6
		WHEN 'DOUBLE' THEN 8 WHEN 'DECIMAL' THEN 3 WHEN 'BINARY' THEN -2 WHEN 'DATE' THEN 91 WHEN 'TIMESTAMP' THEN 93 WHEN 'TIMESTAMP_NTZ' THEN 93
		WHEN 'ARRAY' THEN 2003 WHEN 'MAP' THEN 2000 WHEN 'STRUCT' THEN 2002 WHEN 'STRING' THEN 12 WHEN 'VARCHAR' THEN 12 WHEN 'CHAR' THEN 1 ELSE 1111 END AS DATA_TYPE,
	upper(full_data_type) AS TYPE_NAME,
	CASE data_type WHEN 'BOOLEAN' THEN 1 WHEN 'BYTE' THEN 1 WHEN 'SHORT' THEN 2 WHEN 'INT' THEN 4 WHEN 'LONG' THEN 8 WHEN 'FLOAT' THEN 4
		WHEN 'DOUBLE' THEN 8 WHEN 'DECIMAL' THEN numeric_precision WHEN 'DATE' THEN 4 WHEN 'TIMESTAMP' THEN 8 WHEN 'TIMESTAMP_NTZ' THEN 8 END AS COLUMN_SIZE,
	CAST(NULL AS TINYINT) AS BUFFER_LENGTH, numeric_scale AS DECIMAL_DIGITS, CASE WHEN numeric_precision IS NOT NULL THEN 10 END AS NUM_PREC_RADIX,
	CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END AS NULLABLE, coalesce(comment, '') AS REMARKS, CAST(NULL AS STRING) AS COLUMN_DEF,
	CAST(NULL AS INT) AS SQL_DATA_TYPE, CAST(NULL AS INT) AS SQL_DATETIME_SUB, CAST(NULL AS INT) AS CHAR_OCTET_LENGTH, ordinal_position AS ORDINAL_POSITION,
	is_nullable AS IS_NULLABLE, CAST(NULL AS STRING) AS SCOPE_CATALOG, CAST(NULL AS STRING) AS SCOPE_SCHEMA, CAST(NULL AS STRING) AS SCOPE_TABLE,
	CAST(NULL AS SMALLINT) AS SOURCE_DATA_TYPE, 'NO' AS IS_AUTO_INCREMENT`

func sparkText(s string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, r := range s {
		if r == '\'' || r == '\\' {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String() + "'"
}
