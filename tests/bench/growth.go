//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// growth measures curves: the cost of a row, a table and a change as their number grows.
func (b *bench) growth(ctx context.Context) error {
	for _, draw := range []func(context.Context) error{b.growingTables, b.growingTransactions, b.growingLedger, b.growingRows} {
		if err := draw(ctx); err != nil {
			return err
		}
	}
	return nil
}

// upTo are powers of ten.
func upTo(first, last int64) (sizes []int64) {
	for n := first; n <= last; n *= 10 {
		sizes = append(sizes, n)
	}
	return sizes
}

// growingRows divides by psql's time at the same size, since a large table
// leaves the cache.
func (b *bench) growingRows(ctx context.Context) error {
	c := Curve{Name: "rows of a table", X: "rows", Y: "time of full-load --stage-only ÷ psql COPY BINARY"}
	sizes := upTo(10_000, b.size(100_000_000, 1_000_000))
	for _, n := range sizes {
		free, err := b.freeDisk()
		if err != nil {
			return err
		}
		if fits := free / diskPerRow; n > fits {
			n = fits / 1_000_000 * 1_000_000
			c.Note = fmt.Sprintf("The disk had room for %d rows.", n)
		}
		if len(c.Points) > 0 && n <= c.Points[len(c.Points)-1].X {
			break
		}
		if err := b.source.makeNarrow(ctx, "rows", n); err != nil {
			return err
		}
		if err := b.source.pin(ctx); err != nil {
			return err
		}
		load := b.ingest("rows", "rows", "full-load", "--stage-only")
		rounds := b.rounds
		if n > 10_000_000 {
			rounds = 1 // long enough, and there is one copy's room on the disk
		} else if err := b.once(ctx, load); err != nil {
			return err
		}
		var ours, theirs []Run
		for range rounds {
			r, err := b.execute(ctx, b.psql(`psql "$URL" -qc "COPY rows TO STDOUT (FORMAT binary)" > /dev/null`))
			if err != nil {
				return err
			}
			theirs = append(theirs, r)
			if r, err = b.execute(ctx, load); err != nil {
				return err
			}
			ours = append(ours, r)
		}
		c.add(n, ratio(Median(ours), Median(theirs)), Median(ours))
		if err := b.forget(ctx, "rows"); err != nil {
			return err
		}
		if err := b.source.exec(ctx, `DROP TABLE rows`); err != nil {
			return err
		}
	}
	b.report.Curves = append(b.report.Curves, c)
	if first, last := c.at(1_000_000), c.Points[len(c.Points)-1]; first != nil && last.X > first.X {
		b.report.Targets = append(b.report.Targets, Target{
			What: fmt.Sprintf("time per row at %d rows ÷ at %d, each divided by psql's", last.X, first.X), Value: last.Y / first.Y, Limit: 1.1,
		})
	}
	return nil
}

// diskPerRow is what a row takes of the disk while it is measured: in the table
// and its index, in the WAL that is kept, in a segment.
const diskPerRow = 400

func (b *bench) freeDisk() (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &fs); err != nil {
		return 0, fmt.Errorf("look how much room is on the disk: %w", err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// growingTables loads ever more small tables, and then changes a row of each.
func (b *bench) growingTables(ctx context.Context) error {
	load := Curve{Name: "tables in a full load", X: "tables", Y: "milliseconds of full-load --stage-only per table"}
	drain := Curve{Name: "tables that changed", X: "tables", Y: "milliseconds of cdc --stage-only per table"}
	for _, n := range upTo(1, b.size(10_000, 100)) {
		if err := b.source.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
			EXECUTE format('CREATE TABLE many%%s (id bigint PRIMARY KEY, text text)', i);
			EXECUTE format('INSERT INTO many%%s SELECT i, i::text FROM generate_series(1, 10) i', i); COMMIT; END LOOP; END $$`, n)); err != nil {
			return err
		}
		r, err := b.execute(ctx, b.ingest("many", "many*", "full-load", "--stage-only"))
		if err != nil {
			return err
		}
		load.add(n, float64(r.Wall.Milliseconds())/float64(n), r)
		if err := b.source.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
			EXECUTE format('UPDATE many%%s SET text = ''changed'' WHERE id = 1', i); COMMIT; END LOOP; END $$`, n)); err != nil {
			return err
		}
		if r, err = b.execute(ctx, b.ingest("many", "many*", "cdc", "--stage-only")); err != nil {
			return err
		}
		drain.add(n, float64(r.Wall.Milliseconds())/float64(n), r)
		if err := b.forget(ctx, "many"); err != nil {
			return err
		}
		if err := b.source.exec(ctx,
			fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('DROP TABLE many%%s', i); COMMIT; END LOOP; END $$`, n)); err != nil {
			return err
		}
	}
	b.report.Curves = append(b.report.Curves, load, drain)
	return nil
}

// growingTransactions drains ever larger transactions.
func (b *bench) growingTransactions(ctx context.Context) error {
	c := Curve{Name: "changes in a transaction", X: "changes", Y: "microseconds of cdc --stage-only per change"}
	if err := b.source.exec(ctx, changeTable); err != nil {
		return err
	}
	least := b.size(100_000, 10_000) // changes, so that starting the command does not count
	for _, n := range upTo(1, b.size(10_000_000, 100_000)) {
		if err := b.once(ctx, b.ingest("sizes", "change", "full-load", "--stage-only")); err != nil {
			return err
		}
		transactions := max(1, least/n)
		if err := b.source.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR t IN 1..%d LOOP
			INSERT INTO change SELECT t * %d::bigint + i, i %% 1000, 1, now(), 'change' FROM generate_series(0, %d) i; COMMIT; END LOOP; END $$`,
			transactions, n, n-1)); err != nil {
			return err
		}
		r, err := b.execute(ctx, b.ingest("sizes", "change", "cdc", "--stage-only"))
		if err != nil {
			return err
		}
		c.add(n, float64(r.Wall.Microseconds())/float64(transactions*n), r)
		fmt.Fprintf(os.Stderr, "%-32s %-34d %s\n", c.Name, n, r)
		if err := b.source.exec(ctx, `TRUNCATE change`); err != nil {
			return err
		}
		if err := b.forget(ctx, "sizes"); err != nil {
			return err
		}
	}
	b.report.Curves = append(b.report.Curves, c)
	return nil
}
