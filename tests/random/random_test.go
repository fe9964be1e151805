//go:build cgo && unix

package random

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The short run: as many worlds, from this seed on.
const (
	shortSeed   = 1
	shortWorlds = 7
)

func TestRandomTablesAndChanges(t *testing.T) {
	seed, worlds, until := uint64(shortSeed), shortWorlds, time.Time{}
	if v := os.Getenv("INGEST_TEST_RANDOM_SECONDS"); v != "" {
		seconds, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("INGEST_TEST_RANDOM_SECONDS: %v", err)
		}
		seed, until = uint64(time.Now().UnixMilli()), time.Now().Add(time.Duration(seconds)*time.Second)
	}
	if v := os.Getenv("INGEST_TEST_RANDOM_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("INGEST_TEST_RANDOM_SEED: %v", err)
		}
		if until.IsZero() {
			worlds = 1
		}
	}
	server := lakehousetest.Open(t, lakehouse.Options{MemoryLimit: "512MB", Intercept: intercept, Refuse: refuse})
	done := tally{}
	for n := 0; !t.Failed() && (until.IsZero() && n < worlds || time.Now().Before(until)); n++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := newWorld(t, server, seed)
			active.Store(w)
			defer active.Store(nil)
			defer done.add(w.tally)
			w.live()
		})
		seed++
	}
	t.Log(done)
}

// world is a source database, a schema of the workspace, and the pipeline
// between them. One goroutine uses it.
type world struct {
	parts  int // partitions made, for names that tables do not share when theirs change
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand
	server *lakehouse.Server
	source *postgres.Source
	conn   *pgx.Conn // the application's; prints values as the pipeline's sessions do
	target *databricks.Workspace
	config *config.Config
	runs   int
	tables []*table
	names  map[string]bool // that full loads were made under
	made   int             // tables, for their names
	moods  []string        // values of the enum
	first  *int            // inserted rows have a first column from here on, if set
	events []string
	tally  tally

	*faults
	keeping *keeping
}

// tally counts what was done, by name.
type tally map[string]int

func (a tally) add(b tally) {
	for name, n := range b {
		a[name] += n
	}
}

func newWorld(t *testing.T, server *lakehouse.Server, seed uint64) *world {
	t.Helper()
	w := &world{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), server: server, tally: tally{}, names: map[string]bool{},
		moods:  slices.Clone(moods),
		faults: &faults{late: make(chan string, 100)},
		keeping: &keeping{
			replaced: map[string][]replacedLog{}, unsure: map[string]string{}, types: map[string]map[string]string{}, keys: map[string][]string{},
			first: map[string]int64{}, excepts: map[string]map[string]bool{},
		},
	}
	t.Cleanup(func() {
		if t.Failed() {
			w.explain()
		}
	})
	var err error
	w.source, err = postgres.Open(t.Context(),
		postgres.Options{URL: pgtest.NewDatabase(t), Run: "random", LockTimeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if w.conn, err = w.source.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	schema := w.schema()
	w.target, err = databricks.Open(t.Context(), databricks.Config{
		Host: server.URL(), Token: server.Token(), Warehouse: server.WarehouseID(),
		Catalog: "dev", Schema: schema, Volume: "ingest", Pipeline: "random", RequestsPerSecond: 10_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.target.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.target.Close)
	w.config = config.Default()
	w.config.Pipeline = "random"
	w.config.Destination.Catalog, w.config.Destination.Schema, w.config.Destination.Volume = "dev", schema, "ingest"
	w.config.Staging.Spool = t.TempDir()
	return w
}

func (w *world) schema() string { return fmt.Sprintf("bronze_%d", w.seed) }

// explain prints the world's history.
func (w *world) explain() {
	w.t.Logf("INGEST_TEST_RANDOM_SEED=%d repeats this:\n%s", w.seed, strings.Join(w.events, "\n"))
}

// note keeps an event for explain.
func (w *world) note(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.rnd.IntN(n) == 0 }

// between is a number from low to high.
func (w *world) between(low, high int) int { return low + w.rnd.IntN(high-low+1) }

func oneOf[T any](w *world, list []T) T { return list[w.rnd.IntN(len(list))] }

// run opens the pipeline as a run of the command does, with one of the two
// ways of reading the slot, and closes it again.
func (w *world) run(what string, do func(p *replicate.Pipeline) error) {
	w.t.Helper()
	if err := w.once(w.t.Context(), what, do); err != nil {
		w.t.Fatalf("ingest %s: %v", what, err)
	}
}

func (w *world) once(ctx context.Context, what string, do func(p *replicate.Pipeline) error) error {
	w.t.Helper()
	w.runs++
	w.configure()
	w.config.Source.PeekMaxWAL = config.Default().Source.PeekMaxWAL
	if w.chance(2) {
		w.config.Source.PeekMaxWAL = 1
		what += " (streaming)"
	}
	w.note("-- ingest %s", what)
	said := lines{w: w}
	p, err := replicate.Open(ctx, replicate.Options{
		Config: w.config, Workspace: w.target, Source: w.source, Run: fmt.Sprintf("run-%d", w.runs), Version: "test",
		Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn})), Now: time.Now,
	})
	if err != nil {
		return err
	}
	err = do(p)
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return err
}

// lines notes what a run logs.
type lines struct {
	w  *world
	mu sync.Mutex
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.note("-- %s", strings.TrimSpace(string(line)))
	return len(line), nil
}

// fullLoad loads tables again; all, if none is given.
func (w *world) fullLoad(tables ...*table) {
	w.t.Helper()
	w.tally["full loads"]++
	o := replicate.FullLoadOptions{StageOnly: w.chance(6)}
	for _, t := range tables {
		o.Tables = append(o.Tables, t.name)
	}
	w.faulty(fmt.Sprintf("full-load %v stage only %t", o.Tables, o.StageOnly), func(ctx context.Context, p *replicate.Pipeline) error {
		_, err := p.FullLoad(ctx, o)
		return err
	})
	if len(tables) == 0 {
		tables = w.tables
	}
	for _, t := range tables {
		w.loaded(t)
	}
}

// loaded records a full load of a table, which takes the log from a table
// that had its name before.
func (w *world) loaded(t *table) {
	for _, other := range w.tables {
		if other != t && other.logged == t.name {
			other.logged, other.expectation = "", expectation{}
		}
	}
	t.loaded()
	w.names[t.name] = true
}

// cdc stages and loads what is committed.
func (w *world) cdc() {
	w.t.Helper()
	w.tally["cdc"]++
	o := replicate.CDCOptions{StageOnly: w.chance(3), SnapshotNew: w.chance(8)}
	w.faulty(fmt.Sprintf("cdc stage only %t, snapshots of new tables %t", o.StageOnly, o.SnapshotNew),
		func(ctx context.Context, p *replicate.Pipeline) error {
			_, err := p.CDC(ctx, ctx, o)
			return err
		})
	for _, t := range w.tables {
		if o.SnapshotNew && !w.names[t.name] && t.logged == "" {
			w.loaded(t)
		}
	}
}

// load loads what is staged.
func (w *world) load() {
	w.t.Helper()
	w.faulty("load", func(ctx context.Context, p *replicate.Pipeline) error {
		_, err := p.Load(ctx, nil, false)
		return err
	})
}

// rounds of changes and checks in a world.
const rounds = 4

// live is the world's life: tables are made, loaded, and changed round by
// round; each round ends with a comparison of both ends.
func (w *world) live() {
	w.setUp()
	for range w.between(2, 4) {
		w.create()
	}
	w.fullLoad()
	for range rounds {
		w.round()
		w.runLate()
		w.check()
	}
	w.rebuild()
}

// round changes the source while runs of the pipeline come in between.
func (w *world) round() {
	w.tally["rounds"]++
	for range w.between(3, 10) {
		switch w.rnd.IntN(10) {
		case 0:
			w.cdc()
		case 1:
			w.fullLoad(w.some()...)
		case 2, 3:
			w.alter(false)
		case 4:
			w.runLate()
		default:
			w.transaction()
		}
	}
}

// some are some of the tables, at least one; nil, which means all, now and then.
func (w *world) some() []*table {
	if w.chance(3) {
		return nil
	}
	var out []*table
	for _, t := range w.tables {
		if len(out) == 0 || w.chance(2) {
			out = append(out, t)
		}
	}
	return out
}
