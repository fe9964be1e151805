package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
)

// FileName is the file in the pipeline's directory that stores a bad verdict.
const FileName = "probe.json"

// refusal is a stored bad verdict.
type refusal struct {
	Version string    `json:"version"` // of the program that asked
	At      time.Time `json:"at"`
	Wrong   []Answer  `json:"wrong"`
}

// Keep stores the verdict where the pipeline's runs find it. If an answer is
// wrong, it writes a file beside the ledger. If all essential questions have a
// good answer, it removes the file of an earlier probe. If one of them has no
// answer, the file stays. Keep creates the schema and the volume, as a full
// load does, but only to write the file.
func Keep(ctx context.Context, w *databricks.Workspace, r *Report) error {
	bad := r.Of(Wrong)
	switch {
	case len(bad) > 0:
		data, err := json.MarshalIndent(refusal{r.Version, r.Started, bad}, "", "  ")
		if err != nil {
			return err
		}
		if _, err := w.Place().Prepare(ctx); err != nil {
			return err
		}
		return w.Files().Replace(ctx, FileName, append(data, '\n'))
	case !r.Complete():
		return nil
	}
	missing, err := w.Place().Missing(ctx)
	if err != nil || len(missing) > 0 {
		return err
	}
	return w.Files().Delete(ctx, FileName)
}

// Refusal is the error of a pipeline that must not start, because a probe found
// that the program does not support the workspace; nil if no probe did.
func Refusal(ctx context.Context, w *databricks.Workspace) error {
	raw, err := w.Files().Read(ctx, FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	const again = "`ingest check --probe` asks again, and a good answer lets the pipeline start; a newer ingest may support it: " +
		"https://github.com/ingest-tool/ingest/blob/main/docs/databricks.md says what each answer means"
	var kept refusal
	if err := json.Unmarshal(raw, &kept); err != nil {
		return failure.New(failure.Conflict, "%s: the verdict of a probe cannot be read: %w", w.Files().Path(FileName), err).WithHint(again)
	}
	return failure.New(failure.Conflict, "the workspace behaves in a way that ingest does not support: %s (probe of %s by ingest %s)",
		Summarise(kept.Wrong), kept.At.Format(time.RFC3339), kept.Version).WithHint(again)
}

// Summarise lists wrong answers in a sentence.
func Summarise(wrong []Answer) string {
	parts := make([]string, len(wrong))
	for i, a := range wrong {
		parts[i] = fmt.Sprintf("%s: expected %s, saw %s", a.ID, a.Expected, a.Seen)
	}
	return strings.Join(parts, "; ")
}
