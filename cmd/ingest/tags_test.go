//go:build cgo && unix

package main

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

const allTags = "SELECT table_name, tag_name, tag_value FROM information_schema.table_tags ORDER BY 1, 2"

func TestTablesGetTheirTags(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id int PRIMARY KEY)")
	b.configure(`[tables."*"]
tags = { domain = "sales", "cost centre" = "it's 7" }
[tables.a]
tags = { domain = "people", pii = "" }
`)
	b.works("full-load")
	b.holds(allTags, []string{"a", "cost centre", "it's 7"}, []string{"a", "domain", "people"}, []string{"a", "pii", ""},
		[]string{"b", "cost centre", "it's 7"}, []string{"b", "domain", "sales"})

	// Tags that others set stay, and a change of tags needs no full load.
	b.works("sql", "ALTER TABLE b SET TAGS ('reviewed' = 'yes')")
	b.works("sql", "ALTER TABLE a UNSET TAGS ('pii', 'domain')")
	b.configure("[tables.b]\ntags = { domain = \"stock\" }\n")
	b.exec("INSERT INTO b VALUES (1)")
	if stdout, stderr := b.works("cdc"); strings.Contains(stdout+stderr, "reload") {
		t.Errorf("changed tags ask for a reload: %s%s", stdout, stderr)
	}
	b.works("full-load", "--tables", "b")
	b.holds(allTags, []string{"a", "cost centre", "it's 7"},
		[]string{"b", "cost centre", "it's 7"}, []string{"b", "domain", "stock"}, []string{"b", "reviewed", "yes"})
	b.works("verify", "--full")
}

func TestTagsThatCannotBe(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	for tags, want := range map[string]string{
		`{ "a.b" = "x" }`: `tag "a.b": a name has none of . , - = / :`,
		`{ " a" = "x" }`:  `tag " a": a name has none of . , - = / : and no space around it`,
		`{ "" = "x" }`:    `want a name of 1 to 255 characters`,
		`{ domain = 1 }`:  `tag "domain": want a string in quotes`,
		`["domain"]`:      `want tags with a value each, such as { domain = "sales" }`,
		`{ domain = "` + strings.Repeat("é", 1001) + `" }`: `want a value of at most 1000 characters`,
	} {
		b.configure("[tables.a]\ntags = " + tags + "\n")
		b.fails(failure.Usage, want, "", "full-load")
		b.fails(failure.Usage, "ingest.toml", "", "full-load")
	}
	b.nothingMade()
}
