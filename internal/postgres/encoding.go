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

// Charset is the encoding of values and Relation messages; nil if that is UTF-8, or no encoding at
// all. The server could convert them, but it fails at a character without a counterpart, and the whole
// read fails with it.
func (s *Source) Charset() *charset.Charset { return s.charset }

// learnEncoding sets the encodings of sessions and values.
func (s *Source) learnEncoding() (err error) {
	s.config.RuntimeParams["client_encoding"] = value.ClientEncoding(s.Facts.Encoding)
	s.charset, err = charset.Open(s.Facts.Encoding)
	return err
}

// RawSQL makes a statement return its values in the server's encoding. The server parses the whole
// text first, names included, as UTF-8. It is for simple queries only. In a transaction, the session
// has its previous setting afterwards.
func (s *Source) RawSQL(sql string) string {
	if s.charset == nil {
		return sql
	}
	return setEncoding(s.charset.Name()) + "; " + sql + "; " + setEncoding("UTF8")
}

// copyRaw copies the result of a statement, in the server's encoding, to w, and returns the number of
// rows. It is for sessions in a transaction.
func (s *Source) copyRaw(ctx context.Context, conn *pgx.Conn, w io.Writer, sql string) (rows int64, err error) {
	if s.charset != nil { // the result of the last statement has the number
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

// lenient is text for people, from a database that may hold any bytes.
func (s *Source) lenient(text []byte) string {
	if s.charset != nil {
		return s.charset.Text(text)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
