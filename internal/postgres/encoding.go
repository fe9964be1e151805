package postgres

import (
	"context"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/postgres/charset"
	"ingest/internal/postgres/pgoutput"
	"ingest/internal/postgres/value"
	"ingest/internal/schema"
)

// Charset is the encoding that values and Relation messages come in; nil where
// that is UTF-8, or none at all. The server would convert them, but fails at a
// character that has no counterpart, and with it the reading of everything.
func (s *Source) Charset() *charset.Charset { return s.charset }

// learnEncoding sets what sessions and values are read in.
func (s *Source) learnEncoding() (err error) {
	s.config.RuntimeParams["client_encoding"] = value.ClientEncoding(s.Facts.Encoding)
	s.charset, err = charset.Open(s.Facts.Encoding)
	return err
}

// RawSQL makes a statement send its values in the server's encoding. The server
// has read all of the text, names included, as UTF-8 by then. It is for simple
// queries only; in a transaction the session is what it was afterwards.
func (s *Source) RawSQL(sql string) string {
	if s.charset == nil {
		return sql
	}
	return setEncoding(s.charset.Name()) + "; " + sql + "; " + setEncoding("UTF8")
}

// copyRaw copies what a statement sends, in the server's encoding, to w, and
// returns the number of rows. It is for sessions in a transaction.
func (s *Source) copyRaw(ctx context.Context, conn *pgx.Conn, w io.Writer, sql string) (rows int64, err error) {
	if s.charset != nil { // the answer of the last statement has the number
		sql = setEncoding(s.charset.Name()) + "; " + sql
	}
	tag, err := conn.PgConn().CopyTo(ctx, w, sql)
	if err == nil && s.charset != nil {
		_, err = conn.Exec(ctx, setEncoding("UTF8"), pgx.QueryExecModeSimpleProtocol)
	}
	return tag.RowsAffected(), err
}

func setEncoding(encoding string) string {
	return "SET LOCAL client_encoding = " + schema.QuotePostgresLiteral(encoding)
}

// DecodeNames converts the names of a Relation message, in place.
func (s *Source) DecodeNames(m *pgoutput.Relation) {
	if s.utf8() {
		return
	}
	m.Namespace, m.Name = s.lenient([]byte(m.Namespace)), s.lenient([]byte(m.Name))
	for i := range m.Columns {
		m.Columns[i].Name = s.lenient([]byte(m.Columns[i].Name))
	}
}

// lenient is text for people of a database that may hold anything.
func (s *Source) lenient(text []byte) string {
	if s.charset != nil {
		return s.charset.Text(text)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
