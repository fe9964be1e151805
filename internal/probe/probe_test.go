//go:build cgo

package probe

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse"
)

func TestTheLocalWorkspaceAnswersAll(t *testing.T) {
	t.Parallel()
	b := newBed(t, lakehouse.Options{})
	before := b.there()
	r := b.run(b.options())
	if got := verdicts(r, Wrong); got != nil {
		t.Errorf("wrong: %v", r.Of(Wrong))
	}
	for _, a := range r.Of(Unasked) {
		t.Errorf("without an answer: %+v", a)
	}
	others := []string{"replace_column_comment", "variables"} // where the local workspace does not give the expected answer
	if diff := cmp.Diff(others, verdicts(r, Other)); diff != "" {
		t.Errorf("other answers (-want +got):\n%s\n%+v", diff, r.Of(Other))
	}
	if !r.Complete() || len(r.Answers) != len(questions) {
		t.Errorf("%d answers to %d questions; complete: %v", len(r.Answers), len(questions), r.Complete())
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
	if err := Keep(t.Context(), b.target, r); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("a good verdict is kept by nothing (-before +after):\n%s", diff)
	}
	// No statement names an object outside of the probe's schema.
	own := regexp.MustCompile("`" + catalogName + "`\\.`([^`]*)`\\.")
	for _, sql := range b.server.Statements() {
		for _, m := range own.FindAllStringSubmatch(sql, -1) {
			if m[1] != r.Schema {
				t.Errorf("a statement names %s: %s", m[0], sql)
			}
		}
	}
	if data, err := json.Marshal(r); err != nil || strings.Contains(string(data), b.server.Token()) {
		t.Errorf("the report as JSON: %v, or it holds the token", err)
	}
}

// If no documentation says what Databricks does, the local workspace can do
// either. The other answer is reported, and nothing else changes.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	b := newBed(t, lakehouse.Options{Switches: lakehouse.Switches{
		RacyCreate: true, CopyMemoryLostOnReplace: true, CopyMemoryLostOnRestore: true, CTASWithoutRow: true,
		PropertiesLostOnReplace: true, LateCommit: true,
		PoliciesLostOnReplace: true,
	}})
	asked := []string{
		"copy_memory_replace", "copy_memory_restore", "create_race", "late_cancelled", "late_gone", "replace_comment", "replace_constraints",
		"replace_properties", "replace_tags", "snapshot_answer",
	}
	before := b.there()
	filters := []string{"replace_mask", "replace_row_filter"} // without these, a full load shows what is hidden
	o := b.options(slices.Concat([]string{"copy_memory", "copy_memory_truncate", "create_absent", "snapshot"}, asked, filters)...)
	o.Watch = time.Minute // longer than the statements take
	r := b.run(o)
	if diff := cmp.Diff(asked, verdicts(r, Other)); diff != "" {
		t.Errorf("other answers (-want +got):\n%s\n%+v", diff, r.Answers)
	}
	if diff := cmp.Diff(filters, verdicts(r, Wrong)); diff != "" {
		t.Errorf("wrong answers (-want +got):\n%s\n%+v", diff, r.Answers)
	}
	if diff := cmp.Diff([]string{"copy_memory", "copy_memory_truncate", "create_absent", "snapshot"}, verdicts(r, Fits)); diff != "" {
		t.Errorf("expected answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// TestMerges asks what the tables beside a log depend on. A workspace with
// another behaviour gives another answer. Pipelines without such tables still
// start.
func TestMerges(t *testing.T) {
	t.Parallel()
	asked := []string{"cluster_by", "merge_idle", "merge_late", "merge_position"}
	b := newBed(t, lakehouse.Options{})
	r := b.run(b.options(append(asked, "merge_race")...))
	if diff := cmp.Diff(append(asked, "merge_race"), verdicts(r, Fits)); diff != "" {
		t.Errorf("expected answers (-want +got):\n%s\n%+v", diff, r.Answers)
	}
	if got := answerOf(t, r, "merge_position"); !strings.HasPrefix(got.Seen, "done once") {
		t.Errorf("%+v", got)
	}
	b = newBed(t, lakehouse.Options{
		Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
			rewritten(r, "t.id <=> s.id", "t.id <=> NULL") // creates duplicate keys
			return nil
		},
		Refuse: func(sql string) *lakehouse.Refusal {
			if !strings.Contains(sql, "CLUSTER BY") || !strings.Contains(sql, "`k0` DATE") {
				return nil
			}
			return &lakehouse.Refusal{
				SQLState: "0A000", Class: "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED", Message: "CLUSTER BY is not supported.",
			}
		},
	})
	r = b.run(b.options(asked...))
	if diff := cmp.Diff(asked, verdicts(r, Other)); diff != "" {
		t.Errorf("other answers (-want +got):\n%s\n%+v", diff, r.Answers)
	}
	// A repeated statement may have the same result as a single one. The
	// table's commits show the difference.
	b = newBed(t, lakehouse.Options{Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
		rewritten(r, "AND `_entry` = 1)", "AND `_entry` < 9)")
		return nil
	}})
	if got := answerOf(t, b.run(b.options("merge_idle")), "merge_idle"); got.Verdict != Other || !strings.HasPrefix(got.Seen, "2 commits") {
		t.Errorf("%+v", got)
	}
}

// TestWrongAnswers makes the workspace behave in a way that the program does
// not support, once for each question, by changing requests in transit.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	statements := [][3]string{ // id, from, to
		{"copy_force", "COPY_OPTIONS ('force' = 'true')", "COPY_OPTIONS ('force' = 'nope')"},
		{"literals", `\u0024`, `\u0025`},
		{"session", "'no number'", "'000000042'"},
		{"type_smallint", "CAST(`smallint` AS SMALLINT)", "CAST(777        AS SMALLINT)"},
		{"rebase", "CAST(`date` AS DATE)", "CAST(NULL   AS DATE)"},
		{"add_column", "CAST(`note` AS STRING)", "CAST('old'  AS STRING)"},
		{"case", "`MixedColumn` BIGINT", "`mixedcolumn` BIGINT"},
	}
	refused := []string{"copy_subdirectories", "copy_many", "snapshot", "copy_answer", "copy_race"}
	b := newBed(t, lakehouse.Options{
		Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
			for _, s := range statements {
				rewritten(r, s[1], s[2])
			}
			switch {
			case strings.Contains(r.URL.Path, "/create_absent/"):
				r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "overwrite=false", "overwrite=true")
			case strings.Contains(r.URL.Path, "/read_back/") && r.Method == http.MethodDelete:
				return &lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusNoContent}
			}
			return nil
		},
		Refuse: func(sql string) *lakehouse.Refusal {
			for _, id := range refused {
				if strings.Contains(sql, "`"+id+"_t`") && (id != "copy_many" || strings.Count(sql, ".parquet") > 2) {
					return &lakehouse.Refusal{SQLState: "42601", Class: "PARSE_SYNTAX_ERROR", Message: "Syntax error."}
				}
			}
			return nil
		},
	})
	want := append([]string{"create_absent", "read_back"}, refused...)
	for _, s := range statements {
		want = append(want, s[0])
	}
	slices.Sort(want)
	before := b.there()
	r := b.run(b.options(append([]string{"copy_memory"}, want...)...))
	if diff := cmp.Diff(want, verdicts(r, Wrong)); diff != "" {
		t.Errorf("wrong answers (-want +got):\n%s\n%+v", diff, r.Answers)
	}
	if got := answerOf(t, r, "copy_subdirectories"); !strings.Contains(got.Seen, "PARSE_SYNTAX_ERROR") || got.Means == "" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// A question without an answer is asked again. If it still has none, the probe
// decides nothing.
func TestQuestionsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	var refusing atomic.Int64 // statements to refuse
	b := newBed(t, lakehouse.Options{Refuse: func(sql string) *lakehouse.Refusal {
		if !strings.Contains(sql, "CREATE OR REPLACE TABLE") || !strings.Contains(sql, "copy_memory") || refusing.Add(-1) < 0 {
			return nil
		}
		return &lakehouse.Refusal{SQLState: "40001", Class: "TEMPORARILY_UNAVAILABLE", Message: "Later."}
	}})
	refusing.Store(1)
	if got := answerOf(t, b.run(b.options("copy_memory")), "copy_memory"); got.Verdict != Fits {
		t.Errorf("after one error that passes: %+v", got)
	}
	refusing.Store(100)
	r := b.run(b.options("copy_memory", "literals"))
	if got := answerOf(t, r, "copy_memory"); got.Verdict != Unasked || !strings.Contains(got.Seen, "TEMPORARILY_UNAVAILABLE") {
		t.Errorf("after errors that pass: %+v", got)
	}
	if r.Complete() {
		t.Error("the probe is complete")
	}
	bad := &Report{Version: "1", Answers: []Answer{{ID: "x", Verdict: Wrong, Essential: true}}}
	if err := Keep(t.Context(), b.target, bad); err != nil {
		t.Fatal(err)
	}
	if err := Keep(t.Context(), b.target, r); err != nil {
		t.Fatal(err)
	}
	if err := Refusal(t.Context(), b.target); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a probe without answers took the verdict back: %v", err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	b := newBed(t, lakehouse.Options{})
	before := b.there()
	if err := Refusal(t.Context(), b.target); err != nil {
		t.Errorf("without a probe: %v", err)
	}
	good := &Report{
		Version: "1.2.3", Answers: []Answer{{ID: "copy_memory", Verdict: Fits, Essential: true}, {ID: "late_gone", Verdict: Other}},
	}
	bad := &Report{Version: "1.2.3", Started: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC), Answers: []Answer{
		good.Answers[0], {ID: "copy_subdirectories", Expected: "loaded", Seen: "0 of 2 rows were loaded", Verdict: Wrong, Essential: true},
	}}
	if err := Keep(t.Context(), b.target, good); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("a good verdict made (-before +after):\n%s", diff)
	}
	if err := Keep(t.Context(), b.target, bad); err != nil {
		t.Fatal(err)
	}
	err := Refusal(t.Context(), b.target)
	if failure.KindOf(err) != failure.Conflict {
		t.Fatalf("after a bad answer: %v", err)
	}
	for _, part := range []string{"copy_subdirectories: expected loaded, saw 0 of 2 rows were loaded", "2026-11-29T10:00:00Z", "1.2.3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %s", part, err)
		}
	}
	if hint := failure.HintOf(err); !strings.Contains(hint, "ingest check --probe") {
		t.Errorf("hint %q", hint)
	}
	kept := filepath.Join(b.dir, "Volumes", catalogName, "bronze", "ingest", "p", FileName)
	writeFile(t, kept, []byte("{"))
	if err := Refusal(t.Context(), b.target); failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("with a damaged file: %v", err)
	}
	if err := Keep(t.Context(), b.target, good); err != nil {
		t.Fatal(err)
	}
	if err := Refusal(t.Context(), b.target); err != nil {
		t.Errorf("after a good answer: %v", err)
	}
}

// The next probe removes what a killed probe left behind, at whatever point the
// probe was killed.
func TestKilledProbes(t *testing.T) {
	t.Parallel()
	var count, at atomic.Int64
	var kill atomic.Pointer[context.CancelFunc]
	b := newBed(t, lakehouse.Options{Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
		if k := kill.Load(); k != nil && count.Add(1) == at.Load() {
			(*k)()
			return &lakehouse.Fault{Kind: lakehouse.LoseResponse}
		}
		return nil
	}})
	before := b.there()
	only := []string{"create_absent", "copy_memory", "type_int"}
	var left []string
	for _, n := range []int64{2, 3, 4, 6, 9, 14, 30} {
		ctx, cancel := context.WithCancel(t.Context())
		count.Store(0)
		at.Store(n)
		kill.Store(&cancel)
		o := b.options(only...)
		o.Run = "20261129T095000Z-" + strings.Repeat("0", 5) + string("0123456789abcdef"[len(left)%16])
		// Nothing runs after the kill, not even the cleanup.
		_, err := Run(ctx, ctx, o)
		kill.Store(nil)
		cancel()
		if err == nil {
			t.Fatalf("killed at request %d: no error", n)
		}
		left = append(left, o.Run)
	}
	if slices.Equal(before, b.there()) {
		t.Fatal("the killed probes left nothing behind, so that nothing is tested")
	}
	r := b.run(b.options(only...))
	if len(r.Removed) == 0 || len(r.Running) > 0 {
		t.Errorf("removed %v, running %v", r.Removed, r.Running)
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// An interrupted probe removes what it created.
func TestInterruptedProbes(t *testing.T) {
	t.Parallel()
	var count, at atomic.Int64
	var stop atomic.Pointer[context.CancelFunc]
	b := newBed(t, lakehouse.Options{Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
		if k := stop.Load(); k != nil && count.Add(1) == at.Load() {
			(*k)()
		}
		return nil
	}})
	before := b.there()
	for _, n := range []int64{1, 2, 3, 4, 5, 8, 12, 25} {
		ctx, cancel := context.WithCancel(t.Context())
		count.Store(0)
		at.Store(n)
		stop.Store(&cancel)
		_, err := Run(ctx, t.Context(), b.options("create_absent", "copy_memory", "late_gone", "type_int"))
		stop.Store(nil)
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at request %d: %v", n, err)
		}
		if diff := cmp.Diff(before, b.there()); diff != "" {
			t.Errorf("interrupted at request %d, left behind (-before +after):\n%s", n, diff)
		}
	}
}

// A running probe keeps its schema. So do schemas of other owners.
func TestRunningProbesAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, lakehouse.Options{})
	other := b.open()
	name := schemaName(b.target.Time().Add(-time.Hour), "20261129T085000Z-00000f")
	w := other.In(name, volume, directory)
	if _, err := w.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	alike := prefix + "notes"
	for _, schema := range []string{alike, "bronze"} {
		if _, err := other.In(schema, volume, directory).Place().Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	running := &beat{w: w, run: "other", log: slog.New(slog.DiscardHandler)}
	if err := running.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := b.options("create_absent")
	o.Lease = 3 * time.Second
	stop := running.start(t.Context(), 50*time.Millisecond)
	r := b.run(o)
	if diff := cmp.Diff([]string{name}, r.Running); diff != "" || len(r.Removed) > 0 {
		t.Errorf("running (-want +got):\n%s\nremoved: %v", diff, r.Removed)
	}
	stop()
	r = b.run(o) // it is silent now
	if diff := cmp.Diff([]string{name}, r.Removed); diff != "" || len(r.Running) > 0 {
		t.Errorf("removed (-want +got):\n%s\nrunning: %v", diff, r.Running)
	}
	if got := b.there(); !slices.Contains(got, alike) || !slices.Contains(got, path.Join(catalogName, "bronze", volume)) {
		t.Errorf("what is no probe's is gone: %v", got)
	}
}

// Without the right to create a schema, the probe reports that right and leaves
// nothing behind.
func TestProbeWithoutPrivileges(t *testing.T) {
	t.Parallel()
	b := newBed(t, lakehouse.Options{Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/unity-catalog/schemas") {
			return &lakehouse.Fault{
				Kind: lakehouse.Reject, Status: http.StatusForbidden, ErrorCode: "PERMISSION_DENIED", Message: "User does not have CREATE SCHEMA.",
			}
		}
		return nil
	}})
	before := b.there()
	_, err := Run(t.Context(), t.Context(), b.options("create_absent"))
	if failure.KindOf(err) != failure.Destination || !strings.Contains(failure.HintOf(err), "GRANT CREATE SCHEMA") {
		t.Errorf("%v; hint %q", err, failure.HintOf(err))
	}
	if diff := cmp.Diff(before, b.there()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// TestQuestionsAreDocumented compares the table of questions with the page that
// explains them. Each must list all of the other's questions.
func TestQuestionsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/databricks.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, q := range questions {
		if known[q.id] {
			t.Errorf("two questions are called %s", q.id)
		}
		known[q.id] = true
		if q.asks == "" || q.expected == "" || q.means == "" {
			t.Errorf("%s says too little: %+v", q.id, q)
		}
		if !strings.Contains(string(page), "`"+q.id+"`") && !(strings.HasPrefix(q.id, "type_") && strings.Contains(string(page), "`type_…`")) {
			t.Errorf("docs/databricks.md does not name %s", q.id)
		}
	}
	_, facts, _ := strings.Cut(string(page), "## Facts that the code relies on")
	for line := range strings.SplitSeq(facts, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[4], -1) {
			if !known[m[1]] {
				t.Errorf("docs/databricks.md names a question that there is not: %s", m[1])
			}
		}
	}
}
