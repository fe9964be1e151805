//go:build cgo && unix

package tables

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// applicationShapes make tables of every kind, of the name $t, with an index
// $t_u that can, or cannot, be an identity. Each has a column a that the
// application changes; $0 is what fills it.
var applicationShapes = map[string]string{
	"plain":     `CREATE TABLE $t (id serial PRIMARY KEY, a int, u int NOT NULL); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"keyless":   `CREATE TABLE $t (id serial, a int, u int NOT NULL); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"deferred":  `CREATE TABLE $t (id serial PRIMARY KEY DEFERRABLE, a int, u int NOT NULL); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"stored":    `CREATE TABLE $t (id serial PRIMARY KEY, a int, u int NOT NULL, g int GENERATED ALWAYS AS (u * 2) STORED); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"unstored":  `CREATE TABLE $t (id serial, a int, u int NOT NULL, g int GENERATED ALWAYS AS (u * 2) STORED)`,
	"storedkey": `CREATE TABLE $t (a int, u int NOT NULL, id int GENERATED ALWAYS AS (u * 2) STORED PRIMARY KEY)`,
	"storedidx": `CREATE TABLE $t (id serial, a int, u int NOT NULL, g int GENERATED ALWAYS AS (u * 2) STORED NOT NULL); CREATE UNIQUE INDEX $t_u ON $t (g)`,
	"nullable":  `CREATE TABLE $t (id serial, a int, u int); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"partial":   `CREATE TABLE $t (id serial, a int, u int NOT NULL); CREATE UNIQUE INDEX $t_u ON $t (u) WHERE u > 0`,
	"expressed": `CREATE TABLE $t (id serial, a int, u int NOT NULL); CREATE UNIQUE INDEX $t_u ON $t ((u + 1))`,
	"later":     `CREATE TABLE $t (id serial, a int, u int NOT NULL, CONSTRAINT $t_u UNIQUE (u) DEFERRABLE)`,
	"parent":    `CREATE TABLE $t (id serial PRIMARY KEY, a int, u int NOT NULL); CREATE TABLE $t_child (id int) INHERITS ($t)`,
	"virtual":   `CREATE TABLE $t (id serial PRIMARY KEY, a int, u int NOT NULL, v int GENERATED ALWAYS AS (u * 2) VIRTUAL); CREATE UNIQUE INDEX $t_u ON $t (u)`,
	"unvirtual": `CREATE TABLE $t (id serial, a int, u int NOT NULL, v int GENERATED ALWAYS AS (u * 2) VIRTUAL)`,
	"parts": `CREATE TABLE $t (id serial, a int, u int NOT NULL, PRIMARY KEY (u)) PARTITION BY RANGE (u);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20)`,
	"mixed": `CREATE TABLE $t (id serial, a int, u int NOT NULL, PRIMARY KEY (u)) PARTITION BY RANGE (u);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20); ALTER TABLE $t_2 REPLICA IDENTITY NOTHING`,
	"keylessparts": `CREATE TABLE $t (id serial, a int, u int NOT NULL) PARTITION BY RANGE (u);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); ALTER TABLE $t_1 REPLICA IDENTITY FULL;
		CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20); ALTER TABLE $t_2 REPLICA IDENTITY FULL`,
	"virtualparts": `CREATE TABLE $t (id serial, a int, u int NOT NULL, v int GENERATED ALWAYS AS (u * 2) VIRTUAL, PRIMARY KEY (u)) PARTITION BY RANGE (u);
		CREATE TABLE $t_1 PARTITION OF $t FOR VALUES FROM (0) TO (10); CREATE TABLE $t_2 PARTITION OF $t FOR VALUES FROM (10) TO (20); ALTER TABLE $t_1 REPLICA IDENTITY FULL`,
}

var applicationIdentities = map[string]string{
	"default": `SELECT`, "full": `ALTER TABLE $t REPLICA IDENTITY FULL`, "nothing": `ALTER TABLE $t REPLICA IDENTITY NOTHING`,
	"index":   `ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_u`,
	"dropped": `ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_u; DROP INDEX $t_u`,
}

// applicationChanges are what the application's developers do between two runs.
var applicationChanges = []string{
	`ALTER TABLE $t ADD late int GENERATED ALWAYS AS (u + 1) VIRTUAL`, // 18 and later
	`ALTER TABLE $t ADD late int GENERATED ALWAYS AS (u + 1) STORED`,
	`ALTER TABLE $t REPLICA IDENTITY NOTHING`,
	`ALTER TABLE $t REPLICA IDENTITY FULL`,
	`ALTER TABLE $t REPLICA IDENTITY DEFAULT`,
	`ALTER TABLE $t DROP CONSTRAINT $t_pkey`,
	`DROP INDEX $t_u`,
	`ALTER TABLE $t_1 REPLICA IDENTITY NOTHING`,
	`CREATE TABLE $t_3 PARTITION OF $t FOR VALUES FROM (20) TO (30)`,
	`CREATE TABLE $t_3 (LIKE $t); ALTER TABLE $t ATTACH PARTITION $t_3 FOR VALUES FROM (20) TO (30); ALTER TABLE $t_3 REPLICA IDENTITY FULL`,
	`ALTER TABLE $t_1 REPLICA IDENTITY FULL; ALTER TABLE $t ADD late int GENERATED ALWAYS AS (u + 1) VIRTUAL`,
}

// applicationFunctions do what the application does, and take it back, or do
// what is possible.
const applicationFunctions = `
	CREATE FUNCTION works(sql text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN EXECUTE sql; RAISE EXCEPTION USING ERRCODE = 'UNDO1'; EXCEPTION WHEN SQLSTATE 'UNDO1' THEN RETURN ''; WHEN OTHERS THEN RETURN sqlerrm; END $$;
	CREATE FUNCTION kept(sql text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; RETURN true; EXCEPTION WHEN OTHERS THEN RETURN false; END $$;`

// TestInvariant8EveryShape: for every shape and identity of a table, and every alteration between two runs, the application's own
// INSERT, UPDATE, DELETE and TRUNCATE work after a run exactly if they worked before the first.
func TestInvariant8EveryShape(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgserver.Server) {
		if err := server.CreateDatabase(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		b := newBedAt(t, server.URL("shop"), applicationFunctions)
		names := b.shapes()
		before := b.application()
		b.open()
		if _, err := b.pipeline.FullLoad(t.Context(), replicate.FullLoadOptions{StageOnly: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, b.application()); diff != "" {
			t.Fatalf("what fails (-before the full load +after it):\n%s", diff)
		}
		changed := 0
		for i, name := range names {
			for j := range applicationChanges { // the first that fits, each table from another one on
				sql := applicationChanges[(i+j+server.Major())%len(applicationChanges)]
				if b.ask(fmt.Sprintf("SELECT kept('%s')", strings.ReplaceAll(sql, "$t", name)))[0][0] == "t" {
					changed++
					break
				}
			}
		}
		failing := b.application()
		reported := map[string]bool{}
		status, err := b.pipeline.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range status.Refused {
			for _, table := range r.Tables {
				reported[table] = true
			}
		}
		b.open()
		if _, err := b.pipeline.CDC(t.Context(), t.Context(), replicate.CDCOptions{StageOnly: true}); err != nil {
			t.Fatal(err)
		}
		after := b.application()
		b.exec("BEGIN", "DO $$ DECLARE p name; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP; END $$")
		without := b.application()
		b.exec("ROLLBACK")
		if diff := cmp.Diff(without, after); diff != "" {
			t.Errorf("what fails after the changes and a run (-without any publication +with the tool's):\n%s", diff)
		}
		if len(failing) == 0 || changed < 30 || len(reported) == 0 {
			t.Errorf("%d tables were changed, %d statements failed before the run, and %d tables were in the status: nothing was tried", changed,
				len(failing), len(reported))
		}
		b.open()
		if status, err = b.pipeline.Status(t.Context()); err != nil || len(status.Refused) > 0 {
			t.Errorf("after the run: %v, %+v", err, status.Refused)
		}
		t.Logf("%d tables, %d changed between two runs, which made %d statements fail until the next run", len(names), changed, len(failing))
	})
}

// shapes makes the tables and names them.
func (b *bed) shapes() []string {
	b.t.Helper()
	var names []string
	for _, shape := range slices.Sorted(maps.Keys(applicationShapes)) {
		for _, identity := range slices.Sorted(maps.Keys(applicationIdentities)) {
			name := shape + "_" + identity
			sql := strings.ReplaceAll(applicationShapes[shape]+"; "+applicationIdentities[identity], "$t", name)
			if b.ask(fmt.Sprintf("SELECT kept('%s')", sql))[0][0] == "t" {
				b.exec("INSERT INTO " + name + " (u, a) VALUES (1, 1)")
				names = append(names, name)
			}
		}
	}
	if len(names) < 50 {
		b.t.Fatalf("only %d tables could be made", len(names))
	}
	return names
}

// application tries all statements on all tables, and says which fail.
func (b *bed) application() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	for _, row := range b.ask(`SELECT statement, works(statement) FROM (
			SELECT unnest(ARRAY[format('INSERT INTO %I (u, a) VALUES (5, 5)', relname), format('UPDATE %I SET a = a + 1', relname), format('DELETE FROM %I', relname), format('TRUNCATE %I', relname)]) AS statement
			FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace) s`) {
		if row[1] != "" {
			out[row[0]] = row[1]
		}
	}
	return out
}

// A following run looks for it at an interval, as it does for hidden changes.
func TestInvariant8AFollowingRunSparesTheApplication(t *testing.T) {
	b := newBed(t, "CREATE TABLE plain (id int PRIMARY KEY, a int)", "INSERT INTO plain VALUES (1, 1)")
	b.load()
	b.open()
	stop, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.pipeline.CDC(t.Context(), stop, replicate.CDCOptions{Follow: true, StageOnly: true, LookEvery: 50 * time.Millisecond})
		ended <- err
	}()
	b.eventually("the run stages", func() bool {
		return b.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")[0][0] != "0"
	})
	b.exec("ALTER TABLE plain DROP CONSTRAINT plain_pkey")
	b.eventually("UPDATE works again", func() bool {
		_, err := b.conn.Exec(t.Context(), "UPDATE plain SET a = 2")
		return err == nil
	})
	// For how it is published now or, where the look came in between, for its key.
	b.eventually("the table is marked", func() bool { return strings.Contains(b.log.String(), "a table needs a full load") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	b.open()
	status, err := b.pipeline.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := status.Tables[0]; got.State != "reload needed" ||
		!strings.HasPrefix(got.Remedy, `ALTER TABLE "public"."plain" REPLICA IDENTITY FULL; then`) {
		t.Errorf("the status is %+v", got)
	}
}

// eventually asks until the condition holds.
func (b *bed) eventually(what string, holds func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			b.t.Fatalf("in vain: %s\n%s", what, b.log.String())
		}
	}
}

// A run warns of a publication that it may not change, and each run once.
func TestInvariant8ARunWarnsOnce(t *testing.T) {
	b := newBed(t, "CREATE TABLE plain (id int)", "CREATE PUBLICATION made FOR ALL TABLES WITH (publish_via_partition_root = true)")
	b.config.Source.Publication = "made"
	b.load()
	const warning = "publication made makes the application's own UPDATE and DELETE fail on public.plain"
	for run, want := range []int{1, 2} {
		b.open()
		for range 2 { // as a following run looks again and again
			if _, err := b.pipeline.CDC(t.Context(), t.Context(), replicate.CDCOptions{StageOnly: true}); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(b.log.String(), warning); got != want {
			t.Errorf("%d warnings after run %d, want %d:\n%s", got, run+1, want, b.log.String())
		}
	}
}
