//go:build unix

package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
)

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]float64{"1%": 1, "0.5%": 0.5, "100%": 100, "99.9%": 99.9} {
		if got, err := verify.ParsePercent(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "0%", "-1%", "100.1%", "1", "one%", "1%%", "NaN%", "Inf%", "0x1p-2%", "1_0%", " 1%", "1 %"} {
		if got, err := verify.ParsePercent(text); failure.KindOf(err) != failure.Usage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// sampledKeys are keys that both ends order alike. Each has the expressions for
// row i. The target's type cannot hold some of the keys.
var sampledKeys = []struct{ name, definition, source, target string }{
	{"integers", "k int PRIMARY KEY", "i - 1000", "id - 1000"},
	{"the largest integers", "k bigint PRIMARY KEY", "CASE WHEN i % 2 = 0 THEN 9223372036854775807 - i ELSE -9223372036854775807 + i END",
		"CASE WHEN id % 2 = 0 THEN 9223372036854775807L - id ELSE -9223372036854775807L + id END"},
	{"decimals", "k numeric(12,2) PRIMARY KEY", "(i - 500) * 1.25", "CAST((id - 500) * 1.25 AS DECIMAL(12,2))"},
	{"dates", "k date PRIMARY KEY", "DATE '1969-01-01' + i", "date_add(DATE '1969-01-01', CAST(id AS INT))"},
	{"times", "k timestamp PRIMARY KEY", "TIMESTAMP '1969-12-31 23:00' + i * interval '2.5 s'",
		"CAST(timestamp_micros(id * 2500000 - 3600000000) AS TIMESTAMP_NTZ)"},
	{"times with a zone", "k timestamptz PRIMARY KEY", "TIMESTAMPTZ '1969-12-31 23:00+00' + i * interval '2.5 s'",
		"timestamp_micros(id * 2500000 - 3600000000)"},
	{"UUIDs", "k uuid PRIMARY KEY", "md5(i::text)::uuid",
		"concat_ws('-', substring(md5(CAST(id AS STRING)), 1, 8), substring(md5(CAST(id AS STRING)), 9, 4)," +
			" substring(md5(CAST(id AS STRING)), 13, 4), substring(md5(CAST(id AS STRING)), 17, 4), substring(md5(CAST(id AS STRING)), 21))"},
	{"texts", "k text PRIMARY KEY", "(ARRAY['a','B','é','''\\','_','𝄞','Z'])[i % 7 + 1] || i",
		`concat(array('a','B','é','\'\\','_','𝄞','Z')[CAST(id % 7 AS INT)], CAST(id AS STRING))`},
	{"two columns", "k int, k2 text, PRIMARY KEY (k, k2)", "i % 5, 'x' || i", "id % 5, concat('x', CAST(id AS STRING))"},
	{"a column in no order, second", "k int, k2 char(9), PRIMARY KEY (k, k2)", "i, 'x'", "id, 'x        '"},
}

const sampledRows = 2000

// sampledBed has the rows of a key at both ends.
func sampledBed(t *testing.T, definition, source, target string) *bed {
	b := newBed(t, "CREATE TABLE sampled ("+definition+", body text) WITH (fillfactor = 10)",
		fmt.Sprintf("INSERT INTO sampled SELECT %s, repeat('x', 50) || i FROM generate_series(0, %d) i", source, sampledRows-1))
	b.create("sampled")
	b.target(fmt.Sprintf("INSERT INTO %s SELECT %s, concat(repeat('x', 50), CAST(id AS STRING)),"+
		" 'snapshot', 100, id, 1, NULL, NULL, NULL, NULL, NULL, %d, NULL FROM range(%d)",
		b.lake.client.Table("sampled"), target, begin, sampledRows))
	return b
}

// For every kind of key, both ends select the same rows, and find the missing
// and changed ones.
func TestSampleByEveryKey(t *testing.T) {
	for _, key := range sampledKeys {
		t.Run(key.name, func(t *testing.T) {
			b := sampledBed(t, key.definition, key.source, key.target)
			for seed := range uint64(2) {
				b.verifier.Sample = &verify.Sample{Percent: 10, Seed: seed}
				r := b.verify("sampled", seed%2 == 0)
				if r.Verdict != "sample of 10% by key ranges: equal" || r.SourceRows != r.TargetRows || r.SourceRows < 20 ||
					r.SourceRows > sampledRows/2 {
					t.Errorf("seed %d: %s %s, %d and %d rows, %+v\n%v", seed, r.Verdict, r.Reason, r.SourceRows, r.TargetRows, r.Sample, lines(r))
				}
			}
			// 11 has no common factor with the periods of the keys, so every
			// range loses rows.
			b.target("DELETE FROM " + b.lake.client.Table("sampled").String() + " WHERE _seq % 11 = 7")
			b.verifier.Sample = &verify.Sample{Percent: 10, Seed: 9}
			r := b.verify("sampled", true)
			if r.Verdict != verify.Different || r.Differing < 2 || r.Differing != r.SourceRows-r.TargetRows ||
				!strings.HasPrefix(lines(r)[0], "missing k=") {
				t.Errorf("%s, %d of %d rows differ: %v", r.Verdict, r.Differing, r.SourceRows, lines(r))
			}
			if r := b.verify("sampled", false); r.Verdict != verify.Different {
				t.Errorf("by aggregates: %s", r.Verdict)
			}
		})
	}
}

// A row that only the target has is found wherever its key is, even before the
// first or after the last key of the source. A sample of 100% is still a
// sample.
func TestSampleOfEverything(t *testing.T) {
	b := sampledBed(t, "k int PRIMARY KEY", "i", "id")
	b.verifier.Sample = &verify.Sample{Percent: 100}
	r := b.verify("sampled", false)
	if r.Verdict != "sample of 100% by key ranges: equal" || r.SourceRows != sampledRows || r.Sample.Ranges != r.Sample.Of {
		t.Errorf("%s, %d rows, %+v", r.Verdict, r.SourceRows, r.Sample)
	}
	for _, key := range []int{-1_000_000, 1_000_000} {
		b.log("sampled", fmt.Sprintf("%d, 'extra', %s", key, meta(key, "NULL")))
	}
	if r := b.verify("sampled", true); strings.Join(lines(r), "|") != "extra k=-1000000|extra k=1000000" {
		t.Errorf("%s %v", r.Verdict, lines(r))
	}
	seen := 0
	for seed := range uint64(12) { // enough seeds to choose each range at least once
		b.verifier.Sample = &verify.Sample{Percent: 50, Seed: seed}
		if r := b.verify("sampled", false); r.Verdict == verify.Different {
			seen++
		}
	}
	if seen < 3 {
		t.Errorf("a row at either end is seen in %d of 12 samples of a half", seen)
	}
}

// An empty table is one range. So is a table with all rows in one block.
func TestSampleOfLittle(t *testing.T) {
	for _, statement := range []string{"DELETE FROM items", "SELECT"} {
		b := itemsBed(t, splitItems)
		b.source(statement)
		b.verifier.Sample = &verify.Sample{Percent: 1, Seed: 1}
		want := verify.Verdict("sample of 1% by key ranges: equal")
		if statement != "SELECT" {
			want = verify.Different
		}
		if r := b.verify("items", false); r.Verdict != want {
			t.Errorf("%s: %s %s %+v %v", statement, r.Verdict, r.Reason, r.Sample, lines(r))
		}
	}
}

// A key that its type cannot hold is NULL in the target and never in a sample.
func TestSampleLeavesRescuedKeysOut(t *testing.T) {
	b := newBed(t, "CREATE TABLE days (day date PRIMARY KEY)",
		"INSERT INTO days VALUES ('-infinity'), ('0044-03-15 BC'), ('2024-02-29'), ('9999-12-31'), ('infinity')")
	b.create("days")
	b.log("days", "DATE '2024-02-29', "+meta(0, "NULL"), "DATE '9999-12-31', "+meta(1, "NULL"))
	for i, text := range []string{"-infinity", "0044-03-15 BC", "infinity"} {
		b.log("days", "NULL, "+meta(2+i, `'{"day":"`+text+`"}'`))
	}
	if r := b.verify("days", false); r.Verdict != verify.Equal || r.SourceRows != 5 {
		t.Fatalf("%s %v", r.Verdict, lines(r))
	}
	b.verifier.Sample = &verify.Sample{Percent: 100}
	if r := b.verify("days", false); r.Verdict != "sample of 100% by key ranges: equal" || r.SourceRows != 2 {
		t.Errorf("%s, %d rows: %v", r.Verdict, r.SourceRows, lines(r))
	}
}

func TestNoSample(t *testing.T) {
	for definition, want := range map[string]string{
		looseItems: "it has no key to take a sample by: verify it without --sample",
		"CREATE TABLE items (id float8 PRIMARY KEY, name text, price numeric(10,2))":  `column "id" has no order that is the same at both ends`,
		"CREATE TABLE items (id char(3) PRIMARY KEY, name text, price numeric(10,2))": `column "id" has no order that is the same at both ends`,
	} {
		b := newBed(t, definition)
		b.create("items")
		b.verifier.Sample = &verify.Sample{Percent: 1}
		if r := b.verify("items", false); r.Verdict != verify.NotVerified || !strings.Contains(r.Reason, want) {
			t.Errorf("%s: %s %s", definition, r.Verdict, r.Reason)
		}
	}
	b := itemsBed(t, keyedItems)
	b.state.Snapshot.Columns[0].Mask = &schema.Mask{Kind: schema.MaskNull}
	b.verifier.Sample = &verify.Sample{Percent: 1}
	if r := b.verify("items", false); r.Verdict != verify.NotVerified || !strings.Contains(r.Reason, `column "id" has no order`) {
		t.Errorf("a masked key: %s %s", r.Verdict, r.Reason)
	}
}
