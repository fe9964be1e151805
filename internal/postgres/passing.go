package postgres

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// unanswered is an error that the server did not send: the connection broke, or
// what came over it makes no sense.
type unanswered struct{ err error }

func (e *unanswered) Error() string { return e.err.Error() }
func (e *unanswered) Unwrap() error { return e.err }

// Passing says that the same may succeed later on new sessions: the connection
// was lost, the server was restarted, is not promoted yet or has too much to do. What the server
// refuses (a password, a privilege, a slot that is lost) does not pass.
func Passing(err error) bool {
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		return false
	case errors.Is(err, ErrLockLost), errors.Is(err, ErrStalled), errors.Is(err, errStreamEnded), errors.Is(err, ErrInRecovery):
		return true
	}
	code := Code(err)
	if code == "" {
		var broken *unanswered
		var connect *pgconn.ConnectError
		var network net.Error
		return errors.As(err, &broken) || errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	return passingCodes[code] || code != "08P01" && passingClasses[code[:min(2, len(code))]]
}

// Internal says that the server failed by what it takes for a defect of its own.
// It says no more than that too when it ends a session on its way down, so the
// same may succeed later; where it fails again and again it does not pass.
func Internal(err error) bool { return Code(err) == "XX000" }

// The manual's appendix "PostgreSQL Error Codes".
var (
	passingClasses = map[string]bool{
		"08": true, // the connection
		"53": true, // resources
	}
	passingCodes = map[string]bool{
		"25006": true, // the server is in recovery: sessions are made to write
		"40001": true, // serialization failure
		"40P01": true, // deadlock
		"55006": true, // the slot is in use, for a moment after its session was lost
		"55P03": true, // lock_timeout
		"57014": true, // cancelled from outside
		"57P01": true, // shutdown, or pg_terminate_backend
		"57P02": true, // crash
		"57P03": true, // starting up or shutting down
		"57P05": true, // idle_session_timeout
		"58030": true, // an error of input or output
		"XX000": true, // a sender that is stopping says no more than this
	}
)
