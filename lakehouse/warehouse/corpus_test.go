//go:build cgo

package warehouse

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestCorpus runs the scripts of testdata/corpus. A script has blocks with an empty line between them. A block has lines of
// comment that begin with #, a statement, and after ---- its rows, with | between the cells, or "error CLASS SQLSTATE". A row
// with one empty text is written (empty). Without ---- the statement only has to succeed.
//
// The first block is a comment: what the script is about, "area:" and "source:". The source says where the answers come from:
// "Spark 4.1" gave them, "documentation (page)" has them, or they are a "guess" of the local workspace. A statement with another
// source than its script has its own line "# source:".
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
			source := ""
			for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
				own := commented(block, "source")
				if source == "" {
					source = own // the first block's is the script's
				}
				b.tape.answeredBy(cmp.Or(own, source))
				b.block(block)
			}
		})
	}
}

// block runs one statement of a script and compares its result.
func (b *bench) block(block string) {
	b.t.Helper()
	text, answer, compared := strings.Cut(strings.TrimSpace(block)+"\n", "\n----\n")
	sql := uncommented(text)
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
	for i, line := range want {
		if line == "(empty)" {
			want[i] = ""
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", sql, diff)
	}
}

// uncommented is a block's statement.
func uncommented(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// commented is the value of a key in the comment of a block; "" if there is none.
func commented(block, key string) string {
	for line := range strings.SplitSeq(block, "\n") {
		if value, ok := strings.CutPrefix(line, "# "+key+": "); ok {
			return value
		}
	}
	return ""
}

// sources are the possible sources of an answer.
var sources = regexp.MustCompile(`^(Spark 4\.1|documentation \([^()]+\)|guess)$`)

// tally counts cases: statements with an answer that is compared.
type tally struct{ cases, spark, documented, guessed int }

func (n *tally) add(source string) {
	n.cases++
	switch {
	case source == "guess":
		n.guessed++
	case strings.HasPrefix(source, "documentation"):
		n.documented++
	default:
		n.spark++
	}
}

// TestCorpusIsAccountedFor counts the corpus by area and source, and refuses a script or a case
// without a source. docs/local-workspace.md lists the areas.
func TestCorpusIsAccountedFor(t *testing.T) {
	scripts, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	doc, err := os.ReadFile("../../docs/local-workspace.md")
	if err != nil {
		t.Fatal(err)
	}
	areas, total := map[string]*tally{}, tally{}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(text), "\n\n")
		area, source := commented(head, "area"), commented(head, "source")
		if uncommented(head) != "" || area == "" || !sources.MatchString(source) {
			t.Errorf("%s does not begin with a comment that has its area and its source", script)
			continue
		}
		if !strings.Contains(string(doc), "\n| "+area+" |") {
			t.Errorf("%s: docs/local-workspace.md does not list the area %q", script, area)
		}
		if areas[area] == nil {
			areas[area] = &tally{}
		}
		for block := range strings.SplitSeq(strings.TrimSpace(rest), "\n\n") {
			own := source
			if s := commented(block, "source"); s != "" {
				own = s
			}
			if !sources.MatchString(own) {
				t.Errorf("%s: the source %q of a case is none", script, own)
			}
			if strings.Contains(block+"\n", "\n----\n") {
				areas[area].add(own)
				total.add(own)
			}
		}
	}
	t.Logf("%-14s %6s %6s %6s %6s", "area", "cases", "Spark", "docs", "guess")
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		n := areas[area]
		t.Logf("%-14s %6d %6d %6d %6d", area, n.cases, n.spark, n.documented, n.guessed)
	}
	t.Logf("%-14s %6d %6d %6d %6d", "all", total.cases, total.spark, total.documented, total.guessed)
}
