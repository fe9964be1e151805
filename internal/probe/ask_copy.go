package probe

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// one uploads a file with one row into a sub-directory, creates a table, and
// loads the file.
func (s *scratch) one(ctx context.Context, t databricks.Table) (file string, err error) {
	file = s.dir() + "/run/public." + t.Name + "/changes/00000001.parquet"
	if err := s.ids(ctx, file, 1); err != nil {
		return "", err
	}
	if err := s.make(ctx, t); err != nil {
		return "", err
	}
	_, err = s.copied(ctx, t, file)
	return file, err
}

// askSubdirectories loads files by names relative to a parent of their
// directory.
func askSubdirectories(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	a, b := s.dir()+"/run/public.t/changes/00000001.parquet", s.dir()+"/another/public.t/changes/00000001.parquet"
	for i, file := range []string{a, b} {
		if err := s.ids(ctx, file, int64(i)); err != nil {
			return seen{}, err
		}
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	if _, err := s.copied(ctx, t, a, b); err != nil {
		return seen{}, err
	}
	n, err := s.count(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if n != 2 {
		return wrong("%d of 2 rows were loaded", n)
	}
	return fits("files of two directories are loaded by one statement")
}

// askAnswer checks the answer of COPY INTO.
func askAnswer(ctx context.Context, s *scratch) (seen, error) {
	t, file := s.table("t"), s.dir()+"/00000001.parquet"
	if err := s.ids(ctx, file, 1, 2, 3); err != nil {
		return seen{}, err
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	r, err := s.warehouse().Query(ctx, s.copySQL(t, file))
	if err != nil {
		return seen{}, err
	}
	n, err := r.Int(0, "num_inserted_rows")
	switch {
	case err != nil:
		return wrong("no column num_inserted_rows: %v", r.Columns)
	case n != 3:
		return other("num_inserted_rows is %d of 3 rows", n)
	}
	return fits("num_inserted_rows is the number of rows")
}

// askMemory loads a file twice.
func askMemory(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	file, err := s.one(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if _, err := s.copied(ctx, t, file); err != nil {
		return seen{}, err
	}
	n, err := s.count(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if n != 1 {
		return wrong("the second COPY INTO loaded the file again: %d rows, want 1", n)
	}
	return fits("the second COPY INTO skips the file")
}

// askForce loads a file again, with force.
func askForce(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	file, err := s.one(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if _, err := s.warehouse().Copy(ctx, s.copySQL(t, file)+"\nCOPY_OPTIONS ('force' = 'true')"); err != nil {
		return seen{}, err
	}
	n, err := s.count(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if n != 2 {
		return wrong("the file was not loaded again: %d rows, want 2", n)
	}
	return fits("the file is loaded again")
}

// afterwards checks whether COPY INTO still remembers files after a statement
// that empties the table.
func afterwards(statement func(s *scratch, t databricks.Table) string) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		t := s.table("t")
		file, err := s.one(ctx, t)
		if err != nil {
			return seen{}, err
		}
		if err := s.exec(ctx, statement(s, t)); err != nil {
			return seen{}, err
		}
		if n, err := s.count(ctx, t); err != nil || n != 0 {
			return seen{}, cmpErr(err, fmt.Errorf("the table holds %d rows after %s", n, statement(s, t)))
		}
		if _, err := s.copied(ctx, t, file); err != nil {
			return seen{}, err
		}
		n, err := s.count(ctx, t)
		switch {
		case err != nil:
			return seen{}, err
		case n == 0:
			return fits("kept: the file is skipped")
		}
		return other("forgotten: the file is loaded again")
	}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

var (
	askMemoryReplace = afterwards(func(_ *scratch, t databricks.Table) string {
		return databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{})
	})
	askMemoryTruncate = afterwards(func(_ *scratch, t databricks.Table) string { return "TRUNCATE TABLE " + t.String() })
	askMemoryRestore  = afterwards(func(_ *scratch, t databricks.Table) string {
		return "RESTORE TABLE " + t.String() + " TO VERSION AS OF 0"
	})
)

// askMissing loads a file that does not exist.
func askMissing(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("t")
	file, err := s.one(ctx, t)
	if err != nil {
		return seen{}, err
	}
	_, err = s.copied(ctx, t, file, s.dir()+"/run/nowhere.parquet")
	switch {
	case err == nil:
		return other("the statement succeeds without the file")
	case !databricks.Refused(err):
		return seen{}, err
	}
	return fits("refused: %s", s1(err))
}

// askManyNames names as many files as a statement may. All but one are missing,
// so that it need not upload them.
func askManyNames(ctx context.Context, s *scratch) (seen, error) {
	t, dir := s.table("t"), s.dir()+"/20261129T095000Z-0123ab/public.a_table_with_a_rather_long_name_as_some_have"
	file := dir + "/changes/00000001.parquet"
	if err := s.ids(ctx, file, 1); err != nil {
		return seen{}, err
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	names := []string{file}
	for len(names) < databricks.MaxCopyFiles {
		names = append(names, fmt.Sprintf("%s/changes/%08d.parquet", dir, len(names)+1))
	}
	sql := lenient(s.copySQL(t, names...))
	if _, err := s.warehouse().Copy(ctx, sql); err != nil {
		return s.manyRefused(ctx, t, names, err)
	}
	n, err := s.count(ctx, t)
	if err != nil {
		return seen{}, err
	}
	if n != 1 {
		return wrong("%d rows were loaded, want 1", n)
	}
	return fits("%d names in a statement of %d characters", len(names), len(sql))
}

// manyRefused finds out why the statement was refused: because of the number of
// names, or because files are missing.
func (s *scratch) manyRefused(ctx context.Context, t databricks.Table, names []string, refused error) (seen, error) {
	if !databricks.Refused(refused) {
		return seen{}, refused
	}
	switch _, err := s.warehouse().Copy(ctx, lenient(s.copySQL(t, names[:2]...))); {
	case err == nil:
		return wrong("refused: %s", s1(refused))
	case databricks.Refused(err):
		return unasked("missing files are refused: %s", s1(err))
	default:
		return seen{}, err
	}
}

// askBroken loads a file together with one that is not Parquet.
func askBroken(ctx context.Context, s *scratch) (seen, error) {
	t, dir := s.table("t"), s.dir()
	if err := s.ids(ctx, dir+"/00000001.parquet", 1); err != nil {
		return seen{}, err
	}
	if err := s.files().Create(ctx, dir+"/00000002.parquet", []byte("PAR1 this is no Parquet file PAR1")); err != nil {
		return seen{}, err
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	_, failed := s.copied(ctx, t, dir+"/00000001.parquet", dir+"/00000002.parquet")
	if failed != nil && !databricks.Refused(failed) {
		return seen{}, failed
	}
	n, err := s.count(ctx, t)
	switch {
	case err != nil:
		return seen{}, err
	case failed != nil && n > 0:
		return wrong("the statement failed, and %d rows are in the table", n)
	case failed == nil:
		return other("the broken file is left out without an error, and %d rows are in the table", n)
	}
	return fits("the statement fails, and loads nothing")
}

// askCopyRace sends the same COPY INTO from two sessions at the same time.
func askCopyRace(ctx context.Context, s *scratch) (seen, error) {
	t, file := s.table("t"), s.dir()+"/00000001.parquet"
	if err := s.ids(ctx, file, 1, 2); err != nil {
		return seen{}, err
	}
	if err := s.make(ctx, t); err != nil {
		return seen{}, err
	}
	errs := s.together(2, func(int) error {
		_, err := s.copied(ctx, t, file)
		return err
	})
	refused := 0
	for _, err := range errs {
		switch {
		case err == nil:
		case databricks.Retryable(err), databricks.Refused(err):
			refused++
		default:
			return seen{}, err
		}
	}
	n, err := s.count(ctx, t)
	switch {
	case err != nil:
		return seen{}, err
	case n > 2:
		return wrong("the file was loaded twice: %d rows, want 2", n)
	case n < 2:
		return other("%d of 2 rows were loaded, and %d of 2 statements refused: %v", n, refused, errs)
	}
	return fits("the file is loaded once; %d of 2 statements were refused", refused)
}

// together runs do n times in parallel.
func (s *scratch) together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// lenient makes a COPY INTO ignore missing files.
func lenient(sql string) string {
	return strings.Replace(sql, "'ignoreMissingFiles' = 'false'", "'ignoreMissingFiles' = 'true'", 1)
}
