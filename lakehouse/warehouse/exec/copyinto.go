//go:build cgo

package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

const maxCopyFiles = 1000

var copyColumns = []string{"num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files"}

// copyInto is COPY INTO: the rows and the list of their files are one commit. Files that the table has loaded are skipped, even
// if changed since.
func (t copier) copyInto(st *sparksql.CopyInto) (*result.Result, error) {
	if st.Format != "PARQUET" && st.Format != "JSON" {
		return nil, sparksql.Unsupported("COPY INTO from %s (only PARQUET and JSON)", st.Format)
	}
	force, merge, err := copyOptions(st)
	if err != nil {
		return nil, err
	}
	c, m, err := t.copyTarget(st)
	if err != nil {
		return nil, err
	}
	paths, err := t.copyFiles(st)
	if err != nil {
		return nil, err
	}
	if !force {
		if paths, err = t.notCopied(c, m, paths); err != nil {
			return nil, err
		}
	}
	if len(paths) == 0 {
		return result.Numbers(copyColumns, 0, 0, 0), nil
	}
	r, err := t.copySource(m, st, paths)
	if err != nil {
		return nil, err
	}
	into, err := t.copyInsert(c, m, st, r, merge)
	if err != nil {
		return nil, err
	}
	source, err := t.translator().Conform(r, into)
	if err != nil {
		return nil, err
	}
	n, err := changer(t).append(c, m, into, source)
	if err != nil {
		return nil, err
	}
	what := store.Commit{Operation: "COPY INTO", Parameters: map[string]string{
		"source": st.Source,
	}, Metrics: map[string]string{"numOutputRows": fmt.Sprint(n), "numCopiedFiles": fmt.Sprint(len(paths))}}
	if err := c.Committed(t.Ctx, t.Conn, m, what, t.store.Now()); err != nil {
		return nil, err
	}
	return result.Numbers(copyColumns, n, n, 0), t.rememberCopied(c, m, paths)
}

// copyTarget finds the table; COPY INTO has its own error for a missing one.
func (t copier) copyTarget(st *sparksql.CopyInto) (*store.Catalog, *store.Table, error) {
	c, m, err := t.needTable(st.Name, "COPY INTO")
	if err != nil && refusal.Of(err).HasClass("TABLE_OR_VIEW_NOT_FOUND") {
		return nil, nil, sparksql.Errorf("42P01", "DELTA_MISSING_DELTA_TABLE_COPY_INTO",
			"Table doesn't exist. Create an empty Delta table first using CREATE TABLE %s.", strings.Join(st.Name, "."))
	}
	return c, m, err
}

func copyOptions(st *sparksql.CopyInto) (force, merge bool, err error) {
	for k := range st.Options {
		if k != "ignoremissingfiles" && k != "mergeschema" && k != volume.DatetimeOption && k != volume.Int96Option && st.Format != "JSON" {
			return false, false, sparksql.Unsupported("FORMAT_OPTIONS ('%s')", k)
		}
	}
	for k := range st.Copy {
		if k != "force" && k != "mergeschema" {
			return false, false, sparksql.Unsupported("COPY_OPTIONS ('%s')", k)
		}
	}
	return strings.EqualFold(st.Copy["force"], "true"), strings.EqualFold(st.Copy["mergeschema"], "true"), nil
}

// copyFiles are the files that the statement names, in order of name.
func (t copier) copyFiles(st *sparksql.CopyInto) ([]string, error) {
	if st.Files != nil {
		return t.namedFiles(st)
	}
	all, err := t.files.Files(st.Source)
	if err != nil || st.Pattern == "" {
		return all, err
	}
	root, err := t.files.Path(st.Source)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range all {
		rel, err := filepath.Rel(root, f)
		if err != nil {
			return nil, err
		}
		ok, err := volume.Matches(st.Pattern, filepath.ToSlash(rel))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, f)
		}
	}
	return out, nil
}

func (t copier) namedFiles(st *sparksql.CopyInto) ([]string, error) {
	if len(st.Files) > maxCopyFiles {
		return nil, sparksql.Errorf("22023", "INVALID_PARAMETER_VALUE", "COPY INTO takes at most %d FILES, not %d.", maxCopyFiles, len(st.Files))
	}
	var out []string
	seen := map[string]bool{}
	for _, name := range st.Files {
		full := strings.TrimRight(st.Source, "/") + "/" + name
		p, err := t.files.Path(full)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			// The default is true here: a wrong name loads nothing, without an error.
			if strings.EqualFold(st.Options["ignoremissingfiles"], "false") {
				return nil, sparksql.Errorf("42K03", "PATH_NOT_FOUND", "Path does not exist: %s.", full)
			}
			continue
		}
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out, nil
}

// notCopied skips the files that the table has loaded.
func (t copier) notCopied(c *store.Catalog, m *store.Table, paths []string) ([]string, error) {
	rows, err := t.Conn.QueryContext(t.Ctx, "SELECT path FROM "+c.Hidden("copied")+" WHERE table_id = ?", m.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	loaded := map[string]bool{}
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			return nil, err
		}
		loaded[p] = true
	}
	var out []string
	for _, p := range paths {
		if !loaded[t.files.Name(p)] {
			out = append(out, p)
		}
	}
	return out, rows.Err()
}

func (t copier) rememberCopied(c *store.Catalog, m *store.Table, paths []string) error {
	lines := make([]string, len(paths))
	for i, p := range paths {
		lines[i] = fmt.Sprintf("(%d, %s, %d)", m.ID, sparksql.QuoteText(t.files.Name(p)), m.Version)
	}
	return t.Exec("INSERT INTO " + c.Hidden("copied") + " VALUES " + strings.Join(lines, ", "))
}

// copySource is the query over the files. Without the option mergeSchema their columns are those of the first file, by name:
// columns that only other files have are ignored.
func (t copier) copySource(m *store.Table, st *sparksql.CopyInto, paths []string) (translate.Result, error) {
	if st.Format == "JSON" {
		return t.copyJSON(m, st, paths)
	}
	files := make([]*volume.Parquet, len(paths))
	var err error
	for i, p := range paths {
		if files[i], err = t.files.Footer(p); err != nil {
			return translate.Result{}, err
		}
	}
	want, err := t.files.Inferred(files, strings.EqualFold(st.Options["mergeschema"], "true"))
	if err != nil {
		return translate.Result{}, err
	}
	modes, err := volume.RebaseOptions(st.Options)
	if err != nil {
		return translate.Result{}, err
	}
	table, err := t.files.Relation(files, want, modes, true)
	if err != nil {
		return translate.Result{}, err
	}
	items := st.Items
	if items == nil {
		items = []sparksql.Item{{X: &sparksql.Star{}}}
	}
	unlisted := volume.MetadataColumn
	if volume.Named(want, unlisted) {
		unlisted = ""
	}
	return t.translator().SelectFrom(items, table, unlisted)
}

// copyInsert are the target's columns in the order of the source's.
func (t copier) copyInsert(c *store.Catalog, m *store.Table, st *sparksql.CopyInto, r translate.Result,
	merge bool) ([]translate.Column, error) {
	all, err := store.SparkColumns(m.Columns)
	if err != nil {
		return nil, err
	}
	names := st.Columns
	if st.ByPosition {
		for _, col := range all {
			names = append(names, col.Name)
		}
	}
	if names != nil && len(names) != len(r.Columns) {
		return nil, sparksql.Errorf("21S01", "COPY_INTO_COLUMN_ARITY_MISMATCH",
			"Cannot write to %s, the reason is that the source has %d columns and the target %d.", sparksql.QuoteName([]string{m.Schema, m.Name}),
			len(r.Columns), len(names))
	}
	var into []translate.Column
	for i, col := range r.Columns {
		name := col.Name
		if names != nil {
			name = names[i]
		}
		at := columnIndex(m.Columns, name)
		if at < 0 {
			if names != nil {
				return nil, unresolvedColumn(name, m.Columns)
			}
			if !merge {
				return nil, copyMismatch(m, fmt.Sprintf("the source has a column %s that the table does not have", sparksql.QuoteSpark(name)))
			}
			if err := alterer(t).addColumns(c, m, &sparksql.AlterTable{Add: []sparksql.ColumnDef{{Name: name, Type: col.Type}}}); err != nil {
				return nil, err
			}
			into = append(into, col)
			continue
		}
		if !translate.Widens(col.Type, all[at].Type) && col.Type.Kind != sparksql.VoidType {
			return nil, copyMismatch(m,
				fmt.Sprintf("column %s is %s in the source and %s in the table", sparksql.QuoteSpark(name), col.Type.SQL(), all[at].Type.SQL()))
		}
		into = append(into, all[at])
	}
	return into, duplicateTarget(into)
}

func duplicateTarget(into []translate.Column) error {
	seen := map[string]bool{}
	for _, c := range into {
		if key := strings.ToLower(c.Name); seen[key] {
			return sparksql.Errorf("42711", "COLUMN_ALREADY_EXISTS",
				"The column %s already exists. Choose another name or rename the existing column.", sparksql.QuoteSpark(c.Name))
		} else {
			seen[key] = true
		}
	}
	return nil
}

func copyMismatch(m *store.Table, why string) *refusal.Error {
	return sparksql.Errorf("42KDG", "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE",
		"A schema mismatch was detected while copying into the Delta table (Table: %s): %s. This may indicate an issue with the incoming data, "+
			"or the Delta table schema can be evolved automatically according to the incoming data by setting: "+
			"COPY_OPTIONS ('mergeSchema' = 'true').", sparksql.QuoteName([]string{m.Schema, m.Name}), why)
}
