//go:build cgo && unix

package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// comments are a bronze table's, by column; the table's own is "".
func (b *bench) comments(table string) map[string]string {
	b.t.Helper()
	stdout, _ := b.works("sql", "DESCRIBE EXTENDED "+table, "--output", "json")
	var answer struct{ Rows []map[string]string }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	found := map[string]string{}
	for _, r := range answer.Rows {
		switch name := r["col_name"]; {
		case name == "Comment":
			found[""] = r["data_type"]
		case name == "id" || name == "email" || name == "full_name":
			found[name] = r["comment"]
		}
	}
	return found
}

func TestCommentsAreCarriedOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, email text, name text, dropped text)", "INSERT INTO a VALUES (1, 'x', 'y', 'z')",
		"CREATE TABLE none (id int PRIMARY KEY)",
		`COMMENT ON TABLE a IS 'Customers: "theirs" \ it''s ours'`, "COMMENT ON COLUMN a.email IS 'sensitive'', ''really''\nsecond line'")
	b.configure("[tables.a]\nrename = { name = \"full_name\" }\nexclude_columns = [\"dropped\"]\n")
	b.works("full-load")
	want := map[string]string{"": `Customers: "theirs" \ it's ours`, "id": "", "email": "", "full_name": ""}
	if diff := cmp.Diff(want, b.comments("a")); diff != "" {
		t.Errorf("without column_comments (-want +got):\n%s", diff)
	}

	b.env["INGEST_LOAD_COLUMN_COMMENTS"] = "true"
	b.works("full-load")
	want["email"] = "sensitive', 'really'\nsecond line"
	if diff := cmp.Diff(want, b.comments("a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.exec("COMMENT ON COLUMN a.name IS 'given and family'", "COMMENT ON COLUMN a.dropped IS 'of no interest'",
		"COMMENT ON TABLE a IS 'Clients'")
	statements := len(b.server.Statements())
	b.works("cdc")
	if n := len(b.server.Statements()) - statements; n != 0 {
		t.Errorf("%d statements of a cdc without changes", n)
	}
	b.works("full-load", "--tables", "a")
	want[""], want["full_name"] = "Clients", "given and family"
	if diff := cmp.Diff(want, b.comments("a")); diff != "" {
		t.Errorf("after they changed (-want +got):\n%s", diff)
	}
	b.works("verify", "--full")
}
