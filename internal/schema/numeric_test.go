//go:build unix

package schema

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	return connectSince(t, 0)
}

// connectSince connects to a server of that major version or a newer one.
func connectSince(t *testing.T, least int) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.NewDatabaseSince(t, least))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// The server reports each type's modifier, largest value and smallest value. The target must fit them
// and must not be wider than they need.
func TestNumericTargetHoldsExactlyWhatTheServerTakes(t *testing.T) {
	conn := connectSince(t, 15) // negative scales and scales above the precision
	for _, tt := range []struct {
		precision, scale int32
		want             string
	}{
		{1, 0, "DECIMAL(1,0)"}, {10, 2, "DECIMAL(10,2)"}, {18, 18, "DECIMAL(18,18)"}, {38, 0, "DECIMAL(38,0)"}, {38, 38, "DECIMAL(38,38)"},
		{38, 19, "DECIMAL(38,19)"}, {39, 0, "STRING"}, {39, 39, "STRING"}, {1000, 1000, "STRING"}, {1000, 0, "STRING"},
		{5, -1, "DECIMAL(6,0)"}, {5, -33, "DECIMAL(38,0)"}, {5, -34, "STRING"}, {1, -1000, "STRING"},
		{37, -1, "DECIMAL(38,0)"}, {38, -1, "STRING"},
		{3, 5, "DECIMAL(5,5)"}, {1, 38, "DECIMAL(38,38)"}, {1, 39, "STRING"}, {1, 1000, "STRING"}, {2, 2, "DECIMAL(2,2)"},
	} {
		sql := fmt.Sprintf("numeric(%d,%d)", tt.precision, tt.scale)
		// The largest value is precision nines. The smallest is one, in units of the scale.
		unit := fmt.Sprintf("e%d", -tt.scale)
		var typmod int32
		var largest, smallest string
		if _, err := conn.Exec(t.Context(), "DROP TABLE IF EXISTS n; CREATE TABLE n (v "+sql+")", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		err := conn.QueryRow(t.Context(),
			"SELECT atttypmod, ('"+strings.Repeat("9", int(tt.precision))+unit+"'::"+sql+")::text, ('1"+unit+"'::"+sql+")::text "+
				"FROM pg_attribute WHERE attrelid = 'n'::regclass AND attname = 'v'").Scan(&typmod, &largest, &smallest)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		got := numericTarget(typmod)
		if got.String() != tt.want {
			t.Errorf("%s: %s, want %s", sql, got, tt.want)
		}
		if got.Kind != Decimal {
			continue
		}
		whole, fraction, _ := strings.Cut(largest, ".")
		wholeDigits := len(strings.TrimLeft(whole, "0"))
		if wholeDigits != int(got.Precision-got.Scale) || len(fraction) != int(got.Scale) {
			t.Errorf("%s: the largest value %s has %d digits before the point and %d after it, %s has not", sql, largest,
				wholeDigits, len(fraction), got)
		}
		if _, fraction, _ := strings.Cut(smallest, "."); len(fraction) != int(got.Scale) {
			t.Errorf("%s: the smallest value %s does not have the scale of %s", sql, smallest, got)
		}
	}
	if got := numericTarget(-1); got.Kind != String {
		t.Errorf("numeric without a precision: %s", got)
	}
}

// A quoted name reads back as the name and a quoted literal as the string. Neither depends on
// standard_conforming_strings.
func TestServerReadsWhatIsQuoted(t *testing.T) {
	conn := connect(t)
	for _, conforming := range []string{"on", "off"} {
		if _, err := conn.Exec(t.Context(), "SET standard_conforming_strings TO "+conforming); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"a", "A", `a"b`, "a'b", `a\b`, `\'`, `a.b`, "é😀", " ", "select", `''"\\`} {
			var column, value string
			rows, err := conn.Query(t.Context(), "SELECT"+QuotePostgresLiteral(s)+" AS "+QuotePostgres(s), pgx.QueryExecModeExec)
			if err != nil {
				t.Fatal(err)
			}
			column = rows.FieldDescriptions()[0].Name
			if _, err := pgx.ForEachRow(rows, []any{&value}, func() error { return nil }); err != nil {
				t.Errorf("%q: %v", s, err)
			}
			if column != s || value != s {
				t.Errorf("%q: the server reads the name %q and the literal %q", s, column, value)
			}
		}
	}
}
