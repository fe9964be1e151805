package value

// Setting is a server setting of a session.
type Setting struct {
	Name, Value string
}

// SessionSettings lists what a session must set before Postgres's text of a
// value is what this package reads, and the same text in every session. They
// may be sent as startup parameters or by SET, in a replication connection too.
// Where the server's server_encoding asks for another ClientEncoding, the
// session sets that afterwards.
func SessionSettings() []Setting {
	return []Setting{
		{"client_encoding", "UTF8"},
		{"DateStyle", "ISO"},
		{"IntervalStyle", "iso_8601"},
		{"TimeZone", "UTC"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "3"}, // shortest text that reads back exactly; before version 12, 17 digits
		{"lc_monetary", "C"},
		// The texts of regclass, regtype and their kin depend on these two.
		{"search_path", "pg_catalog"},
		{"quote_all_identifiers", "off"},
	}
}

// ClientEncoding is the client_encoding of ordinary sessions on a database of
// the given server_encoding: UTF8, into which the server converts. A SQL_ASCII
// database's strings have no encoding, so the server converts nothing, and under
// UTF8 refuses to send what is not UTF-8; from MULE_INTERNAL it knows no way.
// Such a session takes the bytes as they are, and Options.CheckUTF8 deals with
// them. Values of other encodings are read as they are too, and Options.Charset
// converts them.
func ClientEncoding(serverEncoding string) string {
	if Unconverted(serverEncoding) {
		return "SQL_ASCII"
	}
	return "UTF8"
}

// Unconverted says that the server cannot convert a database's strings.
func Unconverted(serverEncoding string) bool {
	return serverEncoding == "SQL_ASCII" || serverEncoding == "MULE_INTERNAL"
}
