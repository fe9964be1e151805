// Package copybinary parses the stream of COPY … TO STDOUT (FORMAT binary) into tuples and fields.
// Chunks may have any size. It allocates nothing per tuple. It follows the PostgreSQL manual's page on
// COPY, section "Binary Format".
//
// It does no I/O, and must not know what a field means.
package copybinary
