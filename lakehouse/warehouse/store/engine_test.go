//go:build cgo

package store

import (
	"database/sql"
	"testing"
)

// The default is a third of DuckDB's default, in DuckDB's syntax.
func TestShareOfMemory(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "SET memory_limit = '6GiB'"); err != nil {
		t.Fatal(err)
	}
	share, err := shareOfMemory(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SET memory_limit = '"+share+"'"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := conn.QueryRowContext(t.Context(), "SELECT current_setting('memory_limit')").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != "2.0 GiB" {
		t.Errorf("the limit is %s (%s), want a third of 6 GiB", got, share)
	}
}
