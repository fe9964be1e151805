package probe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// propertiesOf are the properties that a load sets on a table.
func propertiesOf(value string) map[string]string {
	return map[string]string{"ingest.ledger": value, "delta.dataSkippingStatsColumns": "id"}
}

// askSnapshot replaces a table by the files of a directory with
// sub-directories.
func askSnapshot(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	for i, name := range []string{"/00000001.parquet", "/part/00000001.parquet", "/part/deeper/00000001.parquet"} {
		if err := s.ids(ctx, s.dir()+"/snapshot-1"+name, int64(i)); err != nil {
			return seen{}, err
		}
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	if err := s.exec(ctx,
		s.snapshotSQL(t, s.dir()+"/snapshot-1", databricks.TableOptions{Comment: "c", Properties: propertiesOf("l")})); err != nil {
		return seen{}, err
	}
	n, err := s.count(ctx, t)
	if err != nil {
		return seen{}, err
	}
	history, err := s.warehouse().Query(ctx, "DESCRIBE HISTORY "+t.String())
	switch {
	case err != nil:
		return seen{}, err
	case n != 3:
		return wrong("%d of 3 rows, so that sub-directories are not read", n)
	}
	for i := range history.Rows { // the service may optimize a table on its own
		if operation, _, err := history.Text(i, "operation"); err != nil || operation == "WRITE" {
			return wrong("the history has an operation %q of its own for the rows: it is not one commit", operation)
		}
	}
	return fits("all sub-directories are read, in one commit")
}

// askSnapshotAnswer checks the answer of CREATE TABLE AS SELECT.
func askSnapshotAnswer(ctx context.Context, s *scratch) (seen, error) {
	if err := s.ids(ctx, s.dir()+"/00000001.parquet", 1); err != nil {
		return seen{}, err
	}
	r, err := s.warehouse().Query(ctx, s.snapshotSQL(s.table("t"), s.dir(), databricks.TableOptions{}))
	if err != nil {
		return seen{}, err
	}
	if len(r.Rows) == 1 && r.Column("num_inserted_rows") >= 0 {
		return fits("a row with the number of rows")
	}
	return other("%d rows, columns %v", len(r.Rows), r.Columns)
}

// askRescued checks for the column that read_files may add.
func askRescued(ctx context.Context, s *scratch) (seen, error) {
	if err := s.ids(ctx, s.dir()+"/00000001.parquet", 1); err != nil {
		return seen{}, err
	}
	r, err := s.warehouse().Query(ctx,
		"SELECT * FROM read_files("+databricks.Literal(s.files().Path(s.dir()))+", format => 'parquet', schema => 'id BIGINT')")
	if err != nil {
		return seen{}, err
	}
	if len(r.Columns) == 1 {
		return fits("no further column")
	}
	return other("the columns %v", r.Columns)
}

// askFresh reads a table right after a change, by SQL and by the REST
// interface.
func askFresh(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	for i := range 3 {
		value := fmt.Sprintf("l%d", i)
		if err := s.ids(ctx, fmt.Sprintf("%s/%d/00000001.parquet", s.dir(), i), make([]int64, i+1)...); err != nil {
			return seen{}, err
		}
		if err := s.exec(ctx,
			s.snapshotSQL(t, fmt.Sprintf("%s/%d", s.dir(), i), databricks.TableOptions{Properties: propertiesOf(value)})); err != nil {
			return seen{}, err
		}
		info, err := s.w.Tables().Info(ctx, t)
		if err != nil {
			return seen{}, err
		}
		if got := info.Properties["ingest.ledger"]; got != value {
			return wrong("the REST interface gives the property %q right after the commit, want %q", got, value)
		}
		n, err := s.count(ctx, t)
		if err != nil {
			return seen{}, err
		}
		if n != int64(i)+1 {
			return wrong("a count gives %d rows right after the commit, want %d", n, i+1)
		}
	}
	return fits("counts by SQL and properties by the REST interface are those of the last commit")
}

// A setup lists the statements that give a table something. A look checks
// whether the table has it, and describes what it has instead.
type (
	setup func(*scratch, databricks.Table) []string
	look  func(context.Context, *scratch, databricks.Table) (kept bool, text string, err error)
)

// replaced creates a table, gives it something, replaces it as a snapshot does,
// and checks for it afterwards. lost is the verdict if it is gone.
func replaced(setup setup, look look, lost Verdict) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		t := s.table("t")
		if err := s.ids(ctx, s.dir()+"/00000001.parquet", 1); err != nil {
			return seen{}, err
		}
		replace := s.snapshotSQL(t, s.dir(), databricks.TableOptions{Properties: propertiesOf("l")})
		if err := s.exec(ctx, replace); err != nil {
			return seen{}, err
		}
		for _, sql := range setup(s, t) {
			if err := s.exec(ctx, sql); err != nil {
				if databricks.Refused(err) {
					return unasked("it cannot be set here: %s", s1(err))
				}
				return seen{}, err
			}
		}
		if kept, text, err := look(ctx, s, t); err != nil || !kept {
			return seen{}, cmpErr(err, fmt.Errorf("it is not seen before the table is replaced: %s", text))
		}
		if err := s.exec(ctx, replace); err != nil {
			return seen{}, err
		}
		kept, text, err := look(ctx, s, t)
		switch {
		case err != nil:
			return seen{}, err
		case kept:
			return fits("kept")
		}
		return seen{"lost: " + text, lost}, nil
	}
}

var askReplaceProperties = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{databricks.SetProperties(t, map[string]string{"probe.own": "kept"})}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	info, err := s.w.Tables().Info(ctx, t)
	if err != nil {
		return false, "", err
	}
	return info.Properties["probe.own"] == "kept", fmt.Sprint(slices.Sorted(maps.Keys(info.Properties))), nil
}, Other)

var askReplaceComment = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{"COMMENT ON TABLE " + t.String() + " IS 'of the table'"}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	r, err := s.warehouse().Query(ctx, "DESCRIBE TABLE EXTENDED "+t.String())
	if err != nil {
		return false, "", err
	}
	return slices.ContainsFunc(r.Rows, func(row []any) bool {
		return row[0] == "Comment" && row[1] == "of the table"
	}), "there is no comment", nil
}, Other)

var askReplaceColumnComment = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{databricks.CommentColumn(t, "id", "of the column")}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	r, err := s.warehouse().Query(ctx, databricks.DescribeColumns(t))
	if err != nil {
		return false, "", err
	}
	return slices.ContainsFunc(r.Rows, func(row []any) bool { return row[0] == "id" && row[2] == "of the column" }), "there is no comment", nil
}, Other)

var askReplaceTags = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{databricks.SetTags(t, map[string]string{"ingest_probe": "kept"})}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	n, err := s.number(ctx, "SELECT count(*) AS n FROM "+databricks.Quote(t.Catalog)+".information_schema.table_tags WHERE schema_name = "+
		databricks.Literal(t.Schema)+" AND table_name = "+databricks.Literal(t.Name)+" AND tag_name = 'ingest_probe'")
	return n == 1, fmt.Sprintf("%d tags", n), err
}, Other)

// anybody is a principal that exists in every account.
const anybody = "account users"

var askReplaceGrants = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{"GRANT SELECT ON TABLE " + t.String() + " TO " + databricks.Quote(anybody)}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	return granted(ctx, s, "TABLE", t)
}, Wrong)

// granted reports whether anybody may read a table or view.
func granted(ctx context.Context, s *scratch, what string, t databricks.Table) (bool, string, error) {
	r, err := s.warehouse().Query(ctx, "SHOW GRANTS ON "+what+" "+t.String())
	if err != nil {
		return false, "", err
	}
	for i := range r.Rows {
		principal, _, _ := r.Text(i, "Principal")
		action, _, _ := r.Text(i, "ActionType")
		if principal == anybody && strings.EqualFold(action, "SELECT") {
			return true, "", nil
		}
	}
	return false, fmt.Sprintf("%d grants, none to `%s`", len(r.Rows), anybody), nil
}

var askReplaceFilter = replaced(func(s *scratch, t databricks.Table) []string {
	f := s.w.Table(s.id + "_f").String()
	return []string{"CREATE FUNCTION " + f + "(id BIGINT) RETURNS BOOLEAN RETURN id > 1",
		"ALTER TABLE " + t.String() + " SET ROW FILTER " + f + " ON (id)"}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	n, err := s.count(ctx, t)
	return n == 0, "the row that it hides is shown", err
}, Wrong)

var askReplaceMask = replaced(func(s *scratch, t databricks.Table) []string {
	f := s.w.Table(s.id + "_f").String()
	return []string{"CREATE FUNCTION " + f + "(id BIGINT) RETURNS BIGINT RETURN -1",
		"ALTER TABLE " + t.String() + " ALTER COLUMN `id` SET MASK " + f}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	n, err := s.number(ctx, "SELECT max(id) AS n FROM "+t.String())
	return n == -1, "the value that it hides is shown", err
}, Wrong)

var askReplaceConstraints = replaced(func(_ *scratch, t databricks.Table) []string {
	return []string{"ALTER TABLE " + t.String() + " ADD CONSTRAINT probe_positive CHECK (id > 0)"}
}, func(ctx context.Context, s *scratch, t databricks.Table) (bool, string, error) {
	err := s.exec(ctx, "INSERT INTO "+t.String()+" VALUES (-1)")
	if databricks.Refused(err) {
		return true, "", nil
	}
	return false, "a row that it forbids is taken", err
}, Other)

// askWidening widens a column and loads a value that needs the wider type.
func askWidening(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if err := s.narrow(ctx, t); err != nil {
		return seen{}, err
	}
	if err := s.widen(ctx, t); err != nil {
		if databricks.Refused(err) {
			return other("refused: %s", s1(err))
		}
		return seen{}, err
	}
	got, err := s.number(ctx, "SELECT max(id) AS n FROM "+t.String())
	if err != nil {
		return seen{}, err
	}
	if got != 1<<40 {
		return wrong("the value 2^40 reads as %d", got)
	}
	return fits("widened in place")
}

// narrow creates a table with one row, whose column id is an INT.
func (s *scratch) narrow(ctx context.Context, t databricks.Table) error {
	return s.exec(ctx, databricks.CreateEmptyTable(t, []databricks.TargetColumn{{Name: "id", Type: schema.Type{Kind: schema.Int32}}},
		databricks.TableOptions{}),
		"INSERT INTO "+t.String()+" VALUES (1)")
}

// widen changes that column to BIGINT and loads a value that needs it.
func (s *scratch) widen(ctx context.Context, t databricks.Table) error {
	file := s.dir() + "/" + t.Name + "/00000001.parquet"
	if err := s.ids(ctx, file, 1<<40); err != nil {
		return err
	}
	err := s.exec(ctx, databricks.SetProperties(t, map[string]string{databricks.PropertyTypeWidening: "true"}),
		databricks.WidenColumn(t, "id", idType))
	if err != nil {
		return err
	}
	_, err = s.copied(ctx, t, file)
	return err
}

// askAddColumn adds a column, and loads older and newer files.
func askAddColumn(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if _, err := s.one(ctx, t); err != nil {
		return seen{}, err
	}
	file, text := s.dir()+"/00000002.parquet", schema.Type{Kind: schema.String}
	err := s.segment(ctx, file, []vector.Field{{Name: "id", Type: idType}, {Name: "note", Type: text}}, func(b *vector.Batch) {
		b.Columns[0].AppendInt64(2)
		b.Columns[1].AppendString("new")
	})
	if err != nil {
		return seen{}, err
	}
	wide := append(slices.Clone(idColumns), databricks.TargetColumn{Name: "note", Type: text})
	if err := s.exec(ctx, databricks.AddColumns(t, wide[1:])); err != nil {
		return seen{}, err
	}
	sql := databricks.CopyInto(t, wide, []string{databricks.CastExpr("id", idType), databricks.CastExpr("note", text)},
		s.files().Root(), []string{file})
	if _, err := s.warehouse().Copy(ctx, sql); err != nil {
		return seen{}, err
	}
	got, err := s.text(ctx, "SELECT to_json(array_sort(array_agg(concat(id, ' ', coalesce(note, 'none'))))) AS v FROM "+t.String())
	if err != nil {
		return seen{}, err
	}
	if got != `["1 none","2 new"]` {
		return wrong("the column reads %s", got)
	}
	return fits("older rows have NULL, newer ones their value")
}

// askReplaceWhere replaces the rows that match a condition.
func askReplaceWhere(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if err := s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}),
		"INSERT INTO "+t.String()+" VALUES (1), (2), (3)",
		"INSERT INTO "+t.String()+" REPLACE WHERE id >= 2 SELECT CAST(4 AS BIGINT) AS id"); err != nil {
		return seen{}, err
	}
	got, err := s.text(ctx, "SELECT to_json(array_sort(array_agg(id))) AS v FROM "+t.String())
	if err != nil {
		return seen{}, err
	}
	if got != "[1,4]" {
		return other("the table holds %s, want [1,4]", got)
	}
	return fits("the rows of the condition are replaced")
}
