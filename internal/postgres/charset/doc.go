// Package charset converts text from the server encodings of PostgreSQL to
// UTF-8, as the server does, but for one thing: bytes that have no counterpart
// are reported, and do not end the reading of everything.
//
// The tables are the server's own: TestTablesAreTheServers compares each
// character with it, and writes them with INGEST_WRITE_CHARSETS=1. Other tables
// of the same encodings differ (EUC_JP's wave dash, what Windows-1252 leaves
// undefined).
//
// The package knows nothing of connections and columns.
package charset
