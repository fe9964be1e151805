//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"net/http"
)

// quiet counts what a run costs of the warehouse when nothing or little changed.
func (b *bench) quiet(ctx context.Context) error {
	tables := b.size(500, 50)
	if err := b.source.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('CREATE TABLE quiet%%s (id bigint PRIMARY KEY, text text)', i); COMMIT; END LOOP; END $$`, tables)); err != nil {
		return err
	}
	cdc := b.ingest("quiet", "quiet*", "cdc")
	if err := b.once(ctx, b.ingest("quiet", "quiet*", "full-load")); err != nil {
		return err
	}
	if err := b.once(ctx, cdc); err != nil {
		return err
	}
	idle, err := b.fromCold(ctx, cdc)
	if err != nil {
		return err
	}
	if err := b.source.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('INSERT INTO quiet%%s VALUES (1, ''a'')', i); COMMIT; END LOOP; END $$`, tables)); err != nil {
		return err
	}
	busy, err := b.fromCold(ctx, cdc)
	if err != nil {
		return err
	}
	b.report.Comparisons = append(b.report.Comparisons, Comparison{
		Name: "quiet", About: fmt.Sprintf("cdc over %d tables, the warehouse being stopped before", tables), Units: tables, Unit: "tables",
		Subjects: []Subject{
			{Name: "nothing changed", Ours: true, Runs: []Run{idle}, Median: idle, Ratio: 1},
			{Name: "a row of every table", Ours: true, Runs: []Run{busy}, Median: busy, Ratio: ratio(busy, idle)},
		},
	})
	b.report.Targets = append(b.report.Targets,
		Target{What: "statements of an idle cdc", Value: float64(idle.Statements)},
		Target{What: "wake-ups of an idle cdc", Value: float64(idle.Wakeups)},
		Target{What: fmt.Sprintf("wake-ups of a cdc over %d changed tables", tables), Value: float64(busy.Wakeups), Limit: 1},
	)
	return b.forget(ctx, "quiet")
}

// fromCold measures a command that finds the SQL warehouse stopped.
func (b *bench) fromCold(ctx context.Context, c command) (Run, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost,
		b.workspace.URL()+"/api/2.0/sql/warehouses/"+b.workspace.WarehouseID()+"/stop", nil)
	if err != nil {
		return Run{}, err
	}
	r.Header.Set("Authorization", "Bearer "+b.workspace.Token())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return Run{}, err
	}
	if err := answer.Body.Close(); err != nil {
		return Run{}, err
	}
	if answer.StatusCode != http.StatusOK {
		return Run{}, fmt.Errorf("stop the warehouse: %s", answer.Status)
	}
	return b.execute(ctx, c)
}
