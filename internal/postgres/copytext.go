package postgres

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// CopyTextSQL is the statement that reads columns of a range in COPY's text format. Every value is as
// its type's output function prints it, in the server's encoding. It reads the rows for which all
// conditions hold; an empty condition means none.
func CopyTextSQL(columns []schema.Column, r Range, conditions ...string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = schema.QuotePostgres(c.Name)
	}
	return "COPY (SELECT " + strings.Join(names, ", ") + r.from(conditions...) + ") TO STDOUT"
}

// CopyText writes what CopyTextSQL reads to w, in a session that joined the snapshot. It returns the
// number of rows. An error of w is returned unchanged.
func (p *Snapshot) CopyText(ctx context.Context, conn *pgx.Conn, columns []schema.Column, r Range, w io.Writer,
	conditions ...string) (rows int64, err error) {
	err = p.read(ctx, conn, r.Leaf, func(on *pgx.Conn) error {
		to := &copyWriter{to: w, all: on != conn}
		var err error
		rows, err = p.source.Text.copy(ctx, on, to, CopyTextSQL(columns, r, conditions...))
		if to.err != nil {
			return to.err
		}
		return Error("copy "+r.Leaf.String(), err)
	})
	return rows, err
}

// copyWriter remembers the error of to. An error would end the COPY and with it the session, which
// must not happen to the session that holds the snapshot. With all set, copyWriter therefore reads the
// remaining rows and drops them.
type copyWriter struct {
	to  io.Writer
	all bool
	err error
}

func (w *copyWriter) Write(b []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.to.Write(b)
	}
	if w.err != nil && !w.all {
		return 0, w.err
	}
	return len(b), nil
}

// Readers is how many sessions read the snapshot at once. wanted sets it. 0 means one for each of
// cores, from 2 to 8, and at most half of the source's free connections.
func (p *Snapshot) Readers(ctx context.Context, wanted, cores int) (int, error) {
	if wanted > 0 {
		return wanted, nil
	}
	free, err := p.FreeConnections(ctx)
	if err != nil {
		return 0, fmt.Errorf("choose the number of sessions: %w", err)
	}
	return max(1, min(max(cores, leastReaders), mostReaders, free/2)), nil
}

// Limits for the number of reading sessions if the configuration does not set it. The default is one
// for each core, since each session has a consumer to feed.
const (
	leastReaders = 2
	mostReaders  = 8
)
