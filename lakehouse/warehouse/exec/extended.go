//go:build cgo

package exec

import (
	"fmt"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// showTableExtended is SHOW TABLE EXTENDED: one line of text for each fact about a table.
func (t inspector) showTableExtended(s *sparksql.Show) (*result.Result, error) {
	c, list, err := t.listed(s.Name)
	if err != nil {
		return nil, err
	}
	r := result.TextRows([]string{"database", "tableName", "isTemporary", "information"}, nil)
	r.Columns[2].Type = sparksql.Boolean
	for _, m := range list {
		if !shown(m.Name, s) {
			continue
		}
		text, err := t.information(c, m)
		if err != nil {
			return nil, err
		}
		r.Rows = append(r.Rows, []any{m.Schema, m.Name, false, text})
	}
	return r, nil
}

func (t inspector) information(c *store.Catalog, m *store.Table) (string, error) {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s: %s\n", key, value) }
	line("Catalog", c.Name)
	line("Database", m.Schema)
	line("Table", m.Name)
	line("Owner", t.user)
	line("Created Time", m.Created.Format(time.UnixDate))
	line("Last Access", "UNKNOWN")
	line("Created By", "Spark 4.0.0")
	line("Type", m.Kind)
	if m.Kind == store.KindTable {
		line("Provider", "delta")
	}
	if m.Comment != "" {
		line("Comment", m.Comment)
	}
	if m.Kind == store.KindView {
		line("View Text", m.View)
		line("View Catalog and Namespace", m.ViewSpace.Catalog+"."+m.ViewSpace.Schema)
	}
	var parts []string
	for _, k := range sortedKeys(m.Properties) {
		parts = append(parts, k+"="+m.Properties[k])
	}
	line("Table Properties", "["+strings.Join(parts, ", ")+"]")
	columns, err := store.SparkColumns(m.Columns)
	if err != nil {
		return "", err
	}
	b.WriteString("Schema: root\n")
	for i, col := range columns {
		tree(&b, 1, translate.Column{Name: col.Name, Type: col.Type}, !m.Columns[i].NotNull)
	}
	return b.String() + "\n", nil
}

// tree writes a column as Spark's printTreeString does.
func tree(b *strings.Builder, depth int, c translate.Column, nullable bool) {
	indent := strings.Repeat(" |   ", depth-1)
	name := map[sparksql.TypeKind]string{sparksql.ArrayType: "array", sparksql.MapType: "map", sparksql.StructType: "struct",
		sparksql.IntType:  "integer",
		sparksql.LongType: "long", sparksql.ShortType: "short", sparksql.ByteType: "byte"}[c.Type.Kind]
	if name == "" {
		name = c.Type.String()
	}
	fmt.Fprintf(b, "%s |-- %s: %s (nullable = %t)\n", indent, c.Name, name, nullable)
	switch c.Type.Kind {
	case sparksql.ArrayType:
		tree(b, depth+1, translate.Column{Name: "element", Type: *c.Type.Elem}, true)
	case sparksql.MapType:
		tree(b, depth+1, translate.Column{Name: "key", Type: *c.Type.Key}, false)
		tree(b, depth+1, translate.Column{Name: "value", Type: *c.Type.Elem}, true)
	case sparksql.StructType:
		for _, f := range c.Type.Fields {
			tree(b, depth+1, translate.Column{Name: f.Name, Type: f.Type}, true)
		}
	default: // no other type has parts
	}
}
