package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres/copybinary"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Receive gets one message of pgoutput with its LSN. data is valid during the call.
type Receive func(lsn pglogrepl.LSN, data []byte) error

// pgoutput's options. Both read paths send the same.
const protoVersion = "1"

// Feed is what a slot sends of the tables in a pipeline's publications.
type Feed struct {
	source       *Source
	slot         string
	publications Publications
}

// Feed is the feed of a slot on this server.
func (s *Source) Feed(slot string, publications Publications) *Feed {
	return &Feed{source: s, slot: slot, publications: publications}
}

// Peek decodes what the slot has for transactions that commit below upto, without moving the slot. It
// calls receive with the messages on the caller's goroutine. It reads through COPY from the SQL
// function, which is several times faster than the streaming protocol. The server decodes a last
// record that begins below upto and ends beyond it, so a commit's end may exceed upto.
//
// upto must not be beyond the server's flush position: the function would return less than was asked
// for.
func (f *Feed) Peek(ctx context.Context, conn *pgx.Conn, upto pglogrepl.LSN, workMem string, receive Receive) error {
	begin := "BEGIN; SET LOCAL lock_timeout = 0" // decoding waits for transactions as for locks
	if workMem != "" {
		begin += "; SET LOCAL work_mem = " + schema.QuotePostgresLiteral(workMem)
	}
	if f.source.opt.DecodingWorkMem != "" {
		begin += "; SET LOCAL logical_decoding_work_mem = " + schema.QuotePostgresLiteral(f.source.opt.DecodingWorkMem)
	}
	doing := "decode slot " + f.slot + " up to " + upto.String()
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return Error(doing, err)
	}
	sql := fmt.Sprintf("COPY (SELECT lsn, data FROM pg_logical_slot_peek_binary_changes(%s, %s, NULL, 'proto_version', %s, 'publication_names', %s)) TO STDOUT (FORMAT binary)",
		schema.QuotePostgresLiteral(f.slot), schema.QuotePostgresLiteral(upto.String()), schema.QuotePostgresLiteral(protoVersion),
		schema.QuotePostgresLiteral(f.publications.Option()))
	parser := copybinary.NewParser(2, func(fields [][]byte) error {
		if len(fields[0]) != 8 {
			return fmt.Errorf("an LSN of %d bytes", len(fields[0]))
		}
		return receive(pglogrepl.LSN(binary.BigEndian.Uint64(fields[0])), fields[1])
	})
	if _, err := conn.PgConn().CopyTo(ctx, parser, f.source.Text.raw(sql)); err != nil {
		return decodingError(doing, err)
	}
	if err := parser.Close(); err != nil {
		return Error(doing, err)
	}
	_, err := conn.PgConn().Exec(ctx, "COMMIT").ReadAll()
	return Error(doing, err)
}

// decodingError is Error for a server error during decoding. If the error is permanent, this program
// cannot work around it.
func decodingError(doing string, err error) error {
	wrapped := Error(doing, err)
	var e *failure.Error
	if errors.As(wrapped, &e) && e.Hint == "" && Code(err) != "" && (!Passing(err) || Internal(err)) {
		e.Hint = "the error is in the server: fix it there and run the command again. If that is not possible: " +
			"exclude the table for which it fails, then `ingest full-load --repair`, which makes a new slot and loads all tables again"
		if Code(err) == pgerrcode.UndefinedObject {
			e.Hint = "changes that were made while the publication was missing, or had another name, cannot be decoded: " +
				"`ingest full-load --repair` makes a new slot and loads all tables again"
		}
	}
	return wrapped
}

// PeekUnfit reports whether an error of Peek comes from what the span makes the server hold (temporary
// files, memory, time). The streaming protocol may then succeed.
func PeekUnfit(err error) bool {
	switch Code(err) {
	case pgerrcode.ConfigurationLimitExceeded, pgerrcode.DiskFull, pgerrcode.OutOfMemory, pgerrcode.ProgramLimitExceeded,
		pgerrcode.QueryCanceled: // by statement_timeout
		return true
	}
	return false
}

// Stream is an open START_REPLICATION. It is not safe for concurrent use.
type Stream struct {
	conn  *pgconn.PgConn
	doing string
	acked pglogrepl.LSN
	limit time.Duration // of silence
	heard time.Time     // when the newest message arrived
	asked time.Time     // when the server was asked for a reply; zero if not since heard
}

// ErrStalled means that the server was silent for too long although it was asked for a reply.
var ErrStalled = errors.New("the server is silent")

// errStreamEnded means that the server ended the stream, as it does when it shuts down.
var errStreamEnded = errors.New("the server ended the stream")

// Event is what Next found.
type Event int

// The events of a stream.
const (
	EventMessage   Event = iota // a message went to receive
	EventKeepalive              // the server reports how far it has decoded
	EventIdle                   // nothing arrived within the wait
)

// Stream starts streaming at start, which must be the ledger's position. start is also what the
// stream acknowledges until Acknowledge raises it.
func (f *Feed) Stream(ctx context.Context, start pglogrepl.LSN) (*Stream, error) {
	option, encoding := f.publications.Option(), ""
	if f.source.Text.Charset != nil { // the command is read in the encoding of the values
		var err error
		if option, err = f.source.Text.Charset.Encode(option); err != nil {
			return nil, fmt.Errorf("stream slot %s: the publications' names: %w", f.slot, err)
		}
		encoding = f.source.Text.Charset.Name()
	}
	conn, err := f.source.connectReplication(ctx, encoding)
	if err != nil {
		return nil, err
	}
	st := &Stream{conn: conn, doing: "stream slot " + f.slot, acked: start, limit: f.source.opt.StallAfter}
	err = pglogrepl.StartReplication(ctx, conn, f.slot, start, pglogrepl.StartReplicationOptions{
		Mode:       pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '" + protoVersion + "'", "publication_names " + schema.QuotePostgresLiteral(option)},
	})
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, Error(st.doing, err)
	}
	st.heard = time.Now()
	return st, nil
}

// Acknowledge raises the acknowledged position to lsn and sends it to the server.
func (st *Stream) Acknowledge(ctx context.Context, lsn pglogrepl.LSN) error {
	st.acked = lsn
	return st.Status(ctx)
}

// Status sends a sign of life to the server. It reports the ledger's position as written, flushed and
// applied alike: the client library would replace a zero.
func (st *Stream) Status(ctx context.Context) error { return st.status(ctx, false) }

func (st *Stream) status(ctx context.Context, reply bool) error {
	err := pglogrepl.SendStandbyStatusUpdate(ctx, st.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: st.acked, WALFlushPosition: st.acked, WALApplyPosition: st.acked, ReplyRequested: reply,
	})
	return Error(st.doing, err)
}

// Next waits for a message, at most wait. For a keepalive, end is the position up to which the server
// has decoded everything. If the server is silent for too long, Next asks it for a reply. Without a
// reply it returns ErrStalled: a connection can be gone without either end noticing.
func (st *Stream) Next(ctx context.Context, wait time.Duration, receive Receive) (e Event, end pglogrepl.LSN, err error) {
	wctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msg, err := st.conn.ReceiveMessage(wctx)
	if err != nil {
		if pgconn.Timeout(err) && ctx.Err() == nil {
			return EventIdle, 0, st.silent(ctx)
		}
		return 0, 0, Error(st.doing, err)
	}
	st.heard, st.asked = time.Now(), time.Time{}
	switch m := msg.(type) {
	case *pgproto3.CopyData:
		data := m.Data
		m.Data = nil // the driver would keep it until the next message arrives
		return st.copyData(ctx, data, receive)
	case *pgproto3.ErrorResponse:
		return 0, 0, decodingError(st.doing, pgconn.ErrorResponseToPgError(m))
	case *pgproto3.CopyDone, *pgproto3.CommandComplete: // the second from a server that shuts down and has nothing left to send
		return 0, 0, failure.New(failure.Source, "%s: %w", st.doing, errStreamEnded).WithHint("run the command again")
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return EventIdle, 0, nil
	}
	return 0, 0, failure.New(failure.Source, "%s: unexpected message %T", st.doing, msg)
}

// silent asks for a reply when nothing arrived for the limit. It gives up when nothing arrives for the
// same time again.
func (st *Stream) silent(ctx context.Context) error {
	now := time.Now()
	switch {
	case st.asked.IsZero() && now.Sub(st.heard) >= st.limit:
		st.asked = now
		return st.status(ctx, true)
	case !st.asked.IsZero() && now.Sub(st.asked) >= st.limit:
		return failure.New(failure.Source, "%s: %w: nothing came for %s", st.doing, ErrStalled, now.Sub(st.heard).Round(time.Millisecond)).
			WithHint("look at the network between here and the server, then run the command again")
	}
	return nil
}

func (st *Stream) copyData(ctx context.Context, data []byte, receive Receive) (Event, pglogrepl.LSN, error) {
	if len(data) == 0 {
		return 0, 0, failure.New(failure.Source, "%s: an empty message", st.doing)
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return 0, 0, Error(st.doing, err)
		}
		if k.ReplyRequested {
			if err := st.Status(ctx); err != nil {
				return 0, 0, err
			}
		}
		return EventKeepalive, k.ServerWALEnd, nil
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return 0, 0, Error(st.doing, err)
		}
		return EventMessage, 0, receive(x.WALStart, x.WALData)
	}
	return 0, 0, failure.New(failure.Source, "%s: unexpected message byte %q", st.doing, data[0])
}

// Close ends the stream. The slot stays.
func (st *Stream) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return st.conn.Close(ctx)
}
