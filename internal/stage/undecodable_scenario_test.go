//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A change that its table's columns cannot hold would arrive again and again.
// Its table needs a full load. Earlier changes stay, other tables and the slot
// continue, and a new snapshot clears the mark.
func TestChangeThatCannotBeDecoded(t *testing.T) {
	for _, transport := range []string{"peek", "stream"} {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE DOMAIN odd AS int`, `CREATE TABLE t (id int PRIMARY KEY, v odd, w text)`,
				`CREATE TABLE o (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1, 1)`)
			s := b.stager()
			if transport == "stream" {
				s.Options.PeekMaxWAL = 1
			}
			b.origin(s, "t", "o")
			b.snapshot(s, "t", "o")
			// The domain's text comes from another type, and no integer has it.
			output := func(function string) {
				b.exec(`SET allow_system_table_mods = on`,
					`UPDATE pg_type SET typoutput = '`+function+`' WHERE typname = 'odd'`, `RESET allow_system_table_mods`)
			}
			b.exec(`INSERT INTO t VALUES (2, 2, 'good')`)
			output("date_out")
			b.exec(`INSERT INTO t VALUES (3, 3, 'bad')`, `INSERT INTO o VALUES (3)`, `UPDATE t SET w = 'after' WHERE id = 1`,
				`TRUNCATE t`, `INSERT INTO t VALUES (4, NULL, 'left out')`)
			r := b.drain(s)
			name := schema.TableName{Schema: "public", Name: "t"}
			err := r.Failed[name]
			if err == nil || !strings.Contains(err.Error(), `column "v"`) || failure.HintOf(err) == "" || len(r.Failed) != 1 {
				t.Fatalf("failed are %v", r.Failed)
			}
			state := s.Ledger.State()
			if m := state.Tables[name].Reload; m == nil || !strings.Contains(m.Reason, "a change could not be decoded") {
				t.Errorf("the mark is %+v", m)
			}
			if _, changes := b.log(state, "t"); len(changes) != 1 || changes[0]["w"] != "good" {
				t.Errorf("staged are %v, want what came before", changes)
			}
			b.same(s, "o", "id")
			if again := b.drain(s); len(again.Failed) > 0 {
				t.Errorf("the next run failed again: %v", again.Failed)
			}
			output("int4out")
			b.exec(`INSERT INTO t VALUES (5, 5, 'snapshot')`)
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (6, 6, 'after')`)
			b.drain(s)
			b.same(s, "t", "id")
			if m := s.Ledger.State().Tables[name].Reload; m != nil {
				t.Errorf("the mark stayed: %+v", m)
			}
		})
	}
}

// If the server itself cannot decode a change, no message arrives. The run ends
// with the server's error and a hint.
func TestChangeThatTheServerCannotDecode(t *testing.T) {
	b := newBench(t, `CREATE DOMAIN odd AS int`, `CREATE TABLE t (id int PRIMARY KEY, v odd)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`SET allow_system_table_mods = on`, `UPDATE pg_type SET typoutput = 0 WHERE typname = 'odd'`, `INSERT INTO t VALUES (1, 1)`)
	for _, limit := range []int64{1 << 30, 1} { // peek, stream
		s.Options.PeekMaxWAL = limit
		_, err := s.Drain(t.Context(), b.now(), nil)
		if err == nil || !strings.Contains(failure.HintOf(err),
			"exclude the table for which it fails, then `ingest full-load --repair`, which makes a new slot") {
			t.Errorf("with a limit of %d: %v; hint: %s", limit, err, failure.HintOf(err))
		}
	}
}
