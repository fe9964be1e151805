package replicate

import (
	"context"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
)

// compareKept compares the tables beside a log with the log. The log is compared with the source
// separately, so both together prove that the tables equal the source as of the point.
func (v *verification) compareKept(ctx context.Context, state *ledger.State, t *ledger.TableState,
	cached loads.Table) ([]verify.KeptResult, error) {
	if quarantineOf(t, cached) != nil {
		return nil, nil
	}
	tables, err := v.p.newLoader().KeptChecks(ctx, state, t, cached)
	if err != nil {
		return nil, err
	}
	var out []verify.KeptResult
	for _, k := range tables {
		r, err := v.compareOneKept(ctx, t, k)
		if err != nil {
			return nil, err
		}
		r.Kind, r.View, r.Data = string(k.Kind), k.View.Display(), k.Data.Display()
		if r.Verdict != verify.Equal && r.Remedy == "" {
			r.Remedy = kept.RebuildCommand(string(k.Kind), t.Table.Argument())
		}
		out = append(out, r)
	}
	return out, nil
}

func (v *verification) compareOneKept(ctx context.Context, t *ledger.TableState, k kept.Check) (verify.KeptResult, error) {
	if k.Err != nil {
		return verify.KeptResult{Verdict: verify.NotVerified, Reason: k.Err.Error(), Remedy: failure.HintOf(k.Err)}, nil
	}
	r, err := v.Kept(ctx, verify.Keeping{
		Kept: k.Fold, Periods: k.Kind == kept.History, Done: k.Done, Batch: k.Batch,
		Head: func() (int64, error) {
			now, err := v.p.ledger.Refresh(ctx)
			if err != nil {
				return 0, err
			}
			return now.Head, nil
		},
		Keyed: func(ctx context.Context) (int64, error) { return v.keyedSince(ctx, t) },
	})
	if err != nil || r.Verdict == verify.Equal {
		return r, err
	}
	now, err := v.p.ledger.Refresh(ctx)
	if err == nil && now.Tables[t.Table].Snapshot.Begin != t.Snapshot.Begin {
		r = verify.KeptResult{Verdict: verify.NotVerified, Reason: reloaded, Remedy: "ingest verify --tables " + t.Table.Argument()}
	}
	return r, err
}

// keyedSince is the ledger entry since which the table's key is what it is now: the entry of the
// oldest full load with this key. It is 0 if all full loads have it. keyedSince reads the ledger from
// its first entry.
func (v *verification) keyedSince(ctx context.Context, t *ledger.TableState) (since int64, err error) {
	entries := make([]int64, t.DoneNumber)
	for i := range entries {
		entries[i] = int64(i) + 1
	}
	k := &keyed{table: t.Table}
	err = v.p.ledger.Past(ctx, entries, k.see)
	return k.since, err
}

// keyed finds the entry since which a table has its key, from the ledger's states in order.
type keyed struct {
	table schema.TableName
	seen  bool
	key   []string // by its present names, sorted
	since int64
}

func (k *keyed) see(s *ledger.State) {
	now := s.Tables[k.table]
	if now == nil || now.Snapshot == nil {
		return
	}
	sorted := func(key []string) []string { return slices.Sorted(slices.Values(key)) }
	if now.DoneNumber == s.Head && k.seen && !slices.Equal(k.key, sorted(now.Snapshot.Key())) {
		k.since = s.Head
	}
	k.key, k.seen = sorted(now.Key()), true
}

// keptDifferent are the tables beside logs that differ from them.
type keptDifferent struct {
	tables, kinds []string
}

func (r *VerifyReport) keptDifferent() (d keptDifferent) {
	for _, t := range r.Tables {
		bad := false
		for _, k := range t.Kept {
			if k.Verdict != verify.Different {
				continue
			}
			bad = true
			if !slices.Contains(d.kinds, k.Kind) {
				d.kinds = append(d.kinds, k.Kind)
			}
		}
		if bad {
			d.tables = append(d.tables, t.Table.Argument())
		}
	}
	slices.Sort(d.kinds)
	return d
}

// hint is the command that rebuilds them, between two texts; "" if there are none.
func (d keptDifferent) hint(before, after string) string {
	if len(d.tables) == 0 {
		return ""
	}
	return before + kept.RebuildCommand(strings.Join(d.kinds, ","), strings.Join(d.tables, ",")) + after
}

// unverifiedKept is the first remedy of a table beside a log that could not be verified; "" if all
// were.
func unverifiedKept(results []verify.Result) string {
	for _, t := range results {
		for _, k := range t.Kept {
			if k.Verdict == verify.NotVerified {
				return k.Remedy
			}
		}
	}
	return ""
}
