package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// Properties of a bronze table that say what it holds.
const (
	PropertyLedger    = "ingest.ledger"         // UUID of the ledger
	PropertySnapshot  = "ingest.snapshot_entry" // number of the snapshot's begin entry
	PropertyDirectory = "ingest.snapshot"       // directory of its segments, which no other attempt has
	PropertyPipeline  = "ingest.pipeline"       // the pipeline's directory in the Volume
)

// owner is what a table's properties say of it.
type owner struct {
	ledger    string
	snapshot  int64
	directory string
	pipeline  string
}

func ownerOf(p map[string]string) owner {
	o := owner{ledger: p[PropertyLedger], directory: p[PropertyDirectory], pipeline: p[PropertyPipeline]}
	if n, err := strconv.ParseInt(p[PropertySnapshot], 10, 64); err == nil {
		o.snapshot = n
	}
	return o
}

// sameSnapshot says that both name one and the same snapshot. The pipeline may
// have moved since.
func (o owner) sameSnapshot(other owner) bool {
	return o.ledger == other.ledger && o.snapshot == other.snapshot && o.directory == other.directory
}

func (o owner) properties() map[string]string {
	return map[string]string{
		PropertyLedger: o.ledger, PropertySnapshot: strconv.FormatInt(o.snapshot, 10), PropertyDirectory: o.directory, PropertyPipeline: o.pipeline,
	}
}

// targetColumns are a table's columns: the source's, then the metadata.
func targetColumns(columns []schema.Column) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range columns {
		out = append(out, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
	}
	for _, m := range schema.MetaColumns {
		out = append(out, databricks.TargetColumn{Name: m.Name, Type: m.Type, Comment: m.Comment})
	}
	return out
}

// fileColumns are the columns that segments hold.
func fileColumns(columns []schema.Column, in func(schema.MetaColumn) bool) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range columns {
		out = append(out, databricks.TargetColumn{Name: c.Target(), Type: c.Type.File()})
	}
	for _, m := range schema.MetaColumns {
		if in(m) {
			out = append(out, databricks.TargetColumn{Name: m.Name, Type: m.Type})
		}
	}
	return out
}

// expressions gives the SELECT expression of each target column: those of
// derived, and a cast of what the files hold.
func expressions(columns []schema.Column, derived map[string]string) []string {
	var out []string
	for _, c := range columns {
		out = append(out, databricks.CastExpr(c.Target(), c.Type))
	}
	for _, m := range schema.MetaColumns {
		if expr, ok := derived[m.Name]; ok {
			out = append(out, expr)
		} else {
			out = append(out, databricks.CastExpr(m.Name, m.Type))
		}
	}
	return out
}

func inSnapshot(m schema.MetaColumn) bool { return m.InSnapshot }

// snapshotSQL replaces the table by a snapshot, in one commit, which says whose
// the table is.
func snapshotSQL(target databricks.Table, whose owner, t *ledger.TableState, root string, now time.Time) string {
	d, begin := t.Snapshot, t.Begin
	o := databricks.TableOptions{Comment: d.Comment, Properties: whose.properties()}
	o.Properties["delta.dataSkippingStatsColumns"] = statsColumns(d)
	if d.Rows == 0 {
		return databricks.CreateEmptyTable(target, targetColumns(d.Columns), o)
	}
	derived := map[string]string{
		schema.MetaOp:        databricks.Literal(string(schema.OpSnapshot)),
		schema.MetaCommitLSN: databricks.Bigint(begin.Sort),
		schema.MetaLSN:       databricks.Bigint(begin.Sort),
		schema.MetaCommitTS:  databricks.Timestamp(begin.Taken),
		schema.MetaEntry:     databricks.Bigint(d.Begin),
		schema.MetaLoadedTS:  databricks.Timestamp(now),
	}
	for _, m := range schema.MetaColumns {
		if _, ok := derived[m.Name]; !ok && !m.InSnapshot {
			derived[m.Name] = databricks.Null(m.Type)
		}
	}
	return databricks.CreateSnapshotTable(target, targetColumns(d.Columns), expressions(d.Columns, derived),
		root+"/"+d.Directory, fileColumns(d.Columns, inSnapshot), o)
}

// statsColumns are the columns that statistics for skipping are kept for: the
// watermark, the order and the key, as far as Delta keeps statistics for their
// types and the property can name them.
func statsColumns(d *ledger.Done) string {
	key := d.Identity.Columns
	if len(key) == 0 {
		key = d.PrimaryKey
	}
	return skippingColumns(d.Columns, key, schema.MetaEntry, schema.MetaCommitLSN)
}

// skippingColumns are these names and, of the key, those that Delta keeps statistics
// for and that the property can name.
func skippingColumns(columns []schema.Column, key []string, names ...string) string {
	for _, c := range columns {
		if slices.Contains(key, c.Name) && hasStats(c) {
			names = append(names, "`"+c.Target()+"`")
		}
	}
	return strings.Join(names, ",")
}

// hasStats says whether Delta keeps statistics for a column's type, and whether
// the property can name it. A table is clustered by no column without.
func hasStats(c schema.Column) bool {
	return !strings.ContainsAny(c.Target(), " ,;{}()\n\t=`.") &&
		c.Type.Kind != schema.Bool && c.Type.Kind != schema.Binary && c.Type.Kind != schema.Variant && !c.Type.Nested()
}

// copySQL appends a group's files. The entry of a row follows from its commit,
// because an entry holds all commits from the previous one's end to its own.
// maybeLoaded says that any of the files may have been loaded before.
func copySQL(target databricks.Table, g copyGroup, maybeLoaded bool, root string, now time.Time) string {
	var entry strings.Builder
	if g.steps[0].entry == g.steps[len(g.steps)-1].entry {
		entry.WriteString(databricks.Bigint(g.steps[0].entry))
	} else {
		entry.WriteString("CASE")
		for i, s := range g.steps {
			if i > 0 && s.entry == g.steps[i-1].entry {
				continue
			}
			fmt.Fprintf(&entry, " WHEN %s < %d THEN %s", databricks.Quote(schema.MetaCommitLSN), s.end, databricks.Bigint(s.entry))
		}
		entry.WriteString(" END")
	}
	derived := map[string]string{
		schema.MetaDeletedTS: "CASE WHEN " + databricks.Quote(schema.MetaOp) + " = 'delete' THEN " + databricks.Quote(schema.MetaCommitTS) + " END",
		schema.MetaEntry:     entry.String(),
		schema.MetaLoadedTS:  databricks.Timestamp(now),
	}
	columns := g.steps[0].columns
	selected := expressions(columns, derived)
	if written := g.steps[0].written; written != nil {
		values, rescued := recast(written, columns)
		for i, expr := range values {
			selected[i] = expr
		}
		if rescued != "" {
			selected[len(columns)+slices.IndexFunc(schema.MetaColumns, func(m schema.MetaColumn) bool { return m.Name == schema.MetaRescued })] = rescued
		}
	}
	sql := databricks.CopyInto(target, targetColumns(columns), selected, root, g.files)
	if maybeLoaded || g.steps[0].maybeLoaded {
		// What COPY INTO remembers of files may outlive CREATE OR REPLACE. The
		// rows per _entry, looked at before, say that these are not in.
		sql += "\nCOPY_OPTIONS ('force' = 'true')"
	}
	return sql
}
