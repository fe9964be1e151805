//go:build unix

package charset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// encodings are the server encodings whose text is not UTF-8, with the leading bytes of their
// multi-byte characters.
func encodings() map[string][]string {
	out := map[string][]string{}
	for name := range strings.FieldsSeq(`ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 KOI8R KOI8U
		LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10
		WIN866 WIN874 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258`) {
		out[name] = nil
	}
	prefixes := func(format string, first int) (list []string) {
		for b := first; b <= 0xFE; b++ {
			list = append(list, fmt.Sprintf(format, b))
		}
		return list
	}
	for name := range strings.FieldsSeq(`EUC_JP EUC_JIS_2004 EUC_KR EUC_CN EUC_TW JOHAB`) {
		out[name] = append(prefixes("%02X", 0x80), prefixes("8F%02X", 0xA1)...)
	}
	for plane := 0xA1; plane <= 0xB0; plane++ {
		out["EUC_TW"] = append(out["EUC_TW"], prefixes(fmt.Sprintf("8E%02X%%02X", plane), 0xA1)...)
	}
	return out
}

// serverRows asks the server for the characters of rows. It leaves out rows without characters.
func serverRows(t *testing.T, conn *pgx.Conn, name string, prefixes []string) map[string][]string {
	t.Helper()
	first, last := rowFirst, rowFirst+rowLength-1
	if prefixes == nil {
		prefixes, first, last = []string{""}, 0x80, 0xFF
	}
	rows, err := conn.Query(t.Context(),
		`SELECT p, array_agg(coalesce(pg_temp.utf8(decode(p || lpad(to_hex(b), 2, '0'), 'hex'), $1), '') ORDER BY b)
		FROM unnest($2::text[]) p, generate_series($3::int, $4::int) b GROUP BY p`, name, prefixes, first, last)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	var prefix string
	var characters []string
	if _, err := pgx.ForEachRow(rows, []any{&prefix, &characters}, func() error {
		if strings.Join(characters, "") != "" {
			out[prefix] = characters
		}
		characters = nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTablesAreTheServers: every character of every encoding equals the server's own conversion. What
// the server refuses has no character.
func TestTablesAreTheServers(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	for name, prefixes := range encodings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), `CREATE FUNCTION pg_temp.utf8(text bytea, encoding text) RETURNS text LANGUAGE plpgsql AS
				$$ BEGIN RETURN convert_from(text, encoding); EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$`); err != nil {
				t.Fatal(err)
			}
			server := serverRows(t, conn, name, prefixes)
			if os.Getenv("INGEST_WRITE_CHARSETS") != "" {
				write(t, name, server, prefixes)
			}
			c, err := Open(name)
			if c == nil || err != nil {
				t.Fatalf("no table: %v", err)
			}
			if prefixes == nil {
				prefixes = []string{""}
			}
			different := 0
			for _, prefix := range prefixes {
				for i := range max(len(server[prefix]), rowLength) {
					want := ""
					if row := server[prefix]; row != nil {
						want = row[i]
					}
					var code []byte
					first := rowFirst
					if prefix == "" {
						first = 0x80
					}
					if _, err := fmt.Sscanf(fmt.Sprintf("%s%02X", prefix, first+i), "%X", &code); err != nil {
						t.Fatal(err)
					}
					if want != "" && int(c.length[code[0]]) != len(code) {
						continue // bytes of several characters
					}
					got, ok := c.Append(nil, code)
					if string(got) != want && ok || ok != (want != "") {
						if different++; different < 5 {
							t.Errorf("%X is %q (%t), and to the server %q", code, got, ok, want)
						}
					}
				}
			}
			if different > 0 {
				t.Errorf("%d characters differ", different)
			}
		})
	}
}

func write(t *testing.T, name string, rows map[string][]string, prefixes []string) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if prefixes == nil {
		prefixes = []string{""}
	}
	for _, prefix := range prefixes {
		if rows[prefix] != nil {
			fmt.Fprintf(z, "%s\t%s\n", prefix, strings.Join(rows[prefix], "\t"))
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("tables/"+name+".gz", b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
