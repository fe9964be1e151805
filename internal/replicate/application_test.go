package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// The status has the SQL for a table that waits for a full load without its updates and deletes, and
// for no other table.
func TestRemediesInTheStatus(t *testing.T) {
	tables := []TableStatus{{Table: "public.bare", Reload: "x"}, {Table: "public.in_both", Reload: "x"},
		{Table: "public.kept", Reload: "x", Quarantine: "y"}, {Table: "public.well"}}
	var relations []postgres.Relation
	for i, name := range []string{"bare", "in_both", "kept", "well", "new"} {
		relations = append(relations, postgres.Relation{Table: schema.Table{Name: public(name), OID: uint32(i)}})
	}
	marked := reloading(tables)
	if len(marked) != 2 {
		t.Errorf("marked are %v", marked)
	}
	remedies(marked, relations, &publication.Set{Names: postgres.Publications{All: "p", Inserts: "p_inserts"},
		Have: map[string]*postgres.PublicationInfo{"p": {Tables: []uint32{1}}, "p_inserts": {Tables: []uint32{0, 1, 2, 3, 4}}}})
	for i, want := range []string{"then `ingest full-load --tables public.bare`", "", "", ""} {
		failuretest.Reason(t, tables[i].Table, tables[i].Remedy, want)
	}
}

// A publication that the server does not change is left to the next run. A run that ends, or that
// loses its connection, does nothing more.
func TestAnswersOfTheServer(t *testing.T) {
	refused := &pgconn.PgError{Code: "55P03"}
	ended, end := context.WithCancel(t.Context())
	end()
	if !answered(t.Context(), refused) || answered(ended, refused) || answered(t.Context(), io.ErrUnexpectedEOF) {
		t.Error("what is the server's answer?")
	}
}

// A text is logged once.
func TestATextIsLoggedOnce(t *testing.T) {
	said := &once{}
	if !said.first("a") || said.first("a") || !said.first("b") {
		t.Error("a text is said more than once")
	}
}

// Warnings are about the pipeline's own publications. Each appears once.
func TestWarningsOfRefusedStatements(t *testing.T) {
	var said strings.Builder
	a := &application{
		link: &origin.Link{Names: origin.Names{Publications: postgres.Publications{All: "p"}}}, log: slog.New(slog.NewTextHandler(&said, nil)),
	}
	refusals := []postgres.Refusal{{Table: public("mine"), Publication: "p", Update: true},
		{Table: public("theirs"), Publication: "other", Update: true}}
	a.warnOfRefused(refusals)
	a.warnOfRefused(refusals)
	if strings.Count(said.String(), "public.mine") != 1 || strings.Contains(said.String(), "public.theirs") {
		t.Error(said.String())
	}
}

// The status names the tables whose updates and deletes are not sent, even if all that is sent is
// loaded. It also gives the command that changes this.
func TestStatusOfTablesWithoutUpdates(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE keyless (a int)`, `CREATE TABLE got_a_key (a int NOT NULL)`)
	b.loaded(b.open(nil))
	b.exec(`ALTER TABLE got_a_key ADD PRIMARY KEY (a)`)
	s, err := b.open(nil).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, x := range s.Tables {
		found[x.Table] = x.State + "; " + x.NotReplicated + "; " + x.Remedy
	}
	failuretest.Reason(t, "a key", found["public.t"], "loaded; ; ")
	failuretest.Reason(t, "no key", found["public.keyless"],
		"loaded; it has no primary key and no replica identity: updates and deletes are not replicated; "+
			`ALTER TABLE "public"."keyless" REPLICA IDENTITY FULL; or ALTER TABLE "public"."keyless" ADD PRIMARY KEY (…); then `+
			"`ingest full-load --tables public.keyless`")
	failuretest.Reason(t, "a key since", found["public.got_a_key"],
		"sends its inserts and truncates: updates and deletes are not replicated; ingest full-load --tables public.got_a_key")
	if s.Err() != nil {
		t.Errorf("a monitor is given an error: %v", s.Err())
	}
}

// An error of several lines becomes one line without repetitions. errors.Is and errors.As still work.
func TestErrorsInOneLine(t *testing.T) {
	one := errors.New("one")
	if inOneLine(one) != one {
		t.Error("an error of one line is another one")
	}
	joined := inOneLine(errors.Join(one, fmt.Errorf("two: %w", fs.ErrNotExist), one))
	if joined.Error() != "one; two: file does not exist" || !errors.Is(joined, fs.ErrNotExist) {
		t.Errorf("%v", joined)
	}
}

// An error of a statement that waited for a lock names the session that holds it, and how to end it.
func TestErrorsOfLocks(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	tx, err := b.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE t IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	_, err = conn.PgConn().Exec(ctx, `BEGIN; LOCK TABLE public.t IN ACCESS SHARE MODE NOWAIT`).ReadAll()
	held := postgres.Error("lock public.t", err)
	got := p.explain(ctx, held)
	failuretest.Reason(t, "held", said(got), fmt.Sprintf("public.t is locked by pid %d", b.conn.PgConn().PID()))
	ends := fmt.Sprintf("pg_terminate_backend(%d)", b.conn.PgConn().PID())
	if hint := failure.HintOf(got); failure.KindOf(got) != failure.Source || !errors.Is(got, held) || !strings.Contains(hint, ends) ||
		!strings.Contains(hint, "source.lock_timeout") {
		t.Errorf("held: %v, hint %q", got, hint)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
}
