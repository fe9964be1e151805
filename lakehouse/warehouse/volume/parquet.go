package volume

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Parquet is what a file's footer says.
type Parquet struct {
	path    string
	rows    int64
	columns []translate.Column
	// unreadable says of a column, by lower-case name, why Spark has no type for it.
	unreadable map[string]string
	int96      map[string]bool // columns, by lower-case name
	footer     metadata.KeyValueMetadata
}

// Footer reads a file's footer.
func (v *Volumes) Footer(path string) (*Parquet, error) {
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return nil, sparksql.Errorf("KD001", "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
			"Error while reading file %s. Could not read footer. Please ensure that the file is in Parquet format. (%v)", v.Name(path), err)
	}
	defer func() { _ = r.Close() }()
	out := &Parquet{
		path: path, rows: r.NumRows(), unreadable: map[string]string{}, int96: map[string]bool{}, footer: r.MetaData().KeyValueMetadata(),
	}
	root := r.MetaData().Schema.Root()
	for i := range root.NumFields() {
		node := root.Field(i)
		t, why := nodeType(node)
		if why != "" {
			out.unreadable[strings.ToLower(node.Name())] = why
			t = sparksql.Void
		}
		out.columns = append(out.columns, translate.Column{Name: node.Name(), Type: t})
		out.int96[strings.ToLower(node.Name())] = hasInt96(node)
	}
	return out, nil
}

// nodeType is Spark's type of a Parquet column, or why it has none.
func nodeType(n schema.Node) (sparksql.Type, string) {
	if g, ok := n.(*schema.GroupNode); ok {
		return groupType(g)
	}
	p, ok := n.(*schema.PrimitiveNode)
	if !ok || n.RepetitionType() == parquet.Repetitions.Repeated {
		return sparksql.Void, "a repeated field outside a list"
	}
	switch l := n.LogicalType().(type) {
	case schema.DecimalLogicalType:
		return sparksql.Type{Kind: sparksql.DecimalType, Precision: int(l.Precision()), Scale: int(l.Scale())}, ""
	case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
		return sparksql.String, ""
	case schema.DateLogicalType:
		return sparksql.Date, ""
	case schema.TimestampLogicalType:
		switch {
		case l.TimeUnit() == schema.TimeUnitNanos:
			return sparksql.Void, "INT64 (TIMESTAMP(NANOS))"
		case l.IsAdjustedToUTC():
			return sparksql.Timestamp, ""
		}
		return sparksql.TimestampNTZ, ""
	case schema.IntLogicalType:
		if !l.IsSigned() {
			return sparksql.Void, "an unsigned integer"
		}
		return map[int8]sparksql.Type{8: sparksql.Byte, 16: sparksql.Short, 32: sparksql.Int, 64: sparksql.Long}[l.BitWidth()], ""
	case schema.NoLogicalType, schema.UnknownLogicalType, nil:
		return physicalType(p.PhysicalType())
	}
	return sparksql.Void, n.LogicalType().String()
}

func physicalType(t parquet.Type) (sparksql.Type, string) {
	switch t {
	case parquet.Types.Boolean:
		return sparksql.Boolean, ""
	case parquet.Types.Int32:
		return sparksql.Int, ""
	case parquet.Types.Int64:
		return sparksql.Long, ""
	case parquet.Types.Float:
		return sparksql.FloatOf, ""
	case parquet.Types.Double:
		return sparksql.DoubleOf, ""
	case parquet.Types.ByteArray, parquet.Types.FixedLenByteArray:
		return sparksql.Binary, ""
	case parquet.Types.Int96:
		return sparksql.Timestamp, ""
	}
	return sparksql.Void, t.String()
}

func groupType(g *schema.GroupNode) (sparksql.Type, string) {
	_, isList := g.LogicalType().(schema.ListLogicalType)
	_, isMap := g.LogicalType().(schema.MapLogicalType)
	if (isList || isMap) && g.NumFields() == 1 {
		inner, ok := g.Field(0).(*schema.GroupNode)
		switch {
		case isList && ok && inner.NumFields() == 1:
			t, why := nodeType(inner.Field(0))
			return sparksql.ArrayOf(t), why
		case isMap && ok && inner.NumFields() == 2:
			k, why := nodeType(inner.Field(0))
			if why != "" {
				return k, why
			}
			v, why := nodeType(inner.Field(1))
			return sparksql.MapOf(k, v), why
		}
		return sparksql.Void, "a list or map in an old layout"
	}
	t := sparksql.Type{Kind: sparksql.StructType}
	for i := range g.NumFields() {
		f, why := nodeType(g.Field(i))
		if why != "" {
			return t, why
		}
		t.Fields = append(t.Fields, sparksql.Field{Name: g.Field(i).Name(), Type: f})
	}
	return t, ""
}

func (f *Parquet) column(name string) (translate.Column, bool) {
	for _, c := range f.columns {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return translate.Column{}, false
}

// check compares a file with the columns that it is read as.
func (v *Volumes) check(f *Parquet, want []translate.Column) error {
	for _, c := range want {
		have, ok := f.column(c.Name)
		if !ok {
			continue
		}
		actual := have.Type.SQL()
		if why := f.unreadable[strings.ToLower(c.Name)]; why != "" {
			actual = why
		} else if readable(have.Type, c.Type) {
			continue
		}
		return sparksql.Errorf("KD001", "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
			"Error while reading file %s. Data type mismatches when reading Parquet column %s. Expected Spark type %s, actual Parquet type %s.",
			v.Name(f.path), sparksql.QuoteSpark(c.Name), c.Type.String(), actual)
	}
	return nil
}

// readable reports whether Parquet's type reads as a declared one: the same, or a
// decimal of the same scale with more room. A narrower integer counts as well if
// both are kept in Parquet's INT32.
func readable(have, want sparksql.Type) bool {
	switch {
	case have.Kind == sparksql.StringType && (want.Kind == sparksql.StringType || want.Kind == sparksql.VariantType):
		return want.Kind == sparksql.StringType
	case have.Kind == sparksql.DecimalType && want.Kind == sparksql.DecimalType:
		return have.Scale == want.Scale && have.Precision <= want.Precision
	case have.Integral() && want.Integral() && want.Kind <= sparksql.IntType:
		return have.Kind <= want.Kind
	}
	return have.Equal(want)
}

// Relation is the relation that reads files as the given columns. With source,
// it also has _metadata, a struct of file_path and file_name, unless the files
// have a column of that name, which wins.
func (v *Volumes) Relation(files []*Parquet, want []translate.Column, modes Modes, source bool) (translate.Table, error) {
	out := translate.Table{Name: "read_files", Columns: append([]translate.Column{}, want...)}
	source = source && !Named(want, MetadataColumn)
	if source {
		meta := sparksql.Type{Kind: sparksql.StructType, Fields: []sparksql.Field{{Name: "file_path", Type: sparksql.String},
			{Name: "file_name", Type: sparksql.String}}}
		out.Columns = append(out.Columns, translate.Column{Name: MetadataColumn, Type: meta})
	}
	groups := map[Modes][]*Parquet{}
	for _, f := range files {
		if err := v.check(f, want); err != nil {
			return out, err
		}
		as, err := v.readingOf(f, want, modes)
		if err != nil {
			return out, err
		}
		if f.rows > 0 {
			groups[as] = append(groups[as], f)
		}
	}
	if len(groups) == 0 {
		groups[Modes{}] = nil
	}
	queries := make([]string, 0, len(groups))
	for as, of := range groups {
		queries = append(queries, v.readSQL(of, want, as, source))
	}
	slices.Sort(queries)
	out.SQL = "(" + strings.Join(queries, " UNION ALL ") + ")"
	return out, nil
}

// readSQL reads files that are read in one way; without any, no rows.
func (v *Volumes) readSQL(files []*Parquet, want []translate.Column, as Modes, source bool) string {
	present, int96 := map[string]bool{}, map[string]bool{}
	paths := make([]string, 0, len(files))
	for _, f := range files {
		for _, c := range f.columns {
			key := strings.ToLower(c.Name)
			present[key], int96[key] = true, int96[key] || f.int96[key]
		}
		paths = append(paths, sparksql.QuoteText(f.path))
	}
	file := fileColumn
	for present[file] {
		file += "_"
	}
	fields := make([]string, 0, len(want)+1)
	for _, c := range want {
		from, key := "NULL", strings.ToLower(c.Name)
		if present[key] {
			from = sparksql.QuoteDuckDB(c.Name)
		}
		from = as.column(fmt.Sprintf("CAST(%s AS %s)", from, c.Type.DuckDB()), c.Type, int96[key], 0)
		fields = append(fields, from+" AS "+sparksql.QuoteDuckDB(c.Name))
	}
	if source {
		name := "NULL::VARCHAR"
		if len(paths) > 0 {
			name = fmt.Sprintf("'/Volumes/' || substr(%s, %d)", file, len([]rune(v.Dir))+2)
		}
		fields = append(fields, "{'file_path': 'dbfs:' || ("+name+"), 'file_name': regexp_extract("+name+", '[^/]*$')} AS "+MetadataColumn)
	}
	from := "(SELECT 1) WHERE FALSE"
	if len(paths) > 0 {
		from = "read_parquet([" + strings.Join(paths, ", ") +
			"], union_by_name = true, hive_partitioning = false, filename = '" + file + "')"
	}
	return "SELECT " + strings.Join(fields, ", ") + " FROM " + from
}

// fileColumn is where DuckDB puts a row's file name, if no file has a column of that name.
const fileColumn = "__workspace_file"

// MetadataColumn tells of the file that a row is from.
const MetadataColumn = "_metadata"

// Named reports whether one of the columns has a name.
func Named(columns []translate.Column, name string) bool {
	return slices.ContainsFunc(columns, func(c translate.Column) bool { return strings.EqualFold(c.Name, name) })
}

// Inferred are the columns of the first file, or with merge of all.
func (v *Volumes) Inferred(files []*Parquet, merge bool) ([]translate.Column, error) {
	var out []translate.Column
	seen := map[string]bool{}
	for _, f := range files {
		for _, c := range f.columns {
			if why := f.unreadable[strings.ToLower(c.Name)]; why != "" {
				return nil, sparksql.Errorf("42KD9", "COPY_INTO_SOURCE_SCHEMA_INFERENCE_FAILED",
					"The source file %s has a column %s of the Parquet type %s, which Spark does not read.", v.Name(f.path),
					sparksql.QuoteSpark(c.Name), why)
			}
			if !seen[strings.ToLower(c.Name)] {
				seen[strings.ToLower(c.Name)] = true
				out = append(out, c)
			}
		}
		if !merge {
			break
		}
	}
	return out, nil
}
