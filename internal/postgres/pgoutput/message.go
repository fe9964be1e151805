package pgoutput

import "github.com/jackc/pglogrepl"

// Kind is a message's first byte.
type Kind byte

// The kinds of messages.
const (
	Begin            Kind = 'B'
	Commit           Kind = 'C'
	Origin           Kind = 'O'
	RelationKind     Kind = 'R'
	TypeKind         Kind = 'Y'
	Insert           Kind = 'I'
	Update           Kind = 'U'
	Delete           Kind = 'D'
	Truncate         Kind = 'T'
	Logical          Kind = 'M' // of pg_logical_emit_message
	StreamStart      Kind = 'S' // version 2 and later, as the three after it
	StreamStop       Kind = 'E'
	StreamCommit     Kind = 'c'
	StreamAbort      Kind = 'A'
	BeginPrepare     Kind = 'b' // version 3 and later, as the four after it
	Prepare          Kind = 'P'
	CommitPrepared   Kind = 'K'
	RollbackPrepared Kind = 'r' // of a prepared transaction
	StreamPrepare    Kind = 'p'
)

var kindNames = map[Kind]string{
	Begin: "begin", Commit: "commit", Origin: "origin", RelationKind: "relation", TypeKind: "type",
	Insert: "insert", Update: "update", Delete: "delete", Truncate: "truncate", Logical: "logical message",
	StreamStart: "stream start", StreamStop: "stream stop", StreamCommit: "stream commit", StreamAbort: "stream abort",
	BeginPrepare: "begin prepare", Prepare: "prepare", CommitPrepared: "commit prepared",
	RollbackPrepared: "rollback prepared", StreamPrepare: "stream prepare",
}

// String names the kind as the manual does.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return "unknown"
}

// Message is one message. Kind decides which of the fields below are set; all others are zero. Old,
// New, TruncateBody.RelationIDs and LogicalBody.Content are valid until the next Parse into the same
// Message, and only while the parsed bytes are valid. Everything else may be kept.
//
// Times are microseconds since 1970-01-01 00:00 UTC.
type Message struct {
	Kind Kind
	// XID is, in a stream, the transaction or subtransaction of the message. In Begin, StreamStart,
	// StreamCommit, StreamAbort and the messages of prepared transactions it is the transaction
	// itself. In all other messages it is 0.
	XID uint32

	Begin    BeginBody    // Begin
	Commit   CommitBody   // Commit, StreamCommit
	Stream   StreamBody   // StreamStart, StreamAbort
	Prepared PreparedBody // BeginPrepare, Prepare, CommitPrepared, RollbackPrepared, StreamPrepare
	Origin   OriginBody   // Origin
	Relation Relation     // RelationKind
	Type     TypeBody     // TypeKind
	Truncate TruncateBody // Truncate
	Logical  LogicalBody  // Logical

	RelationID uint32  // Insert, Update, Delete
	HasOld     bool    // Update, Delete: Old is present; in Update only if the key changed or under REPLICA IDENTITY FULL
	OldIsKey   bool    // Old has only the key's columns, all others are null; else it is the whole old row
	Old, New   []Datum // in the order of the relation's columns
}

// Drop forgets the values, so that the parsed bytes can be freed before the next Parse.
func (m *Message) Drop() {
	clear(m.Old[:cap(m.Old)])
	clear(m.New[:cap(m.New)])
	m.Logical.Content = nil
}

// BeginBody is what Begin reports of a transaction.
type BeginBody struct {
	FinalLSN     pglogrepl.LSN // of the commit
	CommitMicros int64
	XID          uint32
}

// CommitBody is what Commit and StreamCommit report of a transaction.
type CommitBody struct {
	CommitLSN, EndLSN pglogrepl.LSN // EndLSN is where the commit's record ends
	CommitMicros      int64
}

// StreamBody is what StreamStart and StreamAbort report of a streamed transaction.
type StreamBody struct {
	First  bool   // StreamStart: first part of the transaction
	SubXID uint32 // StreamAbort: what was rolled back, the transaction itself or a part of it
	// Only of StreamAbort in version 4 with streaming = parallel; else 0.
	AbortLSN    pglogrepl.LSN
	AbortMicros int64
}

// PreparedBody is what the messages of two-phase commit report.
type PreparedBody struct {
	LSN            pglogrepl.LSN // of the prepare or the commit; of RollbackPrepared, the end of the prepared transaction
	EndLSN         pglogrepl.LSN // where the record ends
	Micros         int64         // of the prepare or the commit
	RollbackMicros int64         // RollbackPrepared
	GID            string
}

// OriginBody names the origin of a transaction that arrived by replication.
type OriginBody struct {
	CommitLSN pglogrepl.LSN // on the origin's server
	Name      string
}

// TypeBody names a type that is not built in. It comes before a relation that uses the type.
type TypeBody struct {
	OID             uint32
	Namespace, Name string
}

// TruncateBody names what was truncated.
type TruncateBody struct {
	RelationIDs              []uint32
	Cascade, RestartIdentity bool
}

// LogicalBody is a message of pg_logical_emit_message. A message that is not transactional comes
// outside Begin and Commit.
type LogicalBody struct {
	Transactional bool
	LSN           pglogrepl.LSN
	Prefix        string
	Content       []byte
}

// Relation describes a table for the rows that follow. The wire sends the namespace pg_catalog as an
// empty string; the parser fills it in.
type Relation struct {
	ID              uint32
	Namespace, Name string
	ReplicaIdentity byte // pg_class.relreplident: d, n, f or i
	Columns         []RelationColumn
}

// RelationColumn is a column that is published.
type RelationColumn struct {
	Key     bool // part of the replica identity
	Name    string
	TypeOID uint32
	Typmod  int32 // -1: none
}

// The kinds of a Datum.
const (
	Null      byte = 'n'
	Unchanged byte = 'u' // a TOAST value that did not change and is not sent
	Text      byte = 't'
	Binary    byte = 'b'
)

// Datum is one column's value in a row. Data aliases the message. It is not nil for Text and Binary.
type Datum struct {
	Kind byte
	Data []byte
}
