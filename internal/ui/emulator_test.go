package ui

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden screens")

// tty is a terminal in memory. Like a terminal's driver, it begins a line with a
// carriage return.
type tty struct {
	emulator *vt.Emulator
	raw      bytes.Buffer
	writes   int
}

func newTTY(width, height int) *tty { return &tty{emulator: vt.NewEmulator(width, height)} }

func (s *tty) Write(p []byte) (int, error) {
	s.writes++
	s.raw.Write(p)
	if _, err := s.emulator.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// screen is what a person sees, without blank ends of lines.
func (s *tty) screen() string {
	lines := strings.Split(s.emulator.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// resize changes the size as terminals do that wrap their lines again.
func (s *tty) resize(width, height int) {
	text := s.screen()
	s.emulator = vt.NewEmulator(width, height)
	_, _ = s.emulator.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
}

// drawing is a progress whose frames the test draws.
type drawing struct {
	*Progress
	out   *Output
	tty   *tty
	log   *slog.Logger
	clock *clock
}

func newDrawing(t *testing.T, width, height int) *drawing {
	t.Helper()
	d := &drawing{tty: newTTY(width, height), clock: newClock()}
	d.out = NewOutput(Options{Stdout: io.Discard, Stderr: d.tty, Environment: noEnvironment})
	d.log = slog.New(slog.NewTextHandler(d.out.Stderr(), &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	d.Progress = d.out.drawnProgress(d.log, d.clock.now, func() (int, int) { return d.tty.emulator.Width(), d.tty.emulator.Height() }, nil)
	t.Cleanup(d.Close)
	return d
}

func (d *drawing) frameAfter(pause time.Duration) {
	d.clock.pass(pause)
	d.draw()
}

// golden compares the screen with testdata/screens.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "screens", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// snapshot shows a full load of n tables: a tenth of them are read, and
// some are being read.
func (d *drawing) snapshot(n, active int) *Phase {
	ph := d.Phase(Titled("snapshot"))
	var expected []Expected
	name := func(i int) string { return fmt.Sprintf("public.customer_orders_2024_%02d", i) }
	for i := range n {
		expected = append(expected, Expected{Name: name(i), Rows: 1000 * int64(i+1), Weight: 10_000_000})
	}
	ph.Expect(expected)
	d.draw()
	for i := range n / 10 {
		item := ph.Start(name(i), 0)
		item.Add(1000*int64(i+1), 9_000_000)
		item.Done()
		item.Done()
	}
	for i := n / 10; i < n/10+active; i++ {
		ph.Start(name(i), 0).Add(200*int64(i+1), 2_500_000)
	}
	d.log.Info("made what was missing", "object", "a")
	return ph
}

func TestScreens(t *testing.T) {
	for _, tables := range []int{6, 600} {
		for _, width := range []int{40, 80, 120, 200} {
			name := fmt.Sprintf("%d-tables-%d-columns", tables, width)
			t.Run(name, func(t *testing.T) {
				d := newDrawing(t, width, 24)
				d.snapshot(tables, min(4, tables))
				d.frameAfter(10 * time.Second)
				golden(t, name, d.tty.screen())
			})
		}
	}
}

// A frame has never more lines than the terminal, so nothing scrolls away.
func TestFramesFitOnTheTerminal(t *testing.T) {
	for _, height := range []int{1, 2, 3, 5, 10, 24, 60} {
		d := newDrawing(t, 80, height)
		d.log.Info("before")
		before := d.tty.emulator.ScrollbackLen()
		ph := d.snapshot(600, 100)
		for range 5 {
			d.frameAfter(time.Second)
		}
		if scrolled := d.tty.emulator.ScrollbackLen() - before; scrolled > 3+mostItems { // the log's lines, and one frame's room
			t.Errorf("height %d: %d lines scrolled away", height, scrolled)
		}
		lines := len(d.frame(80, height))
		if lines > height-1 || lines > 22 { // the phase, 20 items, "and 80 more"
			t.Errorf("height %d: %d lines", height, lines)
		}
		scrolled := d.tty.emulator.ScrollbackLen()
		for range 8 {
			for i := range 30 {
				ph.Start(fmt.Sprintf("t%d", i), 0).Add(1, 1)
			}
			d.frameAfter(time.Second)
		}
		if now := d.tty.emulator.ScrollbackLen(); now > scrolled+1 {
			t.Errorf("height %d: %d lines of stale frames scrolled away", height, now-scrolled)
		}
		if got := strings.Count(d.tty.screen(), "snapshot"); got != min(1, height-1) {
			t.Errorf("height %d: the phase is shown %d times:\n%s", height, got, d.tty.screen())
		}
	}
}

func TestManyTablesInLittleRoom(t *testing.T) {
	d := newDrawing(t, 80, 10)
	d.snapshot(600, 100)
	d.frameAfter(10 * time.Second)
	golden(t, "little-room", d.tty.screen())
}

// A run from its first frame to its last: an item leaves when it is done, a
// phase when it ends, and nothing is left at the end but the log.
func TestScreensOfARun(t *testing.T) {
	d := newDrawing(t, 80, 24)
	var got strings.Builder
	show := func(what string) { fmt.Fprintf(&got, "== %s\n%s", what, d.tty.screen()) }
	title := "connecting"
	ph := d.Phase(func() string { return title })
	d.frameAfter(1500 * time.Millisecond)
	show("before the tables are known")
	title = "snapshot"
	ph.Expect([]Expected{
		{Name: "public.orders", Rows: 1000, Weight: 3e6}, {Name: "public.lines", Rows: 9000, Weight: 9e6}, {Name: "public.empty"},
	})
	ph.Expect([]Expected{{Name: "public.empty"}})
	orders, lines := ph.Start("public.orders", 0), ph.Start("public.lines", 0)
	ph.Passed("public.empty")
	orders.Add(500, 2e6)
	lines.Add(3000, 3e6)
	d.frameAfter(2 * time.Second)
	show("two tables are read")
	orders.Add(500, 1e6)
	orders.Done()
	d.log.Info("staged", "entry", 7)
	d.frameAfter(time.Second)
	show("one has left")
	lines.Add(6000, 6e6)
	lines.Done()
	d.frameAfter(time.Second)
	show("all are read")
	ph.Done()
	load := d.Phase(func() string { return title })
	title = "starting the warehouse"
	load.Expect([]Expected{{Name: "public.orders", Rows: 1000, Weight: 1000}, {Name: "public.lines", Rows: 9000, Weight: 9000}})
	d.frameAfter(40 * time.Second)
	show("the warehouse starts")
	title = "loading"
	load.Start("public.orders", 0).Add(1000, 0)
	d.frameAfter(5 * time.Second)
	show("a table is loaded")
	d.Close()
	d.draw()
	show("after the run")
	golden(t, "run", got.String())
}

// Two phases at once, as with --follow.
func TestScreenOfTwoPhases(t *testing.T) {
	d := newDrawing(t, 80, 24)
	follow, load := d.Phase(Titled("following")), d.Phase(Titled("loading"))
	follow.Note("lag 31s")
	follow.Start("public.orders", 0).Add(7, 700)
	load.Expect([]Expected{{Name: "public.orders", Rows: 70, Weight: 70}})
	load.Start("public.orders", 0).Add(35, 0)
	d.frameAfter(10 * time.Second)
	golden(t, "two-phases", d.tty.screen())
	load.Done()
	d.draw()
	if got := d.tty.screen(); strings.Contains(got, "loading") || strings.Count(got, "public.orders") != 1 {
		t.Errorf("the phase is still shown:\n%s", got)
	}
}

func TestResize(t *testing.T) {
	d := newDrawing(t, 120, 24)
	d.snapshot(6, 4)
	d.frameAfter(10 * time.Second)
	for _, width := range []int{60, 40, 100, 80} {
		d.tty.resize(width, 24)
		d.draw()
		if got := d.tty.screen(); strings.Count(got, "snapshot") != 1 || strings.Count(got, "made what was missing") != 1 {
			t.Errorf("%d columns:\n%s", width, got)
		}
	}
	golden(t, "6-tables-resized-to-80-columns", d.tty.screen())
}

// The terminal shows ^C where the cursor is. No part of a line stays.
func TestInterruptTearsNoLine(t *testing.T) {
	d := newDrawing(t, 80, 24)
	d.snapshot(6, 4)
	d.frameAfter(10 * time.Second)
	_, _ = d.tty.emulator.Write([]byte("^C"))
	d.out.Note("Interrupted: the run ends.")
	golden(t, "interrupted", d.tty.screen())
	_, _ = d.tty.emulator.Write([]byte("^C"))
	d.Close()
	d.out.Error(fmt.Errorf("interrupted"))
	golden(t, "interrupted-and-closed", d.tty.screen())
}

// An unchanged frame is not written again.
func TestIdleFramesCostNothing(t *testing.T) {
	d := newDrawing(t, 80, 24)
	d.Start("public.orders", 10).Add(5, 5)
	d.frameAfter(time.Minute)
	writes := d.tty.writes
	for range 10 {
		d.draw()
	}
	if d.tty.writes != writes {
		t.Errorf("%d writes of an unchanged frame", d.tty.writes-writes)
	}
}

// A line of the log that comes in pieces is written when it is whole, or at the
// end.
func TestPiecesOfALine(t *testing.T) {
	d := newDrawing(t, 80, 24)
	d.Start("public.orders", 0)
	d.draw()
	for _, piece := range []string{"one ", "line\nand ", "a rest"} {
		_, _ = io.WriteString(d.out.Stderr(), piece)
		d.draw()
	}
	if got, want := d.tty.screen(), "one line\npublic.orders  0 rows  0 rows/s\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d.Close()
	if got, want := d.tty.screen(), "one line\nand a rest\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestColorOfScreens(t *testing.T) {
	for _, color := range []bool{true, false} {
		d := newDrawing(t, 80, 24)
		d.out.Color = color
		d.snapshot(6, 4)
		d.frameAfter(10 * time.Second)
		golden(t, "6-tables-80-columns", d.tty.screen())
		if got := strings.Contains(d.tty.raw.String(), bold+"snapshot"); got != color {
			t.Errorf("color %v: the phase is bold: %v", color, got)
		}
		if got := strings.Contains(d.tty.raw.String(), "m"+"snapshot"); got != color {
			t.Errorf("color %v: styles are written: %v", color, got)
		}
	}
}

// Wide characters take two columns, and control characters of a name are
// written out.
func TestScreenOfNames(t *testing.T) {
	d := newDrawing(t, 40, 24)
	for _, name := range []string{"public.注文_注文_注文_注文_注文_注文_注文", "public.a\x1b[2Jb", "public." + strings.Repeat("x", 63), "t"} {
		d.Start(name, 100).Add(50, 0)
	}
	d.frameAfter(10 * time.Second)
	golden(t, "names", d.tty.screen())
	for _, line := range d.frame(40, 24) {
		if widthOf(line) > 39 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}
}

func TestFramesFitAnyWidth(t *testing.T) {
	d := newDrawing(t, 80, 24)
	ph := d.snapshot(600, 30)
	ph.Note("lag 31s")
	d.clock.pass(10 * time.Second)
	for width := 1; width < 250; width++ {
		for _, line := range d.frame(width, 24) {
			if widthOf(line) > max(1, width-1) {
				t.Fatalf("width %d: %q", width, line)
			}
		}
	}
}
