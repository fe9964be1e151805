package replicate

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
)

// explain adds what only the server or the local disk knows to an error: who holds the lock that a
// statement waited for, and where the spool is.
func (p *Pipeline) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	err = inOneLine(err)
	var path *fs.PathError
	if p.spool != nil && errors.As(err, &path) && strings.HasPrefix(path.Path, p.spool.Dir()) {
		parent := filepath.Dir(p.spool.Dir())
		return failure.New(failure.Other, "spool %s: %w", parent, err).
			WithHint("make room in %s, or set staging.spool (INGEST_STAGING_SPOOL) to a directory with more; then run the command again", parent)
	}
	if who, end := p.source.LockHolders(ctx, err); who != "" {
		return failure.New(failure.Source, "%w: %s", err, who).
			WithHint("wait for that session to end, or end it (%s), or raise source.lock_timeout (now %s); then run the command again", end,
				p.config.Source.LockTimeout)
	}
	return err
}

// inOneLine returns err with its text on one line. Joined errors have a line each, and several
// goroutines may report the same failure.
func inOneLine(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return err
	}
	text := lines[0]
	for _, line := range lines[1:] {
		if !strings.Contains(text, line) {
			text += "; " + line
		}
	}
	return &oneLine{text, err}
}

type oneLine struct {
	text string
	err  error
}

func (e *oneLine) Error() string { return e.text }
func (e *oneLine) Unwrap() error { return e.err }
