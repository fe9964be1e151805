package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// askMerge merges the same new key from two sessions at the same time.
func askMerge(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if err := s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}),
		"INSERT INTO "+t.String()+" VALUES (1)"); err != nil {
		return seen{}, err
	}
	errs := s.together(2, func(int) error {
		return s.exec(ctx, "MERGE INTO "+t.String()+" t USING (SELECT CAST(2 AS BIGINT) AS id) s ON t.id = s.id\n"+
			"WHEN MATCHED THEN UPDATE SET t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)")
	})
	refused := 0
	for _, err := range errs {
		switch {
		case err == nil:
		case databricks.Retryable(err):
			refused++
		default:
			return seen{}, err
		}
	}
	n, err := s.number(ctx, "SELECT count(*) AS n FROM "+t.String()+" WHERE id = 2")
	switch {
	case err != nil:
		return seen{}, err
	case n > 1:
		return other("the key is there %d times", n)
	}
	return fits("the key is there once; %d of 2 statements were refused as concurrent", refused)
}

// keptColumns are the columns of a small table with a position row.
var keptColumns = []databricks.TargetColumn{
	{Name: "id", Type: idType}, {Name: "_op", Type: schema.Type{Kind: schema.String}}, {Name: "_entry", Type: idType},
}

// kept creates a table with one row and its position row, in the way that loads
// create the tables beside a log.
func (s *scratch) kept(ctx context.Context, t databricks.Table) error {
	return s.exec(ctx, databricks.CreateTableAs(t, keptColumns,
		"SELECT CAST(1 AS BIGINT) AS id, 'snapshot' AS `_op`, CAST(1 AS BIGINT) AS `_entry` UNION ALL SELECT CAST(NULL AS BIGINT), 'position', CAST(1 AS BIGINT)",
		databricks.TableOptions{ClusterBy: []string{"id"}, Properties: map[string]string{"delta.enableDeletionVectors": "true"}}))
}

// merged is a MERGE that moves the table from one position to another. It
// changes row 1 and adds row 2. Its source reads the table and also, a query of
// one row that may be slow. Everything is joined, because Delta refuses a
// source that has a subquery of a Delta table in an expression.
func merged(t databricks.Table, from, to int, also string) string {
	return fmt.Sprintf("MERGE INTO %[1]s t USING (\n"+
		"WITH position AS (SELECT `_entry` AS entry FROM %[1]s WHERE `_op` = 'position' AND `_entry` = %[2]d)\n"+
		"SELECT CAST(v AS BIGINT) AS id, 'update' AS `_op`, CAST(%[3]d AS BIGINT) AS `_entry`\n"+
		"FROM (SELECT explode(array(1, 2)) AS v) CROSS JOIN position CROSS JOIN (%[4]s) WHERE n >= 0\n"+
		"UNION ALL\nSELECT CAST(NULL AS BIGINT), 'position', CAST(%[3]d AS BIGINT) FROM position\n) s\n"+
		"ON (t.`_op` = 'position') = (s.`_op` = 'position') AND t.id <=> s.id\nWHEN MATCHED THEN UPDATE SET *\nWHEN NOT MATCHED THEN INSERT *",
		t, from, to, also)
}

// atOnce is a fast query of one row.
const atOnce = "SELECT CAST(0 AS BIGINT) AS n"

// at reads the rows of such a table, each as id and entry.
func (s *scratch) at(ctx context.Context, t databricks.Table) (string, error) {
	const row = "concat(coalesce(CAST(id AS STRING), 'position'), ' at ', `_entry`)"
	return s.text(ctx, "SELECT array_join(array_sort(collect_list("+row+")), ', ') AS v FROM "+t.String())
}

// merges returns how many commits of a table are MERGEs.
func (s *scratch) merges(ctx context.Context, t databricks.Table) (n int, err error) {
	r, err := s.warehouse().Query(ctx, "DESCRIBE HISTORY "+t.String())
	if err != nil {
		return 0, err
	}
	for i := range r.Rows {
		operation, _, err := r.Text(i, "operation")
		if err != nil {
			return 0, err
		}
		if operation == "MERGE" {
			n++
		}
	}
	return n, nil
}

// moved is the table's content after a MERGE from position 1 to another.
func moved(to int) string { return fmt.Sprintf("1 at %d, 2 at %[1]d, position at %[1]d", to) }

// askMergePosition merges from one position in several sessions at the same
// time.
func askMergePosition(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if err := s.kept(ctx, t); err != nil {
		return seen{}, err
	}
	const sessions = 4
	refused := 0
	for _, err := range s.together(sessions, func(int) error { return s.exec(ctx, merged(t, 1, 2, atOnce)) }) {
		switch {
		case err == nil:
		case databricks.Retryable(err):
			refused++
		default:
			return seen{}, err
		}
	}
	got, err := s.at(ctx, t)
	switch {
	case err != nil:
		return seen{}, err
	case got != moved(2):
		return other("the table holds %s, want %s", got, moved(2))
	}
	return fits("done once; %d of %d statements were refused as concurrent", refused, sessions)
}

// askMergeIdle repeats a MERGE. The position has changed by then.
func askMergeIdle(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	if err := s.kept(ctx, t); err != nil {
		return seen{}, err
	}
	for range 2 {
		if err := s.exec(ctx, merged(t, 1, 2, atOnce)); err != nil {
			return seen{}, err
		}
	}
	n, err := s.merges(ctx, t)
	if err != nil {
		return seen{}, err
	}
	got, err := s.at(ctx, t)
	switch {
	case err != nil:
		return seen{}, err
	case got != moved(2):
		return other("the table holds %s, want %s", got, moved(2))
	case n != 1:
		return other("%d commits, of which the table shows one", n)
	}
	return fits("no commit, and no row changed")
}

// askMergeLate starts a slow MERGE and lets another one overtake it.
func askMergeLate(ctx context.Context, s *scratch) (seen, error) {
	rows, err := s.calibrated(ctx, s.slow)
	if err != nil {
		return seen{}, err
	}
	for try := range attempts {
		t := s.table(fmt.Sprint(try))
		if err := s.kept(ctx, t); err != nil {
			return seen{}, err
		}
		late := make(chan error, 1)
		began := time.Now()
		var took time.Duration
		go func() {
			err := s.exec(ctx, merged(t, 1, 3, slowSQL(rows)))
			took = time.Since(began)
			late <- err
		}()
		select {
		case err := <-late: // it was not slow enough
			if err != nil {
				return seen{}, err
			}
			rows *= 2
			continue
		case <-time.After(s.slow / 3):
		}
		quick := s.exec(ctx, merged(t, 1, 2, atOnce))
		passed := time.Since(began)
		slow := <-late
		for _, err := range []error{quick, slow} {
			if err != nil && !databricks.Retryable(err) {
				return seen{}, err
			}
		}
		got, err := s.at(ctx, t)
		switch {
		case err != nil:
			return seen{}, err
		case got != moved(2) && got != moved(3):
			return other("the table holds %s, want %s", got, moved(2))
		case passed >= took:
			return fits("the second one waited for it, and did nothing")
		case slow != nil:
			return fits("refused as concurrent: %s", s1(slow))
		}
		return fits("it did nothing")
	}
	return unasked("the statement ended before another one began")
}

// clusterTypes are the types that a table may be clustered by.
var clusterTypes = []schema.Type{
	{Kind: schema.Int16}, {Kind: schema.Int32}, {Kind: schema.Int64}, {Kind: schema.Float32}, {Kind: schema.Float64},
	{Kind: schema.Decimal, Precision: 38, Scale: 10},
	{Kind: schema.String}, {Kind: schema.Date}, {Kind: schema.Timestamp}, {Kind: schema.TimestampUTC},
}

// askCluster creates a table for each type, clustered by four columns of it.
func askCluster(ctx context.Context, s *scratch) (seen, error) {
	var refused []string
	for i, typ := range clusterTypes {
		columns := make([]databricks.TargetColumn, databricks.MaxClusterColumns)
		o := databricks.TableOptions{Properties: map[string]string{"delta.enableDeletionVectors": "true"}}
		for n := range columns {
			columns[n] = databricks.TargetColumn{Name: fmt.Sprintf("k%d", n), Type: typ}
			o.ClusterBy = append(o.ClusterBy, columns[n].Name)
		}
		err := s.exec(ctx, databricks.CreateEmptyTable(s.table(fmt.Sprint(i)), columns, o))
		if databricks.Refused(err) {
			refused = append(refused, typ.String()+": "+s1(err))
		} else if err != nil {
			return seen{}, err
		}
	}
	if len(refused) > 0 {
		return other("refused: %s", strings.Join(refused, "; "))
	}
	return fits("%d columns of each of %d types", databricks.MaxClusterColumns, len(clusterTypes))
}
