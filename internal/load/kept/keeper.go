package kept

import (
	"log/slog"
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/view"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Keeper keeps the tables beside the logs of one pipeline.
type Keeper struct {
	Ledger       *ledger.Ledger
	Workspace    *databricks.Workspace
	Warehouse    *databricks.Warehouse
	Files        *databricks.Files
	Lock         ledger.Guard // proved before every statement that writes
	Jobs         int          // tables processed at once
	Descriptions *bronze.Descriptions
	Log          *slog.Logger
	Now          func() time.Time
	// Wanted lists what the configuration asks for beside a log; nil for none.
	Wanted func(t *ledger.TableState) []Definition
}

// Definitions lists the tables to keep beside a log. A log that lacks the key
// gets none if it waits for a full load, or if its relation is loaded under
// another name: a full load replaces it. Any other log without the key is
// refused.
func (p *Keeper) Definitions(log *bronze.Log) []Definition {
	if p.Wanted == nil || log.State.Snapshot == nil {
		return nil
	}
	return slices.DeleteFunc(p.Wanted(log.State), func(d Definition) bool {
		return !keyed(log, d.Key) && (log.State.Reload != nil || log.Whole.ByOIDs()[log.State.OID] != log.State)
	})
}

// keyed reports whether a log has the key.
func keyed(log *bronze.Log, key []string) bool {
	return len(key) > 0 && !slices.ContainsFunc(key, func(name string) bool {
		return !slices.ContainsFunc(log.State.Columns, func(c schema.Column) bool { return c.Name == name })
	})
}

// reach is the newest entry for which the ledger has data for a table of the
// kind.
func reach(log *bronze.Log, kind Kind) int64 {
	if kind == History { // a history begins where the snapshot is done
		return max(log.Last, log.State.DoneNumber)
	}
	return log.Last
}

// stopped reports whether a table beside a log is quarantined.
func stopped(log *bronze.Log, k loads.Kept) bool {
	return k.Quarantine != nil && k.Quarantine.Snapshot == log.State.Snapshot.Begin
}

// lags reports whether a table beside a log is behind the ledger or must be
// rebuilt.
func lags(log *bronze.Log, kind Kind, k loads.Kept) bool {
	return k.Rebuild || k.Snapshot != log.State.Snapshot.Directory || k.Entry != reach(log, kind)
}

// Behind reports whether the cache lacks something of the tables beside a log.
func (p *Keeper) Behind(log *bronze.Log, cached *loads.Table, o Options) bool {
	for _, d := range p.Definitions(log) {
		k := Record(cached, d.Kind)
		switch {
		case slices.Contains(o.Rebuild, d.Kind):
			return true
		case stopped(log, k):
			if o.Retry {
				return true
			}
		case lags(log, d.Kind, k):
			return true
		}
	}
	return false
}

// HistoryBehind reports whether the history beside a log, according to the
// cache, does not have the log's snapshot yet.
func (p *Keeper) HistoryBehind(log *bronze.Log, cached *loads.Table) bool {
	return slices.ContainsFunc(p.Definitions(log), func(d Definition) bool {
		return d.Kind == History && Record(cached, d.Kind).Snapshot != log.State.Snapshot.Directory
	})
}

// Beside lists the tables beside a log, without the quarantined ones. cached is
// what the cache says. What it is to say after the load is set in loaded.
func (p *Keeper) Beside(log *bronze.Log, cached, loaded *loads.Table, o Options) []*Table {
	var out []*Table
	for _, d := range p.Definitions(log) {
		c := Record(cached, d.Kind)
		again := slices.Contains(o.Rebuild, d.Kind)
		if stopped(log, c) && !o.Retry && !again {
			continue
		}
		k := p.table(d, log, c)
		k.loaded, k.rebuild, k.result = loaded, again || c.Rebuild, Result{Kind: d.Kind, Data: d.Data, View: d.View}
		if again {
			k.cached.View = "" // the view may be gone, too
		}
		k.take(c)
		out = append(out, k)
	}
	return out
}

func (p *Keeper) table(d Definition, log *bronze.Log, cached loads.Kept) *Table {
	return &Table{Definition: d, keeper: p, log: log, cached: cached, moves: fold.DefaultMoves, loaded: new(loads.Table)}
}

// Stopped returns the results of the quarantined tables beside a log that the
// load does not retry.
func (p *Keeper) Stopped(log *bronze.Log, cached *loads.Table, o Options) []Result {
	var out []Result
	for _, d := range p.Definitions(log) {
		c := Record(cached, d.Kind)
		if !stopped(log, c) || o.Retry || slices.Contains(o.Rebuild, d.Kind) {
			continue
		}
		q := c.Quarantine
		err := failure.New(failure.Tables, "the %s of %s is quarantined since %s: %s", d.Kind, log.State.Table,
			q.Since.Format(time.RFC3339), q.Reason).
			WithHint("%s", q.Hint)
		out = append(out, Result{Kind: d.Kind, Data: d.Data, View: d.View, Err: err})
	}
	return out
}

// State is the cache's record of a table beside a log.
type State struct {
	Definition
	Snapshot   string // directory of the snapshot that its log begins with; "" if it was not created yet
	Entry      int64  // newest entry of the log that is in it
	Reach      int64  // newest entry for which the ledger has data for it
	Behind     bool
	Quarantine *loads.Quarantine // nil if it is kept
}

// States lists the tables beside a log as the cache knows them.
func (p *Keeper) States(log *bronze.Log, cached *loads.Table) []State {
	var out []State
	for _, d := range p.Definitions(log) {
		c := Record(cached, d.Kind)
		s := State{Definition: d, Snapshot: c.Snapshot, Entry: c.Entry, Reach: reach(log, d.Kind), Behind: lags(log, d.Kind, c)}
		if stopped(log, c) {
			s.Quarantine = c.Quarantine
		}
		out = append(out, s)
	}
	return out
}

func (p *Keeper) views(log *bronze.Log) *view.Maker {
	return &view.Maker{
		Workspace: p.Workspace, Warehouse: p.Warehouse, Ledger: log.Whole.Ledger, Root: p.Files.Root(), Lock: p.Lock, Log: p.Log,
	}
}
