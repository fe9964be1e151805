//go:build cgo && linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// verifies compares what verify costs the source with Postgres's own COPY of the
// same table as text, and what it takes in all with verify --full.
func (b *bench) verifies(ctx context.Context) error {
	const table, whole, full = "verified", "ingest verify", "ingest verify --full"
	rows := b.size(1_000_000, 200_000)
	if err := b.source.makeNarrow(ctx, table, rows); err != nil {
		return err
	}
	if err := b.source.pin(ctx); err != nil {
		return err
	}
	if err := b.once(ctx, b.ingest(table, table, "full-load")); err != nil {
		return err
	}
	if err := b.source.exec(ctx, `ALTER DATABASE `+database+` SET log_min_duration_statement = 0`); err != nil {
		return err
	}
	statements, err := b.statementTimes(table)
	if err != nil {
		return err
	}
	const copied = "psql COPY, text"
	about := fmt.Sprintf("%d narrow rows at both ends; the warehouse's part is DuckDB's work in the local workspace", rows)
	if err := b.compare(ctx, "verify", about, rows, "rows", []subject{
		{name: copied, done: statements.note(copied), run: func(int) command {
			return b.psql(`psql "$URL" -qc "COPY ` + table + ` TO STDOUT" > /dev/null`)
		}},
		{name: whole, ours: true, done: statements.note(whole), target: 1, of: full, run: func(int) command {
			return b.ingest(table, table, "verify")
		}},
		{name: full, ours: true, done: statements.note(full), run: func(int) command { return b.ingest(table, table, "verify", "--full") }},
		{name: "ingest verify --sample 1%", ours: true, done: statements.note("sample"), run: func(int) command {
			return b.ingest(table, table, "verify", "--sample", "1%")
		}},
	}); err != nil {
		return err
	}
	b.report.Targets = append(b.report.Targets, Target{
		What: "verify: statement time at the source, " + whole + " ÷ " + copied, Limit: 1.5,
		Value: float64(statements.median(whole)) / float64(statements.median(copied)),
	})
	if err := b.source.exec(ctx, `ALTER DATABASE `+database+` RESET log_min_duration_statement`, `DROP TABLE `+table); err != nil {
		return err
	}
	return b.forget(ctx, table)
}

// statementTimes are how long the statements on a table took, by the server's
// log, which has one line for each.
type statementTimes struct {
	log    string
	line   *regexp.Regexp
	offset int64
	times  map[string][]time.Duration // by command
}

func (b *bench) statementTimes(table string) (*statementTimes, error) {
	s := &statementTimes{
		log: b.source.server.LogFile(), times: map[string][]time.Duration{},
		line: regexp.MustCompile(`duration: ([0-9.]+) ms  statement: COPY .*\b` + table + `\b.* TO STDOUT`),
	}
	info, err := os.Stat(s.log)
	if err != nil {
		return nil, err
	}
	s.offset = info.Size()
	return s, nil
}

// note adds up what was logged since the last command.
func (s *statementTimes) note(command string) func() error {
	return func() error {
		f, err := os.Open(s.log)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Seek(s.offset, io.SeekStart); err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		s.offset += int64(len(data))
		var sum time.Duration
		for _, found := range s.line.FindAllSubmatch(data, -1) {
			ms, err := strconv.ParseFloat(string(found[1]), 64)
			if err != nil {
				return err
			}
			sum += time.Duration(ms * float64(time.Millisecond))
		}
		if sum == 0 {
			return fmt.Errorf("the server's log has no statement of %s", command)
		}
		s.times[command] = append(s.times[command], sum)
		fmt.Fprintf(os.Stderr, "%-32s %-34s %8.2f s of statements at the source\n", "verify", command, sum.Seconds())
		return nil
	}
}

func (s *statementTimes) median(command string) time.Duration {
	all := slices.Sorted(slices.Values(s.times[command]))
	return all[len(all)/2]
}
