//go:build unix

package postgres

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// refusalShapes create tables of every kind, with the name $t. In each of them column a can be
// updated, and the values of b are unique.
var refusalShapes = map[string]string{
	"plain":     `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"keyless":   `CREATE TABLE $t (id int, a int, b int NOT NULL); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"deferred":  `CREATE TABLE $t (id int PRIMARY KEY DEFERRABLE, a int, b int NOT NULL); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"wide":      `CREATE TABLE $t (id int, a int, b int NOT NULL, PRIMARY KEY (id, b)); CREATE UNIQUE INDEX $t_b ON $t (b) INCLUDE (id)`,
	"stored":    `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL, g int GENERATED ALWAYS AS (b * 2) STORED); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"unstored":  `CREATE TABLE $t (id int, a int, b int NOT NULL, g int GENERATED ALWAYS AS (b * 2) STORED)`,
	"storedkey": `CREATE TABLE $t (a int, b int NOT NULL, id int GENERATED ALWAYS AS (b * 2) STORED PRIMARY KEY); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"storedidx": `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL, g int GENERATED ALWAYS AS (b * 2) STORED NOT NULL); CREATE UNIQUE INDEX $t_b ON $t (g, b)`,
	"nullable":  `CREATE TABLE $t (id int, a int, b int); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"partial":   `CREATE TABLE $t (id int, a int, b int NOT NULL); CREATE UNIQUE INDEX $t_b ON $t (b) WHERE b > 0`,
	"expressed": `CREATE TABLE $t (id int, a int, b int NOT NULL); CREATE UNIQUE INDEX $t_b ON $t ((b + 1))`,
	"later":     `CREATE TABLE $t (id int, a int, b int NOT NULL, CONSTRAINT $t_b UNIQUE (b) DEFERRABLE)`,
	"unlogged":  `CREATE UNLOGGED TABLE $t (id int, a int, b int NOT NULL)`,
	"parent":    `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL); CREATE TABLE $t_child () INHERITS ($t)`,
	"virtual":   `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL, v int GENERATED ALWAYS AS (b * 2) VIRTUAL); CREATE UNIQUE INDEX $t_b ON $t (b)`,
	"unvirtual": `CREATE TABLE $t (id int, a int, b int NOT NULL, v int GENERATED ALWAYS AS (b * 2) VIRTUAL)`,
	"both":      `CREATE TABLE $t (id int PRIMARY KEY, a int, b int NOT NULL, g int GENERATED ALWAYS AS (b * 2) STORED, v int GENERATED ALWAYS AS (b * 2) VIRTUAL)`,
	"parts": `CREATE TABLE $t (id int, a int, b int NOT NULL, PRIMARY KEY (b)) PARTITION BY RANGE (b);
		CREATE TABLE $t_sub PARTITION OF $t FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (b); CREATE TABLE $t_1 PARTITION OF $t_sub FOR VALUES FROM (0) TO (10);
		CREATE TABLE $t_2 (b int NOT NULL, id int, a int); ALTER TABLE $t ATTACH PARTITION $t_2 FOR VALUES FROM (1000) TO (2000); ALTER TABLE $t_2 REPLICA IDENTITY NOTHING;
		CREATE TABLE $t_3 PARTITION OF $t FOR VALUES FROM (2000) TO (3000); ALTER TABLE $t_3 REPLICA IDENTITY FULL`,
	"keylessparts": `CREATE TABLE $t (id int, a int, b int NOT NULL, g int GENERATED ALWAYS AS (a * 2) STORED) PARTITION BY RANGE (b);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20); ALTER TABLE $t_2 REPLICA IDENTITY FULL;
		CREATE TABLE $t_3 PARTITION OF $t FOR VALUES FROM (20) TO (30); CREATE UNIQUE INDEX $t_3_b ON $t_3 (b); ALTER TABLE $t_3 REPLICA IDENTITY USING INDEX $t_3_b`,
	"virtualparts": `CREATE TABLE $t (id int, a int, b int NOT NULL, v int GENERATED ALWAYS AS (a * 2) VIRTUAL, PRIMARY KEY (b)) PARTITION BY RANGE (b);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20); ALTER TABLE $t_2 REPLICA IDENTITY FULL`,
}

var refusalIdentities = map[string]string{
	"default": "", "full": `ALTER TABLE $t REPLICA IDENTITY FULL`, "nothing": `ALTER TABLE $t REPLICA IDENTITY NOTHING`,
	"index":   `ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_b`,
	"dropped": `ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_b; DROP INDEX $t_b`,
}

// refusalPublications are created one at a time: with $t for each table, or once if they name none. $v
// is the version that the option after it needs.
var refusalPublications = []string{
	`CREATE PUBLICATION p FOR ALL TABLES`,
	`CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert, truncate')`,
	`CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert, update')`,
	`CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'delete', publish_via_partition_root = true)`,
	`CREATE PUBLICATION p FOR ALL TABLES WITH (publish_generated_columns = stored)`,
	`CREATE PUBLICATION p FOR TABLES IN SCHEMA public`,
	`CREATE PUBLICATION p FOR TABLES IN SCHEMA public WITH (publish_generated_columns = stored, publish_via_partition_root = true)`,
	`CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLE ONLY $t`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true, publish_generated_columns = stored); ALTER PUBLICATION p ADD TABLE $t`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t (a, b)`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t (id, b)`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t (id, a, b, g)`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t WHERE (b > 0)`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t WHERE (id > 0 OR b IS NULL)`,
	`CREATE PUBLICATION p WITH (publish_via_partition_root = true); ALTER PUBLICATION p ADD TABLE $t (id, a, b) WHERE (a > 0)`,
	`CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLE $t_1`,
	`CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLE $t_1 (id, a) WHERE (a > 0)`,
	`CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLE $t; CREATE PUBLICATION q FOR ALL TABLES WITH (publish = 'update')`,
}

// TestInvariant8ApplicationsGoOn compares the rule with the server: for tables of every shape and
// identity, on every version. Under publications of every kind, the server refuses exactly what the
// tool reports, and after the tool's fix it refuses nothing. Under publications that the tool makes,
// it refuses nothing at all.
func TestInvariant8ApplicationsGoOn(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgserver.Server) {
		r := newRefusalBed(t, server)
		refused := 0
		for _, publication := range refusalPublications {
			refused += r.under(publication)
		}
		t.Logf("PostgreSQL %s refuses UPDATE or DELETE %d times, on %d tables under %d publications", r.source.Facts.VersionStr, refused,
			len(r.names), len(refusalPublications))
		if refused < 100 {
			t.Errorf("the server refused only %d", refused)
		}
		r.ours()
	})
}

type refusalBed struct {
	t      *testing.T
	source *Source
	conn   *pgx.Conn
	names  []string // of the tables that were created
}

func newRefusalBed(t *testing.T, server *pgserver.Server) *refusalBed {
	t.Helper()
	if err := server.CreateDatabase(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	source, err := Open(t.Context(), Options{URL: server.URL("shop"), Run: "refusals", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := &refusalBed{t: t, source: source}
	if r.conn, err = source.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close(context.Background()) })
	r.exec("SET search_path = public; " + works + "; " + kept)
	for _, shape := range slices.Sorted(maps.Keys(refusalShapes)) {
		for _, identity := range slices.Sorted(maps.Keys(refusalIdentities)) {
			name := shape + "_" + identity
			// An error means that this version has no such thing.
			if err := r.try(strings.ReplaceAll(refusalShapes[shape]+"; "+refusalIdentities[identity], "$t", name)); err == nil {
				r.names = append(r.names, name)
			}
		}
	}
	if len(r.names) < 40 {
		t.Fatalf("only %d tables could be made", len(r.names))
	}
	return r
}

// try executes statements in one transaction, or in the current one.
func (r *refusalBed) try(sql string) error {
	_, err := r.conn.PgConn().Exec(r.t.Context(), sql).ReadAll()
	return err
}

func (r *refusalBed) exec(sql string) {
	r.t.Helper()
	if err := r.try(sql); err != nil {
		r.t.Fatalf("%v\n%s", err, sql)
	}
}

// under creates a publication, compares, and reverts it. It returns on how many tables the server
// refused something.
func (r *refusalBed) under(publication string) (refused int) {
	r.t.Helper()
	r.exec("BEGIN")
	defer r.exec("ROLLBACK")
	for i, sql := range strings.Split(publication, "; ") {
		if !strings.Contains(sql, "$t") {
			if r.inside(sql) != nil && i == 0 {
				return 0 // the version does not have it
			}
			continue
		}
		if _, err := r.conn.Exec(r.t.Context(), `SELECT kept(replace($1, '$t', name)) FROM unnest($2::text[]) name`, sql, r.names); err != nil {
			r.t.Fatal(err)
		}
	}
	want := r.reality()
	got, fixes := r.said()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s\nwhat is refused (-the server +the tool):\n%s", publication, diff)
	}
	for _, table := range slices.Sorted(maps.Keys(fixes)) {
		r.fixes(publication, table, fixes[table])
	}
	return len(want)
}

// inside executes statements in a subtransaction, which an error rolls back.
func (r *refusalBed) inside(sql string) error {
	r.exec("SAVEPOINT s")
	err := r.try(sql)
	if err != nil {
		r.exec("ROLLBACK TO s")
	}
	r.exec("RELEASE s")
	return err
}

// works is a server function that executes a statement and rolls it back.
const works = `CREATE FUNCTION works(sql text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN EXECUTE sql; RETURN true; EXCEPTION WHEN object_not_in_prerequisite_state OR invalid_column_reference THEN RETURN false; END $$`

// kept executes a statement if that is possible: not every table can be in each publication.
const kept = `CREATE FUNCTION kept(sql text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; EXCEPTION WHEN OTHERS THEN NULL; END $$`

// reality asks the server, with statements that change no row.
func (r *refusalBed) reality() map[string]string {
	r.t.Helper()
	rows, err := r.conn.Query(r.t.Context(),
		`SELECT relname, concat_ws(' and ', CASE WHEN NOT works('UPDATE ONLY ' || relname || ' SET a = a') THEN 'UPDATE' END,
			CASE WHEN NOT works('DELETE FROM ONLY ' || relname) THEN 'DELETE' END)
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]string{}
	var table, refused string
	if _, err := pgx.ForEachRow(rows, []any{&table, &refused}, func() error {
		if refused != "" {
			out[table] = refused
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// said is what the tool reports, and its fix.
func (r *refusalBed) said() (refused map[string]string, fixes map[string][]string) {
	r.t.Helper()
	list, err := r.source.Catalog(r.conn).Refusals(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	refused, fixes = map[string]string{}, map[string][]string{}
	for _, one := range list {
		was := refused[one.Table.Name]
		if was != "" && was != one.Statements() {
			was = "UPDATE and DELETE"
		}
		refused[one.Table.Name] = was
		if was == "" {
			refused[one.Table.Name] = one.Statements()
		}
		fixes[one.Table.Name] = append(fixes[one.Table.Name], one.Fix)
	}
	return refused, fixes
}

// fixes runs the tool's fix for a table, if the fix is complete, and checks the result.
func (r *refusalBed) fixes(publication, table string, sql []string) {
	r.t.Helper()
	r.exec("SAVEPOINT fix")
	defer r.exec("ROLLBACK TO fix; RELEASE fix")
	for _, one := range sql {
		if strings.Contains(one, "(…)") || strings.Contains(one, "INDEX …") {
			return
		}
		if err := r.try(one); err != nil {
			r.t.Errorf("%s\n%s: %v", publication, one, err)
			return
		}
	}
	if got := r.reality()[table]; got != "" {
		r.t.Errorf("%s\nafter %s the server refuses %s of %s", publication, strings.Join(sql, " "), got, table)
	}
}

// ours compares the tool's decision before it publishes relations with the result. The publications
// are the tool's own, or existed before.
func (r *refusalBed) ours() {
	r.t.Helper()
	names := Publications{All: "ours", Inserts: "ours_inserts"}
	relations, err := r.source.Catalog(r.conn).Relations(r.t.Context(), []string{"public"}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	relations = slices.DeleteFunc(relations, func(r Relation) bool { return r.Persistence != "p" })
	for _, before := range []string{"", `CREATE PUBLICATION ours WITH (publish_via_partition_root = true)`} {
		r.exec("BEGIN; " + before)
		have, err := r.source.Catalog(r.conn).Publications(r.t.Context(), names.Names())
		if err != nil {
			r.t.Fatal(err)
		}
		if err := Run(r.t.Context(), r.conn, names.Statements(r.source.Facts.Version, have, relations)); err != nil {
			r.t.Fatal(err)
		}
		if got := r.reality(); len(got) > 0 {
			r.t.Errorf("after %q and the tool's own statements the server refuses %v", before, got)
		}
		can := 0
		for i := range relations {
			if relations[i].CanPublishUpdates(have[names.All]) {
				can++
			}
		}
		if can < 20 {
			r.t.Errorf("updates of only %d of %d tables are published", can, len(relations))
		}
		r.exec("ROLLBACK")
	}
}
