// Package tunnel connects to a database through an SSH server with a known host key (RFC 4254, 7.2:
// direct-tcpip).
//
// It knows nothing of PostgreSQL. Its connections behave like those of the operating system. They
// support deadlines, which SSH channels do not.
package tunnel
