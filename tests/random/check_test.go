//go:build cgo && unix

package random

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/verify"
)

// check brings the target to the source's state and compares both ends, table
// by table.
func (w *world) check() {
	w.t.Helper()
	w.cdc()
	w.load()
	marks := w.marks()
	verdicts := w.verify()
	for _, t := range w.tables {
		if t.logged == "" {
			continue // nothing has loaded it yet
		}
		if problem := w.problem(t, marks[t.logged], verdicts[t.logged]); problem != "" {
			w.t.Errorf("%s: %s", t.name, problem)
		}
	}
	w.checkKept()
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// unseenReason is what a verification says of a column that was added without
// values, while no row was sent that has it.
var unseenReason = regexp.MustCompile(`^column ".*" is new, and no row has changed since`)

// unseen says whether a table has a column that its log does not have yet. Such
// a table needs no mark, and a verification does not call it equal.
func (t *table) unseen(result verify.Result) bool {
	return result.Verdict == verify.NotVerified && unseenReason.MatchString(result.Reason) && t.fresh() > 0
}

// born says whether a column came with a default, or under another name.
func (t *table) born() bool {
	return slices.ContainsFunc(t.may, func(what string) bool {
		return strings.Contains(what, "was renamed to") || strings.Contains(what, "was added as")
	})
}

// problem says what is wrong with a table; "" if nothing is.
func (w *world) problem(t *table, mark string, result verify.Result) string {
	w.t.Helper()
	w.tally["comparisons"]++
	verdict := fmt.Sprintf("verify says %q (%s)", result.Verdict, result.Reason)
	for _, d := range result.Differences {
		verdict += fmt.Sprintf("; %s %s %s %s", d.Kind, d.Key, d.Column, d.What)
	}
	switch {
	case mark == "" && len(t.must) == 0 && t.unseen(result):
		w.tally["not seen yet"]++
		return ""
	case mark != "" && len(t.must)+len(t.may) == 0:
		return fmt.Sprintf("marked (%s) without a cause", mark)
	case mark != "":
		w.tally["marked"]++
		if result.Verdict != verify.NotVerified {
			return fmt.Sprintf("marked (%s), but %s", mark, verdict)
		}
		return ""
	case len(t.must) > 0:
		return fmt.Sprintf("not marked, although %v; %s", t.must, verdict)
	case len(t.blind) > 0:
		return ""
	case t.born():
		// The log has these columns from their birth on. What rows before have in
		// them is a rule of reading, which verify follows and the replay does not know.
		w.tally["read with births"]++
		if result.Verdict != verify.Equal {
			return fmt.Sprintf("%s; it went through %v", verdict, t.may)
		}
		return ""
	}
	log, err := w.targetLog(t)
	if err != nil && t.fresh() > 0 && result.Verdict == verify.Equal { // the catalog has a column that no row has yet
		w.tally["not seen yet"]++
		return ""
	}
	if err != nil {
		return fmt.Sprintf("%v; %s; it went through %v", err, verdict, t.may)
	}
	rows, err := replayed(log, t.names(), t.key)
	if err != nil {
		return fmt.Sprintf("%v; %s; it went through %v", err, verdict, t.may)
	}
	if diff := differences(t.names(), w.sourceRows(t), rows); len(diff) > 0 {
		return fmt.Sprintf("both ends differ, it went through %v; %s:\n%.4000s", t.may, verdict, strings.Join(diff, "\n"))
	}
	if result.Verdict != verify.Equal {
		return "both ends are equal, but " + verdict
	}
	return ""
}

// marks are the reasons why tables need a full load, by name.
func (w *world) marks() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	w.run("status", func(p *replicate.Pipeline) error {
		status, err := p.Status(w.t.Context())
		if err != nil {
			return err
		}
		if status.Problem != "" {
			w.t.Errorf("status: %s", status.Problem)
		}
		for _, s := range status.Tables {
			name := strings.Trim(strings.TrimPrefix(s.Table, "public."), `"`)
			out[name] = s.Reload
			if s.Quarantine != "" {
				w.t.Errorf("%s is quarantined: %s", s.Table, s.Quarantine)
			}
		}
		return nil
	})
	return out
}

// verify lets the pipeline compare every cell itself.
func (w *world) verify() map[string]verify.Result {
	w.t.Helper()
	out := map[string]verify.Result{}
	w.run("verify --full", func(p *replicate.Pipeline) error {
		report, err := p.Verify(w.t.Context(), replicate.VerifyOptions{Full: true})
		if err != nil {
			return err
		}
		for _, r := range report.Tables {
			out[r.Table.Name] = r
		}
		return nil
	})
	return out
}
