//go:build cgo

package warehouse

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tapeVariable names a directory for the statements of the tests: a script for each warehouse, which `make test-spark` also sends
// to Apache Spark.
const tapeVariable = "INGEST_TEST_TAPES"

// tape is one script, an event a line. A nil tape keeps nothing.
type tape struct {
	t    *testing.T
	file string

	mu     sync.Mutex
	out    io.Writer
	files  int
	source string // of the next statements' answers; "" is Spark
}

// tapeEvent is a statement, or a file that is put into a volume.
type tapeEvent struct {
	SQL    string `json:"sql,omitempty"`
	Source string `json:"source,omitempty"` // who gives the answer, if it is not Spark
	File   string `json:"file,omitempty"`   // /Volumes/…
	Copy   string `json:"copy,omitempty"`   // where its content is kept
}

// newTape makes a script of a test's warehouse. If a warehouse starts with data, or a switch changes its answers, no other engine
// can repeat its statements. (NoArrow changes only the form of an answer.)
func newTape(t *testing.T, o Options) *tape {
	t.Helper()
	dir := os.Getenv(tapeVariable)
	o.Switches.NoArrow = false
	if dir == "" || o.Dir != "" || o.VolumesDir != "" || o.Catalogs != nil || o.Switches != (Switches{}) {
		return nil
	}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	for n := 1; ; n++ {
		file := filepath.Join(dir, fmt.Sprintf("%s-%d", name, n))
		f, err := os.OpenFile(file+".jsonl", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		return &tape{t: t, file: file, out: f}
	}
}

func (p *tape) statement(sql string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(tapeEvent{SQL: sql, Source: p.source})
}

// answeredBy says who gives the answers to the next statements.
func (p *tape) answeredBy(source string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.source = source; strings.HasPrefix(source, "Spark ") {
		p.source = ""
	}
}

// put keeps the file that a volume has just got.
func (p *tape) put(name, path string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	content, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	p.files++
	kept := fmt.Sprintf("%s.%d", p.file, p.files)
	if err := os.WriteFile(kept, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.add(tapeEvent{File: name, Copy: kept})
}

// add appends an event; the caller holds mu.
func (p *tape) add(e tapeEvent) {
	line, err := json.Marshal(e)
	if err != nil {
		p.t.Error(err)
		return
	}
	if _, err := p.out.Write(append(line, '\n')); err != nil {
		p.t.Error(err)
	}
}

// TestTapes: a warehouse with the usual answers gets a tape, in whatever form it sends them. A warehouse with other answers gets
// none.
func TestTapes(t *testing.T) {
	t.Setenv(tapeVariable, t.TempDir())
	for _, c := range []struct {
		name    string
		options Options
		kept    bool
	}{
		{"usual", Options{}, true},
		{"without Arrow", Options{Switches: Switches{NoArrow: true}}, true},
		{"another answer", Options{Switches: Switches{CTASWithoutRow: true}}, false},
		{"data of its own", Options{Dir: "x"}, false},
	} {
		if got := newTape(t, c.options) != nil; got != c.kept {
			t.Errorf("%s: kept is %v, want %v", c.name, got, c.kept)
		}
	}
}
