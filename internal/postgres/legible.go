package postgres

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A database whose encoding is not UTF-8 can hold names with bytes that represent no character. The
// server fails when it converts such a name, and the whole query fails with it. So this program reads
// the catalog's names as bytes, and converts them itself.

// raw is the SQL that reads a text, a name, or an array's element as its bytes. The session must have
// been passed to reads.
func raw(expression string) string {
	return "convert_to((" + expression + ")::text, getdatabaseencoding())"
}

// Illegible is a name with bytes that represent no character in the database's encoding.
type Illegible struct {
	OID    uint32 // of the table or partition
	Column int16  // attribute number; 0 if the name is the table's or the partition's
	// Partition means that OID is a partition of the table.
	Partition bool
	Name      string // with U+FFFD in place of such bytes
	// Encoding is the database's encoding.
	Encoding string
}

func (i Illegible) String() string {
	what := "its name"
	switch {
	case i.Column != 0:
		what = "the name of its column"
	case i.Partition:
		what = "the name of its partition"
	}
	return fmt.Sprintf("%s %q has bytes that stand for no character in the database's encoding (%s)", what, i.Name, i.Encoding)
}

// Rename is the SQL that gives the object another name. It does not contain the present name, which no
// client could send.
func (i Illegible) Rename() string {
	if i.Column != 0 {
		return fmt.Sprintf(
			"DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %%s RENAME COLUMN %%I TO %%I', attrelid::regclass, attname, 'new_name') "+
				"FROM pg_attribute WHERE attrelid = %d AND attnum = %d); END $$", i.OID, i.Column)
	}
	return fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER TABLE %%s RENAME TO %%I', %d::regclass, 'new_name'); END $$", i.OID)
}

// Legible reports whether a name of the catalog, or of a Relation message, is the true one. If not,
// the name shows U+FFFD in place of bytes that represent no character, and no statement of this
// program can name the object.
func (t Text) Legible(name string) bool {
	return t.utf8() || !strings.ContainsRune(name, utf8.RuneError)
}

// utf8 reports that all text of the database is valid.
func (t Text) utf8() bool { return t.Charset == nil && !value.Unconverted(t.encoding) }

// illegible adds a name of a relation to those that are not legible.
func (t Text) illegible(r *Relation, i Illegible) {
	if !t.Legible(i.Name) {
		i.Encoding = t.encoding
		r.Illegible = append(r.Illegible, i)
	}
}

// IllegibleColumn describes a column whose name is not Legible.
func (t Text) IllegibleColumn(c schema.Column) Illegible {
	return Illegible{Column: c.Number, Name: c.Name, Encoding: t.encoding}
}

// reads makes a session read bytea into strings as text of the database. It returns the session.
func (t Text) reads(conn *pgx.Conn) *pgx.Conn {
	if known, ok := conn.TypeMap().TypeForOID(pgtype.ByteaOID); ok {
		if _, done := known.Codec.(textCodec); done {
			return conn
		}
	}
	element := &pgtype.Type{Name: "bytea", OID: pgtype.ByteaOID, Codec: textCodec{text: t}}
	conn.TypeMap().RegisterType(element)
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "_bytea", OID: pgtype.ByteaArrayOID, Codec: &pgtype.ArrayCodec{ElementType: element}})
	return conn
}

// textCodec also reads bytea into strings.
type textCodec struct {
	pgtype.ByteaCodec
	text Text
}

func (c textCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*string); !ok {
		return c.ByteaCodec.PlanScan(m, oid, format, target)
	}
	var bytes []byte
	plan := c.ByteaCodec.PlanScan(m, oid, format, &bytes)
	if plan == nil {
		return nil
	}
	return textPlan{c.text, plan}
}

type textPlan struct {
	text  Text
	bytes pgtype.ScanPlan
}

func (p textPlan) Scan(src []byte, target any) error {
	var bytes []byte
	if err := p.bytes.Scan(src, &bytes); err != nil {
		return err
	}
	*target.(*string) = p.text.lenient(bytes)
	return nil
}
