//go:build cgo && unix

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// runRoleScript runs scripts/postgres-role.sql as psql would, and points the source
// at the role that it makes.
func (b *bench) runRoleScript(script string, leaveOut ...string) string {
	b.t.Helper()
	role := "Ingest \"" + b.database() + "\""
	b.t.Cleanup(func() { b.dropRole(role) })
	for _, variable := range []struct{ name, value string }{{"role", role}, {"schema", "public"}, {"DBNAME", b.database()}} {
		script = strings.ReplaceAll(script, `:"`+variable.name+`"`, pgx.Identifier{variable.value}.Sanitize())
		script = strings.ReplaceAll(script, `:'`+variable.name+`'`, "'"+variable.value+"'")
	}
	var statement strings.Builder
	for line := range strings.Lines(script) {
		for _, text := range leaveOut {
			if strings.HasPrefix(line, text) {
				line = ""
			}
		}
		trimmed := strings.TrimSpace(line)
		query, made := strings.CutSuffix(trimmed, `\gexec`)
		switch {
		case made:
			var sql string
			if err := b.admin.QueryRow(b.t.Context(), statement.String()+query).Scan(&sql); err != nil {
				b.t.Fatal(err)
			}
			b.exec(sql)
			statement.Reset()
		case strings.HasPrefix(trimmed, `\`), strings.HasPrefix(trimmed, "--"):
		default:
			statement.WriteString(line)
			if strings.HasSuffix(trimmed, ";") {
				b.exec(statement.String())
				statement.Reset()
			}
		}
	}
	const password = "hunter2SECRET"
	b.secrets = append(b.secrets, password)
	b.exec("ALTER ROLE " + pgx.Identifier{role}.Sanitize() + " PASSWORD '" + password + "'")
	b.env["INGEST_SOURCE_URL"] = b.withUser(role, password)
	return pgx.Identifier{role}.Sanitize()
}

// The role of the script, in both of its ways, can do all that the tool does.
func TestTheRoleOfTheScriptSuffices(t *testing.T) {
	t.Parallel()
	contents, err := os.ReadFile("../../scripts/postgres-role.sql")
	if err != nil {
		t.Fatal(err)
	}
	const mayCreate = "GRANT CREATE ON DATABASE"
	if strings.Count(string(contents), "\n"+mayCreate) != 1 {
		t.Fatalf("the script has no line %s", mayCreate)
	}
	tables := []string{
		"CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE log (at int)",
		"CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (1000)",
	}
	changes := []string{"INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a", "INSERT INTO log VALUES (1)",
		"INSERT INTO part SELECT coalesce(max(id), 0) + 1 FROM part"}
	works := func(b *bench) {
		b.exec(changes...)
		b.works("full-load")
		b.exec(changes...)
		b.works("cdc")
		b.exec(append(changes, "CREATE TABLE later (id int PRIMARY KEY)", "INSERT INTO later VALUES (1)")...)
		b.works("verify", "--full", "--tables", "a,log,part")
		b.works("status")
	}
	t.Run("it makes the publications", func(t *testing.T) {
		b := newBench(t, nil)
		owner := "owner_" + b.database()
		t.Cleanup(func() { b.dropRole(owner) })
		b.exec("CREATE ROLE " + owner)
		b.exec(tables...)
		for _, name := range []string{"a", "log", "part", "part_1"} {
			b.exec("ALTER TABLE " + name + " OWNER TO " + owner)
		}
		role := b.runRoleScript(string(contents))
		b.finds(failure.Source, finding.Problem, "public.a", "does not own it", "")
		b.exec("GRANT " + owner + " TO " + role)
		b.works("check")
		works(b)
		b.exec("ALTER TABLE later OWNER TO " + owner)
		b.works("full-load", "--resume")
		b.works("cdc")
		b.works("drop", "--yes")
		b.noSlot()
	})
	t.Run("an administrator makes them", func(t *testing.T) {
		b := newBench(t, nil)
		b.exec(tables...)
		b.runRoleScript(string(contents), mayCreate)
		b.env["INGEST_SOURCE_PUBLICATION"] = "ingest"
		b.finds(failure.Source, finding.Problem, "publication", "may not create it", "CREATE ON DATABASE")
		b.exec(
			"CREATE PUBLICATION ingest FOR TABLE a, part WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)",
			"CREATE PUBLICATION ingest_inserts FOR TABLE log WITH (publish = 'insert, truncate', publish_via_partition_root = true)")
		b.works("check")
		works(b)
		b.exec("ALTER PUBLICATION ingest ADD TABLE later")
		b.works("full-load", "--resume")
		b.works("cdc")
	})
}
