package stage

import (
	"errors"
	"os"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/segment"
)

// OpenSpool opens the run's spool.
func OpenSpool(dir, run string) (*segment.Spool, error) {
	spool, err := segment.OpenSpool(dir, run)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		if dir == "" {
			dir = os.TempDir()
		}
		return nil, failure.New(failure.Usage, "open spool %s: %w", dir, err).
			WithHint("set staging.spool (INGEST_STAGING_SPOOL) to a directory that can be written")
	}
	return spool, nil
}
