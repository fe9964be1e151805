//go:build cgo && linux

package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

const (
	// soakGrowth is what a following run may grow by from the second quarter of
	// its time to the last, in bytes of resident memory.
	soakGrowth = 32 << 20
	// soakGoroutines is more than a following run needs at any time.
	soakGoroutines = 100
)

// TestSoak lets one run follow a source that changes all the time, staging and
// loading at intervals of their own. Its memory stays flat, it has no goroutine
// too many at its end, and every row that was committed is in the log once.
//
// INGEST_TEST_SOAK_SECONDS makes it longer.
func TestSoak(t *testing.T) {
	t.Parallel()
	length := 15 * time.Second
	if text := os.Getenv("INGEST_TEST_SOAK_SECONDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("INGEST_TEST_SOAK_SECONDS: %v", err)
		}
		length = time.Duration(n) * time.Second
	}
	// Folding the log of hours is the workspace's work, and takes memory.
	w := newWorldOn(t, pgtest.NewDatabase(t), lakehouse.Options{MemoryLimit: "4GB"},
		append(shopTables, `CREATE TABLE stream (id bigint PRIMARY KEY, v bigint, text text)`)...)
	w.must("full-load")
	run := w.start("cdc", "--follow", "--stage-every", "500ms", "--load-every", "2s")
	writer := w.newWriter(1)
	committed, endStream := w.newStream()

	memory := w.watchMemory(run, length)
	quarter := len(memory) / 4
	early, late := median(memory[quarter:2*quarter]), median(memory[3*quarter:])
	writer.end()
	endStream()
	t.Logf("%d statements; resident memory %d MB in the second quarter, %d MB in the last, at most %d MB",
		len(w.server.Statements()), early>>20, late>>20, slices.Max(memory)>>20)
	if late > early+soakGrowth {
		t.Errorf("the run's memory grew from %d to %d bytes", early, late)
	}

	run.signal(syscall.SIGQUIT) // the runtime prints every goroutine and exits
	r := run.wait()
	if n := strings.Count(r.stderr, "\ngoroutine "); n < 2 || n > soakGoroutines {
		t.Errorf("%d goroutines at the end\n%s", n, r.stderr)
	}
	w.again("cdc")
	w.compare("item", "event")
	w.must("verify", "--full")
	w.must("status", "--exit-code")
	got := fmt.Sprint(w.sql("SELECT count(*) FROM " + w.target.Table("stream").String()).Rows[0][0])
	if want := fmt.Sprint(committed()); got != want {
		t.Errorf("%s rows in the log, and %s were committed", got, want)
	}
}

// newStream changes rows of stream until it is ended. Each row that committed
// counts is one change.
func (w *world) newStream() (committed func() int64, end func()) {
	w.t.Helper()
	const rows, keys = 25, 50_000
	conn := w.session()
	ctx, stop := context.WithCancel(w.t.Context())
	var n atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		rnd := rand.New(rand.NewPCG(1, 9))
		tick := time.NewTicker(5 * pace)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			tag, err := conn.Exec(w.t.Context(), fmt.Sprintf(`INSERT INTO stream SELECT i, %d, md5(i::text) FROM generate_series(%d, %[2]d + %d) i
				ON CONFLICT (id) DO UPDATE SET v = excluded.v`, rnd.IntN(1_000_000), rnd.IntN(keys), rows-1))
			if err != nil {
				if w.t.Context().Err() == nil {
					w.t.Errorf("stream: %v", err)
				}
				return
			}
			n.Add(tag.RowsAffected())
		}
	})
	end = func() {
		stop()
		wg.Wait()
	}
	w.t.Cleanup(end)
	return n.Load, end
}

// watchMemory gives the resident bytes of a run, at least a hundred samples in
// the time.
func (w *world) watchMemory(run *process, length time.Duration) []int64 {
	w.t.Helper()
	run.limit.Reset(length + runLimit)
	every := time.NewTicker(min(length/100, time.Second))
	defer every.Stop()
	var samples []int64
	for end := time.Now().Add(length); time.Now().Before(end); {
		select {
		case <-every.C:
		case <-run.ended:
			w.t.Fatal(run.wait())
		}
		samples = append(samples, w.resident(run))
	}
	return samples
}

// resident is what a process holds of the machine's memory.
func (w *world) resident(run *process) int64 {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", run.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func median(samples []int64) int64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}
