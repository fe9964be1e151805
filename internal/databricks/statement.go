package databricks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// MaxCopyFiles is the maximum number of files in one COPY INTO.
const MaxCopyFiles = 1000

// MaxClusterColumns is the maximum number of columns to cluster a table by.
const MaxClusterColumns = 4

// Table is the qualified name of a table in Unity Catalog, unquoted.
type Table struct{ Catalog, Schema, Name string }

// String formats the name for a statement, each part quoted.
func (t Table) String() string {
	return Quote(t.Catalog) + "." + Quote(t.Schema) + "." + Quote(t.Name)
}

// Display formats the name for people.
func (t Table) Display() string { return t.Catalog + "." + t.Schema + "." + t.Name }

// TargetColumn is the declaration of a column in Databricks.
type TargetColumn struct {
	Name    string
	Type    schema.Type
	Comment string
}

// TableOptions are the clauses of CREATE TABLE that the columns do not imply.
type TableOptions struct {
	Comment    string
	Properties map[string]string // override those that the columns require
	ClusterBy  []string          // column names, unquoted
	// IfNotExists leaves an existing table as it is. Without it, the statement
	// replaces the table. CreateEmptyTable only.
	IfNotExists bool
}

// mappedCharacters are the characters that a column name may contain only with
// column mapping.
const mappedCharacters = " ,;{}()\n\t="

// RequiredProperties are the table properties that Delta requires for the
// columns: column mapping for names with certain characters, the feature for
// TIMESTAMP_NTZ, and in an existing table the feature for VARIANT. CREATE TABLE
// sets them automatically. Before ADD COLUMNS, set them with SetProperties.
func RequiredProperties(cols []TargetColumn) map[string]string {
	properties := map[string]string{}
	for _, c := range cols {
		if strings.ContainsAny(c.Name, mappedCharacters) {
			properties["delta.columnMapping.mode"] = "name"
		}
		if holdsTimestampNTZ(c.Type) {
			properties["delta.feature.timestampNtz"] = "supported"
		}
		if c.Type.Kind == schema.Variant {
			properties[variantFeature] = "supported"
		}
	}
	return properties
}

// variantFeature is what ALTER TABLE needs before it adds a VARIANT. CREATE
// TABLE enables the feature that the workspace has for it.
const variantFeature = "delta.feature.variantType-preview"

func holdsTimestampNTZ(t schema.Type) bool {
	for t.Nested() {
		t = *t.Elem
	}
	return t.Kind == schema.Timestamp
}

// CreateSnapshotTable replaces a table by the Parquet files of a directory, in
// one atomic commit. cols are the table's columns in order, and exprs the
// expression for each. The expressions use the names of fileColumns, the
// columns of the files. read_files reads every file in and below the directory.
// The directory's name must not contain a glob character. CREATE TABLE AS
// SELECT cannot set comments of columns.
func CreateSnapshotTable(t Table, cols []TargetColumn, exprs []string, directory string,
	fileColumns []TargetColumn, o TableOptions) string {
	var b strings.Builder
	b.WriteString("CREATE OR REPLACE TABLE " + t.String() + "\n")
	b.WriteString(tableClauses(cols, o))
	b.WriteString("AS SELECT\n")
	b.WriteString(selectList(cols, exprs))
	b.WriteString("\nFROM read_files(" + Literal(directory) + ", format => 'parquet', " + rebaseMode + " => " + Literal(noRebase) +
		", schema => " + Literal(columnList(fileColumns, false, ", ")) + ")")
	return b.String()
}

// CreateEmptyTable creates a table without rows.
func CreateEmptyTable(t Table, cols []TargetColumn, o TableOptions) string {
	head := "CREATE OR REPLACE TABLE "
	if o.IfNotExists {
		head = "CREATE TABLE IF NOT EXISTS "
	}
	return head + t.String() + " (\n  " + columnList(cols, true, ",\n  ") + "\n)\n" + strings.TrimSuffix(tableClauses(cols, o), "\n")
}

func tableClauses(cols []TargetColumn, o TableOptions) string {
	var b strings.Builder
	b.WriteString("USING DELTA\n")
	if len(o.ClusterBy) > 0 {
		b.WriteString("CLUSTER BY (" + joined(o.ClusterBy, Quote) + ")\n")
	}
	if o.Comment != "" {
		b.WriteString("COMMENT " + Literal(o.Comment) + "\n")
	}
	properties := RequiredProperties(cols)
	delete(properties, variantFeature)
	maps.Copy(properties, o.Properties)
	if len(properties) > 0 {
		b.WriteString("TBLPROPERTIES (" + propertyList(properties) + ")\n")
	}
	return b.String()
}

// AddColumns adds columns at the end of a table. See RequiredProperties.
func AddColumns(t Table, cols []TargetColumn) string {
	return "ALTER TABLE " + t.String() + " ADD COLUMNS (\n  " + columnList(cols, true, ",\n  ") + "\n)"
}

// PropertyTypeWidening is the table property that Delta requires before it
// changes a column's type. If it is "true", only Databricks Runtime 15.4 and
// later can read the table.
const PropertyTypeWidening = "delta.enableTypeWidening"

// WidenColumn changes a column's type to one that schema.Widens. It has no
// effect if the column already has that type. The table needs
// PropertyTypeWidening.
func WidenColumn(t Table, column string, to schema.Type) string {
	return "ALTER TABLE " + t.String() + " ALTER COLUMN " + Quote(column) + " TYPE " + to.String()
}

// CommentColumn sets the comment of a column.
func CommentColumn(t Table, column, comment string) string {
	return "ALTER TABLE " + t.String() + " ALTER COLUMN " + Quote(column) + " COMMENT " + Literal(comment)
}

// SetTags sets tags of a table, at least one. A tag of the same name is
// overwritten; others stay.
func SetTags(t Table, tags map[string]string) string {
	return "ALTER TABLE " + t.String() + " SET TAGS (" + propertyList(tags) + ")"
}

// CopyInto appends files to a table. It skips files that the table remembers as
// loaded. files has 1 to MaxCopyFiles names, relative to directory. A missing
// file is an error. CopyInto panics if the number of files or of expressions is
// wrong. Run it with Warehouse.Copy.
func CopyInto(t Table, cols []TargetColumn, exprs []string, directory string, files []string) string {
	if len(files) == 0 || len(files) > MaxCopyFiles {
		panic(fmt.Sprintf("databricks: COPY INTO of %d files, want 1 to %d", len(files), MaxCopyFiles))
	}
	return "COPY INTO " + t.String() + "\nFROM (\n  SELECT\n" + selectList(cols, exprs) +
		"\n  FROM " + Literal(directory) + "\n)\nFILEFORMAT = PARQUET\nFILES = (" + joined(files, Literal) +
		")\nFORMAT_OPTIONS ('ignoreMissingFiles' = 'false', 'mergeSchema' = 'false', '" + rebaseMode + "' = '" + noRebase + "')"
}

// The option of Spark's Parquet reader for files whose footer has no version of
// Spark. Its default on Databricks is LEGACY, which converts days before
// 1582-10-15 from the Julian calendar. Present segments have a version. Older
// segments have none and need the option.
const (
	rebaseMode = "datetimeRebaseMode"
	noRebase   = "CORRECTED"
)

// CastExpr is the expression that converts a column of a file to a type of the
// target. Every session of this package has ANSI mode, so a value that does not
// fit is an error.
func CastExpr(fileColumn string, to schema.Type) string {
	if to.Kind == schema.Variant {
		return "parse_json(" + Quote(fileColumn) + ")"
	}
	return "CAST(" + Quote(fileColumn) + " AS " + to.String() + ")"
}

// SetProperties sets properties of a table, at least one.
func SetProperties(t Table, properties map[string]string) string {
	return "ALTER TABLE " + t.String() + " SET TBLPROPERTIES (" + propertyList(properties) + ")"
}

// ShowProperties lists a table's properties in the columns key and value.
func ShowProperties(t Table) string { return "SHOW TBLPROPERTIES " + t.String() }

// DropTable drops a table if it exists.
func DropTable(t Table) string { return "DROP TABLE IF EXISTS " + t.String() }

// DescribeColumns lists the columns of a table. Its result has the columns
// col_name, data_type and comment.
func DescribeColumns(t Table) string { return "DESCRIBE TABLE " + t.String() }

func selectList(cols []TargetColumn, exprs []string) string {
	if len(cols) != len(exprs) {
		panic(fmt.Sprintf("databricks: %d columns with %d expressions", len(cols), len(exprs)))
	}
	lines := make([]string, len(cols))
	for i, c := range cols {
		lines[i] = "  " + exprs[i] + " AS " + Quote(c.Name)
	}
	return strings.Join(lines, ",\n")
}

func columnList(cols []TargetColumn, comments bool, separator string) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = Quote(c.Name) + " " + c.Type.String()
		if comments && c.Comment != "" {
			parts[i] += " COMMENT " + Literal(c.Comment)
		}
	}
	return strings.Join(parts, separator)
}

func propertyList(properties map[string]string) string {
	parts := make([]string, 0, len(properties))
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		parts = append(parts, Literal(key)+" = "+Literal(properties[key]))
	}
	return strings.Join(parts, ", ")
}

func joined(names []string, quote func(string) string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = quote(n)
	}
	return strings.Join(parts, ", ")
}

// CreateTableAs replaces a table by the rows of a query, in one atomic commit.
// cols are the query's columns, in order.
func CreateTableAs(t Table, cols []TargetColumn, query string, o TableOptions) string {
	return "CREATE OR REPLACE TABLE " + t.String() + "\n" + tableClauses(cols, o) + "AS " + query
}

// CreateNewTableAs is CreateTableAs for a table that must not exist yet.
func CreateNewTableAs(t Table, cols []TargetColumn, query string, o TableOptions) string {
	return "CREATE TABLE " + t.String() + "\n" + tableClauses(cols, o) + "AS " + query
}
