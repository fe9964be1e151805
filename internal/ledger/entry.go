package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Format is the number of the entry format that this version writes. A reader
// refuses entries with a higher number. Format 1 had no generations, format 2
// no births, format 3 no origin without a slot.
const Format = 4

// Kind is the type of an entry.
type Kind string

// The kinds of entries. Only KindOrigin and KindChanges move the position.
const (
	KindOrigin    Kind = "origin"
	KindBegin     Kind = "begin"
	KindDone      Kind = "done"
	KindAbandoned Kind = "abandoned"
	KindChanges   Kind = "changes"
	KindEnd       Kind = "end"
)

// Entry is one entry of the ledger. Exactly one of its pointers is set, and
// Kind names it.
type Entry struct {
	Format   int       `json:"format"`
	Number   int64     `json:"number"`
	Kind     Kind      `json:"kind"`
	Ledger   string    `json:"ledger"`   // UUID of the ledger, the same in all its entries
	Previous string    `json:"previous"` // SHA-256 of the predecessor's bytes, hex; "" in entry 1
	Run      string    `json:"run"`
	Version  string    `json:"version"` // of the tool
	Time     time.Time `json:"time"`

	Origin    *Origin    `json:"origin,omitempty"`
	Begin     *Begin     `json:"begin,omitempty"`
	Done      *Done      `json:"done,omitempty"`
	Abandoned *Abandoned `json:"abandoned,omitempty"`
	Changes   *Changes   `json:"changes,omitempty"`
	End       *End       `json:"end,omitempty"`
}

// Origin says that a slot was created. Reading starts at ConsistentPoint. An
// origin without a slot begins a ledger of snapshots alone: ConsistentPoint is
// then where the server's WAL ended, and nothing is read from there.
type Origin struct {
	// Changes is ChangesNone if there is no slot. It is empty otherwise, and in
	// entries before format 4.
	Changes string `json:"changes,omitempty"`
	// System and Timeline are the cluster's. Without a slot they are empty if the
	// role could not read them.
	System   string `json:"system"` // system identifier
	Timeline int32  `json:"timeline"`
	Database string `json:"database"`
	// DatabaseOID distinguishes the database from a later one with the same
	// name. It is 0 in entries of format 1.
	DatabaseOID  uint32   `json:"database_oid,omitempty"`
	Slot         string   `json:"slot"`
	Publications []string `json:"publications"`
	// PublicationOIDs maps the publications' names to their OIDs. A publication
	// that is dropped and created again has a new OID.
	PublicationOIDs map[string]uint32 `json:"publication_oids,omitempty"`
	ConsistentPoint pglogrepl.LSN     `json:"-"`
}

// ChangesNone is the value of Origin.Changes for snapshots alone.
const ChangesNone = "none"

// Replicates reports whether the origin has a slot, so that changes follow its
// snapshots. It is true for a ledger without an origin.
func (o *Origin) Replicates() bool { return o == nil || o.Changes != ChangesNone }

// Begin says that a snapshot of tables was taken.
type Begin struct {
	Snapshot schema.Snapshot `json:"snapshot"`
	// Fence is the insert LSN read after the snapshot. A transaction that
	// commits at or above it is not visible in the snapshot.
	Fence pglogrepl.LSN `json:"-"`
	// Sort is the insert LSN read before the wait for older transactions. Every
	// change that the snapshot does not contain commits at or above it.
	Sort pglogrepl.LSN `json:"-"`
	// Taken is when the snapshot was taken, by the source's clock.
	Taken  time.Time    `json:"taken"`
	Tables []BeginTable `json:"tables"`
}

// TakenAfter reports whether Taken was read after the snapshot, so that nothing
// visible in the snapshot committed later. In format 1 Taken was read before
// the tables were locked.
func (e *Begin) TakenAfter() bool { return len(e.Tables) > 0 && e.Tables[0].Hides != nil }

// BeginTable is one table of a Begin.
type BeginTable struct {
	Table schema.TableName `json:"table"`
	OID   uint32           `json:"oid"`
	// Hides is what the snapshot hides of the table. It is nil in format 1,
	// which did not record it.
	Hides *Hidden `json:"hides,omitempty"`
}

// Hidden is what the configuration hides of a table. Columns have their source
// names.
type Hidden struct {
	Masks    map[string]schema.Mask `json:"masks,omitempty"`
	Excluded []string               `json:"excluded,omitempty"`
}

// Done says that a table's snapshot is complete.
type Done struct {
	Begin      int64            `json:"begin"` // number of the begin entry
	Table      schema.TableName `json:"table"`
	OID        uint32           `json:"oid"`
	Partitions []uint32         `json:"partitions,omitempty"` // OIDs of the leaves read, ascending
	// Membership is the OID of the table's row in pg_publication_rel, 0 if it
	// is published otherwise.
	Membership uint32           `json:"membership,omitempty"`
	Columns    []schema.Column  `json:"columns"`
	Highest    int16            `json:"highest,omitempty"`     // highest attribute number that the table had given out
	Excluded   []string         `json:"excluded,omitempty"`    // columns that the configuration excludes
	PrimaryKey []string         `json:"primary_key,omitempty"` // names in the source, as in identity
	Identity   schema.Identity  `json:"identity"`
	Directory  string           `json:"directory"` // holds the segments and nothing else
	Rows       int64            `json:"rows"`
	Segments   []Segment        `json:"segments"`
	Rescued    map[string]int64 `json:"rescued,omitempty"` // column of the target → values
	Witness    *Witness         `json:"witness,omitempty"`
	// Comment is the table's comment in the source. Comments are the columns'
	// comments, by source name.
	Comment  string            `json:"comment,omitempty"`
	Comments map[string]string `json:"comments,omitempty"`
}

// Has reports whether the table had a column of this name in the source,
// whether it was staged or excluded.
func (d *Done) Has(name string) bool {
	return slices.Contains(d.Excluded, name) || slices.ContainsFunc(d.Columns, func(c schema.Column) bool { return c.Name == name })
}

// Segment is an immutable Parquet file. Its path is relative to the pipeline's
// root.
type Segment struct {
	Path     string `json:"path"`
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	Checksum string `json:"checksum"` // SHA-256, hex
	// First and Last are commit LSNs. Only segments of changes have them.
	First pglogrepl.LSN `json:"-"`
	Last  pglogrepl.LSN `json:"-"`
	// VisibleIn lists the begin entries whose snapshots contain all rows of the
	// segment. A load of a table from one of these snapshots skips the segment.
	VisibleIn []int64 `json:"visible_in,omitempty"`
}

// Abandoned says that snapshots of some tables of a begin entry will never be
// completed.
type Abandoned struct {
	Begin  int64              `json:"begin"`
	Tables []schema.TableName `json:"tables"`
	Reason string             `json:"reason"`
}

// Changes says that all transactions that commit in [Start, End) are staged.
type Changes struct {
	Start  pglogrepl.LSN  `json:"-"`
	End    pglogrepl.LSN  `json:"-"`
	Tables []TableChanges `json:"tables,omitempty"`
	// Timeline is the server's timeline, if it differs from that of the earlier
	// entries.
	Timeline int32 `json:"timeline,omitempty"`
	// Transactions is the number of transactions that changed a published
	// table. LastCommit is the commit time of the newest of them. (Before
	// format 2, LastCommit also counted transactions without published changes,
	// if the server sent them.)
	Transactions int64      `json:"transactions"`
	LastCommit   *time.Time `json:"last_commit,omitempty"`
	// Unsettled are ids of staged transactions that a snapshot taken at the cut
	// did not show yet.
	Unsettled []uint64 `json:"unsettled,omitempty"`
	// Reload marks tables that need another full load.
	Reload []ReloadMark `json:"reload,omitempty"`
	// Witnesses are those that differ from the tables' newest ones.
	Witnesses []TableWitness `json:"witnesses,omitempty"`
	// Ahead lists tables whose columns in the catalog differ from those of
	// their newest change.
	Ahead []TableAhead `json:"ahead,omitempty"`
}

// TableChanges are the staged changes of one table with one list of columns. If
// a table's columns change within an entry, the table has several parts, in
// order.
type TableChanges struct {
	Table schema.TableName `json:"table"`
	OID   uint32           `json:"oid"`
	// Generation is the entry that the columns were compared with: see
	// GenerationAt. It is 0 in entries of format 1, which did not record it.
	Generation int64               `json:"generation,omitempty"`
	Columns    []schema.Column     `json:"columns"`
	Segments   []Segment           `json:"segments"`
	Rows       map[schema.Op]int64 `json:"rows"`
	Rescued    map[string]int64    `json:"rescued,omitempty"`
	// Partitions are the OIDs of the leaves, ascending. They are set only if
	// they differ from the known ones.
	Partitions []uint32 `json:"partitions,omitempty"`
	// Births are the columns that the table has under their names from this
	// part on. Excluded are columns that the configuration excludes and that
	// the table's snapshot does not have.
	Births   []Birth  `json:"births,omitempty"`
	Excluded []string `json:"excluded,omitempty"`
}

// ReloadMark says that from LSN on, a table's log lacks changes that Postgres
// did not send.
type ReloadMark struct {
	Table  schema.TableName `json:"table"`
	LSN    pglogrepl.LSN    `json:"-"`
	Reason string           `json:"reason"`
	// Generation is the begin entry of the snapshot that the table was compared
	// with. A newer snapshot clears the mark. It is 0 if the mark applies to
	// every snapshot with a fence below LSN, for example after a row that was
	// not sent completely.
	Generation int64 `json:"generation,omitempty"`
}

// End says that the pipeline was dropped.
type End struct {
	Reason string `json:"reason"`
}

// lsnText is an LSN's form in JSON: "16/B374D848". It is used for encoding
// only.
type lsnText pglogrepl.LSN

func (l lsnText) MarshalText() ([]byte, error) { return []byte(pglogrepl.LSN(l).String()), nil }

func (l *lsnText) UnmarshalText(text []byte) error {
	// pglogrepl.ParseLSN silently accepts trailing text and overflow.
	before, after, _ := strings.Cut(string(text), "/")
	high, errHigh := strconv.ParseUint(before, 16, 32)
	low, errLow := strconv.ParseUint(after, 16, 32)
	if errHigh != nil || errLow != nil {
		return fmt.Errorf("LSN %q: want two hexadecimal numbers of 32 bits, as in 16/B374D848", text)
	}
	*l = lsnText(high<<32 | low)
	return nil
}

// marshal is json.Marshal without HTML escapes, which would turn a type into
// ARRAY\u003cINT\u003e.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// strict decodes JSON and refuses fields that v does not have. Types with their
// own UnmarshalJSON call it too, because a decoder's strictness does not reach
// into them.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// The methods below add the LSNs to the JSON of the types above.

func (o Origin) MarshalJSON() ([]byte, error) {
	type plain Origin
	return marshal(struct {
		plain
		ConsistentPoint lsnText `json:"consistent_point"`
	}{plain(o), lsnText(o.ConsistentPoint)})
}

func (o *Origin) UnmarshalJSON(b []byte) error {
	type plain Origin
	w := struct {
		*plain
		ConsistentPoint *lsnText `json:"consistent_point"`
	}{(*plain)(o), (*lsnText)(&o.ConsistentPoint)}
	return strict(b, &w)
}

func (e Begin) MarshalJSON() ([]byte, error) {
	type plain Begin
	return marshal(struct {
		plain
		Fence lsnText `json:"fence"`
		Sort  lsnText `json:"sort"`
	}{plain(e), lsnText(e.Fence), lsnText(e.Sort)})
}

func (e *Begin) UnmarshalJSON(b []byte) error {
	type plain Begin
	w := struct {
		*plain
		Fence *lsnText `json:"fence"`
		Sort  *lsnText `json:"sort"`
	}{(*plain)(e), (*lsnText)(&e.Fence), (*lsnText)(&e.Sort)}
	return strict(b, &w)
}

func (s Segment) MarshalJSON() ([]byte, error) {
	type plain Segment
	w := struct {
		plain
		First *lsnText `json:"first,omitempty"`
		Last  *lsnText `json:"last,omitempty"`
	}{plain: plain(s)}
	if s.Last != 0 {
		w.First, w.Last = (*lsnText)(&s.First), (*lsnText)(&s.Last)
	}
	return marshal(w)
}

func (s *Segment) UnmarshalJSON(b []byte) error {
	type plain Segment
	w := struct {
		*plain
		First *lsnText `json:"first"`
		Last  *lsnText `json:"last"`
	}{(*plain)(s), (*lsnText)(&s.First), (*lsnText)(&s.Last)}
	return strict(b, &w)
}

func (c Changes) MarshalJSON() ([]byte, error) {
	type plain Changes
	return marshal(struct {
		plain
		Start lsnText `json:"start"`
		End   lsnText `json:"end"`
	}{plain(c), lsnText(c.Start), lsnText(c.End)})
}

func (c *Changes) UnmarshalJSON(b []byte) error {
	type plain Changes
	w := struct {
		*plain
		Start *lsnText `json:"start"`
		End   *lsnText `json:"end"`
	}{(*plain)(c), (*lsnText)(&c.Start), (*lsnText)(&c.End)}
	return strict(b, &w)
}

func (m ReloadMark) MarshalJSON() ([]byte, error) {
	type plain ReloadMark
	return marshal(struct {
		plain
		LSN lsnText `json:"lsn"`
	}{plain(m), lsnText(m.LSN)})
}

func (m *ReloadMark) UnmarshalJSON(b []byte) error {
	type plain ReloadMark
	w := struct {
		*plain
		LSN *lsnText `json:"lsn"`
	}{(*plain)(m), (*lsnText)(&m.LSN)}
	return strict(b, &w)
}
