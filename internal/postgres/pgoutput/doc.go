// Package pgoutput parses the messages of Postgres's logical replication output plugin, protocol
// versions 1 to 4. It follows the PostgreSQL manual's chapter "Frontend/Backend Protocol", section
// "Logical Replication Message Formats".
//
// A walsender and pg_logical_slot_peek_binary_changes return the same messages, so one parser serves
// both. The parser does no I/O, stores no relations and decodes no values: it must not know what
// becomes of a message.
package pgoutput
