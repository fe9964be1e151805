//go:build cgo && unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse"
)

// seat is a person at a terminal who runs a command.
type seat struct {
	t       *testing.T
	screen  *vt.SafeEmulator
	tty     *os.File
	raw     lockedBuffer
	out     lockedBuffer // standard output
	signals chan os.Signal
	code    chan int
}

// sits runs a command on a terminal.
func (b *bench) sits(width, height int, term string, args ...string) *seat {
	b.t.Helper()
	tty, program, err := pty.Open()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		b.t.Fatal(err)
	}
	s := &seat{t: b.t, screen: vt.NewSafeEmulator(width, height), tty: tty, signals: make(chan os.Signal), code: make(chan int, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		part := make([]byte, 4096)
		for {
			n, err := tty.Read(part)
			_, _ = s.screen.Write(part[:n])
			_, _ = s.raw.Write(part[:n])
			if err != nil {
				return
			}
		}
	}()
	p := process{
		args: args, environment: append(b.environment(), "TERM="+term), stdout: &s.out, stderr: program,
		signals: s.signals, unnotify: func() {},
	}
	go func() {
		code := p.run()
		program.Close()
		<-read
		s.code <- code
	}()
	b.t.Cleanup(func() { tty.Close() })
	return s
}

// sees waits until the screen shows a text.
func (s *seat) sees(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(s.screen.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen never shows %q:\n%s", text, s.screen.String())
		}
	}
}

// presses sends Ctrl-C, which the terminal shows.
func (s *seat) presses() {
	_, _ = s.screen.Write([]byte("^C"))
	s.signals <- syscall.SIGINT
}

// ends waits for the exit code, and returns the last screen without blank ends.
func (s *seat) ends(want failure.Kind) string {
	s.t.Helper()
	if code := <-s.code; code != int(want) {
		s.t.Errorf("exit code %d, want %d:\n%s%s", code, want, s.raw.String(), s.out.String())
	}
	var lines []string
	for line := range strings.Lines(s.screen.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// gate holds requests back until it is opened.
type gate struct {
	holds func(*http.Request) bool
	once  sync.Once
	open  chan struct{}
}

func newGate(t *testing.T, holds func(*http.Request) bool) *gate {
	g := &gate{holds: holds, open: make(chan struct{})}
	t.Cleanup(g.release)
	return g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) intercept(_ int64, r *http.Request) *lakehouse.Fault {
	if g.holds(r) {
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
	}
	return nil
}

func toWarehouse(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/sql/") }

// While the warehouse starts, the screen says so. Ctrl-C says what is left, and the
// command that it names finishes the work.
func TestInterruptWhileTheWarehouseStarts(t *testing.T) {
	g := newGate(t, toWarehouse)
	b := newBench(t, g.intercept)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id int PRIMARY KEY)")
	s := b.sits(80, 24, "xterm", "full-load")
	s.sees("starting the warehouse  0 of 2 tables  0%")
	s.presses()
	screen := s.ends(failure.Interrupted)
	want := "Interrupted: full-load ends now; 0 of 2 tables are loaded, and what is staged st\n" +
		"ays staged.\nAfterwards `ingest load` loads what is staged.\nA second Ctrl-C stops at once.\n"
	if !strings.Contains(screen, want) {
		t.Errorf("want %q in:\n%s", want, screen)
	}
	if !strings.HasSuffix(screen, "\nError: interrupted\nHint: `ingest load` loads what is staged\n") {
		t.Errorf("the last screen:\n%s", screen)
	}
	if strings.Contains(screen, "starting the warehouse") || strings.Contains(screen, "^C") || strings.Contains(screen, "preparing") {
		t.Errorf("a line of progress stays:\n%s", screen)
	}
	g.release()
	b.works("load")
	if n := b.rows("a"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// Tables that are staged stay staged; a hint names both commands that do the rest.
func TestInterruptWhileTablesAreRead(t *testing.T) {
	var first sync.Once
	second := regexp.MustCompile(`/segments/.*/public\.(a|b)/`)
	held := make(chan string, 1)
	g := newGate(t, func(r *http.Request) bool {
		m := second.FindStringSubmatch(r.URL.Path)
		if m == nil || r.Method != http.MethodPut {
			return false
		}
		hold := true
		first.Do(func() { hold = false })
		if hold {
			select {
			case held <- m[1]:
			default:
			}
		}
		return hold
	})
	b := newBench(t, g.intercept)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id int PRIMARY KEY)",
		"INSERT INTO b VALUES (1), (2)")
	s := b.sits(60, 12, "xterm", "full-load", "--jobs", "1")
	s.sees("snapshot  1 of 2 tables")
	table := <-held
	s.sees("  public." + table + "  ")
	s.presses()
	screen := s.ends(failure.Interrupted)
	rest := "full-load --resume --tables public." + table
	hint := "Hint: `ingest load` loads what is staged; `ingest " + rest + "` copies the rest\n"
	words := strings.NewReplacer("\n", "", " ", "") // the terminal breaks the line anywhere
	if !strings.HasSuffix(words.Replace(screen), words.Replace(hint)) {
		t.Errorf("want %q at the end of:\n%s", hint, screen)
	}
	g.release()
	b.works("load")
	b.works(strings.Fields(rest)...)
	if na, nb := b.rows("a"), b.rows("b"); na != 1 || nb != 2 {
		t.Errorf("%d and %d rows", na, nb)
	}
}

// On a dumb terminal nothing is redrawn, and the log is text.
func TestDumbTerminal(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	s := b.sits(80, 24, "dumb", "full-load")
	s.ends(0)
	if raw := s.raw.String(); strings.Contains(raw, "\x1b") || !strings.Contains(raw, "level=INFO msg=loaded") {
		t.Errorf("%q", raw)
	}
}

// A following run shows staging and loading, with the lag, and ends at a safe point.
func TestFollowOnATerminal(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	s := b.sits(80, 24, "xterm", "cdc", "--follow", "--stage-every", "100ms", "--load-every", "100ms")
	s.sees("following")
	b.exec("INSERT INTO a VALUES (2)")
	s.sees("following  lag ")
	s.sees("msg=loaded")
	s.presses()
	screen := s.ends(0)
	for _, want := range []string{
		"Interrupted: it stages up to the next commit, loads what is staged, and ends.\nA second Ctrl-C stops at once.\n", "msg=staged",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q in:\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "following") {
		t.Errorf("a line of progress stays:\n%s", screen)
	}
}

// Without a terminal, the log has what was loaded beside what was staged, and an
// interrupt is a line of the log.
func TestFollowLogsWhatIsLoaded(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	var out, err lockedBuffer
	signals, code := make(chan os.Signal), make(chan int, 1)
	p := process{
		args:        []string{"cdc", "--follow", "--stage-every", "100ms", "--load-every", "100ms"},
		environment: b.environment(), stdout: &out, stderr: &err, signals: signals, unnotify: func() {},
	}
	go func() { code <- p.run() }()
	b.exec("INSERT INTO a VALUES (2), (3)")
	line := func(msg string) (found map[string]any) {
		for text := range strings.Lines(err.String()) {
			var line map[string]any
			// Entries without rows may follow.
			if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == msg && line["rows"] != 0.0 {
				found = line
			}
		}
		return found
	}
	for deadline := time.Now().Add(5 * time.Minute); line("loaded") == nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	signals <- syscall.SIGTERM
	if c := <-code; c != 0 {
		t.Errorf("exit code %d:\n%s", c, err.String())
	}
	loaded, staged := line("loaded"), line("staged")
	if staged == nil || loaded == nil || loaded["entry"] != staged["entry"] || loaded["tables"] != 1.0 || loaded["rows"] != 2.0 {
		t.Fatalf("staged %v, loaded %v", staged, loaded)
	}
	if lag, err := time.ParseDuration(fmt.Sprint(loaded["lag"])); err != nil || lag < 0 || lag > time.Hour {
		t.Errorf("lag %v", loaded["lag"])
	}
	if asked := line("interrupted"); asked == nil || asked["now"] != "it stages up to the next commit, loads what is staged, and ends" {
		t.Errorf("interrupted: %v", asked)
	}
}

// verify counts the rows of the source once, though it reads both ends.
func TestVerifyCountsTheSource(t *testing.T) {
	g := newGate(t, func(r *http.Request) bool { // the statement that reads the target
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err == nil && toWarehouse(r) && bytes.Contains(body, []byte("xxhash64"))
	})
	b := newBench(t, g.intercept)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a SELECT generate_series(1, 1000)", "ANALYZE a")
	b.works("full-load")
	s := b.sits(80, 24, "xterm", "verify")
	s.sees("verifying  0 of 1 table  1,000 rows")
	s.sees("  public.a  1,000 rows")
	g.release()
	s.ends(0)
	if strings.Contains(s.raw.String(), "2,000 rows") || !strings.Contains(s.out.String(), "equal") {
		t.Errorf("%s\n%s", s.raw.String(), s.out.String())
	}
}
