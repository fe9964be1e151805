package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Uploader stores a segment under a path that was never used before. A retry
// may find the same bytes there already.
type Uploader interface {
	Upload(ctx context.Context, name string, body io.ReadSeeker, bytes int64) error
}

// Options are the limits of staging. Sizes are in bytes.
type Options struct {
	Run          string
	Jobs         int   // sessions that copy concurrently; 0: automatic
	Memory       int64 // budget for rows and encoded pages in memory
	SegmentBytes int64 // a segment is closed when it reaches this size
	RangeBytes   int64 // a table's heap and TOAST are cut into ranges of about this size
	PeekMaxWAL   int64 // WAL that a span may make the server decode
	SpanBytes    int64 // WAL in the first span of a drain
	WorkMem      string
	IdleAdvance  int64 // an empty entry is written if it frees at least this much WAL
	EntryBytes   int64 // when streaming, an entry is cut at a commit after this much
	EntryRows    int64 // or after this many rows
	EntryEvery   time.Duration
	YieldFor     time.Duration // how long an entry waits at most for a snapshot that would otherwise lose its place again
	Heartbeat    time.Duration // when following, a small message is written to the WAL at this interval; 0: never
	Now          func() time.Time
}

// Stager stages one pipeline. Several snapshots may run concurrently, together
// with one drain.
type Stager struct {
	Source       *postgres.Source
	Standby      *postgres.Source // the server that holds the slot; nil: the source itself
	Ledger       *ledger.Ledger
	Files        Uploader
	Spool        *segment.Spool
	Slot         string
	Publications postgres.Publications // none: snapshots alone, for a ledger without a slot
	Log          *slog.Logger
	Options      Options
	// Selects reports which tables are wanted in addition to those that the
	// ledger knows. nil selects all. A publication may contain more tables.
	Selects func(schema.TableName) bool
	// Shape says how columns are treated. nil copies all of them unchanged.
	Shape *shape.Rules
	// Began is the ledger's head when this run read its configuration. A
	// snapshot that began later may have used another configuration.
	Began int64
	// Seen is what looks at the catalog have found. It may be nil.
	Seen *Seen
	// Watch is called as staging proceeds.
	Watch Watch
	// Current is called when nothing waits to be staged below an LSN. A stream
	// without changes calls it several times a second. It may be nil.
	Current func(pglogrepl.LSN)

	// Peaks are the highest amounts that staging has accounted so far.
	Peaks Peaks

	reported  map[mark]bool // marks that this run reported; owned by the drain's goroutine
	segments  atomic.Int64  // counter of this run's segment names
	reference atomic.Uint64 // a recent 64-bit transaction id
}

// Peaks are the largest amounts so far, in bytes.
type Peaks struct {
	Rows     atomic.Int64 // in memory, of one drain
	Segments atomic.Int64 // in memory, for open segments, of one drain or table
	Waiting  atomic.Int64 // on the spool, of segments that wait for upload
}

func raise(peak *atomic.Int64, to int64) {
	for at := peak.Load(); to > at && !peak.CompareAndSwap(at, to); at = peak.Load() {
	}
}

// reader returns the server that holds the slot.
func (s *Stager) reader() *postgres.Source {
	if s.Standby != nil {
		return s.Standby
	}
	return s.Source
}

// feed is what the slot sends.
func (s *Stager) feed() *postgres.Feed { return s.reader().Feed(s.Slot, s.Publications) }

// alone reports that only snapshots are staged, and no changes.
func (s *Stager) alone() bool { return s.Publications.None() }

func (s *Stager) current(upto pglogrepl.LSN) {
	if s.Current != nil {
		s.Current(upto)
	}
}

// segmentName returns a path that no attempt has used. It contains the run's id
// and a counter.
func (s *Stager) segmentName(table schema.TableName, part string) string {
	return s.nextSegment(s.directory(table, part))
}

// nextSegment is segmentName within a directory.
func (s *Stager) nextSegment(dir string) string {
	return fmt.Sprintf("%s/%08d.parquet", dir, s.segments.Add(1))
}

func (s *Stager) directory(table schema.TableName, part string) string {
	return directory(s.Options.Run, table, part)
}

func directory(run string, table schema.TableName, part string) string {
	return "segments/" + run + "/" + tableDirectory(table) + "/" + part
}

// SnapshotDirectory returns the directory for the segments of a table's
// snapshot in a run.
func SnapshotDirectory(run string, table schema.TableName, begin int64) string {
	return directory(run, table, fmt.Sprintf("snapshot-%d", begin))
}

// RunOf returns the run that made a segment's path. ok is false if no run made
// the path.
func RunOf(name string) (run string, ok bool) {
	m := segmentPath.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], true
}

var segmentPath = regexp.MustCompile(`^segments/([^/]+)/[^/]+/(?:changes|snapshot-[0-9]+)/[0-9]{8,}\.parquet$`)

// maxDirectoryBytes is below the limit of file systems and object stores for
// one path element: 255.
const maxDirectoryBytes = 200

// tableDirectory returns the name of the directory of a table's segments. A
// name that would be too long ends with a hash of the table's name, which keeps
// it unique.
func tableDirectory(table schema.TableName) string {
	name := pathPart(table.Schema) + "." + pathPart(table.Name)
	if len(name) <= maxDirectoryBytes {
		return name
	}
	sum := sha256.Sum256([]byte(table.String()))
	end := "~" + hex.EncodeToString(sum[:16])
	return name[:maxDirectoryBytes-len(end)] + end
}

// pathPart makes a name safe in a path, in SQL text and in a URL. It replaces
// every byte except letters, digits, _ and - with ~xx.
func pathPart(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}

// upload stores a finished segment and removes it from the spool.
func (s *Stager) upload(ctx context.Context, name string, f segment.File) (ledger.Segment, error) {
	body, err := os.Open(f.Path)
	if err != nil {
		return ledger.Segment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	defer body.Close()
	if err := s.Files.Upload(ctx, name, body, f.Bytes); err != nil {
		_ = f.Release() // a run that continues stages it again
		return ledger.Segment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	if err := f.Release(); err != nil {
		return ledger.Segment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	return ledger.Segment{Path: name, Rows: f.Rows, Bytes: f.Bytes, Checksum: f.Checksum}, nil
}
