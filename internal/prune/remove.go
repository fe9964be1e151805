package prune

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// remove removes a batch of files. It first checks that the locks are held.
func (r *Pruning) remove(ctx context.Context, batch []*oldFile, guards ...ledger.Guard) error {
	if err := r.prove(ctx, guards...); err != nil {
		return err
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(pruners)
	for _, f := range batch {
		g.Go(func() error {
			if err := r.o.Workspace.Files().Delete(gctx, f.Name); err != nil {
				return fmt.Errorf("prune: %w", err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.count(f)
			return nil
		})
	}
	err := g.Wait()
	r.cache = slices.DeleteFunc(r.cache, func(f *oldFile) bool { return slices.Contains(batch, f) })
	r.o.Log.Debug("pruned", "files", len(batch))
	return err
}

func (r *Pruning) prove(ctx context.Context, guards ...ledger.Guard) error {
	for _, g := range append(guards, r.lock) {
		if err := g.Prove(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeDirectories removes empty directories, the deepest first. It skips those of a live run. The
// workspace refuses to remove one that is not empty.
func (r *Pruning) removeDirectories(ctx context.Context) error {
	levels := r.unused()
	var mu sync.Mutex
	for _, depth := range slices.Backward(slices.Sorted(maps.Keys(levels))) {
		for batch := range slices.Chunk(levels[depth], pruneBatch) {
			if err := r.prove(ctx); err != nil {
				return err
			}
			g, gctx := errgroup.WithContext(ctx)
			g.SetLimit(pruners)
			for _, dir := range batch {
				g.Go(func() error {
					gone, err := r.o.Workspace.Files().DeleteEmptyDir(gctx, dir)
					if err != nil {
						return fmt.Errorf("prune: %w", err)
					}
					mu.Lock()
					defer mu.Unlock()
					if gone {
						r.s.Directories++
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				return err
			}
		}
	}
	return nil
}

// unused lists the directories without a file, by their depth. It leaves out those of a live run.
func (r *Pruning) unused() map[int][]string {
	used := map[string]bool{}
	for name := range r.left {
		for dir := path.Dir(name); !used[dir]; dir = path.Dir(dir) {
			used[dir] = true
		}
	}
	levels := map[int][]string{}
	for _, d := range r.dirs {
		parts := strings.Split(d.Name, "/")
		if !used[d.Name] && !r.live[parts[1]] {
			levels[len(parts)] = append(levels[len(parts)], d.Name)
		}
	}
	return levels
}

// count counts a file that goes, and forgets it.
func (r *Pruning) count(f *oldFile) {
	add(r.removed, f.reason, f.FileInfo)
	if f.named != nil {
		t := r.table(f.named.Table)
		t.RemovedFiles++
		t.RemovedBytes += f.Bytes
	}
	delete(r.doubt, f.Name)
	delete(r.left, f.Name)
}

func (r *Pruning) keep(reason string, f databricks.FileInfo) { add(r.kept, reason, f) }

func add(to map[string]*Files, reason string, f databricks.FileInfo) {
	if to[reason] == nil {
		to[reason] = &Files{Reason: reason}
	}
	to[reason].Files++
	to[reason].Bytes += f.Bytes
}

func (r *Pruning) table(name schema.TableName) *Table {
	if r.tables[name] == nil {
		r.tables[name] = &Table{Table: name.String()}
	}
	return r.tables[name]
}

// report puts the counts into the summary. Files that are still in doubt stay.
func (r *Pruning) report() {
	for _, f := range r.doubt {
		if f.named == nil {
			continue
		}
		r.keep(Needed, f.FileInfo)
		t := r.table(f.named.Table)
		t.KeptFiles++
		t.KeptBytes += f.Bytes
		t.Why = cmp.Or(r.proofs[f.named.Table].Why, "not all of its staged rows are loaded")
	}
	list := func(of map[string]*Files) []Files {
		out := []Files{}
		for _, reason := range slices.Sorted(maps.Keys(of)) {
			out = append(out, *of[reason])
		}
		return out
	}
	r.s.Removed, r.s.Kept = list(r.removed), list(r.kept)
	for _, name := range slices.SortedFunc(maps.Keys(r.tables), schema.TableName.Compare) {
		r.s.Tables = append(r.s.Tables, r.tables[name])
	}
}
