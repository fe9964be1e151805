package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// CheckpointFormat is the format number of the checkpoints that this version
// writes. A reader refuses higher numbers. Format 1 stored the begin entry of a
// snapshot with each of its tables, instead of once. Format 2 had no
// generations. Format 3 had no births. Format 4 did not say since when a column
// is gone. Format 5 had no origin without a slot.
const CheckpointFormat = 6

// CheckpointDirectory holds the checkpoints. A checkpoint is the sum of all
// entries up to its number, so that those need not be read again.
const CheckpointDirectory = Directory + "/checkpoints"

// CheckpointName returns the path of the checkpoint of entry n, relative to the
// pipeline's root.
func CheckpointName(n int64) string { return NumberedName(CheckpointDirectory, n) }

// checkpoint is the file form of a State. All entries up to Number are in
// packs.
type checkpoint struct {
	Format int `json:"format"`
	// Digest is the hex SHA-256 of the file with zeros in place of the digest.
	// Later formats keep this rule.
	Digest   string `json:"digest"`
	Version  string `json:"version"` // of the tool
	Ledger   string `json:"ledger"`
	Number   int64  `json:"number"`   // of the newest entry
	Checksum string `json:"checksum"` // of the newest entry

	Origin       *Origin              `json:"origin"`
	OriginNumber int64                `json:"origin_number"`
	Position     lsnText              `json:"position"`
	PositionTime time.Time            `json:"position_time"`
	PositionRun  string               `json:"position_run"`
	Timeline     int32                `json:"timeline"`
	Unsettled    []uint64             `json:"unsettled,omitempty"`
	Ended        bool                 `json:"ended,omitempty"`
	Open         []checkpointSnapshot `json:"open,omitempty"`
	Begins       []checkpointBegin    `json:"begins,omitempty"`
	Tables       []checkpointTable    `json:"tables,omitempty"`
}

// checkpointBegin is the begin entry of one or more tables' snapshots.
type checkpointBegin struct {
	Number int64 `json:"number"`
	Begin  Begin `json:"begin"`
}

// checkpointSnapshot is the checkpoint's form of an OpenBegin.
type checkpointSnapshot struct {
	Number  int64              `json:"number"`
	Run     string             `json:"run"`
	Begin   Begin              `json:"begin"`
	Pending []schema.TableName `json:"pending,omitempty"`
	Watched []schema.TableName `json:"watched,omitempty"`
}

// checkpointTable is the checkpoint's form of a TableState.
type checkpointTable struct {
	Table      schema.TableName    `json:"table"`
	OID        uint32              `json:"oid"`
	Columns    []schema.Column     `json:"columns"`
	Partitions []uint32            `json:"partitions,omitempty"`
	Begin      *Begin              `json:"begin,omitempty"` // format 1 only
	DoneNumber int64               `json:"done_number,omitempty"`
	Snapshot   *Done               `json:"snapshot,omitempty"`
	Folded     []FoldedChanges     `json:"folded,omitempty"`
	Changes    []checkpointChanges `json:"changes,omitempty"`
	Reload     *ReloadMark         `json:"reload,omitempty"`
	Witness    *Witness            `json:"witness,omitempty"`
	Births     []checkpointBirth   `json:"births,omitempty"`
	Excluded   []string            `json:"excluded,omitempty"`
	Ahead      *checkpointAhead    `json:"ahead,omitempty"`
	Gone       []checkpointGone    `json:"gone,omitempty"`
}

// checkpointChanges is the checkpoint's form of a StagedChanges.
type checkpointChanges struct {
	Entry int64   `json:"entry"`
	Start lsnText `json:"start"`
	End   lsnText `json:"end"`
	TableChanges
}

var noDigest = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// encodeCheckpoint returns the bytes of the state's checkpoint.
func encodeCheckpoint(s *State, version string) ([]byte, error) {
	c := checkpoint{
		Format: CheckpointFormat, Digest: noDigest, Version: version, Ledger: s.Ledger, Number: s.Head, Checksum: s.Checksum,
		Origin: s.Origin, OriginNumber: s.OriginNumber, Position: lsnText(s.Position), PositionTime: s.PositionTime, PositionRun: s.PositionRun,
		Timeline: s.Timeline, Unsettled: s.Unsettled, Ended: s.Ended,
	}
	names := func(set map[schema.TableName]bool) []schema.TableName {
		return slices.SortedFunc(maps.Keys(set), schema.TableName.Compare)
	}
	for _, n := range slices.Sorted(maps.Keys(s.Open)) {
		o := s.Open[n]
		c.Open = append(c.Open, checkpointSnapshot{Number: n, Run: o.Run, Begin: o.Begin, Pending: names(o.Pending), Watched: names(o.Watched)})
	}
	begins := map[int64]bool{}
	for _, t := range s.Sorted() {
		if t.Snapshot != nil && !begins[t.Snapshot.Begin] {
			begins[t.Snapshot.Begin] = true
			c.Begins = append(c.Begins, checkpointBegin{t.Snapshot.Begin, *t.Begin})
		}
		form := checkpointTable{
			Table: t.Table, OID: t.OID, Columns: t.Columns, Partitions: t.Partitions, DoneNumber: t.DoneNumber, Snapshot: t.Snapshot,
			Folded: t.Folded, Reload: t.Reload,
			Witness: t.Witness, Excluded: t.Excluded,
		}
		for _, b := range t.Born {
			form.Births = append(form.Births, checkpointBirth(b))
		}
		for _, g := range t.Gone {
			form.Gone = append(form.Gone, checkpointGone{g.Column, g.Entry, lsnText(g.LSN)})
		}
		if t.Ahead != nil {
			form.Ahead = &checkpointAhead{t.Ahead.Entry, *t.Ahead}
		}
		for _, part := range t.Changes {
			form.Changes = append(form.Changes, checkpointChanges{part.Entry, lsnText(part.Start), lsnText(part.End), part.TableChanges})
		}
		c.Tables = append(c.Tables, form)
	}
	raw, err := marshal(c)
	if err != nil {
		return nil, err
	}
	return bytes.Replace(raw, []byte(noDigest), []byte(digestOf(raw)), 1), nil
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// decodeCheckpoint returns the state in a checkpoint. An error of kind Conflict
// means that a newer version wrote the checkpoint. Any other error means that
// it is damaged.
func decodeCheckpoint(n int64, raw []byte) (*State, error) {
	var probe struct {
		Format int
		Digest string
	}
	if err := json.Unmarshal(raw, &probe); err != nil {
		return nil, err
	}
	if len(probe.Digest) != len(noDigest) || probe.Digest != digestOf(bytes.Replace(raw, []byte(probe.Digest), []byte(noDigest), 1)) {
		return nil, errors.New("its content does not match its checksum")
	}
	if probe.Format > CheckpointFormat {
		return nil, failure.New(failure.Conflict, "ledger checkpoint %d (%s) has format %d, and this version reads up to %d", n,
			CheckpointName(n), probe.Format, CheckpointFormat).
			WithHint("use the version of ingest that wrote it, or a newer one")
	}
	var c checkpoint
	if err := strict(raw, &c); err != nil {
		return nil, err
	}
	if c.Number != n || c.Origin == nil || c.Ledger == "" || c.Checksum == "" {
		return nil, fmt.Errorf("its content is that of checkpoint %d of ledger %q", c.Number, c.Ledger)
	}
	return c.state()
}

func (c *checkpoint) state() (*State, error) {
	begins := map[int64]*Begin{}
	for i := range c.Begins {
		begins[c.Begins[i].Number] = &c.Begins[i].Begin
	}
	s := NewState()
	s.Ledger, s.Head, s.Checksum, s.Packed, s.PackedChecksum = c.Ledger, c.Number, c.Checksum, c.Number, c.Checksum
	s.Origin, s.OriginNumber, s.Unsettled, s.Ended = c.Origin, c.OriginNumber, c.Unsettled, c.Ended
	s.Position, s.PositionTime, s.PositionRun, s.Timeline = pglogrepl.LSN(c.Position), c.PositionTime, c.PositionRun, c.Timeline
	set := func(names []schema.TableName) map[schema.TableName]bool {
		in := map[schema.TableName]bool{}
		for _, name := range names {
			in[name] = true
		}
		return in
	}
	for _, o := range c.Open {
		s.Open[o.Number] = &OpenBegin{Number: o.Number, Run: o.Run, Begin: o.Begin, Pending: set(o.Pending), Watched: set(o.Watched)}
	}
	for _, form := range c.Tables {
		t := s.table(form.Table)
		if form.Begin == nil && form.Snapshot != nil {
			if form.Begin = begins[form.Snapshot.Begin]; form.Begin == nil {
				return nil, fmt.Errorf("it lacks entry %d, in which the snapshot of %s begins", form.Snapshot.Begin, form.Table)
			}
		}
		t.OID, t.Columns, t.Partitions, t.Begin, t.DoneNumber, t.Snapshot, t.Reload = form.OID, form.Columns, form.Partitions, form.Begin,
			form.DoneNumber, form.Snapshot, form.Reload
		if s.Current(t) {
			t.Columns = t.numbered(t.OID, t.Columns)
		}
		t.Witness, t.Excluded = form.Witness, form.Excluded
		for _, b := range form.Births {
			t.Born = append(t.Born, StagedBirth(b))
		}
		for _, g := range form.Gone {
			t.Gone = append(t.Gone, Gone{g.Column, g.Entry, pglogrepl.LSN(g.LSN)})
		}
		if form.Ahead != nil {
			t.Ahead = &form.Ahead.Ahead
			t.Ahead.Entry = form.Ahead.Entry
		}
		for _, f := range form.Folded {
			folded := f.clone()
			if folded.Generation == 0 {
				folded.Generation = s.inferred(t, f.First, pglogrepl.LSN(math.MaxUint64))
			}
			t.Folded = append(t.Folded, folded)
		}
		for _, part := range form.Changes {
			if part.Generation == 0 {
				part.Generation = s.inferred(t, part.Entry, part.last())
			}
			if !t.Older(&part.TableChanges) {
				part.Columns = t.numbered(part.OID, part.Columns)
			}
			t.Changes = append(t.Changes,
				StagedChanges{Entry: part.Entry, Start: pglogrepl.LSN(part.Start), End: pglogrepl.LSN(part.End), TableChanges: part.TableChanges})
		}
	}
	return s, nil
}

// checkpoints lists the numbers of the existing checkpoints, newest first. It
// ignores files with other names.
func (l *Ledger) checkpoints(ctx context.Context) ([]int64, error) {
	names, err := l.store.Names(ctx, CheckpointDirectory)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's checkpoints: %w", err)
	}
	numbers := Numbered(names)
	slices.Reverse(numbers)
	return numbers, nil
}

// newestCheckpoint returns the number of the newest checkpoint, or 0 if there
// is none.
func (l *Ledger) newestCheckpoint(ctx context.Context) (int64, error) {
	numbers, err := l.checkpoints(ctx)
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	return numbers[0], nil
}

// restore returns the state of the newest intact checkpoint, or an empty state
// if there is none.
func (l *Ledger) restore(ctx context.Context, numbers []int64) (*State, error) {
	for _, n := range numbers {
		raw, err := l.store.Read(ctx, CheckpointName(n))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a later compaction removed it
		}
		if err != nil {
			return nil, fmt.Errorf("read ledger checkpoint %d: %w", n, err)
		}
		s, err := decodeCheckpoint(n, raw)
		var newer *failure.Error
		switch {
		case err == nil:
			return s, nil
		case errors.As(err, &newer):
			return nil, err
		}
		l.warn("a checkpoint of the ledger is damaged: reading the one before it and the entries since",
			"file", CheckpointName(n), "because", err)
	}
	return NewState(), nil
}
