//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// The lag is measured at this rate, or what the source's core allows, written in
// commits so far apart.
const (
	lagRate  = 50_000
	lagPause = 100 * time.Millisecond
)

// lag measures how long it takes from a commit until `cdc --follow` has it
// staged and acknowledged, while changes come at a steady rate. Entries are
// ended every half second.
func (b *bench) lag(ctx context.Context) error {
	if err := b.source.exec(ctx, changeTable); err != nil {
		return err
	}
	if err := b.once(ctx, b.ingest("lag", "change", "full-load", "--stage-only")); err != nil {
		return err
	}
	if err := b.source.pin(ctx); err != nil {
		return err
	}
	w := &writer{commits: int(b.size(int64(20*time.Second), int64(4*time.Second)) / int64(lagPause))}
	follow := b.ingest("lag", "change", "cdc", "--follow", "--stage-only", "--stage-every", "500ms")
	follow.until = func(ctx context.Context) error { return w.write(ctx, b) }
	run, err := b.execute(ctx, follow)
	if err != nil {
		return err
	}
	slices.Sort(w.lags)
	median, most := w.lags[len(w.lags)/2], w.lags[len(w.lags)-1]
	b.report.Comparisons = append(b.report.Comparisons, Comparison{
		Name: "lag of --follow", About: fmt.Sprintf(
			"%d commits at %.0f changes a second; from a commit to its acknowledgement %.2f s (median), %.2f s (the longest); an entry every 0.5 s",
			w.commits, w.rate, median.Seconds(), most.Seconds()), Units: int64(w.commits) * w.rows(), Unit: "changes",
		Subjects: []Subject{{Name: "ingest cdc --follow --stage-only", Ours: true, Runs: []Run{run}, Median: run, Ratio: 1}},
	})
	b.report.Targets = append(b.report.Targets,
		Target{What: fmt.Sprintf("median lag of --follow at %.0f changes a second, s", w.rate), Value: median.Seconds(), Limit: 1})
	if err := b.source.exec(ctx, `TRUNCATE change`); err != nil {
		return err
	}
	return b.forget(ctx, "lag")
}

// writer commits changes at a steady rate and looks when they are acknowledged.
type writer struct {
	commits int
	lags    []time.Duration
	rate    float64 // that came out
}

func (w *writer) rows() int64 { return lagRate * int64(lagPause) / int64(time.Second) }

func (w *writer) write(ctx context.Context, b *bench) error {
	conn, err := pgx.Connect(ctx, b.source.url())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := b.source.streamed(ctx, "lag"); err != nil {
		return err
	}
	type commit struct {
		end string
		at  time.Time
	}
	written, failed := make(chan commit, w.commits), make(chan error, 1)
	go func() {
		defer close(written)
		tick := time.NewTicker(lagPause)
		defer tick.Stop()
		start := time.Now()
		for i := range int64(w.commits) {
			if _, err := conn.Exec(ctx, `INSERT INTO change SELECT $1 + i, i % 1000, 1, now(), 'change' FROM generate_series(1, $2::bigint) i`,
				i*w.rows(), w.rows()); err != nil {
				failed <- err
				return
			}
			c := commit{at: time.Now()}
			if err := conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&c.end); err != nil {
				failed <- err
				return
			}
			written <- c
			<-tick.C
		}
		w.rate = float64(int64(w.commits)*w.rows()) / time.Since(start).Seconds()
		failed <- nil
	}()
	for c := range written {
		if err := b.source.acknowledged(ctx, "lag", c.end); err != nil {
			return err
		}
		w.lags = append(w.lags, time.Since(c.at))
	}
	return <-failed
}
