//go:build cgo && unix

package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// encoded makes a database of a server encoding, for an application with a
// client encoding.
func encoded(t *testing.T, encoding, client string) string {
	t.Helper()
	at := pgtest.NewDatabase(t)
	admin, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	name := fmt.Sprintf("encoded_%d", worlds.Add(1))
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name+" ENCODING '"+encoding+"' LOCALE 'C' TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	q := u.Query()
	q.Set("client_encoding", client) // of the application
	u.RawQuery = q.Encode()
	return u.String()
}

// TestBytesWithoutCounterpart: a database may have bytes that are no character of its encoding, which the server cannot convert.
// Such a value is rescued, in a snapshot and in the stream. All other values are converted as the server does.
func TestBytesWithoutCounterpart(t *testing.T) {
	t.Parallel()
	for encoding, c := range map[string]struct {
		bad  string // bytes that have no counterpart, in hexadecimal
		good string // characters that the encoding has
	}{
		"WIN1252": {"9D", "é€ŸÿÀ"}, "WIN1253": {"D280", "αΩ€"},
		"EUC_JP": {"A9A1", "日本ｱ"}, "EUC_TW": {"A7A1", "中文"}, "LATIN2": {"", "ąłż"},
	} {
		for _, transport := range []string{"peek", "stream"} {
			if transport == "stream" && encoding != "WIN1252" && encoding != "EUC_JP" || transport == "peek" && encoding == "EUC_JP" {
				continue
			}
			t.Run(encoding+" "+transport, func(t *testing.T) {
				t.Parallel()
				good := []rune(c.good)
				name := schemaName(encoding, good[0])
				w := newWorldAt(t, encoded(t, encoding, "UTF8"), lakehouse.Switches{},
					`CREATE TABLE `+name+` (id int PRIMARY KEY, "n`+string(good[0])+
						`" text, v varchar, c char(6), a text[], j jsonb, d date, secret text)`,
					`CREATE TABLE o (id int PRIMARY KEY, v text DEFAULT '`+string(good[:1])+`')`)
				if transport == "stream" {
					w.env = append(w.env, "INGEST_SOURCE_PEEK_MAX_WAL=1MiB")
				}
				config := filepath.Join(t.TempDir(), "ingest.toml")
				mask := "[tables." + name + "]\nmask = { secret = \"hmac-sha256\", d = { fixed = \"…é\" } }\n[mask]\nkey = \"0123456789abcdef\"\n"
				if err := os.WriteFile(config, []byte(mask), 0o600); err != nil {
					t.Fatal(err)
				}
				rows := func(from int) {
					text := func(i int, bytes string) {
						value := "convert_from(decode('" + bytes + "', 'hex') || convert_to('a', getdatabaseencoding()), getdatabaseencoding())"
						w.exec(fmt.Sprintf(`INSERT INTO %s SELECT %d, x, x, substr(x, 1, 3), ARRAY['a', x], to_jsonb(x), '2024-01-01', x
							FROM (SELECT %s) s(x)`, name, i, value))
					}
					text(from, c.bad)
					text(from+1, "")
					w.exec(fmt.Sprintf(`INSERT INTO %s VALUES (%d, '%s', '%s', '', '{"%s"}', '{"k": "%s"}', NULL, '%s')`,
						name, from+2, c.good, c.good, c.good, c.good, c.good),
						fmt.Sprintf(`INSERT INTO o VALUES (%d)`, from))
				}
				rows(1)
				if c.bad != "" {
					w.exec(`DO $$ BEGIN EXECUTE format('COMMENT ON TABLE ` + name + ` IS %L',
						'comment ' || convert_from(decode('` + c.bad + `', 'hex'), getdatabaseencoding())); END $$`)
				}
				w.must("full-load", "--config", config)
				if transport == "stream" {
					w.exec(`SELECT pg_logical_emit_message(false, 'more than 1 MB', repeat('x', 2000000))`)
				}
				rows(11)
				w.exec(`UPDATE `+name+` SET v = v || 'u' WHERE id IN (1, 3)`, `DELETE FROM `+name+` WHERE id = 11`,
					`UPDATE `+name+` SET id = 21 WHERE id = 1`)
				w.must("cdc", "--config", config)
				for _, how := range []string{"--full", "--full=false"} {
					if r := w.must("verify", how, "--config", config); strings.Count(r.stdout, "equal") < 2 {
						t.Errorf("%s", r)
					}
				}
				if c.bad == "" {
					return
				}
				got := fmt.Sprint(w.sql("SELECT max(_rescued) FROM " + w.target.Table(strings.Trim(name, `"`)).String()).Rows[0][0])
				if want := `"v":"\\x` + strings.ToLower(c.bad); !strings.Contains(got, want) {
					t.Errorf("rescued is %s, want it to have %s", got, want)
				}
				if strings.Contains(got, "secret") {
					t.Errorf("a masked value was rescued: %s", got)
				}
			})
		}
	}
}

func schemaName(encoding string, r rune) string {
	return `"t_` + strings.ToLower(encoding) + string(r) + `"`
}

// TestDatabaseThatTheServerCannotConvert: the server has no conversion from MULE_INTERNAL to UTF-8, so text that is not ASCII is
// rescued, as from SQL_ASCII.
func TestDatabaseThatTheServerCannotConvert(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"MULE_INTERNAL", "SQL_ASCII"} {
		w := newWorldAt(t, encoded(t, encoding, "SQL_ASCII"), lakehouse.Switches{},
			`CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'plain'), (2, E'\x81\xe9')`)
		w.must("full-load")
		w.exec(`INSERT INTO t VALUES (3, E'\x81\xe9'), (4, 'plain')`)
		w.must("cdc")
		w.must("verify", "--full")
		if got := fmt.Sprint(
			w.sql("SELECT count(*) FROM " + w.target.Table("t").String() + ` WHERE v IS NULL AND _rescued LIKE '%x81e9%'`).Rows[0][0]); got != "2" {
			t.Errorf("%s: %s values were rescued, want 2", encoding, got)
		}
	}
}

// TestNamesWithoutCounterpart: names can have such bytes too. Only the objects with such names are skipped, and the statement
// that renames them is printed.
func TestNamesWithoutCounterpart(t *testing.T) {
	t.Parallel()
	for encoding, bad := range map[string]string{"WIN1252": "9D", "EUC_JP": "A9A1", "SQL_ASCII": "E9"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			client := "UTF8"
			if encoding == "SQL_ASCII" {
				client = encoding
			}
			w := newWorldAt(t, encoded(t, encoding, client), lakehouse.Switches{}, `CREATE TABLE good (id int PRIMARY KEY, v text)`,
				`INSERT INTO good VALUES (1, 'a')`)
			// named runs a statement with names that end in such bytes for <what they begin with>.
			begin := regexp.MustCompile("<([a-z]+)>")
			named := func(sql string) {
				t.Helper()
				var names string
				for _, m := range begin.FindAllStringSubmatch(sql, -1) {
					names += fmt.Sprintf(", convert_from(decode('%x%s', 'hex'), getdatabaseencoding())", m[1], bad)
				}
				w.exec("DO $$ BEGIN EXECUTE format('" + begin.ReplaceAllString(sql, "%I") + "'" + names + "); END $$")
			}
			named(`CREATE TABLE <t> (id int PRIMARY KEY)`)
			named(`CREATE TABLE by_column (id int PRIMARY KEY, <c> text)`)
			named(`CREATE TABLE whole (id int PRIMARY KEY) PARTITION BY LIST (id)`)
			named(`CREATE TABLE <p> PARTITION OF whole FOR VALUES IN (1)`)
			named(`CREATE SCHEMA <s>`)
			named(`CREATE TABLE <s>.elsewhere (id int PRIMARY KEY)`)
			named(`CREATE TYPE <e> AS ENUM (''x'')`)
			named(`CREATE TABLE by_type (id int PRIMARY KEY, v <e>)`)
			named(`CREATE PUBLICATION <x> FOR TABLE good`)
			w.exec(`INSERT INTO by_type VALUES (1, 'x')`, `INSERT INTO by_column VALUES (1, 'a')`)

			r := w.must("check", "-o", "json")
			var report struct {
				Findings []struct{ Subject, What, Remedy string }
			}
			if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			var fixes []string
			for _, f := range report.Findings {
				if strings.Contains(f.What, "stand for no character in the database's encoding ("+encoding+")") {
					fixes = append(fixes, f.Remedy)
				}
			}
			if len(fixes) != 3 {
				t.Fatalf("%d names are reported, want 3\n%s", len(fixes), r)
			}
			w.must("full-load")
			tables := func() string {
				return fmt.Sprint(w.sql("SHOW TABLES IN " + w.target.Catalog() + "." + w.target.Schema()).Rows)
			}
			if got := tables(); strings.Count(got, "false") != 3 || !strings.Contains(got, "_ingest_loads") || !strings.Contains(got, "by_type") ||
				!strings.Contains(got, "good") {
				t.Errorf("the schema has %s, want the control table, by_type and good", got)
			}

			// A loaded table gets such columns, which look the same here.
			named(`ALTER TABLE good ADD COLUMN <c> text, ADD COLUMN <d> text`)
			w.exec(`INSERT INTO good VALUES (2, 'b')`, `INSERT INTO by_type VALUES (2, 'x')`)
			w.must("cdc")
			if r := w.run("status"); !strings.Contains(r.stdout, "stand for no character") {
				t.Errorf("%s", r)
			}
			if r := w.run("full-load", "--tables", "good"); r.code != 64 || !strings.Contains(r.stderr, "RENAME COLUMN") {
				t.Errorf("%s", r)
			}
			if r := w.want(3, "verify"); strings.Count(r.stdout, "equal") != 1 || !strings.Contains(r.stdout, "not verified") {
				t.Errorf("%s", r)
			}
			if columns := fmt.Sprint(w.sql("DESCRIBE " + w.target.Table("good").String()).Rows); strings.Contains(columns, "\uFFFD") {
				t.Errorf("the target has a column of such a name: %s", columns)
			}

			for i, fix := range fixes {
				w.exec(strings.ReplaceAll(fix, "new_name", fmt.Sprintf("renamed_%d", i)))
			}
			w.exec(`DO $$ BEGIN EXECUTE (SELECT string_agg(format('ALTER TABLE good RENAME COLUMN %I TO %I', attname, 'c' || attnum), ';')
				FROM pg_attribute WHERE attrelid = 'good'::regclass AND attnum > 2); END $$`)
			w.must("full-load")
			if r := w.must("verify", "--full"); strings.Count(r.stdout, "equal") != 5 {
				t.Errorf("%s", r)
			}
		})
	}
}
