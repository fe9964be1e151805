//go:build unix

package chinook

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func name(c Change) string {
	name := c.Table + " " + *c.Key[0].Value
	if len(c.Key) == 2 {
		name += "/" + *c.Key[1].Value
	}
	return name
}

// checkSummary compares what a simulation says with what differs in the database.
func checkSummary(t *testing.T, before, after map[string]string, got Summary, inserts, updates, deletes int) {
	t.Helper()
	said := map[string]string{}
	for _, change := range got.Changes {
		if earlier, ok := said[name(change)]; ok {
			t.Errorf("%s: %s after %s", name(change), change.Op, earlier)
		}
		said[name(change)] = change.Op
	}
	found := map[string]string{}
	for key, row := range after {
		if old, ok := before[key]; !ok {
			found[key] = Insert
		} else if old != row {
			found[key] = Update
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			found[key] = Delete
		}
	}
	if diff := cmp.Diff(found, said); diff != "" {
		t.Errorf("changes in the database (-) and in the summary (+): %s", diff)
	}
	counts := map[string]int{}
	for _, op := range found {
		counts[op]++
	}
	want := map[string]int{Insert: inserts, Update: updates, Delete: deletes}
	for op, n := range want {
		if counts[op] != n {
			t.Errorf("%d rows: %s, want %d", counts[op], op, n)
		}
	}
	if got.Inserted != inserts || got.Updated != updates || got.Deleted != deletes {
		t.Errorf("summary says %d %d %d, want %d %d %d", got.Inserted, got.Updated, got.Deleted, inserts, updates, deletes)
	}
}

func TestSimulateChangesExactlyThatManyRows(t *testing.T) {
	conn := created(t, 1)
	before := contents(t, conn)
	for n, test := range [][3]int{
		{5, 2, 1}, {0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {2, 3, 4}, {3, 0, 9}, {300, 200, 100},
		{0, 1500, 0}, // more than most tables have
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			got, err := Simulate(t.Context(), conn, test[0], test[1], test[2], uint64(n))
			if err != nil {
				t.Fatal(err)
			}
			after := contents(t, conn)
			checkSummary(t, before, after, got, test[0], test[1], test[2])
			before = after
		})
	}
}

func TestSimulateKeepsInvoicesConsistent(t *testing.T) {
	conn := created(t, 1)
	if _, err := Simulate(t.Context(), conn, 200, 0, 0, 1); err != nil {
		t.Fatal(err)
	}
	wrong := strs(t, conn, `select invoice_id::text from invoice i where total is distinct from
		(select sum(unit_price * quantity) from invoice_line l where l.invoice_id = i.invoice_id)`)
	if len(wrong) != 0 {
		t.Errorf("invoices whose total isn't that of their lines: %v", wrong)
	}
	if n := rowCounts(t, conn)["invoice"]; n == unitInvoices {
		t.Error("no new invoice among 200 rows")
	}
}

func TestSimulateRepeatsItselfForTheSameSeed(t *testing.T) {
	lines := func(seed uint64) []string {
		got, err := Simulate(t.Context(), created(t, 1), 20, 10, 5, seed)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, change := range got.Changes {
			for i, value := range change.Values {
				if value.Column == "invoice_date" { // the server's time
					change.Values[i].Value = nil
				}
			}
			lines = append(lines, change.String())
		}
		return lines
	}
	first := lines(7)
	if diff := cmp.Diff(first, lines(7)); diff != "" {
		t.Error("same seed:", diff)
	}
	if cmp.Equal(first, lines(8)) {
		t.Error("another seed did the same")
	}
}

// publicShape makes empty tables with constraints spelled out as the public script does, with foreign keys
// before the rows, in another schema.
func publicShape(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.NewDatabase(t))
	ddl := strings.ReplaceAll(tablesSQL, " int primary key", " int not null")
	for _, sql := range []string{"create schema shop", "set search_path to shop", ddl} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range Tables() {
		if table == "playlist_track" {
			continue
		}
		sql := fmt.Sprintf("alter table %[1]s add constraint %[1]s_pkey primary key (%[1]s_id)", table)
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), keysSQL); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestSimulateInEmptyTables(t *testing.T) {
	conn := publicShape(t)
	for _, test := range []struct {
		inserts, updates, deletes int
		want                      string
	}{
		{0, 1, 0, "update: there is no row in album"},
		{0, 0, 1, "delete: there is no row left that no foreign key refers to"},
	} {
		got, err := Simulate(t.Context(), conn, test.inserts, test.updates, test.deletes, 1)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want one with %q", test, err, test.want)
		}
		if len(got.Changes) != 0 {
			t.Errorf("%v: changes %v in spite of the error", test, got.Changes)
		}
	}
	// There is nothing else to update and delete than what was just inserted.
	got, err := Simulate(t.Context(), conn, 5, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Inserted != 5 || got.Updated != 2 || got.Deleted != 1 {
		t.Errorf("summary says %d %d %d, want 5 2 1", got.Inserted, got.Updated, got.Deleted)
	}
	if n := len(contents(t, conn)); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

func TestSimulateDeletesWhatNothingElseRefersTo(t *testing.T) {
	conn := created(t, 1)
	if _, err := conn.Exec(t.Context(), "truncate invoice_line, playlist_track"); err != nil {
		t.Fatal(err)
	}
	total := len(contents(t, conn))
	got, err := Simulate(t.Context(), conn, 0, 0, total, 1)
	if err != nil {
		t.Fatal(err)
	}
	if left := contents(t, conn); got.Deleted != total || len(left) != 0 {
		t.Errorf("%d of %d rows deleted, left are %v", got.Deleted, total, left)
	}
	for _, change := range got.Changes {
		if change.Op != Delete {
			t.Errorf("%s: want deletes only", change)
		}
	}
}

func TestSimulateReportsWhatItDidBeforeAnError(t *testing.T) {
	conn := publicShape(t)
	got, err := Simulate(t.Context(), conn, 3, 0, 4, 1)
	if err == nil || !strings.Contains(err.Error(), "simulate: delete: there is no row left") {
		t.Errorf("error %v, want that there is no row left", err)
	}
	if got.Inserted != 3 || got.Deleted != 3 {
		t.Errorf("summary says %d inserted and %d deleted, want 3 and 3", got.Inserted, got.Deleted)
	}
}

func TestSimulateAtTheSameTime(t *testing.T) {
	url := pgtest.NewDatabase(t)
	conn := connect(t, url)
	if err := Create(t.Context(), conn, 1); err != nil {
		t.Fatal(err)
	}
	before := len(contents(t, conn))
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range 4 {
		group.Go(func() error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer conn.Close(context.Background())
			got, err := Simulate(ctx, conn, 30, 30, 20, uint64(worker))
			if err == nil && (got.Inserted != 30 || got.Updated != 30 || got.Deleted != 20) {
				err = fmt.Errorf("summary says %d %d %d", got.Inserted, got.Updated, got.Deleted)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if after := len(contents(t, conn)); after != before+4*30-4*20 {
		t.Errorf("%d rows, want %d", after, before+4*30-4*20)
	}
}

func TestSimulateRefuses(t *testing.T) {
	conn := connect(t, pgtest.NewDatabase(t))
	check := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	_, err := Simulate(t.Context(), conn, 1, 1, 1, 0)
	check(err, "simulate: relations album, artist, customer, employee, genre, invoice, invoice_line, media_type, playlist, "+
		"playlist_track, track do not exist: load Chinook into this database first or run `ingest demo`")
	if err := Create(t.Context(), conn, 1); err != nil {
		t.Fatal(err)
	}
	_, err = Simulate(t.Context(), conn, 1, -2, 1, 0)
	check(err, "simulate: -2 updates: must be 0 or more")
	if _, err := conn.Exec(t.Context(), "alter table track rename to tracks"); err != nil {
		t.Fatal(err)
	}
	_, err = Simulate(t.Context(), conn, 1, 1, 1, 0)
	check(err, `simulate: relation "track" does not exist: load Chinook`)
}

func TestChangeString(t *testing.T) {
	text := func(s string) *string { return &s }
	for want, change := range map[string]Change{
		"update track track_id=5: unit_price 0.99 → 1.29": {Op: Update, Table: "track",
			Key: []Value{{"track_id", text("5"), nil}}, Values: []Value{{"unit_price", text("1.29"), text("0.99")}}},
		"update customer customer_id=1: fax NULL → \"+1 2\"": {Op: Update, Table: "customer",
			Key: []Value{{"customer_id", text("1"), nil}}, Values: []Value{{"fax", text("+1 2"), nil}}},
		"insert artist artist_id=276: name=\"\"": {Op: Insert, Table: "artist",
			Key: []Value{{"artist_id", text("276"), nil}}, Values: []Value{{"name", text(""), nil}}},
		"delete playlist_track playlist_id=1 track_id=2": {Op: Delete, Table: "playlist_track", Key: playlistTrackKey(1, 2)},
	} {
		if got := change.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		conn, err := pgx.Connect(b.Context(), pgtest.NewDatabase(b))
		if err != nil {
			b.Fatal(err)
		}
		if err := Create(b.Context(), conn, 1); err != nil {
			b.Fatal(err)
		}
		conn.Close(b.Context())
	}
}
