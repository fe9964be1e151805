package ui

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1e9, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestNilProgressDoesNothing(t *testing.T) {
	o, _, stderr := buffered()
	o.Quiet = true
	p := o.Progress(slog.New(slog.NewTextHandler(stderr, nil)))
	if p != nil {
		t.Fatal("a quiet output has a progress")
	}
	item := p.Start("x", 1)
	item.Add(1, 1)
	item.Done()
	p.Close()
	if stderr.Len() > 0 {
		t.Errorf("quiet, but %q", stderr)
	}
}

// logged runs ticks of a Progress that logs, and returns its lines.
type logged struct {
	*Progress
	clock  *clock
	ticks  chan time.Time
	logged chan struct{} // receives a value after the lines of each tick
	lines  *bytes.Buffer
}

func newLogged() logged {
	o, _, stderr := buffered()
	c := newClock()
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	l := logged{&Progress{output: o, log: log, now: c.now}, c, make(chan time.Time), make(chan struct{}), stderr}
	l.every(l.ticks, func() {
		l.logActive()
		l.logged <- struct{}{}
	})
	return l
}

// tick logs once. Close forgets the items, so a tick that is under way then logs nothing.
func (l logged) tick() {
	l.ticks <- time.Time{}
	<-l.logged
}

func (l logged) close(t *testing.T) (lines []map[string]any) {
	t.Helper()
	l.Close()
	d := json.NewDecoder(l.lines)
	for d.More() {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "level")
		delete(line, "msg")
		lines = append(lines, line)
	}
	return lines
}

func TestProgressLogsActiveItems(t *testing.T) {
	l := newLogged()
	a := l.Start("public.a", 1000)
	b := l.Start("public.b", 0)
	c := l.Start("public.c", 10)
	a.Add(200, 4000)
	b.Add(50, 100)
	c.Add(5, 5)
	c.Done()
	c.Done()
	l.clock.pass(10 * time.Second)
	l.tick()
	got := l.close(t)
	want := []map[string]any{
		{"item": "public.a", "rows": 200.0, "rows_per_second": 20.0, "bytes": 4000.0, "share": 0.2, "left": "40s"},
		{"item": "public.b", "rows": 50.0, "rows_per_second": 5.0, "bytes": 100.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgressPastItsEstimate(t *testing.T) {
	l := newLogged()
	l.Start("a", 100).Add(300, 0)
	l.clock.pass(time.Second)
	l.tick()
	got := l.close(t)
	want := []map[string]any{{"item": "a", "rows": 300.0, "rows_per_second": 300.0, "bytes": 0.0, "share": 0.99}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgressLogsPhases(t *testing.T) {
	l := newLogged()
	load, follow := l.Phase(Titled("loading")), l.Phase(Titled("following"))
	follow.Unending()
	load.Expect([]Expected{{Name: "public.a", Rows: 100, Weight: 100}, {Name: "public.b", Rows: 300, Weight: 300}})
	load.Start("public.a", 0).Add(100, 0)
	b := load.Start("public.b", 0)
	b.Add(150, 0)
	b.Done()
	l.clock.pass(10 * time.Second)
	l.logActive()
	load.Done()
	l.clock.pass(10 * time.Second)
	l.logActive()
	follow.Note("lag 3.0s")
	l.logActive()
	l.logActive()
	got := l.close(t)
	want := []map[string]any{
		{"phase": "loading", "done": 1.0, "tables": 2.0, "rows": 250.0, "bytes": 0.0, "share": 0.99, "left": "1.0s", "elapsed": "10s"},
		{"phase": "following", "rows": 0.0, "bytes": 0.0, "elapsed": "10s"},
		{"item": "public.a", "rows": 100.0, "rows_per_second": 10.0, "bytes": 0.0, "share": 0.99},
		{"phase": "following", "note": "lag 3.0s", "rows": 0.0, "bytes": 0.0, "elapsed": "20s"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is left takes a second at least.
func TestTimeLeft(t *testing.T) {
	for _, test := range []struct {
		rest, rate float64
		want       string
	}{{1, 1000, "1.0s left"}, {100, 10, "10s left"}, {0, 10, ""}, {10, 0, ""}, {1e18, 1e-9, ""}, {-5, 10, ""}} {
		if got := leftText(timeLeft(test.rest, test.rate)); got != test.want {
			t.Errorf("%v at %v: %q, want %q", test.rest, test.rate, got, test.want)
		}
	}
}

func BenchmarkItemAdd(b *testing.B) {
	l := newLogged()
	defer l.Close()
	item := l.Phase(Titled("snapshot")).Start("public.a", 0)
	b.ReportAllocs()
	for b.Loop() {
		item.Add(1, 1)
	}
}

func TestRateForgetsWhatIsOlderThanItsWindow(t *testing.T) {
	c := newClock()
	var r rate
	rows := int64(0)
	r.add(c.now(), 0)
	for range 30 { // 100 rows a second for 30 s
		c.pass(time.Second)
		rows += 100
		if got := r.add(c.now(), rows); got != 100 {
			t.Fatalf("rate %v, want 100", got)
		}
	}
	for range 10 { // and then none
		c.pass(time.Second)
		r.add(c.now(), rows)
	}
	if got := r.add(c.now(), rows); got != 0 {
		t.Errorf("rate %v after a stall of the whole window, want 0", got)
	}
	if len(r.samples) > 12 {
		t.Errorf("%d samples are kept", len(r.samples))
	}
}

// screen is what is written to a terminal, and a way to wait for it.
type screen struct {
	mu      sync.Mutex
	changed *sync.Cond
	all     bytes.Buffer
}

func newScreen() *screen {
	s := &screen{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	return s.all.Write(p)
}

// await returns once text has been written since the last call for it.
func (s *screen) await(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.all.String(), text) {
		s.changed.Wait()
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

func TestProgressIsDrawnBelowTheLog(t *testing.T) {
	s, c := newScreen(), newClock()
	o := NewOutput(Options{Stdout: io.Discard, Stderr: s, Environment: noEnvironment})
	log := o.Logger(LogText, slog.LevelInfo, "r")
	p := o.drawProgress(log, c.now)
	orders := p.Start("public.orders", 1000)
	lines := p.Start("public.lines", 0)
	c.pass(2 * time.Second)
	orders.Add(500, 2e6)
	s.await("50%")
	s.await("public.lines")
	for _, want := range []string{"public.orders", "500 rows", "250 rows/s", "2.0 MB", "50%", "2.0s left"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("%q is not drawn in %q", want, s.String())
		}
	}
	log.Info("while drawn")
	lines.Done()
	p.Close()
	p.Close()
	log.Info("after it")
	for _, want := range []string{"msg=\"while drawn\" run=r\n", "msg=\"after it\" run=r\n"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("%q is not in %q", want, s.String())
		}
	}
	late := p.Start("late", 1)
	late.Add(1, 1)
	late.Done()
	if strings.Contains(s.String(), "late") {
		t.Error("an item is drawn after Close")
	}
}

func TestProgressOfManyGoroutines(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		s := newScreen()
		o := NewOutput(Options{Stdout: io.Discard, Stderr: s, Environment: noEnvironment})
		o.Terminal = terminal
		log := o.Logger(LogAuto, slog.LevelInfo, "r")
		p := o.Progress(log)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					item := p.Start("t", 100)
					for range 100 {
						item.Add(1, 1)
					}
					log.Info("a whole line")
					item.Done()
				}
			})
		}
		wg.Go(p.logActive)
		wg.Wait()
		p.Close()
		if got := strings.Count(s.String(), "a whole line"); got != 40 {
			t.Errorf("terminal %v: %d lines of the log, want 40", terminal, got)
		}
	}
}
