//go:build cgo && linux

package main

import (
	"context"
	"fmt"
)

// fullLoads compares the staging of a table with Postgres's COPY BINARY to /dev/null, and with other tools.
func (b *bench) fullLoads(ctx context.Context) error {
	narrow, wide := b.size(8_000_000, 1_000_000), b.size(600_000, 80_000)
	for _, t := range []struct {
		name   string
		rows   int64
		make   func(context.Context, string, int64) error
		target float64
		loop   float64
	}{{"narrow", narrow, b.source.makeNarrow, 1.35, 5}, {"wide", wide, b.source.makeWide, 1.5, 0}} {
		if err := t.make(ctx, t.name, t.rows); err != nil {
			return err
		}
		if err := b.source.pin(ctx); err != nil {
			return err
		}
		if err := b.once(ctx, b.ingest(t.name, t.name, "full-load", "--stage-only")); err != nil {
			return err
		}
		subjects := append(b.copies(t.name), subject{
			name: "ingest full-load --stage-only", ours: true, target: t.target, of: "psql COPY BINARY",
			run: func(int) command { return b.ingest(t.name, t.name, "full-load", "--stage-only") },
		})
		if t.loop > 0 {
			subjects[2].target, subjects[2].of, subjects[2].atLeast = t.loop, "ingest full-load --stage-only", true
		}
		about := fmt.Sprintf("%d rows, staged as Parquet in the volume and named in the ledger", t.rows)
		if err := b.compare(ctx, "full load, "+t.name, about, t.rows, "rows", subjects); err != nil {
			return err
		}
		if err := b.forget(ctx, t.name); err != nil {
			return err
		}
	}
	return b.source.exec(ctx, "DROP TABLE wide") // narrow is loaded again
}

// copies are the ways to read a table that ingest is compared with: Postgres's
// own, the same in two halves, a simple loop, and DuckDB.
func (b *bench) copies(table string) []subject {
	half := fmt.Sprintf(`$(($(psql "$URL" -Atc "SELECT pg_relation_size('%s') / 8192") / 2))`, table)
	return []subject{
		{name: "psql COPY BINARY", run: func(int) command {
			return b.psql(fmt.Sprintf(`psql "$URL" -qc "COPY %s TO STDOUT (FORMAT binary)" > /dev/null`, table))
		}},
		{name: "psql, two halves at once", run: func(int) command {
			return b.psql(fmt.Sprintf(`half=%s
				psql "$URL" -qc "COPY (SELECT * FROM %s WHERE ctid < '($half,0)') TO STDOUT (FORMAT binary)" > /dev/null &
				psql "$URL" -qc "COPY (SELECT * FROM %[2]s WHERE ctid >= '($half,0)') TO STDOUT (FORMAT binary)" > /dev/null
				wait`, half, table))
		}},
		{name: "a simple loop in Go", run: func(int) command {
			return command{args: []string{b.self, "rival-loop", b.source.url(), table, "loop.parquet"}}
		}},
		{name: "psql CSV into DuckDB", run: func(int) command {
			return b.psql(fmt.Sprintf(`psql "$URL" -qc "COPY %s TO STDOUT (FORMAT csv, HEADER)" | '%s' rival-duckdb duckdb.parquet`, table, b.self))
		}},
	}
}

// loads compares a whole full load with its staging.
func (b *bench) loads(ctx context.Context) error {
	rows := b.size(1_000_000, 200_000)
	if err := b.source.makeNarrow(ctx, "loaded", rows); err != nil {
		return err
	}
	if err := b.source.pin(ctx); err != nil {
		return err
	}
	if err := b.once(ctx, b.ingest("loaded", "loaded", "full-load")); err != nil {
		return err
	}
	const staging, whole = "ingest full-load --stage-only", "ingest full-load"
	about := fmt.Sprintf("%d narrow rows; loading means DuckDB's work in the local workspace", rows)
	if err := b.compare(ctx, "load", about, rows, "rows", []subject{
		{name: staging, ours: true, run: func(int) command { return b.ingest("loaded", "loaded", "full-load", "--stage-only") }},
		{name: whole, ours: true, target: 2, of: staging, run: func(int) command { return b.ingest("loaded", "loaded", "full-load") }},
	}); err != nil {
		return err
	}
	return b.forget(ctx, "loaded")
}
