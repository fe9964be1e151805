//go:build cgo && unix

package extensions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/tests/roundtrip"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// need fails the test if the server at url lacks an extension; install says
// its fix.
func need(t *testing.T, url, install string, names ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, name := range names {
		var version string
		err := conn.QueryRow(t.Context(),
			"SELECT current_setting('server_version') FROM pg_available_extensions WHERE name = $1", name).Scan(&version)
		if err != nil {
			t.Fatalf("the server of the tests has no extension %s (%v): %s", name, err, install)
		}
	}
}

// withArrays adds an array of every type: all its values with NULL in one, each
// alone, none; and of two dimensions, which is rescued.
func withArrays(columns []roundtrip.Column) []roundtrip.Column {
	out := slices.Clone(columns)
	for _, c := range columns {
		var all []string
		for _, v := range c.Values {
			all = append(all, roundtrip.Literal(v)+"::"+c.SQL)
		}
		out = append(out, roundtrip.Column{
			SQL: c.SQL + "[]", Want: "array<" + c.Want + ">",
			Values: []string{"{}", "{NULL}", "=ARRAY[" + all[0] + "]", "=ARRAY[" + strings.Join(all, ", ") + ", NULL]"},
			Rescued: []string{
				fmt.Sprintf("=ARRAY[[%s], [%s]]", all[0], all[len(all)-1]),
				fmt.Sprintf("=array_fill(%s, ARRAY[1], ARRAY[0])", all[0]),
			},
		})
	}
	return out
}

// moved moves columns of a table with a key both ways, and compares.
func moved(t *testing.T, url, setup string, columns []roundtrip.Column) {
	t.Helper()
	r := roundtrip.New(t, url, setup, "ALTER TABLE every ADD PRIMARY KEY (id)", columns)
	r.Load()
	r.Change()
	r.CDC()
	r.CheckTypes()
	r.CheckSegments()
	r.CheckTarget()
	r.CheckVerified(3 * r.Rows)
	r.Exec("UPDATE public.every SET c0 = c0") // which does not send large values again
	r.CDC()
	r.CheckVerified(3 * r.Rows)
}

// keyless moves columns of a table without a key, whose rows are identified by
// all values.
func keyless(t *testing.T, url, setup string, columns []roundtrip.Column) {
	t.Helper()
	r := roundtrip.New(t, url, setup, "ALTER TABLE every REPLICA IDENTITY FULL", columns)
	r.Load()
	r.Change()
	r.Exec(fmt.Sprintf("DELETE FROM public.every WHERE id %% 2 = 1 AND id < %d", roundtrip.Updated))
	r.CDC()
	r.CheckVerified(3*r.Rows - 2*(r.Rows/2))
}

// keyed moves a table whose key is c0, with changes that leave rows rows.
func keyed(t *testing.T, url, setup string, column roundtrip.Column, rows int, changes ...string) {
	t.Helper()
	r := roundtrip.New(t, url, setup, "DELETE FROM every WHERE num_nulls(c0) = 1; ALTER TABLE every ADD PRIMARY KEY (c0)",
		[]roundtrip.Column{column})
	r.Load()
	for _, sql := range changes {
		r.Exec(sql)
	}
	r.CDC()
	r.CheckVerified(rows)
}
