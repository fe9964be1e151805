//go:build unix

package replicate

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/prune"
)

// A prune removes the files that are past the retention and that no load needs, and their empty
// directories. A dry run counts the same files and removes none. The files of a run that is not over
// stay.
func TestWhatAPruneRemoves(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	files := b.target.Files()
	run := func(retention time.Duration, dry bool) (*prune.Report, error) {
		b.config.Prune.Retention = retention
		return b.open(nil).Prune(ctx, dry)
	}
	if r, err := run(time.Hour, false); failure.KindOf(err) != failure.Conflict || !strings.Contains(r.Error, "nothing was loaded yet") ||
		r.Hint == "" {
		t.Errorf("before the first full load: %+v, %v", r, err)
	}
	b.loaded(b.open(nil))
	b.exec(`INSERT INTO t VALUES (2)`)
	staging := b.open(nil)
	if _, err := staging.CDC(ctx, ctx, CDCOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	waiting := staging.ledger.State().Tables[public("t")].Changes[0].Segments[0].Path
	busy := b.open(nil)
	running, err := busy.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", busy.link.Slot))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"20260101T000000Z-bb0000", busy.opt.Run} {
		if err := files.Create(ctx, "segments/"+of+"/public.t/changes/00000001.parquet", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	tree := func() (names, empty []string) {
		t.Helper()
		all, dirs, err := files.Tree(ctx, "segments")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			names = append(names, f.Name)
		}
		for _, d := range dirs {
			if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(path.Dir(name)+"/", d.Name+"/") }) {
				empty = append(empty, d.Name)
			}
		}
		return names, empty
	}
	before, _ := tree()
	reported := func(what string, retention time.Duration, dry bool, want string) {
		t.Helper()
		r, err := run(retention, dry)
		if err != nil {
			t.Fatal(err)
		}
		counts := func(list []prune.Files) (out []string) {
			for _, f := range list {
				out = append(out, fmt.Sprint(f.Reason, " ", f.Files))
			}
			return out
		}
		failuretest.Reason(t, what, fmt.Sprintf("removed %q, kept %q, %d directories", counts(r.Removed), counts(r.Kept), r.Directories), want)
	}
	reported("young files", time.Hour, false, `removed [], kept ["young 4"], 0 directories`)
	const all = `removed ["loaded 1" "orphan 1"], kept ["needed 1" "running 1"]`
	reported("a dry run", -time.Hour, true, all+", 0 directories")
	if now, _ := tree(); !slices.Equal(now, before) {
		t.Errorf("left are %q of %q", now, before)
	}
	lock, err := busy.source.TakeLock(ctx, "pruning", postgres.LockKey("prune", busy.link.Slot))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := run(-time.Hour, false); failure.KindOf(err) != failure.Conflict || r.Error == "" || len(r.Removed) > 0 {
		t.Errorf("beside another prune: %+v, %v", r, err)
	}
	_ = lock.Close()
	// The segments of the snapshot and of the orphan are in three directories each, below segments/.
	reported("a run", -time.Hour, false, all+", 6 directories")
	now, empty := tree()
	if len(now) != 2 || !slices.Contains(now, waiting) || len(empty) > 0 {
		t.Errorf("left are %q, and the directories %q are empty", now, empty)
	}
	_ = running.Close()
	b.eventually(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE '%' || $1 || '%')`, busy.opt.Run)
	if _, err := b.open(nil).Load(ctx, nil, false); err != nil {
		t.Errorf("what waited is not loaded: %v", err)
	}
	reported("once all is loaded", -time.Hour, false, `removed ["loaded 1" "orphan 1"], kept [], 6 directories`)
	if r, err := b.open(nil).Verify(ctx, VerifyOptions{}); err != nil || r.Err() != nil {
		t.Errorf("verify: %+v, %v", r, err)
	}
}
