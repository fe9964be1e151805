// Package pgoutput parses the messages of Postgres's logical replication output
// plugin, of its protocol versions 1 to 4. It follows the PostgreSQL manual's
// chapter "Frontend/Backend Protocol", section "Logical Replication Message
// Formats".
//
// The messages are the same whether a walsender streams them or
// pg_logical_slot_peek_binary_changes returns them, and so is this parser. It
// does no I/O, keeps no relations and decodes no values: it must not know what
// becomes of a message.
package pgoutput
