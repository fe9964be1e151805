package value

// Setting is a server setting of a session.
type Setting struct {
	Name, Value string
}

// SessionSettings lists the settings with which every session prints the same text of a value, the
// text that this package reads. They may be sent as startup parameters or by SET, also on a
// replication connection. If the server's server_encoding needs another ClientEncoding, the session
// sets that afterwards.
func SessionSettings() []Setting {
	return []Setting{
		{"client_encoding", "UTF8"},
		{"DateStyle", "ISO"},
		{"IntervalStyle", "iso_8601"},
		{"TimeZone", "UTC"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "3"}, // shortest text that reads back exactly; before version 12, 17 digits
		{"lc_monetary", "C"},
		// The texts of regclass, regtype and similar types depend on these two.
		{"search_path", "pg_catalog"},
		{"quote_all_identifiers", "off"},
	}
}

// ClientEncoding is the client_encoding of ordinary sessions on a database with the given
// server_encoding. It is UTF8, into which the server converts. There are two exceptions. The strings
// of a SQL_ASCII database have no encoding: the server converts nothing, and under UTF8 it refuses to
// send what is not UTF-8. From MULE_INTERNAL it has no conversion. Such a session reads the bytes as
// they are, and Options.CheckUTF8 handles them. Values of other encodings are also read as they are,
// and Options.Charset converts them.
func ClientEncoding(serverEncoding string) string {
	if Unconverted(serverEncoding) {
		return "SQL_ASCII"
	}
	return "UTF8"
}

// Unconverted reports that the server cannot convert a database's strings.
func Unconverted(serverEncoding string) bool {
	return serverEncoding == "SQL_ASCII" || serverEncoding == "MULE_INTERNAL"
}
