package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestElsewhere: a standby is reached like its primary, except for the address.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		url, address, host string
		port               uint16
	}{
		{"postgres://u:p%40ss@primary:5433/shop?sslmode=disable", "replica:5434", "replica", 5434},
		{"postgres://u:p%40ss@primary:5433/shop?sslmode=disable", "replica", "replica", 5433},
		{"postgresql://u:p%40ss@primary/shop?sslmode=disable&host=other&port=1", "replica", "replica", 5432},
		{"postgres://u:p%40ss@primary/shop?sslmode=disable", "[::1]:5434", "::1", 5434},
		{"postgres://u:p%40ss@one:5435,two:5436/shop?sslmode=disable", "replica", "replica", 5435},
		{"postgres://u:p%40ss@one,two/shop?sslmode=disable", "replica", "replica", 5432},
		{"postgres://one,two/shop?sslmode=disable&user=u&password=p%40ss", "replica", "replica", 5432},
		{"host=primary port=5433 user=u password='p@ss' dbname=shop sslmode=disable", "replica:5434", "replica", 5434},
		{"host=primary port=5433 user=u password='p@ss' dbname=shop sslmode=disable", "replica", "replica", 5433},
	} {
		text := elsewhere(c.url, c.address)
		got, err := pgx.ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Host != c.host || got.Port != c.port || got.User != "u" || got.Password != "p@ss" ||
			got.Database != "shop" || got.TLSConfig != nil {
			t.Errorf("%s at %s: %s:%d as %s to %s", c.url, c.address, got.Host, got.Port, got.User, got.Database)
		}
	}
}
