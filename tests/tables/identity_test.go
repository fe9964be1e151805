//go:build cgo && unix

package tables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/finding"
)

// large are columns with values that Postgres keeps aside (TOAST) and does not
// send again where an update leaves them as they are.
const large = "big text, doc jsonb, raw bytea, list text[], num numeric, small text"

// largeRow is a row of them; n tells rows apart.
func largeRow(n int) string {
	text := fmt.Sprintf("(SELECT string_agg(md5(i::text || %d), '') FROM generate_series(1, 300) i)", n)
	return text + ", jsonb_build_object('a', " + text + ", 'n', NULL), " + text + "::bytea, ARRAY[" + text + ", NULL, 'x'], " +
		fmt.Sprintf("(SELECT string_agg((i * %d)::text, '')::numeric FROM generate_series(100000, 100900) i)", n+1) + ", 's'"
}

// largeChanges leave large values as they are, but for some of rows 3 and 4.
func largeChanges(table, key string) []string {
	move := func(from, to int) string {
		return fmt.Sprintf("UPDATE %s SET %s = %d WHERE %s = %d", table, key, to, key, from)
	}
	return []string{
		fmt.Sprintf("UPDATE %s SET small = 'new' WHERE %s IN (1, 2)", table, key),
		move(2, 20),
		move(20, 21), // another key change that sends nothing large
		fmt.Sprintf("UPDATE %s SET small = 'newer' WHERE %s = 21", table, key),
		fmt.Sprintf("UPDATE %s SET big = NULL, doc = '{}' WHERE %s = 3", table, key),
		fmt.Sprintf("UPDATE %s SET %s = 40, raw = NULL, list = '{}' WHERE %s = 4", table, key, key),
		fmt.Sprintf("DELETE FROM %s WHERE %s = 5", table, key),
		fmt.Sprintf("UPDATE %s SET small = NULL WHERE %s = 5", table, key),
		fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT 5, %s", table, key, "big, doc, raw, list, num, small", largeRow(50)),
		fmt.Sprintf("UPDATE %s SET small = 'last' WHERE %s = 5", table, key),
		move(1, 2),
		move(3, 1),
	}
}

func fillLarge(table, key string) string {
	var rows []string
	for n := 1; n <= 6; n++ {
		rows = append(rows, fmt.Sprintf("(%d, %s)", n, largeRow(n)))
	}
	return fmt.Sprintf("INSERT INTO %s (%s, big, doc, raw, list, num, small) VALUES %s", table, key, strings.Join(rows, ", "))
}

// Under each identity, large values that an update does not touch arrive.
func TestUnchangedLargeValues(t *testing.T) {
	var statements, changes []string
	for name, identity := range map[string]string{
		"by_default":   "ALTER TABLE $t ADD PRIMARY KEY (id)",
		"by_index":     "ALTER TABLE $t ALTER id SET NOT NULL; CREATE UNIQUE INDEX $t_id ON $t (id); ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_id",
		"by_other":     "ALTER TABLE $t ADD other serial PRIMARY KEY; ALTER TABLE $t ALTER id SET NOT NULL; CREATE UNIQUE INDEX $t_id ON $t (id); ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_id",
		"full_keyed":   "ALTER TABLE $t ADD PRIMARY KEY (id); ALTER TABLE $t REPLICA IDENTITY FULL",
		"full_unkeyed": "ALTER TABLE $t REPLICA IDENTITY FULL",
	} {
		statements = append(statements, "CREATE TABLE "+name+" (id int, "+large+")",
			strings.ReplaceAll(identity, "$t", name), fillLarge(name, "id"))
		changes = append(changes, largeChanges(name, "id")...)
	}
	b := newBed(t, statements...)
	b.finds(finding.OK, "public.by_default", "ready", "")
	b.finds(finding.Note, "public.by_index", `an update or delete identifies its row by "id"`, "")
	b.finds(finding.Note, "public.by_other", `an update or delete identifies its row by "id"`, "")
	b.finds(finding.Note, "public.full_keyed", "REPLICA IDENTITY FULL: an update or delete sends the whole old row", "")
	b.finds(finding.Note, "public.full_unkeyed",
		"it has no primary key: under REPLICA IDENTITY FULL an update is a delete and an insert of the whole row", "")
	b.move(changes...)
	if got := b.query("SELECT count(*) FROM dev.bronze.by_default WHERE size(`_unchanged`) > 0"); got[0][0] == "0" {
		t.Error("no value was left out: the test tests nothing")
	}
}

// Without an identity inserts and truncates are replicated, and the application
// may update and delete.
func TestTablesWithoutAnIdentity(t *testing.T) {
	b := newBed(t, "CREATE TABLE plain (id int, "+large+")", fillLarge("plain", "id"),
		"CREATE TABLE nothing (id int PRIMARY KEY, "+large+")", "ALTER TABLE nothing REPLICA IDENTITY NOTHING", fillLarge("nothing", "id"),
		"CREATE TABLE bare (id int, "+large+")", "ALTER TABLE bare REPLICA IDENTITY NOTHING", fillLarge("bare", "id"),
		"CREATE TABLE dropped (id int NOT NULL, "+large+")", "CREATE UNIQUE INDEX gone ON dropped (id)",
		"ALTER TABLE dropped REPLICA IDENTITY USING INDEX gone", "DROP INDEX gone", fillLarge("dropped", "id"))
	const not = ": updates and deletes are not replicated"
	b.finds(finding.Warning, "public.plain", "it has no primary key and no replica identity"+not,
		`ALTER TABLE "public"."plain" REPLICA IDENTITY FULL; or ALTER TABLE "public"."plain" ADD PRIMARY KEY`)
	b.finds(finding.Warning, "public.nothing", "its replica identity is NOTHING"+not,
		`ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT; then`)
	b.finds(finding.Warning, "public.bare", "its replica identity is NOTHING"+not, `ALTER TABLE "public"."bare" REPLICA IDENTITY FULL; then`)
	b.finds(finding.Warning, "public.dropped", "the index of its replica identity was dropped"+not,
		`ALTER TABLE "public"."dropped" REPLICA IDENTITY FULL; then`)
	var changes []string
	for _, table := range []string{"plain", "nothing", "bare", "dropped"} {
		changes = append(changes, fmt.Sprintf("INSERT INTO %s (id, small) VALUES (7, 'x')", table))
	}
	b.move(append(changes, "TRUNCATE plain", "INSERT INTO plain (id) VALUES (1)")...)
	for _, table := range []string{"plain", "nothing", "bare", "dropped"} {
		b.exec("UPDATE "+table+" SET small = 'y'", "DELETE FROM "+table+" WHERE id < 3")
	}
	if s := b.cdc(); len(s.Tables) != 0 {
		t.Errorf("staged %+v", s.Tables[0])
	}
	for _, sql := range []string{
		`ALTER TABLE "public"."plain" REPLICA IDENTITY FULL`, `ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT`,
		`ALTER TABLE "public"."bare" REPLICA IDENTITY FULL`, `ALTER TABLE "public"."dropped" REPLICA IDENTITY FULL`,
	} {
		b.exec(sql)
	}
	b.finds(finding.Warning, "public.plain", "sends its inserts and truncates"+not, "ingest full-load --tables public.plain")
	b.load()
	b.finds(finding.OK, "public.nothing", "ready", "")
	b.exec("UPDATE plain SET small = 'z'", "UPDATE nothing SET small = 'z'", "DELETE FROM bare", "UPDATE dropped SET id = id + 1")
	b.cdc()
	b.equal()
}
