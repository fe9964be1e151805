//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// subject is one of the commands that are compared.
type subject struct {
	name string
	// run gives the command of a round, counted from 0.
	run func(round int) command
	// done, if set, is called after each run.
	done func() error
	// target is what the median of its time may be, divided by that of the
	// subject named by of; 0 if it is only shown.
	target float64
	of     string
	// atLeast says that the ratio must be as large as the target.
	atLeast bool
	// ours says that it is ingest, whose memory counts.
	ours bool
}

// compare runs all subjects in turn, round by round, and notes what came out.
// The first is the baseline of the ratios.
func (b *bench) compare(ctx context.Context, name, about string, units int64, unit string, subjects []subject) error {
	c := Comparison{Name: name, About: about, Units: units, Unit: unit}
	for _, s := range subjects {
		c.Subjects = append(c.Subjects, Subject{Name: s.name, Ours: s.ours})
	}
	for round := range b.rounds {
		for i, s := range subjects {
			r, err := b.execute(ctx, s.run(round))
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, s.name, err)
			}
			if s.done != nil {
				if err := s.done(); err != nil {
					return fmt.Errorf("%s, %s: %w", name, s.name, err)
				}
			}
			c.Subjects[i].Runs = append(c.Subjects[i].Runs, r)
			fmt.Fprintf(os.Stderr, "%-32s %-34s %s\n", name, s.name, r)
		}
	}
	for i := range c.Subjects {
		c.Subjects[i].Median = Median(c.Subjects[i].Runs)
		c.Subjects[i].Ratio = ratio(c.Subjects[i].Median, Median(c.Subjects[0].Runs))
	}
	for _, s := range subjects {
		if s.target == 0 {
			continue
		}
		value := ratio(c.of(s.name).Median, c.of(s.of).Median)
		t := Target{What: fmt.Sprintf("%s: %s ÷ %s", name, s.name, s.of), Value: value, Limit: s.target, AtLeast: s.atLeast}
		b.report.Targets = append(b.report.Targets, t)
	}
	b.report.Comparisons = append(b.report.Comparisons, c)
	return nil
}

func ratio(a, b Run) float64 { return float64(a.Wall) / float64(b.Wall) }

// ingest is a command of the binary for a pipeline that takes some tables.
func (b *bench) ingest(pipeline, tables string, args ...string) command {
	return command{
		args: append([]string{b.binary}, args...),
		env: []string{
			"INGEST_SOURCE_URL=" + b.source.url(), "INGEST_SOURCE_TABLES=" + tables, "INGEST_SOURCE_SLOT=" + pipeline,
			"INGEST_PIPELINE=" + pipeline, "INGEST_CATALOG=" + catalog, "INGEST_REQUESTS_PER_SECOND=1000",
			"DATABRICKS_HOST=" + b.workspace.URL(), "DATABRICKS_TOKEN=" + b.workspace.Token(),
			"DATABRICKS_WAREHOUSE_ID=" + b.workspace.WarehouseID(),
		},
	}
}

// psql is a command of psql on the source.
func (b *bench) psql(script string) command {
	return shell(script, "PATH="+b.source.tools+":"+os.Getenv("PATH"), "URL="+b.source.url())
}

// forget removes what a pipeline keeps in the source and in the volume.
func (b *bench) forget(ctx context.Context, pipelines ...string) error {
	for _, p := range pipelines {
		if _, err := b.source.conn.Exec(ctx,
			`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, p); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(b.dir, "lakehouse", "Volumes", catalog, "bronze", "ingest", p)); err != nil {
			return err
		}
	}
	return nil
}

// once runs a command whose time does not count.
func (b *bench) once(ctx context.Context, c command) error {
	_, err := b.execute(ctx, c)
	return err
}
