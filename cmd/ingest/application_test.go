//go:build cgo && unix

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// checked is what check finds about publications that is a problem.
func (b *bench) checked() []finding.Finding {
	b.t.Helper()
	_, stdout, _ := b.run("check", "--output", "json")
	var answer struct{ Findings []finding.Finding }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	var out []finding.Finding
	for _, f := range answer.Findings {
		if f.Level == finding.Problem && f.Subject == "publication" {
			out = append(out, f)
		}
	}
	return out
}

// follows executes, as the administrator, the SQL in check's only remedy for publications, between two of its texts.
func (b *bench) follows(after, before string) {
	b.t.Helper()
	found := b.checked()
	if len(found) != 1 {
		b.t.Fatalf("check has %d problems with publications, want 1: %+v", len(found), found)
	}
	_, sql, ok := strings.Cut(found[0].Remedy, after)
	if before != "" {
		sql, _, _ = strings.Cut(sql, before)
	}
	if !ok {
		b.t.Fatalf("no %q in %q", after, found[0].Remedy)
	}
	if _, err := b.admin.PgConn().Exec(b.t.Context(), sql).ReadAll(); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// The SQL that an administrator has to run for a role that owns nothing is printed once, is about the selected tables only, and
// lets the application continue.
func TestInvariant8RemedyForARoleThatOwnsNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name, after, before string
		owner               bool // is not a superuser
	}{{"statements", "as a superuser: ", " Or let", true}, {"grants", "Or let the role do it: ", "", true},
		{"statements only", "as a superuser: ", " Or, once", false}} {
		t.Run(way.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.exec("CREATE SCHEMA other", "CREATE TABLE other.k (a int)", "CREATE TABLE a (id int PRIMARY KEY, v text)",
				"CREATE TABLE log (at int, v text)", "CREATE TABLE log2 (at int, v text)")
			if way.owner {
				owner := "app_" + b.database()
				b.exec("CREATE ROLE " + owner)
				t.Cleanup(func() { b.dropRole(owner) })
				for _, table := range []string{"a", "log", "log2"} {
					b.exec("ALTER TABLE " + table + " OWNER TO " + owner)
				}
			}
			role := b.role("REPLICATION", "GRANT SELECT ON a, log, log2 TO $role")
			b.exec("INSERT INTO other.k VALUES (1)", "INSERT INTO a VALUES (1)", "INSERT INTO log VALUES (1)")
			found := b.checked()
			if len(found) != 1 || !strings.Contains(found[0].What, "role "+role+" does not own public.a, public.log, public.log2") {
				t.Fatalf("check: %+v", found)
			}
			if remedy := found[0].Remedy; strings.Contains(remedy, "ALL TABLES") || strings.Contains(remedy, "other") ||
				strings.Contains(remedy, "GRANT \"app_") != way.owner {
				t.Errorf("check says %q", remedy)
			}
			for _, statement := range []string{"full-load", "check"} {
				if _, stdout, stderr := b.run(statement); strings.Contains(stdout+stderr, "ALL TABLES") {
					t.Errorf("%s: %s%s", statement, stdout, stderr)
				}
			}
			b.follows(way.after, way.before)
			b.works("check")
			b.works("full-load")
			b.exec("UPDATE other.k SET a = 2", "DELETE FROM other.k", "UPDATE a SET v = 'b'", "UPDATE log SET v = 'b'", "DELETE FROM log2")
			b.works("cdc")
			if n := b.rows("a"); n != 2 {
				t.Errorf("%d rows of a, want a snapshot and an update", n)
			}
			b.exec("CREATE TABLE later (id int PRIMARY KEY)", "GRANT SELECT ON later TO "+role)
			if way.owner {
				b.exec("ALTER TABLE later OWNER TO app_" + b.database())
			}
			if way.name != "grants" { // the publications are there: one more table
				b.follows("as a superuser: ", " Or")
			}
			b.works("full-load", "--resume")
		})
	}
}

// Any publication that makes a statement of the application fail is a problem, in any schema, and status names it. The printed
// fix runs.
func TestInvariant8AnyPublicationIsLookedAt(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1)", "CREATE SCHEMA other", "CREATE TABLE other.k (a int)",
		`CREATE TABLE other."K y" (id int PRIMARY KEY, v int)`)
	b.works("full-load")
	if found := b.checked(); len(found) != 0 {
		t.Fatalf("check: %+v", found)
	}
	for _, one := range []struct {
		publication, what string
		since             int
	}{
		{`CREATE PUBLICATION dbz FOR ALL TABLES`, "dbz makes the application's own UPDATE and DELETE fail on other.k", 0},
		{`CREATE PUBLICATION dbz FOR TABLE other.k WITH (publish = 'insert, delete')`,
			"dbz makes the application's own DELETE fail on other.k", 0},
		{`CREATE PUBLICATION dbz FOR TABLES IN SCHEMA other`, "dbz makes the application's own UPDATE and DELETE fail on other.k", 150000},
		{`CREATE PUBLICATION dbz FOR TABLE other."K y" WHERE (v > 0)`,
			`dbz makes the application's own UPDATE and DELETE fail on other.K y`, 150000},
	} {
		if b.version() < one.since {
			continue
		}
		b.exec(one.publication)
		b.finds(failure.Source, finding.Problem, "publication", one.what, "ALTER TABLE")
		if stdout, _ := b.works("status", "--output", "json"); !strings.Contains(stdout, `"publication": "dbz"`) {
			t.Errorf("%s: the status has no word of it: %s", one.publication, stdout)
		}
		if stdout, _ := b.works("status"); !strings.Contains(stdout, one.what) {
			t.Errorf("%s: the status has no word of it: %s", one.publication, stdout)
		}
		b.works("status", "--exit-code") // another tool's publication is no trouble of this pipeline
		b.works("cdc")
		b.follows("", "")
		b.works("check")
		b.exec("UPDATE other.k SET a = 2", `UPDATE other."K y" SET v = 1`, "ALTER TABLE other.k REPLICA IDENTITY DEFAULT",
			`ALTER TABLE other."K y" REPLICA IDENTITY DEFAULT`, "DROP PUBLICATION dbz")
	}
	for i := range 25 {
		b.exec(fmt.Sprintf("CREATE TABLE other.many_%02d (a int)", i))
	}
	b.exec("CREATE PUBLICATION dbz FOR ALL TABLES")
	found := b.checked()
	if len(found) != 1 || !strings.Contains(found[0].What, "on 26 tables: other.k, other.many_00,") ||
		!strings.Contains(found[0].What, "and 16 more") ||
		strings.Count(found[0].Remedy, "ALTER TABLE") != 10 {
		t.Errorf("check: %+v", found)
	}
}

// A publication of the pipeline that the role may not change is a problem in status.
func TestInvariant8PublicationThatTheRoleMayNotChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1)",
		"CREATE PUBLICATION made FOR TABLE a WITH (publish_via_partition_root = true)",
		"CREATE PUBLICATION made_inserts FOR TABLE a WITH (publish = 'insert, truncate', publish_via_partition_root = true)")
	b.role("REPLICATION", "GRANT SELECT ON a TO $role")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	b.works("full-load")
	b.works("status", "--exit-code")
	b.exec("ALTER TABLE a DROP CONSTRAINT a_pkey")
	what, remedy := "made makes the application's own UPDATE and DELETE fail on public.a", `ALTER TABLE "public"."a" REPLICA IDENTITY FULL;`
	if _, stderr := b.works("cdc"); strings.Count(stderr, what) != 1 || !strings.Contains(stderr, "WARN") {
		t.Errorf("cdc does not warn once: %s", stderr)
	}
	b.fails(failure.Tables, what, remedy, "status", "--exit-code")
	b.finds(failure.Source, finding.Problem, "publication", what, remedy)
	b.exec(remedy, "UPDATE a SET v = 'b'")
	b.works("full-load")
	b.works("status", "--exit-code")
}

// A run removes tables from the publication if it can, marks them, and prints how to continue. A plan shows it before, and
// changes nothing.
func TestInvariant8ARunSparesTheApplication(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id int PRIMARY KEY)",
		"CREATE TABLE part (id int) PARTITION BY RANGE (id)", "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)",
		"ALTER TABLE part REPLICA IDENTITY FULL", "ALTER TABLE part_1 REPLICA IDENTITY FULL")
	b.works("full-load")
	b.exec("ALTER TABLE a DROP CONSTRAINT a_pkey", "CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20)",
		"INSERT INTO part VALUES (1), (11)")
	if _, err := b.admin.Exec(t.Context(), "UPDATE part SET id = id + 1"); err == nil {
		t.Fatal("the server does not refuse the statement")
	}
	b.fails(failure.Tables, "makes the application's own UPDATE and DELETE fail on 2 tables: public.a, public.part_2",
		"REPLICA IDENTITY FULL", "status", "--exit-code")
	if stdout, _ := b.works("plan", "--sql"); !strings.Contains(stdout, `DROP TABLE ONLY "public"."a"`) ||
		!strings.Contains(stdout, `DROP TABLE "public"."part"`) {
		t.Errorf("the plan is silent: %s", stdout)
	}
	b.fails(failure.Tables, "makes the application's own", "", "status", "--exit-code") // nothing was changed
	if _, stderr := b.works("cdc"); strings.Count(stderr, "out of the publication") != 2 {
		t.Errorf("cdc says %s", stderr)
	}
	b.exec("UPDATE a SET v = 'b'", "UPDATE part SET id = id + 1", "INSERT INTO a VALUES (2)", "DELETE FROM part")
	why := "its updates and deletes are not replicated any more, because it has no primary key and no replica identity"
	fix := `ALTER TABLE "public"."a" REPLICA IDENTITY FULL; then ` + "`ingest full-load --tables public.a`"
	b.fails(failure.Tables, "2 of 3 tables need attention", "", "status", "--exit-code")
	if stdout, _ := b.works("status"); !strings.Contains(stdout, why+"; "+fix) ||
		!strings.Contains(stdout, `ALTER TABLE "public"."part_2" REPLICA IDENTITY FULL; then`) {
		t.Errorf("status says %s", stdout)
	}
	b.exec(`ALTER TABLE "public"."a" REPLICA IDENTITY FULL`, `ALTER TABLE "public"."part_2" REPLICA IDENTITY FULL`)
	b.works("full-load", "--tables", "a,part")
	b.exec("UPDATE a SET v = 'c'", "INSERT INTO part VALUES (2), (12)", "DELETE FROM part WHERE id = 2")
	b.works("cdc")
	b.works("verify", "--full")
	b.works("status", "--exit-code")
}

// A table that moves to the other publication keeps its column list and row filter: no row and no column is sent that was
// filtered before.
func TestInvariant8WhatGoesOverKeepsItsFilter(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	if b.version() < 150000 { // which has neither
		b.exec("CREATE TABLE a (id int)")
		b.works("full-load")
		return
	}
	b.exec("CREATE TABLE a (id int PRIMARY KEY, country text, secret text)", "INSERT INTO a VALUES (1, 'CH', 'x')",
		"CREATE TABLE loaded (id int PRIMARY KEY)",
		"CREATE PUBLICATION made FOR TABLE a (id, country) WHERE (id > 0), loaded WITH (publish_via_partition_root = true)")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	b.works("full-load")
	b.exec("ALTER TABLE a REPLICA IDENTITY NOTHING")
	b.works("cdc")
	b.exec("UPDATE a SET country = 'IT'", "INSERT INTO a VALUES (-1, 'CH', 'y'), (2, 'CH', 'y')")
	var got string
	if err := b.admin.QueryRow(t.Context(),
		"SELECT string_agg(pubname || ' ' || attnames::text || ' ' || rowfilter, '; ') FROM pg_publication_tables WHERE tablename = 'a'").
		Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "made_inserts {id,country} (id > 0)"; got != want {
		t.Errorf("the table is published as %q, want %q", got, want)
	}
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (-2, 'CH', 'y'), (3, 'CH', 'y')")
	b.works("cdc")
	b.holds("SELECT _op, id FROM a ORDER BY _entry, id", []string{"snapshot", "1"}, []string{"snapshot", "2"}, []string{"insert", "3"})
}

// A full load looks for it as cdc does, also on tables that it does not load.
func TestInvariant8AFullLoadSparesTheApplication(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id int PRIMARY KEY)")
	b.works("full-load")
	b.exec("ALTER TABLE a DROP CONSTRAINT a_pkey")
	if _, stderr := b.works("full-load", "--tables", "b"); !strings.Contains(stderr, "out of the publication") {
		t.Errorf("full-load says %s", stderr)
	}
	b.exec("UPDATE a SET v = 'b'")
	b.works("full-load")
	b.exec("UPDATE a SET v = 'c'", "INSERT INTO a VALUES (2)")
	b.works("cdc")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want a snapshot and an insert", n)
	}
	b.works("status", "--exit-code")
}

// If a table cannot move, the run changes nothing: it prints the problem with the publication and the fix.
func TestInvariant8WhatCannotGoOverIsReported(t *testing.T) {
	t.Parallel()
	const inserts = "CREATE PUBLICATION made_inserts WITH (publish = 'insert, truncate', publish_via_partition_root = true)"
	for _, way := range []struct {
		name  string
		since int
		make  []string
	}{
		{"all tables", 0, []string{"CREATE PUBLICATION made FOR ALL TABLES WITH (publish_via_partition_root = true)"}},
		{"a schema", 150000,
			[]string{"CREATE PUBLICATION made FOR TABLES IN SCHEMA public, TABLE part WITH (publish_via_partition_root = true)", inserts}},
		{"a partition by itself", 0,
			[]string{"CREATE PUBLICATION made FOR TABLE part, part_1 WITH (publish_via_partition_root = true)", inserts}},
		{"the other publishes updates", 0, []string{"CREATE PUBLICATION made FOR TABLE part WITH (publish_via_partition_root = true)",
			"CREATE PUBLICATION made_inserts WITH (publish_via_partition_root = true)"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.exec("CREATE TABLE part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
				"CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)", "INSERT INTO part VALUES (1)")
			if b.version() >= way.since {
				b.exec(way.make...)
			}
			b.env["INGEST_SOURCE_PUBLICATION"] = "made"
			b.works("full-load")
			if b.version() < way.since {
				return
			}
			b.exec("ALTER TABLE part_1 REPLICA IDENTITY NOTHING")
			what := "publication made makes the application's own UPDATE and DELETE fail on public.part_1"
			if _, stderr := b.works("cdc"); strings.Count(stderr, what) != 1 || strings.Contains(stderr, "could not be changed") ||
				strings.Contains(stderr, "out of the publication") {
				t.Errorf("cdc says %s", stderr)
			}
			b.fails(failure.Tables, what, `ALTER TABLE "public"."part_1" REPLICA IDENTITY DEFAULT;`, "status", "--exit-code")
			b.exec(`ALTER TABLE "public"."part_1" REPLICA IDENTITY DEFAULT;`, "UPDATE part SET v = 'b'")
			b.works("cdc")
			b.works("verify", "--full")
		})
	}
}
