// Package value decodes single Postgres values, in text or in binary, into columns of the target's
// types. It allocates nothing per value.
//
// Both read paths give the same value for the same datum: the binary form of COPY and the text form of
// logical replication end up as equal bytes. A value that the target's type cannot hold is not
// rounded, cut or dropped: it is returned as Postgres's own text, for the _rescued column.
//
// The formats are those of the PostgreSQL manual: the chapter "Data Types", as the output functions
// print under SessionSettings, and the chapter "Arrays" (section "Array Input and Output Syntax"). The
// binary formats are those of the send functions. The manual leaves these to the server's source
// ("Frontend/Backend Protocol", section "Formats and Format Codes").
//
// The package does no I/O. It must not know which table a value belongs to, which message or stream it
// came from, or where it goes.
package value
