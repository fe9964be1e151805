//go:build unix

package chinook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// created is a connection to a new database with the generated data.
func created(t *testing.T, scale int) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.NewDatabase(t))
	if err := Create(t.Context(), conn, scale); err != nil {
		t.Fatal(err)
	}
	return conn
}

// strs returns a query's only column.
func strs(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

func rowCounts(t *testing.T, conn *pgx.Conn) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, table := range Tables() {
		var n int
		if err := conn.QueryRow(t.Context(), "select count(*) from "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

func TestCreateHasTheSampleDatabasesRowCounts(t *testing.T) {
	for scale, want := range map[int]map[string]int{
		1: {"album": 347, "artist": 275, "customer": 59, "employee": 8, "genre": 25, "invoice": 412, "invoice_line": 2240,
			"media_type": 5, "playlist": 18, "playlist_track": 8715, "track": 3503},
		3: {"album": 1041, "artist": 825, "customer": 177, "employee": 8, "genre": 25, "invoice": 1236, "invoice_line": 6720,
			"media_type": 5, "playlist": 18, "playlist_track": 26145, "track": 10509},
	} {
		t.Run(fmt.Sprintf("scale %d", scale), func(t *testing.T) {
			if diff := cmp.Diff(want, rowCounts(t, created(t, scale))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCreateHasTheSampleDatabasesShape(t *testing.T) {
	conn := created(t, 1)
	columns := strs(t, conn, `select table_name || ': ' || string_agg(column_name || ' ' || udt_name ||
			coalesce('(' || character_maximum_length || ')', '') ||
			case when udt_name = 'numeric' then format('(%s,%s)', numeric_precision, numeric_scale) else '' end ||
			case is_nullable when 'NO' then '!' else '' end, ', ' order by ordinal_position)
		from information_schema.columns where table_schema = 'public' group by table_name order by table_name`)
	wantColumns := []string{
		"album: album_id int4!, title varchar(160)!, artist_id int4!",
		"artist: artist_id int4!, name varchar(120)",
		"customer: customer_id int4!, first_name varchar(40)!, last_name varchar(20)!, company varchar(80), address varchar(70), " +
			"city varchar(40), state varchar(40), country varchar(40), postal_code varchar(10), phone varchar(24), fax varchar(24), " +
			"email varchar(60)!, support_rep_id int4",
		"employee: employee_id int4!, last_name varchar(20)!, first_name varchar(20)!, title varchar(30), reports_to int4, " +
			"birth_date timestamp, hire_date timestamp, address varchar(70), city varchar(40), state varchar(40), country varchar(40), " +
			"postal_code varchar(10), phone varchar(24), fax varchar(24), email varchar(60)",
		"genre: genre_id int4!, name varchar(120)",
		"invoice: invoice_id int4!, customer_id int4!, invoice_date timestamp!, billing_address varchar(70), billing_city varchar(40), " +
			"billing_state varchar(40), billing_country varchar(40), billing_postal_code varchar(10), total numeric(10,2)!",
		"invoice_line: invoice_line_id int4!, invoice_id int4!, track_id int4!, unit_price numeric(10,2)!, quantity int4!",
		"media_type: media_type_id int4!, name varchar(120)",
		"playlist: playlist_id int4!, name varchar(120)",
		"playlist_track: playlist_id int4!, track_id int4!",
		"track: track_id int4!, name varchar(200)!, album_id int4, media_type_id int4!, genre_id int4, composer varchar(220), " +
			"milliseconds int4!, bytes int4, unit_price numeric(10,2)!",
	}
	if diff := cmp.Diff(wantColumns, columns); diff != "" {
		t.Error("columns:", diff)
	}
	keys := strs(t, conn, "select conname::text from pg_constraint where connamespace = 'public'::regnamespace and contype = 'f' order by 1")
	wantKeys := []string{
		"album_artist_id_fkey", "customer_support_rep_id_fkey", "employee_reports_to_fkey", "invoice_customer_id_fkey",
		"invoice_line_invoice_id_fkey", "invoice_line_track_id_fkey", "playlist_track_playlist_id_fkey",
		"playlist_track_track_id_fkey", "track_album_id_fkey", "track_genre_id_fkey", "track_media_type_id_fkey",
	}
	if diff := cmp.Diff(wantKeys, keys); diff != "" {
		t.Error("foreign keys:", diff)
	}
	var wantIndexes []string
	for _, key := range wantKeys {
		wantIndexes = append(wantIndexes, strings.TrimSuffix(key, "_fkey")+"_idx")
	}
	indexes := strs(t, conn, "select indexname::text from pg_indexes where schemaname = 'public' and indexname like '%\\_idx' order by 1")
	if diff := cmp.Diff(wantIndexes, indexes); diff != "" {
		t.Error("indexes:", diff)
	}
	primary := strs(t, conn,
		"select conname::text from pg_constraint where connamespace = 'public'::regnamespace and contype = 'p' order by 1")
	var wantPrimary []string
	for _, table := range Tables() {
		wantPrimary = append(wantPrimary, table+"_pkey")
	}
	slices.Sort(wantPrimary)
	if diff := cmp.Diff(wantPrimary, primary); diff != "" {
		t.Error("primary keys:", diff)
	}
}

func TestCreatedDataIsPlausible(t *testing.T) {
	conn := created(t, 2)
	for what, sql := range map[string]string{
		"every invoice's total is that of its lines": `select not exists (select from invoice
			where total is distinct from (select sum(unit_price * quantity) from invoice_line l where l.invoice_id = invoice.invoice_id))`,
		"a line costs what its track costs": `select not exists (select from invoice_line l join track t using (track_id)
			where l.unit_price <> t.unit_price)`,
		"an invoice is billed to its customer's address": `select not exists (select from invoice i join customer c using (customer_id)
			where (billing_address, billing_city, billing_country) is distinct from (address, city, country))`,
		"invoices are numbered in the order of their dates": `select not exists (select from (
			select invoice_date, lag(invoice_date) over (order by invoice_id) before from invoice) i where before > invoice_date)`,
		"some artists have no album":       "select count(*) = 2 * 71 from artist a where not exists (select from album where artist_id = a.artist_id)",
		"every album has tracks":           "select not exists (select from album a where not exists (select from track where album_id = a.album_id))",
		"video costs more":                 "select count(*) = 2 * 213 from track where unit_price = 1.99 and media_type_id = 3",
		"some composers are unknown":       "select count(*) between 1200 and 2300 from track where composer is null",
		"most customers have no company":   "select count(company) between 5 and 60 from customer",
		"some states are NULL, some not":   "select count(state) between 20 and 100 from customer",
		"few postal codes are NULL":        "select count(*) - count(postal_code) between 1 and 30 from customer",
		"some faxes are NULL, some not":    "select count(fax) between 5 and 60 from customer",
		"one employee reports to nobody":   "select count(*) = 1 from employee where reports_to is null",
		"mail addresses are plain":         `select bool_and(email ~ '^[a-z]+\.[a-z]+[0-9]+@[a-z.]+$') from customer`,
		"names go beyond ASCII":            "select count(*) > 10 from artist where octet_length(name) > length(name)",
		"and beyond Latin":                 `select exists (select from artist where name ~ '[\u0400-\u04ff]') and exists (select from track where name ~ '[\u3040-\u9fff]')`,
		"tracks of an album share a genre": "select max(n) = 1 from (select count(distinct genre_id) n from track where unit_price = 0.99 group by album_id) g",
	} {
		var holds bool
		if err := conn.QueryRow(t.Context(), sql).Scan(&holds); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if !holds {
			t.Errorf("not so: %s", what)
		}
	}
}

// contents is every row of every table as text.
func contents(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range Tables() {
		key := idColumn(table) + "::text"
		if table == "playlist_track" {
			key = "concat(playlist_id, '/', track_id)"
		}
		rows, err := conn.Query(t.Context(), fmt.Sprintf("select '%[1]s ' || %[2]s, r::text from %[1]s r", table, key))
		if err != nil {
			t.Fatal(err)
		}
		var name, row string
		if _, err := pgx.ForEachRow(rows, []any{&name, &row}, func() error { all[name] = row; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestCreateMakesTheSameEachTime(t *testing.T) {
	if diff := cmp.Diff(contents(t, created(t, 1)), contents(t, created(t, 1))); diff != "" {
		t.Error(diff)
	}
}

func TestCreateRefuses(t *testing.T) {
	conn := created(t, 1)
	before := rowCounts(t, conn)
	err := Create(t.Context(), conn, 1)
	if err == nil || !strings.Contains(err.Error(), `relation "genre" already exists`) ||
		!strings.Contains(err.Error(), "use an empty database") {
		t.Errorf("second Create: %v, want that the table exists", err)
	}
	if diff := cmp.Diff(before, rowCounts(t, conn)); diff != "" {
		t.Error(diff)
	}
	for _, scale := range []int{0, -1, maxScale + 1} {
		if err := Create(t.Context(), conn, scale); err == nil || !strings.Contains(err.Error(), "must be from 1 to 500000") {
			t.Errorf("scale %d: %v, want that it is refused", scale, err)
		}
	}
}
