//go:build cgo && unix

package tests

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestTorture runs all kinds of commands while an application writes all the time, the workspace fails, runs are killed, sessions
// are ended and the source's server is stopped, fast and immediate. After every few runs, a strict replay of the log must equal
// the source, and verify must agree.
//
// INGEST_TEST_TORTURE_SECONDS makes it longer or shorter; INGEST_TEST_TORTURE_SEED
// repeats its choices, though not its races.
func TestTorture(t *testing.T) {
	t.Parallel()
	length, seed := 15*time.Second, uint64(time.Now().UnixNano())
	if text := os.Getenv("INGEST_TEST_TORTURE_SECONDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("INGEST_TEST_TORTURE_SECONDS: %v", err)
		}
		length = time.Duration(n) * time.Second
	}
	if text := os.Getenv("INGEST_TEST_TORTURE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("INGEST_TEST_TORTURE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("seed %d", seed)
	sum := injected
	// Where creating a file is racy, two runs at once may damage the ledger,
	// which they notice: there, runs come one after the other.
	for _, racy := range []bool{false, true} {
		t.Run(fmt.Sprintf("racy=%v", racy), func(t *testing.T) {
			x := newTorture(t, seed, racy, sum)
			for end := time.Now().Add(length / 2); time.Now().Before(end) && !t.Failed(); {
				x.goBehind()
				for range 2 {
					for range 1 + x.rnd.IntN(4) {
						x.round()
					}
					x.check()
				}
			}
			sum.add("transactions of the application", x.app.transactions.Load())
			sum.add("two-phase commits", x.app.prepared.Load())
			sum.add("changes of the schema or the publication", x.app.schema.Load())
		})
	}
	if n := sum.count("rows lost") + sum.count("rows repeated") + sum.count("wrong verdicts"); n > 0 {
		t.Errorf("%d rows were lost or repeated, or verdicts wrong", n)
	}
}

// injected counts what all tests of this process did to runs, and what came of
// it. TestMain prints it at the end of a long one.
var injected = newTally()

// tally counts what happened, by what it is.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

func newTally() *tally {
	return &tally{counts: map[string]int64{"rows lost": 0, "rows repeated": 0, "wrong verdicts": 0, "rows checked": 0}}
}

func (s *tally) add(what string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what] += n
}

func (s *tally) count(what string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[what]
}

// String is the summary, a line for each count: first what was done, then what
// came of it.
func (s *tally) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := func(what string) int {
		return slices.Index([]string{"checks", "rows checked", "rows lost", "rows repeated", "wrong verdicts"}, what)
	}
	names := slices.SortedFunc(maps.Keys(s.counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), strings.Compare(a, b))
	})
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%10d  %s\n", s.counts[name], name)
	}
	return text.String()
}

// torture is a world whose parts all fail now and then.
type torture struct {
	*world
	postgres *pgserver.Server
	app      *application
	rnd      *rand.Rand
	racy     bool
	sum      *tally
	checks   int
	dataDir  string // of the server
	order    []int  // of the changes behind the log's back that come next
	changes  int    // that were made behind its back so far
}

// tokenLife is short enough for each request to ask for a token of its own, which the
// SDK does from 10 s on before a token's end, and longer than a machine that is busy
// with other things lets a request wait.
const tokenLife = 9 * time.Second

func newTorture(t *testing.T, seed uint64, racy bool, sum *tally) *torture {
	dir := pgtest.Dir(t)
	server := startServer(t, dir)
	x := &torture{postgres: server, dataDir: dir, rnd: rand.New(rand.NewPCG(seed, 1)), racy: racy, sum: sum}
	x.world = newWorldOn(t, server.URL(""), lakehouse.Options{
		Switches: lakehouse.Switches{RacyCreate: racy}, TokenTTL: tokenLife, Cold: 300 * time.Millisecond,
		MemoryLimit: "4GB", // verify folds the log of the whole time
	}, slices.Concat(shopTables, behindTables)...)
	x.env = slices.DeleteFunc(x.env, func(pair string) bool { return strings.HasPrefix(pair, "DATABRICKS_TOKEN=") })
	x.env = append(x.env, "DATABRICKS_CLIENT_ID="+x.server.ClientID(), "DATABRICKS_CLIENT_SECRET="+x.server.ClientSecret(),
		"INGEST_STAGING_ENTRY_INTERVAL=50ms", "INGEST_STAGING_SEGMENT_BYTES=1MB")
	x.must("full-load")
	x.app = newApplication(t, server.URL(""), x.ask(`SELECT pubname FROM pg_publication WHERE pubname NOT LIKE '%\_inserts'`), 4, seed)
	return x
}

// commands are what a round runs.
var commands = [][]string{
	{"cdc"}, {"cdc"}, {"cdc", "--stage-only"}, {"load"}, {"cdc", "--snapshot-new"},
	{"cdc", "--follow", "--load-every", "200ms", "--max-duration", "1500ms"},
	{"cdc", "--follow", "--load-every", "1s", "--max-duration", "2s"},
	{"cdc", "--follow", "--load-every", "300ms", "--max-duration", "2500ms", "--snapshot-new"},
	{"cdc", "--follow", "--stage-only", "--max-duration", "1s"},
	{"full-load"}, {"full-load", "--resume"}, {"full-load", "--tables", "item"}, {"full-load", "--tables", "event", "--stage-only"},
	{"verify"}, {"verify", "--full"},
}

// round runs a command or, if runs may be concurrent, up to three, something
// going wrong meanwhile.
func (x *torture) round() {
	x.t.Helper()
	x.arm()
	defer x.on(nil)
	defer x.refusal.Store(nil)
	n := 1
	if !x.racy {
		n += x.rnd.IntN(3)
	}
	var runs []*process
	for i := range n {
		env := x.variation()
		if i == 0 && x.rnd.IntN(3) == 0 {
			url, end := x.brokenWire()
			defer end()
			env = append(env, "INGEST_SOURCE_URL="+url)
		}
		runs = append(runs, x.startWith(env, commands[x.rnd.IntN(len(commands))]...))
	}
	x.sum.add("runs", int64(n))
	x.disturb(runs)
	for _, p := range runs {
		x.judge(p.wait())
	}
}

// brokenWire leads to the source through a proxy that does something to one of
// the connections, and ends all of them where a run waits for what was lost. end
// says what it did.
func (x *torture) brokenWire() (url string, end func()) {
	p := newProxy(x.t, x.url)
	purpose := []string{forCopy, forPeek, forStream, forStatement}[x.rnd.IntN(4)]
	f := &wireFault{purpose: purpose, after: x.rnd.Int64N(30_000)}
	switch x.rnd.IntN(3) {
	case 0:
		f.drop = 1 + x.rnd.IntN(60)
	case 1:
		pause := time.Duration(x.rnd.IntN(700)) * time.Millisecond
		f.goesOn, f.do = true, func() { time.Sleep(pause) }
	}
	p.breaks(f)
	limit := time.AfterFunc(2*hangLimit, func() { p.reset(all) })
	return p.url(x.url), func() {
		limit.Stop()
		if p.happened() {
			x.sum.add("connections "+f.kind()+" in "+purpose, 1)
		}
		p.close()
	}
}

// refuseStatements gives the next statement of a kind an error that may pass.
func (x *torture) refuseStatements() {
	begins := []string{"COPY INTO", "CREATE OR REPLACE TABLE", "ALTER TABLE"}[x.rnd.IntN(3)]
	r := passingRefusals[x.rnd.IntN(len(passingRefusals))]
	r.Message = "Somebody else was in the way."
	var done atomic.Bool
	f := func(sql string) *lakehouse.Refusal {
		if !strings.HasPrefix(sql, begins) || !done.CompareAndSwap(false, true) {
			return nil
		}
		x.sum.add("statements refused: "+r.Class, 1)
		return &r
	}
	x.refusal.Store(&f)
}

// suspendOne stops a run for a while, in which its sessions may end.
func (x *torture) suspendOne(p *process) {
	x.t.Helper()
	if p.cmd.Process.Signal(syscall.SIGSTOP) != nil {
		return // it has just ended
	}
	if x.rnd.IntN(2) == 0 {
		x.endSessions("all sessions of runs ended while one was suspended", endAllSessions)
	}
	timer := time.NewTimer(time.Duration(x.rnd.IntN(1500)) * time.Millisecond)
	defer timer.Stop()
	<-timer.C
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	x.sum.add("runs suspended", 1)
}

const endAllSessions = `SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE application_name LIKE 'ingest %'`

// variation sets how a run reads the source: in which spans, by which transport.
func (x *torture) variation() []string {
	var env []string
	if x.rnd.IntN(3) == 0 {
		env = append(env, "INGEST_SOURCE_PEEK_MAX_WAL=1MiB")
	}
	if x.rnd.IntN(4) == 0 {
		env = append(env, "INGEST_STAGING_ENTRY_ROWS=20")
	}
	return env
}

// arm lets a few of the requests from here on go wrong.
func (x *torture) arm() {
	names := slices.Sorted(maps.Keys(faults))
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(x.rnd.Uint64(), 2))
	rate := []int{0, 5, 15, 50}[x.rnd.IntN(4)] // of a thousand
	x.on(func(int64, *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rnd.IntN(1000) >= rate {
			return nil
		}
		if n := rnd.IntN(len(names) + 1); n < len(names) {
			x.sum.add("requests: "+names[n], 1)
			fault := faults[names[n]]
			return &fault
		}
		x.sum.add("requests: token expired", 1)
		x.server.ExpireTokens()
		return nil
	})
}

// disturb does something to the runs or to their source at some moment.
func (x *torture) disturb(runs []*process) {
	x.t.Helper()
	if x.rnd.IntN(3) == 0 {
		x.refuseStatements()
	}
	if x.rnd.IntN(5) == 0 {
		x.stopWarehouse()
		x.sum.add("warehouse stopped", 1)
	}
	moment := time.NewTimer(time.Duration(x.rnd.IntN(1200)) * time.Millisecond)
	defer moment.Stop()
	victim := runs[x.rnd.IntN(len(runs))]
	select {
	case <-moment.C:
	case <-victim.ended:
		return
	}
	switch x.rnd.IntN(11) {
	case 9:
		x.suspendOne(victim)
	case 0, 1, 2:
		victim.kill()
		x.sum.add("runs killed", 1)
	case 3:
		_ = victim.cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
		x.sum.add("runs asked to end", 1)
	case 4, 5:
		x.eventually("the slot is read, or its reader has ended", func() bool {
			return x.endSessions("the slot's session ended",
				`SELECT count(pg_terminate_backend(active_pid))::text FROM pg_replication_slots WHERE active`) || !victim.running()
		})
	case 6:
		x.endSessions("all sessions of runs ended", endAllSessions)
	case 7:
		x.restart(pgserver.Fast, "restarts of Postgres, fast")
	case 8:
		x.restart(pgserver.Immediate, "restarts of Postgres, immediate")
	}
}

// endSessions counts what it did, and says whether there was anything to end.
func (x *torture) endSessions(what, sql string) bool {
	x.t.Helper()
	if x.ask(sql) == "0" {
		return false
	}
	x.sum.add(what, 1)
	return true
}

func (x *torture) restart(mode pgserver.Mode, what string) {
	x.t.Helper()
	if err := x.postgres.Restart(x.t.Context(), mode); err != nil {
		x.t.Fatal(err)
	}
	_ = x.conn.Close(x.t.Context())
	x.conn = x.session()
	x.sum.add(what, 1)
}

// stopWarehouse makes the next statement find the SQL warehouse cold.
func (x *torture) stopWarehouse() {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), http.MethodPost,
		x.server.URL()+"/api/2.0/sql/warehouses/"+x.server.WarehouseID()+"/stop", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+x.server.Token())
	r.Header.Set(relayed, "yes")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		x.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		x.t.Fatalf("stop the warehouse: %s", answer.Status)
	}
}

// excused are the conflicts that other runs and sessions cut off explain.
var excused = regexp.MustCompile(
	`another run holds the pipeline|is in use by pid|the lock for .* is lost|another run moved the ledger's position|another run appended`)

// judge insists that a run ended in a way that a person can act on: no crash,
// no claim that data is lost, and an error that is the source's or the
// destination's.
func (x *torture) judge(r result) {
	x.t.Helper()
	switch {
	case strings.Contains(r.stderr, "goroutine "):
	case r.code == 12 && !excused.MatchString(r.stderr):
	case strings.Contains(r.stdout, "different"): // a verdict of verify
	case slices.Contains([]int{0, -1, 3, 10, 11, 12, 130}, r.code):
		x.sum.add(fmt.Sprintf("runs that ended with %d", r.code), 1)
		return
	}
	x.t.Fatalf("under faults: %s", r)
}

// check brings everything to one point, with nothing going wrong, and compares.
func (x *torture) check() {
	x.t.Helper()
	if x.t.Failed() {
		return
	}
	x.again("cdc", "--snapshot-new") // beside the application
	x.app.quiet(func() {
		x.checks++
		tables := x.app.tables()
		for _, table := range tables { // a change of each, after its DDL
			x.exec(fmt.Sprintf(`INSERT INTO %s (id) VALUES (%d)`, table, 10_000_000+x.checks))
		}
		x.again("cdc", "--snapshot-new")
		for _, table := range tables {
			x.compareStrictly(table)
		}
		x.reload()
		x.verified(len(tables))
		x.must("status", "--exit-code")
	})
	x.sum.add("checks", 1)
}

// compareStrictly replays a table's log and counts what differs from the source.
func (x *torture) compareStrictly(table string) {
	x.t.Helper()
	columns := x.columns(table)
	log := x.targetLog(table, columns)
	places := map[[2]int64]bool{}
	for _, r := range log {
		if place := [2]int64{r.commit, r.seq}; r.op != "snapshot" && places[place] {
			x.sum.add("rows repeated", 1)
		} else {
			places[place] = true
		}
	}
	target, err := replay(log, "id")
	if err != nil {
		x.t.Errorf("%s: %v", table, err)
		return
	}
	x.sum.add("changes replayed", int64(len(log)))
	x.sameRows(table, x.sourceRows(table, "id", columns), target)
}

// doubtful are the marks that columns leave that came and went, or that came
// when the table was truncated: a rewrite looks the same.
var doubtful = regexp.MustCompile(`was added, and the table was written as a whole since|was added, and is gone or renamed by now$|was added after one that is dropped by now, and may have had its name$`)

// reload loads tables again that a change of the schema made doubtful: a column
// that came and went before its first row was staged may have had a default.
func (x *torture) reload() {
	x.t.Helper()
	for table, reason := range x.reloadNeeded() {
		if table != "public.event" || !doubtful.MatchString(reason) {
			x.t.Errorf("%s needs a full load: %s", table, reason)
			continue
		}
		x.again("full-load", "--tables", table)
		x.sum.add("full loads that a change of the schema asked for", 1)
	}
}

// verified insists that verify finds at least n tables, all of them equal.
func (x *torture) verified(n int) {
	x.t.Helper()
	r := x.must("verify", "--full", "--output", "json")
	var report struct {
		Tables []struct{ Verdict string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		x.t.Fatalf("%s: %v", r, err)
	}
	if len(report.Tables) < n || slices.ContainsFunc(report.Tables, func(t struct{ Verdict string }) bool { return t.Verdict != "equal" }) {
		x.t.Errorf("%s\nwant %d tables, all equal", r, n)
	}
}
