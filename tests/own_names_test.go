//go:build cgo && unix

package tests

import "testing"

// TestColumnsNamedAsDuckDBs: a column may have the name of a pseudo-column of DuckDB, in which the local workspace keeps its tables.
// Log, current state and history follow each kind of change of a table with such columns and of one whose key is such a column, a
// rebuild included.
func TestColumnsNamedAsDuckDBs(t *testing.T) {
	t.Parallel()
	w := keeping(t,
		`CREATE TABLE named (id int PRIMARY KEY, rowid text, filename text, file_row_number bigint, file_index int, l text, g text)`,
		`ALTER TABLE named ALTER rowid SET STORAGE EXTERNAL`,
		`INSERT INTO named SELECT i, repeat(i::text, 2500), 'f' || i, i, -i, 'l', 'g' FROM generate_series(1, 6) i`,
		`CREATE TABLE keyed (rowid bigint PRIMARY KEY, v text)`, `INSERT INTO keyed SELECT i, 'v' || i FROM generate_series(1, 6) i`)
	w.must("full-load")
	for _, changes := range [][]string{
		{`UPDATE named SET filename = filename || '!' WHERE id < 3`, `UPDATE keyed SET v = v || '!' WHERE rowid < 3`,
			`DELETE FROM named WHERE id = 4`, `DELETE FROM keyed WHERE rowid = 4`, `INSERT INTO named VALUES (7, 'seven')`, `INSERT INTO keyed VALUES (7)`},
		{`UPDATE named SET id = 20, rowid = 'moved' WHERE id = 2`, `UPDATE named SET id = 30 WHERE id = 3`, `UPDATE keyed SET rowid = 20 WHERE rowid = 2`,
			`UPDATE named SET rowid = NULL WHERE id = 1`, `INSERT INTO keyed VALUES (4, 'again')`},
		{`UPDATE named SET g = rowid WHERE id = 30`, `TRUNCATE keyed`, `INSERT INTO keyed VALUES (20, 'twenty')`},
	} {
		w.exec(changes...)
		w.must("cdc")
		w.must("verify", "--full")
	}
	w.must("load", "--rebuild", "current,history")
	w.must("verify", "--full")
	w.must("full-load", "--tables", "public.keyed")
	w.must("verify", "--full")
}
