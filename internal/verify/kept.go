package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
)

// KeptResult is the result for a table that is kept beside a log.
type KeptResult struct {
	Kind    string  `json:"kind"` // current or history
	View    string  `json:"view"`
	Data    string  `json:"data"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"` // why it was not verified
	Remedy  string  `json:"remedy,omitempty"` // the command that fixes it, unless it is equal
	Entry   int64   `json:"entry"`            // ledger entry up to which the log was folded
	// Differing counts the rows that differ from the log.
	Differing   int64            `json:"differing,omitempty"`
	Differences []KeptDifference `json:"differences,omitempty"` // the first MaxDifferences
}

// KeptDifference is a difference between a table beside a log and the log.
type KeptDifference struct {
	// Kind is one of: cell; missing (a row that the table lacks); extra (a row
	// that the log does not have); twice (a duplicate row); overlap (a period
	// that overlaps another one of its key, or that ends before it begins);
	// position (a difference in the position row).
	Kind   string  `json:"kind"`
	Key    string  `json:"key,omitempty"`
	Column string  `json:"column,omitempty"`
	Log    *string `json:"log"`
	Table  *string `json:"table"`
}

// Keeping is a table beside a log that Kept compares with the log.
type Keeping struct {
	Kept    *fold.Kept
	Periods bool  // it is a history; else it is the current state
	Done    int64 // entry by which the log's snapshot was done
	Batch   fold.Batch
	Head    func() (int64, error) // returns the ledger's newest entry
	// Keyed returns the ledger entry since which the key is the present one; 0
	// means always. It is called if periods overlap.
	Keyed func(context.Context) (int64, error)
	keyed int64
}

// keptRounds is how often a table is compared if another run advances it in the
// meantime.
const keptRounds = 4

// Kept compares a table beside a log with the fold of the log up to the table's
// position. The warehouse does the comparison.
func (v *Verifier) Kept(ctx context.Context, k Keeping) (KeptResult, error) {
	for round := 1; ; round++ {
		answer, err := v.checkKept(ctx, &k)
		if databricks.Refused(err) { // for example, because a column was dropped by hand
			return KeptResult{Verdict: NotVerified, Reason: err.Error(), Entry: k.Batch.To}, nil
		}
		if err != nil {
			return KeptResult{}, fmt.Errorf("verify %s: %w", k.Kept.Data.Display(), err)
		}
		r, moved, err := keptAnswer(answer, k)
		if err == nil && moved == 0 && k.keyed == 0 && k.Periods && r.overlaps() {
			if k.keyed, err = k.Keyed(ctx); err == nil && k.keyed > 0 {
				continue
			}
		}
		if err != nil || moved == 0 || round == keptRounds {
			return r, err
		}
		k.Batch.To = moved
	}
}

// overlaps reports whether periods may overlap: not all differences are listed.
func (r *KeptResult) overlaps() bool {
	return r.Differing > int64(len(r.Differences)) ||
		slices.ContainsFunc(r.Differences, func(d KeptDifference) bool { return d.Kind == "overlap" })
}

// checkKept sends the statement. If rows changed their keys more often than it
// follows, it sends another one that follows all changes.
func (v *Verifier) checkKept(ctx context.Context, k *Keeping) (*databricks.Result, error) {
	for {
		sql := k.Kept.CheckCurrent(k.Batch, MaxDifferences)
		if k.Periods {
			sql = k.Kept.CheckHistory(k.Done, k.keyed, k.Batch, MaxDifferences)
		}
		answer, err := v.Warehouse.Query(ctx, sql)
		var refused *databricks.StatementError
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, fold.MoreMoves) {
			return answer, err
		}
		log := fold.Options{From: k.Kept.Snapshot.Begin}
		survey, surveyErr := v.Warehouse.Query(ctx, fold.Survey(k.Kept.Log, log))
		if surveyErr != nil {
			return nil, surveyErr
		}
		moves, surveyErr := survey.Int(0, "moves")
		if surveyErr != nil {
			return nil, surveyErr
		}
		next := min(int(moves), 2*k.Batch.Moves+1)
		if next <= k.Batch.Moves {
			return nil, err
		}
		k.Batch.Moves = next
	}
}

// keptAnswer reads the answer. moved is the table's new position if another run
// advanced it beyond the assumed one; else 0.
func keptAnswer(a *databricks.Result, k Keeping) (r KeptResult, moved int64, err error) {
	r = KeptResult{Verdict: Equal, Entry: k.Batch.To}
	positions, err := a.Int(0, fold.CheckPositions)
	if err != nil {
		return r, 0, err
	}
	if positions != 1 {
		r.differs("position", fmt.Sprint(positions)+" position rows", "1 position row")
		return r, 0, nil
	}
	entry, err := a.Int(0, fold.CheckEntry)
	if err != nil {
		return r, 0, err
	}
	snapshot, _, err := a.Text(0, fold.CheckSnapshot)
	if err != nil {
		return r, 0, err
	}
	if is, _, err := a.Text(0, fold.CheckLog); err != nil || is != "true" {
		r.Verdict, r.Reason = NotVerified, "its log was replaced meanwhile: verify it again"
		return r, 0, err
	}
	head, err := k.Head()
	if err != nil {
		return r, 0, err
	}
	switch {
	case snapshot != k.Kept.Snapshot.Directory:
		r.differs("position", "snapshot "+snapshot, "snapshot "+k.Kept.Snapshot.Directory)
		return r, 0, nil
	case entry > k.Batch.To && entry <= head:
		return r, entry, nil
	case entry != k.Batch.To:
		r.differs("position", fmt.Sprint("entry ", entry), fmt.Sprint("entry ", k.Batch.To))
		return r, 0, nil
	}
	return r, 0, r.read(a)
}

func (r *KeptResult) differs(kind, table, log string) {
	r.Verdict, r.Differing = Different, 1
	r.Differences = append(r.Differences, KeptDifference{Kind: kind, Log: &log, Table: &table})
}

// read reads the differences.
func (r *KeptResult) read(a *databricks.Result) error {
	optional := func(i int, column string) *string {
		text, ok, err := a.Text(i, column)
		if err != nil || !ok {
			return nil
		}
		return &text
	}
	for i := range a.Rows {
		kind, ok, err := a.Text(i, fold.CheckKind)
		if err != nil || !ok {
			return err
		}
		if r.Differing, err = a.Int(i, fold.CheckDiffering); err != nil {
			return err
		}
		r.Verdict = Different
		d := KeptDifference{Kind: kind, Log: optional(i, fold.CheckWant), Table: optional(i, fold.CheckHave)}
		if key := optional(i, fold.CheckKey); key != nil {
			d.Key = *key
		}
		if column := optional(i, fold.CheckColumn); column != nil {
			d.Column = *column
		}
		r.Differences = append(r.Differences, d)
	}
	return nil
}
