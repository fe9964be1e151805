//go:build cgo

package warehouse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCorpus runs the scripts of testdata/corpus. A script is blocks with an empty
// line between them: lines of comment that begin with #, a statement, then after ----
// its rows, in which | parts the cells, or "error CLASS SQLSTATE". Without ---- the
// statement has only to succeed.
func TestCorpus(t *testing.T) {
	scripts, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".sql"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			b := open(t, Options{Switches: Switches{NoArrow: true}})
			b.db.SetMaxOpenConns(1) // one session
			for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
				b.block(block)
			}
		})
	}
}

// block runs one statement of a script and compares what it answers.
func (b *bench) block(block string) {
	b.t.Helper()
	text, answer, compared := strings.Cut(strings.TrimSpace(block)+"\n", "\n----\n")
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	sql := strings.TrimSpace(strings.Join(lines, "\n"))
	if sql == "" {
		return
	}
	if f := strings.Fields(answer); len(f) == 3 && f[0] == "error" {
		b.refused(sql, f[1], f[2])
		return
	}
	got := b.rows(sql)
	if !compared {
		return
	}
	var want []string
	if answer != "" {
		want = strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", sql, diff)
	}
}
