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

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/segment"
	"ingest/internal/shape"
)

// Uploader stores a segment under a path that was never used before. A retry
// of the same bytes may find them there already.
type Uploader interface {
	Upload(ctx context.Context, name string, body io.ReadSeeker, bytes int64) error
}

// Options are the limits of staging. Sizes are in bytes.
type Options struct {
	Run          string
	Jobs         int   // sessions that copy at once; 0: as many as suit
	Memory       int64 // budget for rows and encoded pages in memory
	SegmentBytes int64 // a segment is closed when it reaches this size
	RangeBytes   int64 // a table's heap and TOAST are cut into ranges of about this size
	PeekMaxWAL   int64 // what a span may make the server decode
	SpanBytes    int64 // WAL in the first span of a drain
	WorkMem      string
	IdleAdvance  int64 // an empty entry is written when it frees at least this much WAL
	EntryBytes   int64 // when streaming, an entry is cut at a commit after this much
	EntryRows    int64 // or after this many rows
	EntryEvery   time.Duration
	Heartbeat    time.Duration // when following, a small message is written to the WAL this often; 0: never
	Now          func() time.Time
}

// Stager stages one pipeline. Snapshots may run beside each other and beside
// one drain.
type Stager struct {
	Source       *postgres.Source
	Standby      *postgres.Source // where the slot is and is read; nil: the source itself
	Ledger       *ledger.Ledger
	Files        Uploader
	Spool        *segment.Spool
	Slot         string
	Publications postgres.Publications
	Log          *slog.Logger
	Options      Options
	// Selects says which tables are wanted beside those that the ledger knows;
	// nil for all. A publication may hold more.
	Selects func(schema.TableName) bool
	// Shape says what becomes of the columns; nil to move all as they are.
	Shape *shape.Rules
	// Began is the ledger's head when this run read its configuration: a
	// snapshot that began later may have been taken with another one.
	Began int64
	// Seen is what looks at the catalog found; nil for none.
	Seen *Seen
	// Progress is told of rows as they are read; nil for none. It may be called
	// from several goroutines.
	Progress func(table schema.TableName, rows, bytes int64)

	// Peaks are what staging took at most so far, as it is accounted.
	Peaks Peaks

	reported  map[mark]bool // marks that this run reported; of the drain's goroutine
	segments  atomic.Int64  // counter of this run's segment names
	reference atomic.Uint64 // a 64-bit transaction id of about now
}

// Peaks are the largest amounts so far, in bytes.
type Peaks struct {
	Rows     atomic.Int64 // in memory, of one drain
	Segments atomic.Int64 // in memory for open segments, of one drain or table
	Waiting  atomic.Int64 // on the spool, of segments that wait for their upload
}

func raise(peak *atomic.Int64, to int64) {
	for at := peak.Load(); to > at && !peak.CompareAndSwap(at, to); at = peak.Load() {
	}
}

// reader is the server that holds the slot.
func (s *Stager) reader() *postgres.Source {
	if s.Standby != nil {
		return s.Standby
	}
	return s.Source
}

func (s *Stager) progress(table schema.TableName, rows, bytes int64) {
	if s.Progress != nil {
		s.Progress(table, rows, bytes)
	}
}

// segmentName makes a path that no attempt ever used: the run's id and a
// counter are in it.
func (s *Stager) segmentName(table schema.TableName, part string) string {
	return s.nextSegment(s.directory(table, part))
}

// nextSegment is segmentName in a directory.
func (s *Stager) nextSegment(dir string) string {
	return fmt.Sprintf("%s/%08d.parquet", dir, s.segments.Add(1))
}

func (s *Stager) directory(table schema.TableName, part string) string {
	return directory(s.Options.Run, table, part)
}

func directory(run string, table schema.TableName, part string) string {
	return "segments/" + run + "/" + tableDirectory(table) + "/" + part
}

// SnapshotDirectory is where a run puts the segments of a table's snapshot.
func SnapshotDirectory(run string, table schema.TableName, begin int64) string {
	return directory(run, table, fmt.Sprintf("snapshot-%d", begin))
}

// RunOf tells which run made the path of a segment; ok is false of a path that
// none ever made.
func RunOf(name string) (run string, ok bool) {
	m := segmentPath.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], true
}

var segmentPath = regexp.MustCompile(`^segments/([^/]+)/[^/]+/(?:changes|snapshot-[0-9]+)/[0-9]{8,}\.parquet$`)

// maxDirectoryBytes is less than file systems and object stores take of one
// part of a path: 255.
const maxDirectoryBytes = 200

// tableDirectory names the directory of a table's segments. Where it would be
// too long, a hash of the table's name ends it, so that it is no other table's.
func tableDirectory(table schema.TableName) string {
	name := pathPart(table.Schema) + "." + pathPart(table.Name)
	if len(name) <= maxDirectoryBytes {
		return name
	}
	sum := sha256.Sum256([]byte(table.String()))
	end := "~" + hex.EncodeToString(sum[:16])
	return name[:maxDirectoryBytes-len(end)] + end
}

// pathPart makes a name safe in a path, in SQL text and in a URL: everything
// but letters, digits, _ and - becomes ~xx, by bytes.
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
		_ = f.Release() // a run that goes on stages it anew
		return ledger.Segment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	if err := f.Release(); err != nil {
		return ledger.Segment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	return ledger.Segment{Path: name, Rows: f.Rows, Bytes: f.Bytes, Checksum: f.Checksum}, nil
}
