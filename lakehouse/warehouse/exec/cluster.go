//go:build cgo

package exec

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
)

// maxCluster is how many columns a table may be clustered by.
const maxCluster = 4

// checkCluster refuses columns that Delta cannot cluster by: more than four, the same column twice, types that data skipping does
// not support, or columns without statistics.
func checkCluster(m *store.Table) error {
	if len(m.Cluster) > maxCluster {
		return sparksql.Errorf("54000", "DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "CLUSTER BY supports up to %d clustering columns, "+
			"but the table has %d clustering columns. Please remove the extra clustering columns.", maxCluster, len(m.Cluster))
	}
	seen := map[string]bool{}
	var refused, without []string
	for _, k := range m.Cluster {
		i := columnIndex(m.Columns, k)
		if i < 0 {
			return sparksql.Errorf("42703", "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "Couldn't find column %s in: %s", k, m.Name)
		}
		if key := strings.ToLower(k); seen[key] {
			return sparksql.Errorf("42711", "DELTA_DUPLICATE_COLUMNS_FOUND.CLUSTER_BY",
				"Found duplicate column(s): %s. The duplicate was found in CLUSTER BY.", sparksql.QuoteSpark(k))
		} else {
			seen[key] = true
		}
		typ, err := sparksql.ParseType(m.Columns[i].Type)
		if err != nil {
			return err
		}
		if !skips(typ) {
			refused = append(refused, m.Columns[i].Name+" : "+typ.SQL())
		} else if !hasStatistics(m, i) {
			without = append(without, m.Columns[i].Name)
		}
	}
	switch {
	case refused != nil:
		return sparksql.Errorf("0A000", "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED",
			"CLUSTER BY is not supported because the following column(s): %s don't support data skipping.", strings.Join(refused, ", "))
	case without != nil:
		return sparksql.Errorf("22000", "DELTA_CLUSTERING_COLUMN_MISSING_STATS", "Clustering requires clustering columns to have stats. "+
			"Couldn't find clustering column(s) '%s' in stats schema.", strings.Join(without, ", "))
	}
	return nil
}

// skips reports whether Delta keeps the minimum and maximum of a type.
func skips(t sparksql.Type) bool {
	return t.Numeric() || t.Kind == sparksql.StringType || t.Kind >= sparksql.DateType && t.Kind <= sparksql.TimestampNTZType
}

// hasStatistics reports whether Delta keeps statistics of a column: of the first 32
// fields, of as many as a property says (-1 is all), or of those that another names.
func hasStatistics(m *store.Table, column int) bool {
	if named := m.Properties["delta.dataSkippingStatsColumns"]; named != "" {
		for name := range strings.SplitSeq(named, ",") {
			if strings.EqualFold(strings.Trim(strings.TrimSpace(name), "`"), m.Columns[column].Name) {
				return true
			}
		}
		return false
	}
	limit := 32
	if n, err := strconv.Atoi(m.Properties["delta.dataSkippingNumIndexedCols"]); err == nil {
		limit = n
	}
	before := 0
	for _, col := range m.Columns[:column] {
		typ, _ := sparksql.ParseType(col.Type) // it was parsed before it was kept
		before += leaves(typ)
	}
	return limit < 0 || before < limit
}

// leaves counts the fields of a type as Delta does: those of structs, inside of structs too.
func leaves(t sparksql.Type) int {
	if t.Kind != sparksql.StructType {
		return 1
	}
	n := 0
	for _, f := range t.Fields {
		n += leaves(f.Type)
	}
	return n
}

// shownProperties are a table's properties as Unity Catalog shows them.
func shownProperties(m *store.Table) map[string]string {
	if len(m.Cluster) == 0 {
		return m.Properties
	}
	paths := make([]string, len(m.Cluster))
	for i, k := range m.Cluster {
		paths[i] = fmt.Sprintf("[%q]", k)
	}
	out := maps.Clone(m.Properties)
	out["clusteringColumns"] = "[" + strings.Join(paths, ",") + "]"
	return out
}
