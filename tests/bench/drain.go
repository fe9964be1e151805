//go:build cgo && linux

package main

import (
	"context"
	"fmt"
)

// drains compares the staging of changes with pg_recvlogical, which reads the same WAL and discards it.
func (b *bench) drains(ctx context.Context) error {
	small, bulk := b.size(229_000, 30_000), b.size(1_000_000, 120_000)
	if err := b.source.exec(ctx, changeTable); err != nil {
		return err
	}
	for _, w := range []struct {
		name          string
		about         string
		changes       int64
		write         func(context.Context, int64) error
		n             int64
		drain, follow float64
	}{
		{"small transactions", fmt.Sprintf("%d transactions of 4 changes", small), 4 * small, b.source.smallTransactions, small, 0.5, 1.15},
		{"bulk transactions", fmt.Sprintf("3 transactions: %d rows inserted, updated, half of them deleted", bulk), 5 * bulk / 2,
			b.source.bulkTransactions, bulk, 0.6, 1.15},
	} {
		if err := b.drain(ctx, "drain, "+w.name, w.about, w.changes, func() error { return w.write(ctx, w.n) }, w.drain, w.follow); err != nil {
			return err
		}
		if err := b.source.exec(ctx, `TRUNCATE change`); err != nil {
			return err
		}
	}
	return nil
}

// drain makes a slot for each command of each round before anything is written,
// so that all read the same WAL.
func (b *bench) drain(ctx context.Context, name, about string, changes int64, write func() error, drainTarget, followTarget float64) error {
	if err := b.source.exec(ctx, `DROP PUBLICATION IF EXISTS baseline`, `CREATE PUBLICATION baseline FOR TABLE change`); err != nil {
		return err
	}
	var all []string
	slot := func(kind string, round int) string { return fmt.Sprintf("%s_%d", kind, round) }
	for round := range b.rounds {
		baseline := slot("baseline", round)
		if err := b.source.exec(ctx, `SELECT pg_create_logical_replication_slot('`+baseline+`', 'pgoutput')`); err != nil {
			return err
		}
		all = append(all, baseline)
		for _, kind := range []string{"drain", "follow"} {
			if err := b.once(ctx, b.ingest(slot(kind, round), "change", "full-load", "--stage-only")); err != nil {
				return err
			}
			all = append(all, slot(kind, round))
		}
	}
	if err := write(); err != nil {
		return err
	}
	var end string
	if err := b.source.conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&end); err != nil {
		return err
	}
	// pg_recvlogical ends when it receives something beyond the end.
	if err := b.source.exec(ctx, `INSERT INTO change VALUES (-1)`, `SELECT pg_switch_wal()`); err != nil {
		return err
	}
	if err := b.source.pin(ctx); err != nil {
		return err
	}
	if err := b.compare(ctx, name, about, changes, "changes", []subject{
		{name: "pg_recvlogical", run: func(round int) command {
			return b.psql(fmt.Sprintf(
				`pg_recvlogical -d "$URL" -S %s --start --endpos %s -o proto_version=1 -o publication_names=baseline --no-loop -f /dev/null`,
				slot("baseline", round), end))
		}},
		{name: "ingest cdc --stage-only", ours: true, target: drainTarget, of: "pg_recvlogical", run: func(round int) command {
			return b.ingest(slot("drain", round), "change", "cdc", "--stage-only")
		}},
		{name: "ingest cdc --follow --stage-only", ours: true, target: followTarget, of: "pg_recvlogical", run: func(round int) command {
			c := b.ingest(slot("follow", round), "change", "cdc", "--follow", "--stage-only", "--stage-every", "1s")
			c.until = func(ctx context.Context) error { return b.source.acknowledged(ctx, slot("follow", round), end) }
			return c
		}},
	}); err != nil {
		return err
	}
	return b.forget(ctx, all...)
}
