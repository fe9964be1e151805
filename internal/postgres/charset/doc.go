// Package charset converts text from PostgreSQL's server encodings to UTF-8, as the server does. There
// is one difference: bytes without a counterpart are reported and do not end the read.
//
// The tables are the server's own. TestTablesAreTheServers compares each character with the server,
// and writes the tables with INGEST_WRITE_CHARSETS=1. Other tables of the same encodings differ:
// EUC_JP's wave dash, and the bytes that Windows-1252 leaves undefined.
//
// The package knows nothing of connections and columns.
package charset
