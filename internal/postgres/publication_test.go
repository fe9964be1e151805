//go:build unix

package postgres

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// published are tables of every shape, and publications that contain them in every way.
var published = []string{
	"CREATE SCHEMA one", "CREATE SCHEMA two", "SET search_path = one",
	"CREATE TABLE plain (id int PRIMARY KEY, gone text, a text, b text, g int GENERATED ALWAYS AS (id + 1) STORED)",
	"ALTER TABLE plain DROP gone",
	"CREATE TABLE bare ()", "CREATE UNLOGGED TABLE unlogged (id int)", "CREATE TABLE other (id int PRIMARY KEY, x int)",
	"CREATE TABLE parent (id int PRIMARY KEY)", "CREATE TABLE child (more int) INHERITS (parent)",
	"CREATE TABLE root (id int, n int) PARTITION BY RANGE (id)", "CREATE TABLE root_1 PARTITION OF root FOR VALUES FROM (0) TO (10)",
	"CREATE TABLE root_2 PARTITION OF root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (n)",
	"CREATE TABLE two.root_2_1 PARTITION OF root_2 DEFAULT",
	"CREATE TABLE empty (id int) PARTITION BY RANGE (id)", "CREATE TABLE two.alone (id int, v text)",
	"CREATE VIEW seen AS SELECT * FROM plain",
	"CREATE PUBLICATION everything FOR ALL TABLES", "CREATE PUBLICATION everything_root FOR ALL TABLES WITH (publish_via_partition_root)",
	"CREATE PUBLICATION nothing",
	"CREATE PUBLICATION several FOR TABLE ONLY plain, bare, parent, root, root_2, two.root_2_1, empty",
	"CREATE PUBLICATION several_root FOR TABLE plain, bare, parent, root, root_2, two.root_2_1, empty WITH (publish_via_partition_root)",
	"CREATE PUBLICATION leaf FOR TABLE root_1 WITH (publish_via_partition_root)",
}

var publishedSince15 = []string{
	"CREATE PUBLICATION lists FOR TABLE plain (id, b) WHERE (id > 3), root_1 (n), other WHERE (x IS NULL)",
	"CREATE PUBLICATION lists_root FOR TABLE plain (b, id), root (id) WHERE (id > 4), other WHERE (x IS NULL) WITH (publish_via_partition_root)",
	"CREATE PUBLICATION schema FOR TABLES IN SCHEMA one, TABLE two.alone WHERE (id > 1)",
	"CREATE PUBLICATION schema_root FOR TABLES IN SCHEMA one, TABLE two.alone, two.root_2_1 WITH (publish_via_partition_root)",
	"CREATE PUBLICATION schema_and_list FOR TABLES IN SCHEMA two, TABLE two.alone WHERE (id > 1), plain",
}

var publishedSince18 = []string{
	"CREATE TABLE virtual (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id + 1) STORED, v int GENERATED ALWAYS AS (id + 2) VIRTUAL)",
	"CREATE PUBLICATION stored FOR TABLE plain, virtual, root WITH (publish_generated_columns = stored)",
	"CREATE PUBLICATION stored_all FOR ALL TABLES WITH (publish_generated_columns = stored)",
	"CREATE PUBLICATION unsent FOR TABLE plain, virtual",
}

// publicationBed is a source with these publications, and their names.
func publicationBed(t *testing.T, url string) (*Source, *pgx.Conn, []string) {
	t.Helper()
	source, err := Open(t.Context(), Options{URL: url, Run: "publications", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := source.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	statements := slices.Clone(published)
	if source.Facts.Version >= versionTerms {
		statements = append(statements, publishedSince15...)
	}
	if source.Facts.Version >= versionSends {
		statements = append(statements, publishedSince18...)
	}
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rows, err := conn.Query(t.Context(), "SELECT pubname FROM pg_publication ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return source, conn, names
}

// TestTablesOfPublications: what is read from the catalog about publications equals Postgres's own
// answer, on every version.
func TestTablesOfPublications(t *testing.T) {
	for name, url := range map[string]string{"default": pgtest.NewDatabase(t), "18": pgtest.NewDatabaseSince(t, 18)} {
		t.Run(name, func(t *testing.T) {
			source, conn, names := publicationBed(t, url)
			list := "SELECT DISTINCT relid::oid, '' AS filter, NULL::text[] AS columns FROM pg_get_publication_tables($1) ORDER BY 1"
			if source.Facts.Version >= versionTerms {
				list = `SELECT relid, coalesce(pg_get_expr(qual, relid), '') AS filter,
					(SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = relid AND attnum = ANY(attrs::int2[])) AS columns
					FROM pg_get_publication_tables($1) ORDER BY 1`
			}
			have, err := source.Catalog(conn).Publications(t.Context(), names)
			if err != nil {
				t.Fatal(err)
			}
			for _, pub := range names {
				want, got := map[uint32]terms{}, map[uint32]terms{}
				rows, err := conn.Query(t.Context(), list, pub)
				if err != nil {
					t.Fatal(err)
				}
				var oid uint32
				var of terms
				if _, err := pgx.ForEachRow(rows, []any{&oid, &of.filter, &of.columns}, func() error {
					want[oid], of = of, terms{}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				for _, oid := range have[pub].Tables {
					got[oid] = have[pub].terms[oid]
				}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(terms{})); diff != "" || len(have[pub].Tables) != len(want) {
					t.Errorf("PostgreSQL %s, %s (-Postgres +catalog):\n%s", source.Facts.VersionStr, pub, diff)
				}
			}
		})
	}
}

// TestPublicationsBesideALock: publications can be read while another session has locked their tables.
func TestPublicationsBesideALock(t *testing.T) {
	for name, url := range map[string]string{"default": pgtest.NewDatabase(t), "18": pgtest.NewDatabaseSince(t, 18)} {
		t.Run(name, func(t *testing.T) {
			source, conn, names := publicationBed(t, url)
			before, err := source.Catalog(conn).Publications(t.Context(), names)
			if err != nil {
				t.Fatal(err)
			}
			other, err := source.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close(context.Background()) }()
			if _, err := other.Exec(t.Context(), "BEGIN; LOCK one.plain, one.root, two.alone IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "SET lock_timeout = '1ms'"); err != nil {
				t.Fatal(err)
			}
			// Postgres locks a table to show its row filter.
			unfiltered := slices.DeleteFunc(names, func(n string) bool {
				return slices.ContainsFunc(before[n].Tables, func(oid uint32) bool { return before[n].terms[oid].filter != "" })
			})
			got, err := source.Catalog(conn).Publications(t.Context(), unfiltered)
			if err != nil || len(got) != len(unfiltered) {
				t.Fatalf("%d publications of %d: %v", len(got), len(unfiltered), err)
			}
		})
	}
}
