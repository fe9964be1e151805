//go:build unix

package value

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A database may have other defaults for everything that text depends on.
func TestSessionSettingsOverrideTheDatabase(t *testing.T) {
	settingsOverrideTheDatabase(t, pgtest.NewDatabase(t), append(samples, listSamples...))
	settingsOverrideTheDatabase(t, pgtest.NewDatabaseSince(t, 15), scaleSamples)
}

func settingsOverrideTheDatabase(t *testing.T, url string, samples []sample) {
	t.Helper()
	conn := connect(t, url)
	for _, setting := range []string{
		"client_encoding TO latin1", "DateStyle TO 'German, DMY'", "IntervalStyle TO 'postgres_verbose'", "TimeZone TO 'Asia/Kathmandu'",
		"bytea_output TO 'escape'", "extra_float_digits TO -15", "search_path TO information_schema", "quote_all_identifiers TO on",
	} {
		exec(t, conn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "+strings.ReplaceAll(setting, "'", "''")+
			"', current_database()); END $$")
	}
	exec(t, conn, setup)
	conn = connect(t, url)
	for _, s := range samples {
		if s.target.Kind == schema.Invalid {
			t.Run(s.sql, func(t *testing.T) { s.check(t, conn) })
		}
	}
	var name string
	if err := conn.QueryRow(t.Context(), "SELECT format('%s', 'information_schema.tables'::regclass)").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name != "information_schema.tables" {
		t.Errorf("a regclass prints as %s", name)
	}
}

func TestInvalidUTF8IsRescuedAsHex(t *testing.T) {
	url := pgtest.NewDatabase(t)
	admin := connect(t, url)
	var name string
	if err := admin.QueryRow(t.Context(), "SELECT current_database() || '_ascii'").Scan(&name); err != nil {
		t.Fatal(err)
	}
	exec(t, admin, "CREATE DATABASE "+name+" ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() {
		if err := pgtest.Open(t).DropDatabase(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	conn := connect(t, pgtest.Open(t).URL(name))
	exec(t, conn, "SET client_encoding TO "+ClientEncoding(conn.PgConn().ParameterStatus("server_encoding")))
	for _, tt := range []struct{ sql, value, text, rescued string }{
		{"text", `'valid: \303\251'`, "valid: é", ""},
		{"text", `'x\377'`, "", `\x78ff`},
		{"char(3)", `'\351'`, "", `\xe92020`},
		{"json", `'"\377"'`, "", `\x22ff22`},
		{"text[]", `'{"\377",a}'`, "", `\x7bff2c617d`},
		{"bytea", `'\\xff'`, "\xff", ""},
	} {
		exec(t, conn, "DROP TABLE IF EXISTS v; CREATE TEMP TABLE v (n int, v "+tt.sql+"); INSERT INTO v VALUES (1, E"+tt.value+")")
		var oid uint32
		if err := conn.QueryRow(t.Context(),
			"SELECT atttypid FROM pg_attribute WHERE attrelid = 'v'::regclass AND attname = 'v'").Scan(&oid); err != nil {
			t.Fatal(err)
		}
		src := describeType(t, conn, oid, -1)
		_, text, binary := decode(t, conn, src, schema.Map(src).Type, Options{CheckUTF8: true})
		for how, d := range map[string]*decoded{"text": text, "binary": binary} {
			if d == nil {
				continue
			}
			want := ""
			if tt.rescued != "" {
				want = "rescued " + tt.rescued
			}
			if diff := cmp.Diff([]string{want}, d.rescued); diff != "" {
				t.Errorf("%s %s from %s: %s", tt.sql, tt.value, how, diff)
			}
			if values := d.column.Array(); tt.rescued == "" && string(allBytes(values.Data())[1]) != tt.text {
				t.Errorf("%s %s from %s: %v", tt.sql, tt.value, how, values)
			}
		}
	}
}
