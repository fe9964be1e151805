//go:build unix

package pgoutput

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// source is a fresh database with a slot and a publication of all tables.
type source struct {
	*testing.T
	conn *pgx.Conn
}

func newSource(t *testing.T, slot string, setup ...string) *source {
	t.Helper()
	return newSourceSince(t, 0, slot, setup...)
}

// newSourceSince is newSource on a server of that major version or a newer one.
func newSourceSince(t *testing.T, least int, slot string, setup ...string) *source {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.NewDatabaseSince(t, least))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	s := &source{T: t, conn: conn}
	s.exec(setup...)
	s.exec("CREATE PUBLICATION p FOR ALL TABLES", "SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput', "+slot+")")
	return s
}

func (s *source) exec(statements ...string) {
	s.Helper()
	for _, sql := range statements {
		if _, err := s.conn.Exec(s.Context(), sql); err != nil {
			s.Fatalf("%s: %v", sql, err)
		}
	}
}

// peek parses all that is in the slot and returns it as lines.
func (s *source) peek(options string) []string {
	s.Helper()
	rows, err := s.conn.Query(s.Context(), "SELECT data FROM pg_logical_slot_peek_binary_changes(current_database()::name, NULL, NULL, "+
		"'publication_names', 'p', "+options+")")
	if err != nil {
		s.Fatal(err)
	}
	var data []byte
	var p Parser
	var m Message
	names := map[uint32]string{}
	var lines []string
	if _, err := pgx.ForEachRow(rows, []any{&data}, func() error {
		if err := p.Parse(data, &m); err != nil {
			return err
		}
		if m.Kind == RelationKind {
			names[m.Relation.ID] = m.Relation.Name
		}
		lines = append(lines, describe(&m, names))
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	if p.InStream() {
		s.Error("the last stream does not stop")
	}
	return s.withoutEmpty(lines)
}

// withoutEmpty leaves out the transactions without published changes: servers before 15 send their
// begin and commit, newer ones send nothing.
func (s *source) withoutEmpty(lines []string) []string {
	s.Helper()
	var version int
	if err := s.conn.QueryRow(s.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		s.Fatal(err)
	}
	if version >= 150000 {
		return lines
	}
	var kept []string
	for i := 0; i < len(lines); i++ {
		if lines[i] == "begin" && i+1 < len(lines) && lines[i+1] == "commit" {
			i++
			continue
		}
		kept = append(kept, lines[i])
	}
	return kept
}

// describe prints what is the same in every run.
func describe(m *Message, names map[uint32]string) string {
	var b strings.Builder
	b.WriteString(m.Kind.String())
	switch m.Kind {
	case RelationKind:
		fmt.Fprintf(&b, " %s.%s %c", m.Relation.Namespace, m.Relation.Name, m.Relation.ReplicaIdentity)
		for _, c := range m.Relation.Columns {
			fmt.Fprintf(&b, " %s(%d)", c.Name, c.Typmod)
			if c.Key {
				b.WriteString("*")
			}
		}
	case TypeKind:
		fmt.Fprintf(&b, " %s.%s", m.Type.Namespace, m.Type.Name)
	case Insert, Update, Delete:
		b.WriteString(" " + names[m.RelationID])
		if m.HasOld {
			fmt.Fprintf(&b, " old(key %v)%s", m.OldIsKey, describeRow(m.Old))
		}
		if m.Kind != Delete {
			b.WriteString(" new" + describeRow(m.New))
		}
	case Truncate:
		for _, id := range m.Truncate.RelationIDs {
			b.WriteString(" " + names[id])
		}
		fmt.Fprintf(&b, " cascade %v restart %v", m.Truncate.Cascade, m.Truncate.RestartIdentity)
	case Logical:
		fmt.Fprintf(&b, " %v %s %s", m.Logical.Transactional, m.Logical.Prefix, m.Logical.Content)
	case Origin:
		fmt.Fprintf(&b, " %s %s", m.Origin.Name, m.Origin.CommitLSN)
	case BeginPrepare, Prepare, CommitPrepared, RollbackPrepared, StreamPrepare:
		b.WriteString(" " + m.Prepared.GID)
	default: // the kind says it all
	}
	return b.String()
}

func describeRow(row []Datum) string {
	var b strings.Builder
	for _, d := range row {
		fmt.Fprintf(&b, " %c", d.Kind)
		if d.Data != nil {
			fmt.Fprintf(&b, ":%.20s", d.Data)
		}
	}
	return b.String()
}

const version1 = "'proto_version', '1', 'messages', 'true'"

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRealChanges(t *testing.T) {
	s := newSource(t, "false",
		"CREATE TYPE mood AS ENUM ('well')",
		"CREATE TABLE keyed (id int PRIMARY KEY, price numeric(10,2), toast text, m mood)",
		"ALTER TABLE keyed ALTER toast SET STORAGE EXTERNAL",
		`CREATE TABLE "Whole" (a text, b int)`, `ALTER TABLE "Whole" REPLICA IDENTITY FULL`,
		"CREATE TABLE child (id int REFERENCES keyed)")
	s.exec("INSERT INTO keyed VALUES (1, 1.50, repeat('toast ', 10000), 'well'), (2, NULL, '', NULL)",
		"UPDATE keyed SET price = 2 WHERE id = 1",
		"UPDATE keyed SET id = 3 WHERE id = 1",
		"DELETE FROM keyed WHERE id = 3",
		`INSERT INTO "Whole" VALUES ('a', 1)`, `UPDATE "Whole" SET b = NULL`, `DELETE FROM "Whole"`,
		"TRUNCATE keyed RESTART IDENTITY CASCADE")
	compare(t, s.peek(version1),
		"begin", "type public.mood", "relation public.keyed d id(-1)* price(655366) toast(-1) m(-1)",
		"insert keyed new t:1 t:1.50 t:toast toast toast to t:well", "insert keyed new t:2 n t: n", "commit",
		"begin", "update keyed new t:1 t:2.00 u t:well", "commit",
		"begin", "update keyed old(key true) t:1 n n n new t:3 t:2.00 u t:well", "commit",
		"begin", "delete keyed old(key true) t:3 n n n", "commit",
		"begin", "relation public.Whole f a(-1)* b(-1)*", "insert Whole new t:a t:1", "commit",
		"begin", "update Whole old(key false) t:a t:1 new t:a n", "commit",
		"begin", "delete Whole old(key false) t:a n", "commit",
		"begin", "type public.mood", "relation public.keyed d id(-1)* price(655366) toast(-1) m(-1)",
		"relation public.child d id(-1)", "truncate keyed child cascade true restart true", "commit")
}

func TestRealBeginAndCommitAgree(t *testing.T) {
	s := newSource(t, "false", "CREATE TABLE t (id int PRIMARY KEY)")
	before := time.Now().Add(-time.Minute)
	s.exec("INSERT INTO t VALUES (1)")
	var xid uint32
	if err := s.conn.QueryRow(s.Context(), "SELECT xmin::text::bigint FROM t").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	rows, err := s.conn.Query(s.Context(), "SELECT data FROM pg_logical_slot_peek_binary_changes(current_database()::name, NULL, NULL, "+
		"'publication_names', 'p', 'proto_version', '1')")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	var p Parser
	var begin, commit Message
	if err := p.Parse(messages[0], &begin); err != nil {
		t.Fatal(err)
	}
	if err := p.Parse(messages[len(messages)-1], &commit); err != nil {
		t.Fatal(err)
	}
	if begin.XID != xid || begin.Begin.XID != xid {
		t.Errorf("xid %d, want %d", begin.XID, xid)
	}
	if begin.Begin.FinalLSN != commit.Commit.CommitLSN || commit.Commit.EndLSN <= commit.Commit.CommitLSN {
		t.Errorf("begin at %s, commit from %s to %s", begin.Begin.FinalLSN, commit.Commit.CommitLSN, commit.Commit.EndLSN)
	}
	at := time.UnixMicro(begin.Begin.CommitMicros)
	if begin.Begin.CommitMicros != commit.Commit.CommitMicros || at.Before(before) || at.After(time.Now().Add(time.Minute)) {
		t.Errorf("commit time %s and %d µs", at, commit.Commit.CommitMicros)
	}
}

func TestRealOriginAndLogicalMessages(t *testing.T) {
	s := newSource(t, "false", "CREATE TABLE t (id int PRIMARY KEY)")
	var origin string
	if err := s.conn.QueryRow(s.Context(), "SELECT 'origin of ' || current_database()").Scan(&origin); err != nil {
		t.Fatal(err)
	}
	s.exec("SELECT pg_replication_origin_create('"+origin+"')",
		"SELECT pg_replication_origin_session_setup('"+origin+"')",
		"BEGIN", "SELECT pg_replication_origin_xact_setup('1/2A', now())", "INSERT INTO t VALUES (1)", "COMMIT",
		"SELECT pg_replication_origin_session_reset()",
		"BEGIN", "SELECT pg_logical_emit_message(true, 'app', 'inside')", "SELECT pg_logical_emit_message(false, '', 'outside')",
		"INSERT INTO t VALUES (2)", "COMMIT")
	got := s.peek(version1)
	s.exec("SELECT pg_replication_origin_drop('" + origin + "')")
	compare(t, got,
		"begin", "origin "+origin+" 1/2A", "relation public.t d id(-1)*", "insert t new t:1", "commit",
		"logical message false  outside",
		"begin", "logical message true app inside", "insert t new t:2", "commit")
}

// A transaction that does not fit logical_decoding_work_mem is streamed while it runs. A part of it is
// rolled back.
func TestRealStream(t *testing.T) {
	s := newSource(t, "false", "CREATE TABLE t (id int PRIMARY KEY, pad text)", "CREATE TYPE mood AS ENUM ('well')", "CREATE TABLE e (m mood)",
		"SET logical_decoding_work_mem = '64kB'")
	s.exec("BEGIN",
		"INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i",
		"SAVEPOINT s",
		"INSERT INTO t SELECT i, repeat('y', 100) FROM generate_series(1001, 2000) i",
		"INSERT INTO e VALUES ('well')",
		"SELECT pg_logical_emit_message(true, 'app', 'streamed')",
		"RELEASE s",
		"SAVEPOINT dropped",
		"INSERT INTO t SELECT i, repeat('z', 100) FROM generate_series(2001, 3000) i",
		"ROLLBACK TO dropped",
		"TRUNCATE e",
		"COMMIT")
	counts := map[string]int{}
	for _, line := range s.peek("'proto_version', '2', 'streaming', 'on', 'messages', 'true'") {
		kind, rest, _ := strings.Cut(line, " new")
		if rest != "" {
			kind += " " + strings.Trim(rest[strings.LastIndex(rest, ":")+1:], " ")[:1]
		}
		counts[kind]++
	}
	for kind, want := range map[string]int{
		"insert t x": 1000, "insert t y": 1000, "insert e w": 1, "stream commit": 1,
		"logical message true app streamed": 1, "truncate e cascade false restart false": 1, "begin": 0, "commit": 0,
	} {
		if counts[kind] != want {
			t.Errorf("%d times %q, want %d (of %v)", counts[kind], kind, want, counts)
		}
	}
	if counts["type public.mood"] == 0 || counts["relation public.t d id(-1)* pad(-1)"] == 0 {
		t.Errorf("no type or no relation among %v", counts)
	}
	if counts["stream start"] < 2 || counts["stream start"] != counts["stream stop"] {
		t.Errorf("%d stream starts, %d stops", counts["stream start"], counts["stream stop"])
	}
	if counts["stream abort"] != 1 && counts["insert t z"] > 0 {
		t.Errorf("%d rows of a part that was rolled back, %d aborts", counts["insert t z"], counts["stream abort"])
	}
}

func TestRealTwoPhaseCommit(t *testing.T) {
	s := newSourceSince(t, 15, "false, true", "CREATE TABLE t (id int PRIMARY KEY)")
	var prefix string
	if err := s.conn.QueryRow(s.Context(), "SELECT current_database()").Scan(&prefix); err != nil {
		t.Fatal(err)
	}
	s.exec("BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION '"+prefix+" kept'", "COMMIT PREPARED '"+prefix+" kept'",
		"BEGIN", "INSERT INTO t VALUES (2)", "PREPARE TRANSACTION '"+prefix+" dropped'", "ROLLBACK PREPARED '"+prefix+" dropped'")
	compare(t, s.peek("'proto_version', '3', 'two_phase', 'on'"),
		"begin prepare "+prefix+" kept", "relation public.t d id(-1)*", "insert t new t:1", "prepare "+prefix+" kept",
		"commit prepared "+prefix+" kept",
		"begin prepare "+prefix+" dropped", "insert t new t:2", "prepare "+prefix+" dropped",
		"rollback prepared "+prefix+" dropped")
}

func TestRealBinaryRows(t *testing.T) {
	s := newSource(t, "false", "CREATE TABLE t (id int PRIMARY KEY, v text)")
	s.exec("INSERT INTO t VALUES (16909060, 'v')")
	compare(t, s.peek("'proto_version', '2', 'binary', 'true'"),
		"begin", "relation public.t d id(-1)* v(-1)", "insert t new b:\x01\x02\x03\x04 b:v", "commit")
}
