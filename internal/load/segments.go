package load

import (
	"context"
	"maps"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// segments compares segments in the Volume with what the ledger says of them.
type segments struct {
	files *databricks.Files
	table schema.TableName
}

func (w *table) segments() *segments { return &segments{w.loader.Files, w.State.Table} }

// directory compares the snapshot's directory with its entry, because
// read_files reads every file in the directory.
func (c *segments) directory(ctx context.Context, d *ledger.Done) error {
	if d.Rows == 0 {
		return nil
	}
	files, err := c.files.ListAll(ctx, d.Directory)
	if err != nil {
		return err
	}
	want := map[string]int64{}
	for _, s := range d.Segments {
		want[s.Path] = s.Bytes
	}
	for _, f := range files {
		bytes, named := want[f.Name]
		switch {
		case !named:
			return failure.New(failure.Tables, "%s holds %s, which entry %d does not name", d.Directory, path.Base(f.Name), d.Begin).
				WithHint("remove the file from the Volume, or run `ingest full-load --tables %s`", c.table.Argument())
		case bytes != f.Bytes:
			return failure.New(failure.Tables, "%s has %d bytes, and was written with %d", f.Name, f.Bytes, bytes).
				WithHint("the file was changed: `ingest full-load --tables %s` stages the table again", c.table.Argument())
		}
		delete(want, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		return failure.New(failure.Tables, "segment %s is missing: `ingest prune` removed it once it was loaded, or someone deleted it", name).
			WithHint("`ingest full-load --tables %s` stages the table again", c.table.Argument())
	}
	return nil
}

// complete returns an error unless the steps' segments exist with the sizes
// that were written.
func (c *segments) complete(ctx context.Context, steps []step) error {
	want := map[string]map[string]int64{} // by directory
	for _, s := range steps {
		for i, name := range s.files {
			dir := path.Dir(name)
			if want[dir] == nil {
				want[dir] = map[string]int64{}
			}
			want[dir][name] = s.bytes[i]
		}
	}
	var mu sync.Mutex
	var missing, changed []string
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for dir, names := range want {
		g.Go(func() error {
			files, err := c.files.ListAll(gctx, dir)
			if err != nil {
				return err
			}
			have := map[string]int64{}
			for _, f := range files {
				have[f.Name] = f.Bytes
			}
			mu.Lock()
			defer mu.Unlock()
			for name, bytes := range names {
				if there, ok := have[name]; !ok {
					missing = append(missing, name)
				} else if there != bytes {
					changed = append(changed, name)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	what := "is missing"
	if len(missing) == 0 {
		missing, what = changed, "was changed after it was written"
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return failure.New(failure.Tables, "segment %s of table %s, which entry %d names, %s (%d in all)", missing[0], c.table,
		entryOf(steps, missing[0]), what, len(missing)).
		WithHint("`ingest full-load --tables %s` reloads the table from the source (`ingest prune` removes loaded segments); "+
			"or put the file back from a backup of the Volume, then `ingest load --tables %s`",
			c.table.Argument(), c.table.Argument())
}

// entryOf is the entry that lists a segment.
func entryOf(steps []step, name string) int64 {
	for _, s := range steps {
		if slices.Contains(s.files, name) {
			return s.entry
		}
	}
	return 0
}
