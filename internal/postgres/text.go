package postgres

import (
	"context"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Text is how a database encodes its text, and how this program reads it.
type Text struct {
	// Charset is the encoding of values and Relation messages; nil if that is UTF-8, or no encoding at
	// all. The server could convert them, but it fails at a character without a counterpart, and the
	// whole read fails with it.
	Charset *charset.Charset

	encoding string // server_encoding
}

// newText is the text of a database with this server_encoding.
func newText(encoding string) (Text, error) {
	set, err := charset.Open(encoding)
	return Text{Charset: set, encoding: encoding}, err
}

// raw makes a statement return its values in the server's encoding. The server parses the whole
// text first, names included, as UTF-8. It is for simple queries only. In a transaction, the session
// has its previous setting afterwards.
func (t Text) raw(sql string) string {
	if t.Charset == nil {
		return sql
	}
	return setEncoding(t.Charset.Name()) + "; " + sql + "; " + setEncoding("UTF8")
}

// copy copies the result of a statement, in the server's encoding, to w, and returns the number of
// rows. It is for sessions in a transaction.
func (t Text) copy(ctx context.Context, conn *pgx.Conn, w io.Writer, sql string) (rows int64, err error) {
	if t.Charset != nil { // the result of the last statement has the number
		sql = setEncoding(t.Charset.Name()) + "; " + sql
	}
	tag, err := conn.PgConn().CopyTo(ctx, w, sql)
	if err == nil && t.Charset != nil {
		_, err = conn.Exec(ctx, setEncoding("UTF8"), pgx.QueryExecModeSimpleProtocol)
	}
	return tag.RowsAffected(), err
}

func setEncoding(encoding string) string {
	return "SET LOCAL client_encoding = " + schema.QuotePostgresLiteral(encoding)
}

// DecodeNames converts the names of a Relation message, in place.
func (t Text) DecodeNames(m *pgoutput.Relation) {
	if t.utf8() {
		return
	}
	m.Namespace, m.Name = t.lenient([]byte(m.Namespace)), t.lenient([]byte(m.Name))
	for i := range m.Columns {
		m.Columns[i].Name = t.lenient([]byte(m.Columns[i].Name))
	}
}

// lenient is text for people, from a database that may hold any bytes.
func (t Text) lenient(text []byte) string {
	if t.Charset != nil {
		return t.Charset.Text(text)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
