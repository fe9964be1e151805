package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
)

// TestPassing distinguishes transient errors from permanent ones.
func TestPassing(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://ingest@localhost/shop")
	if err != nil {
		t.Fatal(err)
	}
	s := &endpoint{config: config}
	answer := func(code string) error { return &pgconn.PgError{Severity: "FATAL", Code: code, Message: "x"} }
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"reset", Error("read", reset), true},
		{"end in the middle", Error("read", io.ErrUnexpectedEOF), true},
		{"closed before", Error("read", errors.New("conn closed")), true},
		{"no answer in time", Error("read", context.DeadlineExceeded), true},
		{"shut down", Error("read", answer("57P01")), true},
		{"starting", s.connectError(answer("57P03")), true},
		{"too many connections", s.connectError(answer("53300")), true},
		{"refused", s.connectError(refused), true},
		{"no such host for now", s.connectError(&net.DNSError{Name: "h", Err: "no such host"}), true},
		{"lock lost", fmt.Errorf("append: %w", failure.New(failure.Conflict, "the lock is %w", ErrLockLost)), true},
		{"stalled", failure.New(failure.Source, "stream: %w", ErrStalled), true},
		{"a sender that stops", Error("identify", answer("XX000")), true},
		{"stopped by us", Error("read", context.Canceled), false},
		{"password", s.connectError(answer("28P01")), false},
		{"no login", s.connectError(answer("28000")), false},
		{"no database", s.connectError(answer("3D000")), false},
		{"pooler", s.connectError(answer("08P01")), false},
		{"privilege", Error("read", answer("42501")), false},
		{"slot in the wrong state", Error("stream", answer("55000")), false},
		{"segment of WAL removed", Error("stream", answer("58P01")), false},
		{"damaged data", Error("read", answer("XX001")), false},
		{"certificate", s.connectError(&tls.CertificateVerificationError{Err: errors.New("expired")}), false},
		{"another run", failure.New(failure.Conflict, "%w for reading", ErrLockHeld), false},
		{"a message that makes no sense", failure.New(failure.Source, "decode a message of pgoutput"), false},
		{"nothing", nil, false},
	} {
		if got := Passing(c.err); got != c.want {
			t.Errorf("%s (%v): %v, want %v", c.name, c.err, got, c.want)
		}
	}
}
