package tests

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// viewed makes a world with one table, which is loaded, and its view, on which
// somebody has a grant.
func viewed(t *testing.T, switches lakehouse.Switches) *world {
	t.Helper()
	w := newWorldAt(t, pgtest.NewDatabase(t), switches,
		`CREATE TABLE prices (id int PRIMARY KEY, other int NOT NULL UNIQUE, v numeric(4,2), note text)`,
		`INSERT INTO prices VALUES (1, 10, 1.5, 'a'), (2, 20, 2.5, 'b')`)
	w.must("full-load")
	w.must("views")
	w.sql("GRANT SELECT ON VIEW bronze.prices_current TO `analysts`")
	return w
}

func (w *world) granted() string {
	w.t.Helper()
	return fmt.Sprint(
		w.sql("SELECT grantee, privilege_type FROM information_schema.table_privileges WHERE table_name = 'prices_current'").Rows)
}

// current is what the view says.
func (w *world) current(expressions string) string {
	w.t.Helper()
	var rows []string
	for _, row := range w.sql("SELECT " + expressions + " FROM bronze.prices_current").Rows {
		rows = append(rows, fmt.Sprint(row))
	}
	slices.Sort(rows)
	return strings.Join(rows, " ")
}

// aboutViews counts the statements that the warehouse got about views while do
// runs.
func (w *world) aboutViews(do func()) int {
	var n atomic.Int64
	count := func(sql string) *lakehouse.Refusal {
		if strings.HasPrefix(sql, "CREATE VIEW") || strings.HasPrefix(sql, "CREATE OR REPLACE VIEW") || strings.HasPrefix(sql, "ALTER VIEW") {
			n.Add(1)
		}
		return nil
	}
	w.refusal.Store(&count)
	do()
	w.refusal.Store(nil)
	return int(n.Load())
}

// Grants on a view stay, whatever happens to the table, and a view that is up to date is not altered.
func TestViewsKeepWhatWasGranted(t *testing.T) {
	t.Parallel()
	w := viewed(t, lakehouse.Switches{})
	const want = "[[analysts SELECT]]"
	if n := w.aboutViews(func() { w.must("views"); w.must("views", "--print"); w.must("cdc") }); n != 0 {
		t.Errorf("%d statements about a view that is what it should be", n)
	}
	w.exec(`ALTER TABLE prices ADD COLUMN extra text DEFAULT 'x'`, `INSERT INTO prices VALUES (3, 30, 3.5, 'c', 'y')`)
	w.must("cdc")
	if got := w.current("extra"); !strings.Contains(got, "[y]") || w.granted() != want {
		t.Errorf("after a new column: %s, granted to %s", got, w.granted())
	}
	w.sql("ALTER VIEW bronze.prices_current AS SELECT 1 AS by_hand")
	w.must("views")
	if got := w.current("count(*)"); got != "[3]" || w.granted() != want {
		t.Errorf("after it was altered by hand: %s, granted to %s", got, w.granted())
	}
	// A key of other columns folds otherwise: the view of before would be wrong.
	w.exec(`ALTER TABLE prices DROP CONSTRAINT prices_pkey, ADD PRIMARY KEY (other)`)
	w.must("full-load", "--tables", "prices")
	w.exec(`UPDATE prices SET id = id + 100 WHERE other = 10`)
	w.must("cdc")
	if got := w.current("id, other"); got != "[101 10] [2 20] [3 30]" || w.granted() != want {
		t.Errorf("after another key: %s, granted to %s", got, w.granted())
	}
	w.exec(`ALTER TABLE prices DROP COLUMN note`, `INSERT INTO prices VALUES (4, 40, 4.5, 'z')`)
	w.must("cdc")
	if got := w.current("*"); strings.Count(got, "[") != 4 || strings.Contains(got, " a ") || w.granted() != want {
		t.Errorf("after a column was dropped: %s, granted to %s", got, w.granted())
	}
}

// A column that was widened holds values that the view's older type does not:
// the view follows, or is made again by the load that widened.
func TestViewsOfAColumnThatALoadWidens(t *testing.T) {
	for name, older := range map[string]bool{"follows": false, "an older warehouse": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := viewed(t, lakehouse.Switches{NoSchemaEvolutionOfViews: older})
			w.exec(`ALTER TABLE prices ALTER v TYPE numeric(12,2)`, `INSERT INTO prices VALUES (3, 30, 1234567890.12, 'c')`)
			n := w.aboutViews(func() { w.must("cdc") })
			if got := w.current("CAST(v AS STRING)"); got != "[1.50] [1234567890.12] [2.50]" || w.granted() != "[[analysts SELECT]]" {
				t.Errorf("the view has %s, granted to %s", got, w.granted())
			}
			if older != (n > 0) {
				t.Errorf("%d statements about views", n)
			}
		})
	}
}

// A load looks after the views that this pipeline made, and no others.
func TestLoadsLeaveTheViewsOfOthersAlone(t *testing.T) {
	t.Parallel()
	w := viewed(t, lakehouse.Switches{})
	w.sql("DROP VIEW bronze.prices_current")
	w.sql("CREATE VIEW bronze.prices_current AS SELECT id FROM bronze.prices")
	w.exec(`ALTER TABLE prices ADD COLUMN extra text`, `INSERT INTO prices VALUES (3, 30, 3.5, 'c', 'y')`)
	if n := w.aboutViews(func() { w.must("cdc") }); n != 0 {
		t.Errorf("%d statements about the view of another", n)
	}
	w.must("views")
	if got := w.current("extra"); !strings.Contains(got, "[y]") {
		t.Errorf("then ingest views makes it its own: %s", got)
	}
}

// A view that cannot be altered does not stop the load, and the next one tries
// again.
func TestViewsThatCannotBeAltered(t *testing.T) {
	t.Parallel()
	w := viewed(t, lakehouse.Switches{})
	refuse := func(sql string) *lakehouse.Refusal {
		if strings.HasPrefix(sql, "ALTER VIEW") {
			return &lakehouse.Refusal{SQLState: "42501", Class: "PERMISSION_DENIED", Message: "not the owner"}
		}
		return nil
	}
	w.refusal.Store(&refuse)
	w.exec(`ALTER TABLE prices ADD COLUMN extra text`, `INSERT INTO prices VALUES (3, 30, 3.5, 'c', 'y')`)
	if r := w.must("cdc"); !strings.Contains(r.stderr, "prices_current") {
		t.Errorf("nothing of the view: %s", r.stderr)
	}
	w.refusal.Store(nil)
	w.exec(`INSERT INTO prices VALUES (4, 40, 4.5, 'd', 'z')`)
	w.must("cdc")
	if got := w.current("extra"); !strings.Contains(got, "[y]") {
		t.Errorf("after the next load: %s", got)
	}
}

// Too many columns for a view that is read often: the command says so, and what
// to do.
func TestTableThatOutgrowsAView(t *testing.T) {
	t.Parallel()
	var columns strings.Builder
	for i := range 501 {
		fmt.Fprintf(&columns, ", c%d int DEFAULT %d", i, i)
	}
	w := newWorld(t, `CREATE TABLE wide (id int PRIMARY KEY`+columns.String()+`)`, `INSERT INTO wide VALUES (1)`)
	w.must("full-load")
	r := w.must("views")
	_, command, found := strings.Cut(r.stderr, "use a table instead: ingest sql '")
	if !found {
		t.Fatalf("nothing of the columns: %s", r)
	}
	w.must("sql", strings.TrimSuffix(strings.TrimSpace(command), "'"))
	if got := fmt.Sprint(w.sql("SELECT c500 FROM bronze.wide_state").Rows); got != "[[500]]" {
		t.Errorf("the table has %s", got)
	}
}
