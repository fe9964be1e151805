//go:build unix

package stage_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"bytes"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/stage"
)

// volume is an in-memory Volume with create-if-absent. Uploads fail if the path
// was used before.
type volume struct {
	mu       sync.Mutex
	files    map[string][]byte
	onUpload func(name string) error // called before an upload is stored; nil for none
	onAppend func(kind string)       // called before a ledger entry is stored; nil for none
	onRead   func(name string)       // called before a file is read; nil for none
}

func newVolume() *volume { return &volume{files: map[string][]byte{}} }

func (v *volume) Create(_ context.Context, name string, data []byte) error {
	if v.onAppend != nil && path.Dir(name) == ledger.Directory {
		var entry struct{ Kind string }
		if err := json.Unmarshal(data, &entry); err != nil {
			return err
		}
		v.onAppend(entry.Kind)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.files[name]; ok {
		return fs.ErrExist
	}
	v.files[name] = slices.Clone(data)
	return nil
}

func (v *volume) Read(_ context.Context, name string) ([]byte, error) {
	if v.onRead != nil {
		v.onRead(name)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	data, ok := v.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (v *volume) Delete(_ context.Context, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.files, name)
	return nil
}

func (v *volume) Names(_ context.Context, dir string) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for name := range v.files {
		if path.Dir(name) == dir {
			out = append(out, path.Base(name))
		}
	}
	return out, nil
}

func (v *volume) Upload(ctx context.Context, name string, body io.ReadSeeker, _ int64) error {
	if v.onUpload != nil {
		if err := v.onUpload(name); err != nil {
			return err
		}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return v.Create(ctx, name, data)
}

// bench is a source and the staging half of a pipeline with an in-memory
// Volume.
type bench struct {
	t      *testing.T
	url    string
	conn   *pgx.Conn // the application's
	source *postgres.Source
	volume *volume
	runs   int
}

func newBench(t *testing.T, ddl ...string) *bench {
	t.Helper()
	return newBenchAt(t, pgtest.NewDatabase(t), ddl...)
}

func newBenchAt(t *testing.T, url string, ddl ...string) *bench {
	t.Helper()
	b := &bench{t: t, url: url, volume: newVolume()}
	var err error
	if b.conn, err = pgx.Connect(t.Context(), b.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.conn.Close(context.Background()) })
	b.exec(ddl...)
	b.source = b.open("test")
	return b
}

// open opens the source for a run.
func (b *bench) open(run string) *postgres.Source {
	b.t.Helper()
	source, err := postgres.Open(b.t.Context(),
		postgres.Options{URL: b.url, Run: run, LockTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := source.Identify(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return source
}

func (b *bench) exec(statements ...string) {
	b.t.Helper()
	execOn(b.t, b.conn, statements...)
}

func execOn(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// another opens another session of the application.
func (b *bench) another() *pgx.Conn {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

const (
	slotName = "ingest_stage_test"
	pubName  = "ingest_stage_test"
)

var pubs = postgres.Publications{All: pubName, Inserts: pubName + "_inserts"}

// slot returns a slot name that is unique per test database, because slots are
// cluster-wide.
func (b *bench) slot() string {
	return slotName + "_" + b.source.Facts.Database
}

// stager opens the ledger again, like a new process.
func (b *bench) stager() *stage.Stager {
	b.t.Helper()
	b.runs++
	run := b.t.Name() + "-" + string(rune('a'+b.runs))
	run = strings.ReplaceAll(run, "/", "-")
	led, err := ledger.Open(b.t.Context(), b.volume, ledger.Options{Run: run, Version: "test", Now: time.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	spool, err := segment.OpenSpool(b.t.TempDir(), run)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = spool.Close() })
	return &stage.Stager{
		Source: b.source, Ledger: led, Files: b.volume, Spool: spool, Slot: b.slot(), Publications: pubs, Began: led.Head(),
		Log: slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Options: stage.Options{
			Run: run, Jobs: 3, Memory: 64 << 20, SegmentBytes: 1 << 20, RangeBytes: 64 << 10, PeekMaxWAL: 1 << 30, SpanBytes: 64 << 20,
			IdleAdvance: 16 << 20, EntryBytes: 8 << 20, EntryRows: 1 << 20, EntryEvery: 20 * time.Millisecond,
			YieldFor: time.Hour, Now: time.Now,
		},
	}
}

// relations reads tables from the catalog.
func (b *bench) relations(names ...string) []postgres.Relation {
	b.t.Helper()
	all, err := b.source.Catalog(b.conn).Relations(b.t.Context(), []string{"public"}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r postgres.Relation) bool { return !slices.Contains(names, r.Name.Name) })
}

// origin publishes the tables, creates the slot and writes the ledger's origin.
func (b *bench) origin(s *stage.Stager, tables ...string) {
	b.t.Helper()
	b.publish(tables...)
	lsn, err := b.source.Slots(b.conn).Create(b.t.Context(), s.Slot, false)
	if err != nil {
		b.t.Fatal(err)
	}
	b.originAt(s, lsn)
}

// originAt writes the ledger's origin for a slot at lsn.
func (b *bench) originAt(s *stage.Stager, lsn pglogrepl.LSN) {
	b.t.Helper()
	f := b.source.Facts
	_, err := s.Ledger.Append(b.t.Context(), 0, &ledger.Origin{
		System: f.System, Timeline: f.Timeline, Database: f.Database, Slot: s.Slot, Publications: pubs.Names(), ConsistentPoint: lsn,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) publish(tables ...string) {
	b.t.Helper()
	have, err := b.source.Catalog(b.conn).Publications(b.t.Context(), pubs.Names())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := postgres.Run(b.t.Context(), b.conn, pubs.Statements(b.source.Facts.Version, have, b.relations(tables...))); err != nil {
		b.t.Fatal(err)
	}
}

// snapshot loads tables in full.
func (b *bench) snapshot(s *stage.Stager, tables ...string) []stage.TableResult {
	b.t.Helper()
	results, err := s.SnapshotTables(b.t.Context(), b.relations(tables...))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			b.t.Fatal(r.Err)
		}
	}
	return results
}

// now returns the server's insert LSN.
func (b *bench) now() pglogrepl.LSN {
	b.t.Helper()
	insert, _, err := b.source.WAL(b.conn).Positions(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return insert
}

func (b *bench) drain(s *stage.Stager) stage.DrainResult {
	b.t.Helper()
	r, err := s.Drain(b.t.Context(), b.now(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// row is one row of a segment by column name. NULLs are absent.
type row map[string]string

// segmentRows reads a segment's rows as text.
func (b *bench) segmentRows(name string) []row {
	b.t.Helper()
	data, err := b.volume.Read(b.t.Context(), name)
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	pf, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	reader, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		b.t.Fatal(err)
	}
	table, err := reader.ReadTable(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer table.Release()
	rows := make([]row, table.NumRows())
	for i := range rows {
		rows[i] = row{}
	}
	for c := range int(table.NumCols()) {
		i := 0
		for _, chunk := range table.Column(c).Data().Chunks() {
			for j := range chunk.Len() {
				if !chunk.IsNull(j) {
					rows[i][table.Schema().Field(c).Name] = chunk.ValueStr(j)
				}
				i++
			}
		}
	}
	return rows
}

// log returns a table's rows as a load would see them, in order: the newest
// snapshot's rows, then the changes' rows except those that the snapshot
// contains.
func (b *bench) log(state *ledger.State, table string) (snapshot, changes []row) {
	b.t.Helper()
	t := state.Tables[schema.TableName{Schema: "public", Name: table}]
	if t == nil {
		return nil, nil
	}
	var begin int64
	if t.Snapshot != nil {
		begin = t.Snapshot.Begin
		for _, seg := range t.Snapshot.Segments {
			snapshot = append(snapshot, b.segmentRows(seg.Path)...)
		}
	}
	for _, c := range t.Changes {
		var rows []row
		for _, seg := range c.Segments {
			if !slices.Contains(seg.VisibleIn, begin) {
				rows = append(rows, b.segmentRows(seg.Path)...)
			}
		}
		changes = append(changes, rows...)
	}
	slices.SortStableFunc(changes, func(x, y row) int {
		return cmpNumbers(x["_commit_lsn"], y["_commit_lsn"], x["_seq"], y["_seq"])
	})
	return snapshot, changes
}

func cmpNumbers(pairs ...string) int {
	for i := 0; i < len(pairs); i += 2 {
		a, b := pairs[i], pairs[i+1]
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if c := strings.Compare(a, b); c != 0 {
			return c
		}
	}
	return 0
}

// replay applies a log strictly. The test fails on an insert of an existing key
// and on an update or delete of a missing one.
func (b *bench) replay(state *ledger.State, table, key string) map[string]row {
	b.t.Helper()
	snapshot, changes := b.log(state, table)
	now := map[string]row{}
	for _, r := range snapshot {
		if _, ok := now[r[key]]; ok {
			b.t.Fatalf("%s: the snapshot has key %s twice", table, r[key])
		}
		now[r[key]] = source(r)
	}
	var last row
	for _, r := range changes {
		k := r[key]
		_, there := now[k]
		switch op := r["_op"]; op {
		case "insert":
			if there {
				b.t.Fatalf("%s: insert of key %s, which is there: %v", table, k, r)
			}
			fresh := source(r)
			carry(fresh, r, last)
			now[k] = fresh
		case "update":
			if !there {
				b.t.Fatalf("%s: update of key %s, which is not there: %v", table, k, r)
			}
			fresh := source(r)
			carry(fresh, r, now[k])
			now[k] = fresh
		case "delete":
			if !there {
				b.t.Fatalf("%s: delete of key %s, which is not there: %v", table, k, r)
			}
			last = now[k]
			delete(now, k)
		case "truncate":
			clear(now)
		default:
			b.t.Fatalf("%s: operation %q", table, op)
		}
	}
	return now
}

// carry fills in the columns that a change did not carry.
func carry(to, change, from row) {
	list := strings.Trim(change["_unchanged"], "[]")
	for name := range strings.SplitSeq(list, ",") {
		name = strings.Trim(name, `"`)
		if v, ok := from[name]; ok && name != "" {
			to[name] = v
		}
	}
}

// source keeps the source's columns.
func source(r row) row {
	out := maps.Clone(r)
	for name := range out {
		if strings.HasPrefix(name, "_") {
			delete(out, name)
		}
	}
	return out
}

// table reads the source's rows in the same form. It supports only columns
// whose text is the same in Arrow.
func (b *bench) table(name, key string) map[string]row {
	b.t.Helper()
	rows, err := b.conn.Query(b.t.Context(), "SELECT * FROM "+name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]row{}
	for rows.Next() {
		r := row{}
		for i, raw := range rows.RawValues() {
			if raw == nil {
				continue
			}
			r[rows.FieldDescriptions()[i].Name] = b.text(rows, i)
		}
		out[r[key]] = r
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) text(rows pgx.Rows, i int) string {
	values, err := rows.Values()
	if err != nil {
		b.t.Fatal(err)
	}
	return toText(values[i])
}

type (
	lsn      = pglogrepl.LSN
	mark     = ledger.ReloadMark
	result   = stage.DrainResult
	relation = postgres.Relation
)
