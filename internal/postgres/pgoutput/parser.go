package pgoutput

import (
	"errors"
	"fmt"
)

// Parser parses the messages of one connection, or of one call of the SQL function, in order. It
// remembers whether it is inside a stream of an open transaction. The zero value is ready. One
// goroutine uses it.
type Parser struct {
	inStream bool
}

// InStream reports whether the next message is inside a stream, that is, between StreamStart and
// StreamStop.
func (p *Parser) InStream() bool { return p.inStream }

// Parse reads one message into m and reuses its slices. It does not copy data: Message lists what
// aliases it. A message that is too short or too long, of an unknown kind or out of place is an error.
// m is then undefined.
func (p *Parser) Parse(data []byte, m *Message) error {
	*m = Message{Old: m.Old[:0], New: m.New[:0], Truncate: TruncateBody{RelationIDs: m.Truncate.RelationIDs[:0]}}
	if len(data) == 0 {
		return errors.New("parse pgoutput message: it is empty")
	}
	m.Kind = Kind(data[0])
	r := reader{data: data, pos: 1}
	p.parse(&r, m)
	switch {
	case r.err != nil:
		return fmt.Errorf("parse pgoutput message %q (%s) of %d bytes, at %d: %w", data[0], m.Kind, len(data), r.pos, r.err)
	case r.left() > 0:
		return fmt.Errorf("parse pgoutput message %q (%s): %d bytes after its end", data[0], m.Kind, r.left())
	}
	p.inStream = m.Kind == StreamStart || p.inStream && m.Kind != StreamStop
	return nil
}

func (p *Parser) parse(r *reader, m *Message) {
	switch m.Kind {
	case RelationKind, TypeKind, Insert, Update, Delete, Truncate, Logical:
		if p.inStream {
			m.XID = r.uint32()
		}
		parseInTransaction(r, m)
	case Origin:
		m.Origin = OriginBody{CommitLSN: r.lsn(), Name: r.string()}
	case StreamStop:
		if !p.inStream {
			r.fail(errors.New("no stream has begun"))
		}
	default:
		if p.inStream {
			r.fail(errors.New("the stream before it has not stopped"))
			return
		}
		parseBoundary(r, m)
	}
}

// parseInTransaction reads a message inside a transaction. In a stream, the message follows the
// transaction's id.
func parseInTransaction(r *reader, m *Message) {
	switch m.Kind {
	case Insert:
		m.RelationID = r.uint32()
		parseNew(r, m, r.uint8())
	case Update:
		m.RelationID = r.uint32()
		part := r.uint8()
		if part == 'K' || part == 'O' {
			parseOld(r, m, part)
			part = r.uint8()
		}
		parseNew(r, m, part)
	case Delete:
		m.RelationID = r.uint32()
		parseOld(r, m, r.uint8())
	case Truncate:
		parseTruncate(r, &m.Truncate)
	case RelationKind:
		m.Relation = parseRelation(r)
	case TypeKind:
		m.Type = TypeBody{OID: r.uint32(), Namespace: namespace(r), Name: r.string()}
	case Logical:
		flags := r.uint8()
		if flags > 1 {
			r.fail(errFlags)
		}
		m.Logical = LogicalBody{Transactional: flags == 1, LSN: r.lsn(), Prefix: r.string(), Content: r.bytes()}
	default: // parse calls it for no other kind
	}
}

func parseNew(r *reader, m *Message, part byte) {
	if part != 'N' {
		r.fail(fmt.Errorf("the new row is marked %q, want 'N'", part))
		return
	}
	m.New = r.tuple(m.New)
}

func parseOld(r *reader, m *Message, part byte) {
	if part != 'K' && part != 'O' {
		r.fail(fmt.Errorf("the old row is marked %q, want 'K' or 'O'", part))
		return
	}
	m.HasOld, m.OldIsKey = true, part == 'K'
	m.Old = r.tuple(m.Old)
}

func parseTruncate(r *reader, t *TruncateBody) {
	count := r.uint32()
	options := r.uint8()
	if options > 3 {
		r.fail(errFlags)
	}
	t.Cascade, t.RestartIdentity = options&1 != 0, options&2 != 0
	for ; count > 0 && r.err == nil; count-- {
		t.RelationIDs = append(t.RelationIDs, r.uint32())
	}
}

// namespace reads a schema's name.
func namespace(r *reader) string {
	if name := r.string(); name != "" {
		return name
	}
	return "pg_catalog"
}

func parseRelation(r *reader) Relation {
	rel := Relation{ID: r.uint32(), Namespace: namespace(r), Name: r.string(), ReplicaIdentity: r.uint8()}
	switch rel.ReplicaIdentity {
	case 'd', 'n', 'f', 'i':
	default:
		r.fail(fmt.Errorf("the replica identity %q", rel.ReplicaIdentity))
	}
	const (
		keyFlag       = 1
		minColumnSize = 10
	)
	count := int(r.uint16())
	rel.Columns = make([]RelationColumn, 0, min(count, r.left()/minColumnSize))
	for ; count > 0 && r.err == nil; count-- {
		rel.Columns = append(rel.Columns, RelationColumn{
			Key: r.uint8()&keyFlag != 0, Name: r.string(), TypeOID: r.uint32(), Typmod: int32(r.uint32()),
		})
	}
	return rel
}

// parseBoundary reads a message that begins, ends or resumes a transaction.
func parseBoundary(r *reader, m *Message) {
	switch m.Kind {
	case Begin:
		m.Begin = BeginBody{FinalLSN: r.lsn(), CommitMicros: r.micros(), XID: r.uint32()}
		m.XID = m.Begin.XID
	case Commit:
		r.noFlags()
		m.Commit = CommitBody{CommitLSN: r.lsn(), EndLSN: r.lsn(), CommitMicros: r.micros()}
	case StreamStart:
		m.XID = r.uint32()
		first := r.uint8()
		if first > 1 {
			r.fail(errFlags)
		}
		m.Stream.First = first == 1
	case StreamCommit:
		m.XID = r.uint32()
		r.noFlags()
		m.Commit = CommitBody{CommitLSN: r.lsn(), EndLSN: r.lsn(), CommitMicros: r.micros()}
	case StreamAbort:
		m.XID = r.uint32()
		m.Stream.SubXID = r.uint32()
		if r.left() > 0 { // streaming = parallel
			m.Stream.AbortLSN, m.Stream.AbortMicros = r.lsn(), r.micros()
		}
	case BeginPrepare, Prepare, CommitPrepared, RollbackPrepared, StreamPrepare:
		parsePrepared(r, m)
	default:
		r.fail(fmt.Errorf("the kind %q is not of protocol versions 1 to 4", byte(m.Kind)))
	}
}

func parsePrepared(r *reader, m *Message) {
	if m.Kind != BeginPrepare {
		r.noFlags()
	}
	m.Prepared = PreparedBody{LSN: r.lsn(), EndLSN: r.lsn(), Micros: r.micros()}
	if m.Kind == RollbackPrepared {
		m.Prepared.RollbackMicros = r.micros()
	}
	m.XID = r.uint32()
	m.Prepared.GID = r.string()
}
