// Package tunnel makes connections to a database through an SSH server (RFC
// 4254, 7.2: direct-tcpip) whose host key is known.
//
// It knows nothing of PostgreSQL: it gives connections that behave like those
// of the operating system, deadlines included, which channels of SSH have not.
package tunnel
