//go:build cgo

package lakehouse

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// apply applies the fault f to one request; handle handles the request.
func (f *Fault) apply(handle http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if f.Delay > 0 {
		if err := sleep(r.Context(), f.Delay); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	}
	switch f.Kind {
	case Reject:
		drain(r)
		f.answer(w)
	case FailAfter:
		handle(&unheard{header: http.Header{}}, r)
		f.answer(w)
	case Drop:
		f.hangUp(w, r)
	case LoseResponse:
		handle(&unheard{header: http.Header{}}, r)
		f.hangUp(w, r)
	default:
		handle(w, r)
	}
}

func (f *Fault) answer(w http.ResponseWriter) {
	e := refuse(f.Status, f.ErrorCode, "%s", f.Message)
	if e.status == 0 {
		e.status = http.StatusInternalServerError
	}
	if e.code == "" {
		e.code = errorCode(e.status)
	}
	if e.message == "" {
		e.message = http.StatusText(e.status)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	writeRefusal(w, e)
}

// errorCode is the code that a Databricks service returns with a status by default.
func errorCode(status int) string {
	switch status {
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "REQUEST_LIMIT_EXCEEDED"
	case http.StatusServiceUnavailable:
		return "TEMPORARILY_UNAVAILABLE"
	}
	return "INTERNAL_ERROR"
}

// hangUp closes the connection without an answer. It first reads what the client still sends, because closing with unread bytes
// would cause a reset.
func (f *Fault) hangUp(w http.ResponseWriter, r *http.Request) {
	drain(r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok && f.Reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// unheard discards an answer.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header { return u.header }

func (u *unheard) WriteHeader(int) {}

func (u *unheard) Write(b []byte) (int, error) { return io.Discard.Write(b) }
