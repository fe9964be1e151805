//go:build cgo && unix

package tests

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

const catalogName = "dev"

// runLimit is what a run may take before the test fails, and waitLimit how long
// a condition is waited for: many times what they take, since other tests have
// the processors, too. A command that tests/mutation broke gets less.
var runLimit, waitLimit = func() (run, wait time.Duration) {
	if os.Getenv("INGEST_TEST_COMMAND") != "" {
		return 2 * time.Minute, 30 * time.Second
	}
	return 10 * time.Minute, 5 * time.Minute
}()

// interceptor sees a request of a run; n counts them from 1.
type interceptor func(n int64, r *http.Request) *lakehouse.Fault

var worlds atomic.Int64

// world is a source database, a workspace and the pipeline between them. One
// goroutine at a time uses it, but for intercept.
type world struct {
	t      *testing.T
	url    string
	name   string    // of the pipeline
	conn   *pgx.Conn // the application's
	dir    string    // of the workspace
	server *lakehouse.Server
	target *databricks.Workspace
	env    []string
	clock  func() time.Time // of runs in the test's process; nil: the machine's

	hook    atomic.Pointer[interceptor]
	refusal atomic.Pointer[func(sql string) *lakehouse.Refusal]
	counter atomic.Int64
	mu      sync.Mutex
	stored  map[string][sha256.Size]byte // segments that were sent, by path
}

// newWorld makes the source by the statements, with a database of its own, and
// an empty workspace. Runs inherit env on top of what they need.
func newWorld(t *testing.T, statements ...string) *world {
	t.Helper()
	return newWorldAt(t, pgtest.NewDatabase(t), lakehouse.Switches{}, statements...)
}

func newWorldAt(t *testing.T, url string, switches lakehouse.Switches, statements ...string) *world {
	t.Helper()
	return newWorldOn(t, url, lakehouse.Options{Switches: switches}, statements...)
}

// newWorldOn makes a workspace with options of its own.
func newWorldOn(t *testing.T, url string, o lakehouse.Options, statements ...string) *world {
	t.Helper()
	name := fmt.Sprintf("p%d", worlds.Add(1)) // slots are cluster-wide, and named after it
	w := &world{t: t, url: url, name: name, dir: t.TempDir(), stored: map[string][sha256.Size]byte{}}
	w.conn = w.session()
	w.exec(statements...)
	o.Dir, o.Catalogs, o.MemoryLimit, o.Intercept, o.Refuse = w.dir, []string{catalogName},
		cmp.Or(o.MemoryLimit, "512MB"), w.intercept, w.refuse
	w.server = lakehousetest.Open(t, o)
	w.target = databrickstest.Open(t, w.server, databricks.Config{Catalog: catalogName, Pipeline: name, RequestsPerSecond: 10_000})
	scratch := t.TempDir()
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + scratch, "TMPDIR=" + scratch,
		"INGEST_SOURCE_URL=" + url, "INGEST_CATALOG=" + catalogName, "INGEST_PIPELINE=" + name, "INGEST_REQUESTS_PER_SECOND=1000",
		"INGEST_SOURCE_JOBS=4", // on every machine: what is under way at a moment depends on it
		"DATABRICKS_HOST=" + w.server.URL(), "DATABRICKS_TOKEN=" + w.server.Token(), "DATABRICKS_WAREHOUSE_ID=" + w.server.WarehouseID(),
	}
	return w
}

// session opens a session of the application.
func (w *world) session() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec executes statements of the application.
func (w *world) exec(statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		if _, err := w.conn.Exec(w.t.Context(), s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

// ask gives one value of the source as text.
func (w *world) ask(sql string, args ...any) string {
	w.t.Helper()
	return askOn(w.t, w.conn, sql, args...)
}

func askOn(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var text *string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if text == nil {
		return "NULL"
	}
	return *text
}

// intercept sees every request of the workspace.
func (w *world) intercept(_ int64, r *http.Request) *lakehouse.Fault {
	if r.Header.Get(relayed) != "" {
		return nil
	}
	w.noteSegment(r)
	if hook := w.hook.Load(); hook != nil {
		return (*hook)(w.counter.Add(1), r)
	}
	return nil
}

// refuse sees every statement.
func (w *world) refuse(sql string) *lakehouse.Refusal {
	if f := w.refusal.Load(); f != nil {
		return (*f)(sql)
	}
	return nil
}

// refusing gives the first n statements that begin so and name a table an
// error; 0 ends it. n below 0 is all.
func (w *world) refusing(n int64, begins, table string, r lakehouse.Refusal) {
	var seen atomic.Int64
	f := func(sql string) *lakehouse.Refusal {
		if !strings.HasPrefix(sql, begins) || !strings.Contains(sql, "`.`"+table+"`") || n >= 0 && seen.Add(1) > n {
			return nil
		}
		return &r
	}
	w.refusal.Store(&f)
}

// on sets what happens to the requests from here on, counted from 1; nil ends
// it.
func (w *world) on(hook interceptor) {
	w.counter.Store(0)
	if hook == nil {
		w.hook.Store(nil)
		return
	}
	w.hook.Store(&hook)
}

// result is a run that ended.
type result struct {
	args           []string
	code           int // −1 if it was killed
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("ingest %s ended with %d\n%s%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// process is a run that goes on.
type process struct {
	w              *world
	args           []string
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	limit          *time.Timer
}

// start starts a run. It does not outlive the test.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	return w.startWith(nil, args...)
}

func (w *world) startWith(env []string, args ...string) *process {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	p := &process{w: w, args: args, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(append([]string{}, w.env...), env...)
	p.cmd.Dir = filepath.Dir(path)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	p.limit = time.AfterFunc(runLimit, func() {
		w.t.Errorf("ingest %s did not end within %v", strings.Join(args, " "), runLimit)
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // the goroutines' stacks are in its output then
	})
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	w.t.Cleanup(func() { p.kill() })
	return p
}

// kill ends the run as a power cut would, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.limit.Stop()
}

func (p *process) signal(s os.Signal) {
	p.w.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.w.t.Fatal(err)
	}
}

// running says whether the run goes on.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// wait waits for the run's end.
func (p *process) wait() result {
	<-p.ended
	p.limit.Stop()
	return result{p.args, p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

// run runs a command to its end.
func (w *world) run(args ...string) result {
	w.t.Helper()
	return w.start(args...).wait()
}

// must runs a command that has to succeed.
func (w *world) must(args ...string) result {
	w.t.Helper()
	return w.want(0, args...)
}

// want runs a command that has to end with a code.
func (w *world) want(code int, args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	if r.code != code {
		w.t.Fatalf("%s\nwant exit code %d", r, code)
	}
	return r
}

// again runs a command after one that was killed. The server may take a moment
// to see that the killed run's sessions are gone; nothing else may fail.
func (w *world) again(args ...string) result {
	w.t.Helper()
	for deadline := time.Now().Add(waitLimit); ; {
		r := w.run(args...)
		if r.code == 0 {
			return r
		}
		if !r.held() || time.Now().After(deadline) {
			w.t.Fatalf("after a run that was killed: %s", r)
		}
	}
}

// held says that the run ended because another one holds a lock or the slot.
func (r result) held() bool {
	return r.code == 12 && (strings.Contains(r.stderr, "another run holds the pipeline") || strings.Contains(r.stderr, "is in use by pid"))
}

// eventually asks until the condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	w.within(waitLimit, what, holds)
}

func (w *world) within(limit time.Duration, what string, holds func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// root is the pipeline's directory in the Volume, on this machine's disk.
func (w *world) root() string {
	return filepath.Join(w.dir, "Volumes", catalogName, "bronze", "ingest", w.name)
}

// files gives the names, relative to root, and checksums of the pipeline's
// files below a directory.
func (w *world) files(dir string) map[string][sha256.Size]byte {
	w.t.Helper()
	out := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(filepath.Join(w.root(), dir), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name, relErr := filepath.Rel(w.root(), path)
		out[filepath.ToSlash(name)] = sha256.Sum256(data)
		return errors.Join(err, relErr)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// entries reads the ledger from the disk, without the package that wrote it.
func (w *world) entries() []ledger.Entry {
	w.t.Helper()
	var out []ledger.Entry
	for {
		raw, err := os.ReadFile(filepath.Join(w.root(), ledger.FileName(int64(len(out)+1))))
		if errors.Is(err, fs.ErrNotExist) {
			return out
		}
		if err != nil {
			w.t.Fatal(err)
		}
		var e ledger.Entry
		if err := json.Unmarshal(raw, &e); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
}
