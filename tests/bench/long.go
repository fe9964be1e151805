//go:build cgo && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// growingLedger measures a cdc that finds nothing to do, with ever more entries
// behind it. They are written as cdc writes them, compacted as it does, but
// straight into the workspace's directory.
func (b *bench) growingLedger(ctx context.Context) error {
	c := Curve{Name: "entries in the ledger", X: "entries", Y: "seconds of a cdc --stage-only that finds nothing new"}
	if err := b.source.exec(ctx, changeTable); err != nil {
		return err
	}
	if err := b.once(ctx, b.ingest("long", "change", "full-load", "--stage-only")); err != nil {
		return err
	}
	l, err := ledger.Open(ctx, directory(filepath.Join(b.dir, "lakehouse", "Volumes", catalog, "bronze", "ingest", "long")),
		ledger.Options{Run: "20260101T000000Z-bench0", Version: "bench", Now: time.Now})
	if err != nil {
		return err
	}
	for _, n := range []int64{10, 1_000, 10_000, 100_000, 500_000} {
		if n > b.size(500_000, 1_000) {
			break
		}
		if err := extend(ctx, l, n); err != nil {
			return err
		}
		// The ledger's position must be one that the server has.
		if err := b.source.exec(ctx, `SELECT pg_logical_emit_message(false, 'bench', repeat('x', 1 << 20)) FROM generate_series(1, 8)`); err != nil {
			return err
		}
		cdc := b.ingest("long", "change", "cdc", "--stage-only")
		if err := b.once(ctx, cdc); err != nil { // moves the slot
			return err
		}
		var runs []Run
		for range b.rounds {
			r, err := b.execute(ctx, cdc)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		c.add(n, Median(runs).Wall.Seconds(), Median(runs))
		fmt.Fprintf(os.Stderr, "%-32s %-34d %s\n", c.Name, n, Median(runs))
	}
	b.report.Curves = append(b.report.Curves, c)
	return b.forget(ctx, "long")
}

// extend appends entries of one small segment each until there are n.
func extend(ctx context.Context, l *ledger.Ledger, n int64) error {
	s, err := l.Refresh(ctx)
	if err != nil {
		return err
	}
	var table *ledger.TableState
	for _, t := range s.Tables {
		table = t
	}
	start := s.Position
	for head := s.Head; head < n; head++ {
		end := start + 8
		path := fmt.Sprintf("segments/20260101T000000Z-bench0/%s/changes/%08d.parquet", table.Table, head+1)
		_, err := l.Append(ctx, head, &ledger.Changes{Start: start, End: end, Transactions: 1, Tables: []ledger.TableChanges{{
			Table: table.Table, OID: table.OID, Columns: table.Columns, Rows: map[schema.Op]int64{schema.OpInsert: 1},
			Segments: []ledger.Segment{{Path: path, Rows: 1, Bytes: 1 << 10, Checksum: strings.Repeat("0", 64), First: start, Last: start}},
		}}}, held{})
		if err != nil {
			return fmt.Errorf("write entry %d: %w", head+1, err)
		}
		if l.Due() {
			if _, err := l.Compact(ctx, map[schema.TableName]int64{table.Table: head}, held{}); err != nil {
				return err
			}
		}
		start = end
	}
	return nil
}

// held is a guard that is not used.
type held struct{}

func (held) Prove(context.Context) error { return nil }

// directory is a pipeline's directory on the disk of the local workspace.
type directory string

func (d directory) Create(_ context.Context, name string, data []byte) error {
	path := filepath.Join(string(d), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (d directory) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), name))
}

func (d directory) Names(_ context.Context, dir string) ([]string, error) {
	all, err := os.ReadDir(filepath.Join(string(d), dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range all {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d directory) Delete(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(string(d), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
