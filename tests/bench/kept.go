//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"os"
)

// A pipeline of these measurements keeps one of these beside its log.
var (
	logAlone   = []string{"INGEST_LOAD_CURRENT=none"}
	andCurrent = []string{"INGEST_LOAD_CURRENT=table"}
	andHistory = []string{"INGEST_LOAD_CURRENT=table", "INGEST_LOAD_HISTORY=true"}
)

// keeping is a command of a pipeline whose tables are apart from those of others.
func (b *bench) keeping(pipeline, table string, kept []string, args ...string) command {
	c := b.ingest(pipeline, table, args...)
	c.env = append(c.env, "INGEST_LOAD_TABLE_NAME={table}_"+pipeline, "INGEST_LOAD_CURRENT_NAME={log}_current",
		"INGEST_LOAD_HISTORY_NAME={log}_history")
	c.env = append(c.env, kept...)
	return c
}

// changed writes n changes of a narrow table of ids 1 to m: half are updates of
// rows all over it, four tenths inserts, one tenth deletes.
func (b *bench) changed(ctx context.Context, table string, n, m int64) error {
	return b.source.exec(ctx,
		fmt.Sprintf(`UPDATE %[1]s SET changed = clock_timestamp(), note = note || '!'
			WHERE id IN (SELECT 1 + i * 7919 %% %[2]d FROM generate_series(1, %[3]d::bigint) i)`, table, m, n/2),
		fmt.Sprintf(`INSERT INTO %[1]s SELECT last + row_number() OVER (), customer, kind, ref, ratio, score,
			amount, balance, paid, born, at, changed, code, note, country, key
			FROM %[1]s, (SELECT max(id) AS last FROM %[1]s) l LIMIT %[2]d`, table, n*4/10),
		fmt.Sprintf(`DELETE FROM %[1]s WHERE id IN (SELECT id FROM %[1]s WHERE id %% 3 = 0 ORDER BY id LIMIT %[2]d)`, table, n/10))
}

// keptLoads compares loads of the same changes.
func (b *bench) keptLoads(ctx context.Context) error {
	const table = "kept"
	rows, changes := b.size(1_000_000, 100_000), b.size(10_000, 2_000)
	if err := b.source.makeNarrow(ctx, table, rows); err != nil {
		return err
	}
	if err := b.source.pin(ctx); err != nil {
		return err
	}
	subjects := []struct {
		Subject
		pipeline string
		kept     []string
		limit    float64
	}{
		{Subject{Name: "ingest load", Ours: true}, "kept_not", logAlone, 0},
		{Subject{Name: `… with current = "table"`, Ours: true}, "kept_current", andCurrent, 2},
		{Subject{Name: "… and with history = true", Ours: true}, "kept_both", andHistory, 0},
	}
	for _, s := range subjects {
		if err := b.once(ctx, b.keeping(s.pipeline, table, s.kept, "full-load")); err != nil {
			return err
		}
	}
	for round := range b.rounds + 1 {
		if err := b.changed(ctx, table, changes, rows); err != nil {
			return err
		}
		for i := range subjects {
			s := &subjects[i]
			if err := b.once(ctx, b.keeping(s.pipeline, table, s.kept, "cdc", "--stage-only")); err != nil {
				return err
			}
			r, err := b.execute(ctx, b.keeping(s.pipeline, table, s.kept, "load"))
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%-32s %-34s %s\n", "kept", s.Name, r)
			if round > 0 { // the first makes views, and files that later ones find
				s.Runs = append(s.Runs, r)
			}
		}
	}
	c := Comparison{Name: "load, tables beside the log", Units: changes, Unit: "changes",
		About: fmt.Sprintf("%d changes of a narrow table of %d rows, staged before; a MERGE is DuckDB's work in the local workspace",
			changes, rows)}
	for _, s := range subjects {
		s.Median = Median(s.Runs)
		s.Ratio = ratio(s.Median, Median(subjects[0].Runs))
		c.Subjects = append(c.Subjects, s.Subject)
		if s.limit > 0 {
			b.report.Targets = append(b.report.Targets,
				Target{What: `load, tables beside the log: with current = "table" ÷ without`, Value: s.Ratio, Limit: s.limit})
		}
		if err := b.forget(ctx, s.pipeline); err != nil {
			return err
		}
	}
	b.report.Comparisons = append(b.report.Comparisons, c)
	return b.source.exec(ctx, `DROP TABLE `+table)
}

// keptSizes merges n changes into tables of m rows.
func (b *bench) keptSizes(ctx context.Context) error {
	const fixed = 1_000
	ms, ns := upTo(10_000, b.size(1_000_000, 100_000)), upTo(100, b.size(10_000, 1_000))
	byRows := Curve{
		Name: "rows of a table that changes are merged into", X: "rows", Y: fmt.Sprintf("seconds of the load that merges %d changes", fixed),
	}
	for _, m := range ms {
		current := Curve{
			Name: fmt.Sprintf("changes merged into the current state of %d rows", m), X: "changes", Y: "seconds of the load that merges them",
		}
		history := Curve{
			Name: fmt.Sprintf("changes merged into the history of %d rows", m), X: "changes", Y: "seconds of the load that merges them",
		}
		table := fmt.Sprintf("kept_%d", m)
		if err := b.source.makeNarrow(ctx, table, m); err != nil {
			return err
		}
		if err := b.once(ctx, b.keeping(table, table, andHistory, "full-load")); err != nil {
			return err
		}
		for _, n := range ns {
			one, two, err := b.merges(ctx, table, n, m, b.rounds)
			if err != nil {
				return err
			}
			current.add(n, one.Wall.Seconds(), one)
			history.add(n, two.Wall.Seconds(), two)
			if n == fixed {
				byRows.add(m, one.Wall.Seconds(), one)
			}
			fmt.Fprintf(os.Stderr, "%-32s %-34s %s\n", table, fmt.Sprintf("%d changes, current", n), one)
			fmt.Fprintf(os.Stderr, "%-32s %-34s %s\n", table, fmt.Sprintf("%d changes, history", n), two)
		}
		b.report.Curves = append(b.report.Curves, current, history)
		if err := b.forget(ctx, table); err != nil {
			return err
		}
		if err := b.source.exec(ctx, `DROP TABLE `+table); err != nil {
			return err
		}
	}
	b.report.Curves = append(b.report.Curves, byRows)
	first, last := byRows.Points[0], byRows.Points[len(byRows.Points)-1]
	b.report.Targets = append(b.report.Targets, Target{
		What: fmt.Sprintf("merging %d changes into %d rows ÷ into %d rows", fixed, last.X, first.X), Value: last.Y / first.Y, Limit: 2,
	})
	return nil
}

// merges writes n changes of a table, loads only its log, and measures the loads that then only merge them.
func (b *bench) merges(ctx context.Context, table string, n, m int64, rounds int) (current, history Run, err error) {
	var one, two []Run
	for range rounds {
		if err := b.changed(ctx, table, n, m); err != nil {
			return Run{}, Run{}, err
		}
		if err := b.once(ctx, b.keeping(table, table, logAlone, "cdc")); err != nil {
			return Run{}, Run{}, err
		}
		r, err := b.execute(ctx, b.keeping(table, table, andCurrent, "load"))
		if err != nil {
			return Run{}, Run{}, err
		}
		one = append(one, r)
		if r, err = b.execute(ctx, b.keeping(table, table, andHistory, "load")); err != nil {
			return Run{}, Run{}, err
		}
		two = append(two, r)
	}
	return Median(one), Median(two), nil
}

// keptLog merges a few changes of a small table whose log gets longer and longer.
func (b *bench) keptLog(ctx context.Context) error {
	const table, rows, changes = "kept_log", 10_000, 1_000
	c := Curve{
		Name: "rows of a log whose changes are merged", X: "rows of the log",
		Y: fmt.Sprintf("seconds of the load that merges %d changes", changes),
	}
	if err := b.source.makeNarrow(ctx, table, rows); err != nil {
		return err
	}
	if err := b.once(ctx, b.keeping(table, table, andHistory, "full-load")); err != nil {
		return err
	}
	length := int64(rows)
	for _, want := range upTo(rows, b.size(1_000_000, 100_000)) {
		for ; length < want; length += rows {
			if err := b.source.exec(ctx, `UPDATE `+table+` SET changed = clock_timestamp() WHERE id <= 10000`); err != nil {
				return err
			}
		}
		if err := b.once(ctx, b.keeping(table, table, andHistory, "cdc")); err != nil {
			return err
		}
		one, _, err := b.merges(ctx, table, changes, rows, b.rounds)
		if err != nil {
			return err
		}
		length += int64(b.rounds) * changes
		c.add(want, one.Wall.Seconds(), one)
		fmt.Fprintf(os.Stderr, "%-32s %-34d %s\n", c.Name, want, one)
	}
	b.report.Curves = append(b.report.Curves, c)
	first, last := c.Points[0], c.Points[len(c.Points)-1]
	b.report.Targets = append(b.report.Targets, Target{
		What: fmt.Sprintf("merging %d changes of a log of %d rows ÷ of %d rows", changes, last.X, first.X), Value: last.Y / first.Y, Limit: 2,
	})
	if err := b.forget(ctx, table); err != nil {
		return err
	}
	return b.source.exec(ctx, `DROP TABLE `+table)
}
