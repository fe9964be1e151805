package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/failure"
)

// FileName is the file of the pipeline's directory that keeps a bad verdict.
const FileName = "probe.json"

// refusal is a bad verdict, as it is kept.
type refusal struct {
	Version string    `json:"version"` // of the program that asked
	At      time.Time `json:"at"`
	Wrong   []Answer  `json:"wrong"`
}

// Keep keeps what a probe found where runs of the pipeline see it: a file beside
// the ledger if an answer is wrong. One of an earlier probe is removed if all
// that runs rest on was answered well, and stays if something has no answer.
// Schema and volume are made, as a full load makes them, only to keep it.
func Keep(ctx context.Context, w *databricks.Workspace, r *Report) error {
	bad := r.Of(Wrong)
	switch {
	case len(bad) > 0:
		data, err := json.MarshalIndent(refusal{r.Version, r.Started, bad}, "", "  ")
		if err != nil {
			return err
		}
		if _, err := w.Prepare(ctx); err != nil {
			return err
		}
		return w.Files().Replace(ctx, FileName, append(data, '\n'))
	case !r.Complete():
		return nil
	}
	missing, err := w.Missing(ctx)
	if err != nil || len(missing) > 0 {
		return err
	}
	return w.Files().Delete(ctx, FileName)
}

// Refusal is the error of a pipeline that must not start, because a probe found
// that the workspace is not what the program is built for; nil if none did.
func Refusal(ctx context.Context, w *databricks.Workspace) error {
	raw, err := w.Files().Read(ctx, FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	const again = "`ingest check --probe` asks again, and a good answer lets the pipeline start; a newer ingest may be built for it: " +
		"docs/databricks.md says what each answer means"
	var kept refusal
	if err := json.Unmarshal(raw, &kept); err != nil {
		return failure.New(failure.Conflict, "%s: the verdict of a probe cannot be read: %w", w.Files().Path(FileName), err).WithHint(again)
	}
	return failure.New(failure.Conflict, "the workspace is not what ingest is built for: %s (probe of %s by ingest %s)",
		Summarise(kept.Wrong), kept.At.Format(time.RFC3339), kept.Version).WithHint(again)
}

// Summarise names wrong answers in a sentence.
func Summarise(wrong []Answer) string {
	parts := make([]string, len(wrong))
	for i, a := range wrong {
		parts[i] = fmt.Sprintf("%s: expected %s, saw %s", a.ID, a.Expected, a.Seen)
	}
	return strings.Join(parts, "; ")
}
