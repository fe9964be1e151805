package replicate

import (
	"slices"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/kept"
)

// KeptSummary is what a run did with a table that is kept beside a log.
type KeptSummary struct {
	Kind     kept.Kind `json:"kind"`
	View     string    `json:"view"` // that people read
	Data     string    `json:"data"` // the table
	Replaced bool      `json:"replaced,omitempty"`
	// Fresh means that a history starts at the snapshot: it had to be rebuilt, and there was nothing
	// to keep.
	Fresh  bool   `json:"starts_at_snapshot,omitempty"`
	Merges int    `json:"merges"`
	Error  string `json:"error,omitempty"` // why it is quarantined; its log goes on
	Hint   string `json:"hint,omitempty"`
}

func keptSummaries(results []kept.Result) []KeptSummary {
	var out []KeptSummary
	for _, r := range results {
		k := KeptSummary{Kind: r.Kind, View: r.View.Display(), Data: r.Data.Display(), Replaced: r.Replaced, Fresh: r.Fresh, Merges: r.Merges}
		if r.Err != nil {
			k.Error, k.Hint = r.Err.Error(), failure.HintOf(r.Err)
		}
		out = append(out, k)
	}
	return out
}

// failure is the first reason why a part of the table failed; "" if nothing did.
func (t *TableSummary) failure() (reason, hint string) {
	if t.Error != "" {
		return t.Error, t.Hint
	}
	for _, k := range t.Kept {
		if k.Error != "" {
			return k.Error, k.Hint
		}
	}
	return "", ""
}

// mergeKept adds the results of a later load. For what failed before, the newest result counts.
func (t *TableSummary) mergeKept(from []KeptSummary) {
	for _, k := range from {
		i := slices.IndexFunc(t.Kept, func(have KeptSummary) bool { return have.Kind == k.Kind })
		if i < 0 {
			t.Kept = append(t.Kept, k)
			continue
		}
		have := t.Kept[i]
		k.Replaced, k.Fresh, k.Merges = k.Replaced || have.Replaced, k.Fresh || have.Fresh, k.Merges+have.Merges
		t.Kept[i] = k
	}
}
