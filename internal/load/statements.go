package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// owner is the ownership that a table's properties record.
type owner struct {
	ledger    string
	snapshot  int64
	directory string
	pipeline  string
}

func ownerOf(p map[string]string) owner {
	o := owner{ledger: p[bronze.PropertyLedger], directory: p[bronze.PropertyDirectory], pipeline: p[bronze.PropertyPipeline]}
	if n, err := strconv.ParseInt(p[bronze.PropertySnapshot], 10, 64); err == nil {
		o.snapshot = n
	}
	return o
}

// sameSnapshot reports whether both name the same snapshot. The pipeline's
// directory may have changed.
func (o owner) sameSnapshot(other owner) bool {
	return o.ledger == other.ledger && o.snapshot == other.snapshot && o.directory == other.directory
}

func (o owner) properties() map[string]string {
	return map[string]string{
		bronze.PropertyLedger: o.ledger, bronze.PropertySnapshot: strconv.FormatInt(o.snapshot, 10),
		bronze.PropertyDirectory: o.directory, bronze.PropertyPipeline: o.pipeline,
	}
}

// fileColumns lists the columns that segments hold.
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

// expressions returns the SELECT expression of each target column: the one in
// derived, or else a cast of the file's column.
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

// snapshotSQL replaces the table by a snapshot in one commit. The commit also
// sets the properties that record the owner.
func snapshotSQL(target databricks.Table, whose owner, t *ledger.TableState, root string, now time.Time) string {
	d, begin := t.Snapshot, t.Begin
	o := databricks.TableOptions{Comment: d.Comment, Properties: whose.properties()}
	o.Properties["delta.dataSkippingStatsColumns"] = statsColumns(d)
	if d.Rows == 0 {
		return databricks.CreateEmptyTable(target, bronze.Columns(d.Columns), o)
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
	return databricks.CreateSnapshotTable(target, bronze.Columns(d.Columns), expressions(d.Columns, derived),
		root+"/"+d.Directory, fileColumns(d.Columns, inSnapshot), o)
}

// statsColumns lists the columns with data-skipping statistics: the watermark,
// the order and the key. It skips columns whose type has no statistics in Delta
// or whose name the property cannot express.
func statsColumns(d *ledger.Done) string {
	key := d.Identity.Columns
	if len(key) == 0 {
		key = d.PrimaryKey
	}
	return bronze.Skipping(d.Columns, key, schema.MetaEntry, schema.MetaCommitLSN)
}

// copySQL appends a group's files. The entry of a row is computed from its
// commit: an entry holds all commits from the end of the previous entry to its
// own end. maybeLoaded says that any of the files may have been loaded before.
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
		schema.MetaDeletedTS: "CASE WHEN " + databricks.Quote(schema.MetaOp) + " = 'delete' THEN " +
			databricks.Quote(schema.MetaCommitTS) + " END",
		schema.MetaEntry:    entry.String(),
		schema.MetaLoadedTS: databricks.Timestamp(now),
	}
	columns := g.steps[0].columns
	selected := expressions(columns, derived)
	if written := g.steps[0].written; written != nil {
		values, rescued := recast(written, columns)
		for i, expr := range values {
			selected[i] = expr
		}
		if rescued != "" {
			selected[len(columns)+slices.IndexFunc(schema.MetaColumns, func(m schema.MetaColumn) bool {
				return m.Name == schema.MetaRescued
			})] = rescued
		}
	}
	sql := databricks.CopyInto(target, bronze.Columns(columns), selected, root, g.files)
	if maybeLoaded || g.steps[0].maybeLoaded {
		// COPY INTO may remember files across CREATE OR REPLACE. The rows per
		// _entry were checked before: these files are not in the table.
		sql += "\nCOPY_OPTIONS ('force' = 'true')"
	}
	return sql
}
