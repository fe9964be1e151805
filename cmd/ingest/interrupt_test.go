package main

import (
	"fmt"
	"testing"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
)

// What an interrupt reports: what is done, and the commands that do the rest.
func TestRemains(t *testing.T) {
	work := func(fresh bool, n int) []replicate.Work {
		var list []replicate.Work
		for i := range n {
			list = append(list, replicate.Work{Table: schema.TableName{Schema: "public", Name: fmt.Sprintf("t%d", i)}, Fresh: fresh})
		}
		return list
	}
	copied := func(r *remains, complete, failed int) {
		for i := range complete + failed {
			r.snapshotted(r.tables[i].Table, i < complete)
		}
	}
	const load = "`ingest load` loads what is staged"
	for name, test := range map[string]struct {
		do          func(*remains)
		state, next string
	}{
		"nothing was begun": {func(*remains) {}, "", ""},
		"the first tables are read": {func(r *remains) { r.snapshot(work(true, 3)) },
			"; 0 of 3 tables are staged, and what was read of the others is dropped", ""},
		"some are staged": {func(r *remains) { r.snapshot(work(true, 3)); copied(r, 1, 0) },
			"; 1 of 3 tables are staged, and what was read of the others is dropped",
			load + "; `ingest full-load --resume --tables public.t1,public.t2` copies the rest"},
		"many are open": {func(r *remains) { r.snapshot(work(true, 60)); copied(r, 12, 1) },
			"; 12 of 60 tables are staged, and what was read of the others is dropped",
			load + "; `ingest full-load --resume` copies the rest"},
		"they had a snapshot before": {func(r *remains) { r.snapshot(work(false, 3)); copied(r, 1, 1) },
			"; 1 of 3 tables are staged, and what was read of the others is dropped",
			load + "; `ingest full-load --tables public.t2` copies the rest"},
		"many of them": {func(r *remains) { r.snapshot(work(false, 60)); copied(r, 1, 0) },
			"; 1 of 60 tables are staged, and what was read of the others is dropped",
			load + "; `ingest full-load` copies all tables again"},
		"a run that only stages": {func(r *remains) { r.only = " --stage-only"; r.snapshot(work(true, 2)); copied(r, 1, 0) },
			"; 1 of 2 tables are staged, and what was read of the others is dropped",
			"`ingest full-load --resume --tables public.t1 --stage-only` copies the rest"},
		"all are staged":  {func(r *remains) { r.snapshot(work(true, 2)); copied(r, 2, 0) }, "; what is staged stays staged", load},
		"all have failed": {func(r *remains) { r.snapshot(work(true, 2)); copied(r, 0, 2); r.load(0); r.finished(9) }, "", ""},
		"a load": {func(r *remains) { r.load(3); r.brought = 2 },
			"; 2 of 3 tables are loaded, and what is staged stays staged", load},
		"a load of one table": {func(r *remains) { r.load(1) },
			"; 0 of 1 table is loaded, and what is staged stays staged", load},
		"all is loaded":      {func(r *remains) { r.snapshot(work(true, 1)); copied(r, 1, 0); r.load(1); r.brought = 1; r.finished(9) }, "", ""},
		"entries are staged": {func(r *remains) { r.staged = 9 }, "; what is staged stays staged", load},
		"entries are loaded": {func(r *remains) { r.staged = 9; r.load(1); r.brought = 1; r.finished(9) }, "", ""},
		"an entry is staged while others are loaded": {func(r *remains) { r.staged = 9; r.load(1); r.staged = 10; r.finished(9) },
			"; what is staged stays staged", load},
		"only staging, changes": {func(r *remains) { r.only = " --stage-only"; r.staged = 9 }, "; what is staged stays staged", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r remains
			test.do(&r)
			if state, next := r.state(), r.next(); state != test.state || next != test.next {
				t.Errorf("%q and %q, want %q and %q", state, next, test.state, test.next)
			}
		})
	}
}

// TestRowsInTheTarget: a number that a run does not know is not printed as 0.
func TestRowsInTheTarget(t *testing.T) {
	for _, c := range []struct {
		of   replicate.TableSummary
		want string
	}{
		{replicate.TableSummary{}, "0"}, {replicate.TableSummary{Staged: 5, Loaded: 5, Total: 1234}, "1,234"},
		{replicate.TableSummary{Staged: 5}, ""}, {replicate.TableSummary{Error: "no"}, ""},
	} {
		if got := fmt.Sprint(total(&c.of)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.of, got, c.want)
		}
	}
}
