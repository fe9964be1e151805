// Package value decodes single Postgres values, in text or in binary, into
// columns of the target's types, without an allocation per value.
//
// Both ways give the same value for the same datum: what COPY BINARY sends of a
// row and what logical replication sends of it as text end up as equal bytes.
// What the target's type cannot hold is not rounded, cut or dropped: it is given
// back as Postgres's own text, to be kept in the _rescued column.
//
// The formats are those of the PostgreSQL manual's chapter "Data Types", as the
// types' output functions print them under SessionSettings, of "Arrays" (section
// "Array Input and Output Syntax"), and of the types' send functions, which the
// manual leaves to the server's source ("Frontend/Backend Protocol", section
// "Formats and Format Codes").
//
// The package does no I/O. It must not know which table a value belongs to, in
// which message or stream it came, or where it goes.
package value
