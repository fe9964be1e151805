package postgres

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// unanswered is an error that the server did not send: the connection broke, or its data makes no
// sense.
type unanswered struct{ err error }

func (e *unanswered) Error() string { return e.err.Error() }
func (e *unanswered) Unwrap() error { return e.err }

// Passing reports that an error is transient: a retry on new sessions may succeed. The connection was
// lost, or the server was restarted, is not promoted yet or is overloaded. What the server refuses (a
// password, a privilege, a lost slot) is not transient.
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
		return errors.As(err, &broken) || errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
			errors.Is(err, io.ErrUnexpectedEOF)
	}
	return passingCodes[code] || code != pgerrcode.ProtocolViolation && passingClasses[code[:min(2, len(code))]]
}

// Internal reports that the server failed with an internal error, its code for its own defects. A
// server that ends a session while it shuts down may send the same code, so a retry may succeed. If
// the error repeats, it is permanent.
func Internal(err error) bool { return Code(err) == pgerrcode.InternalError }

var (
	// The first two characters of an SQLSTATE are its class.
	passingClasses = map[string]bool{
		pgerrcode.ConnectionException[:2]:   true,
		pgerrcode.InsufficientResources[:2]: true,
	}
	passingCodes = map[string]bool{
		pgerrcode.ReadOnlySQLTransaction: true, // the server is in recovery: sessions are made to write
		pgerrcode.SerializationFailure:   true,
		pgerrcode.DeadlockDetected:       true,
		pgerrcode.ObjectInUse:            true, // the slot is in use, for a moment after its session was lost
		pgerrcode.LockNotAvailable:       true, // by lock_timeout
		pgerrcode.QueryCanceled:          true, // cancelled from outside
		pgerrcode.AdminShutdown:          true, // shutdown, or pg_terminate_backend
		pgerrcode.CrashShutdown:          true,
		pgerrcode.CannotConnectNow:       true, // it starts up or shuts down
		pgerrcode.IdleSessionTimeout:     true,
		pgerrcode.IOError:                true,
		pgerrcode.InternalError:          true, // a sender that is stopping reports only this
	}
)
