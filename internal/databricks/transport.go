package databricks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const dialTimeout = 10 * time.Second

func newBaseTransport(skipVerify bool) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: time.Second,
	}
	if skipVerify {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // the profile's skip_verify asks for it
	}
	return t
}

// unreachableError is a host that no connection can be made to. It neither
// wraps nor prints its cause, which the SDK would take for something to retry.
type unreachableError struct {
	host     string
	unknown  bool // the name does not resolve
	certFail bool
	cause    string
}

func (e *unreachableError) Error() string { return e.host + " cannot be reached" }

// restTransport carries the requests of the SDK. Until the sign-in is over,
// a host that cannot be reached is reported at once instead of being tried for
// minutes: a wrong host name is the likeliest cause.
type restTransport struct {
	base     *http.Transport
	signedIn atomic.Bool
	// unreachable is the first such failure during sign-in; later requests
	// end with it at once.
	unreachable atomic.Pointer[unreachableError]
	deadline    context.Context // the sign-in's
	told        atomic.Int64    // what the host said of the time last, as Unix seconds
	limits      limits
}

// RoundTrip implements http.RoundTripper.
func (t *restTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if u, _ := req.Context().Value(uploadKey).(*upload); u != nil && req.Body != nil {
		guarded := *req
		guarded.Body = u.attempt(req.Body)
		guarded.ContentLength = u.size // unknown, it would be sent in chunks
		req = &guarded
	}
	if t.signedIn.Load() {
		resp, err := t.base.RoundTrip(req)
		t.hear(resp)
		return resp, err
	}
	if gone := t.unreachable.Load(); gone != nil {
		closeBody(req)
		return nil, gone
	}
	if err := t.deadline.Err(); err != nil {
		closeBody(req)
		return nil, fmt.Errorf("sign-in: %w", err)
	}
	resp, err := t.base.RoundTrip(req)
	if gone := unreachableCause(req.URL.Hostname(), err); gone != nil {
		t.unreachable.CompareAndSwap(nil, gone)
		return nil, gone
	}
	t.hear(resp)
	return resp, err
}

// hear keeps the time that an answer was given at, and what it says of limits.
func (t *restTransport) hear(resp *http.Response) {
	if resp == nil {
		return
	}
	t.limits.hear(resp)
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.told.Store(at.Unix())
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func unreachableCause(host string, err error) *unreachableError {
	if err == nil {
		return nil
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return &unreachableError{host: host, unknown: dns.IsNotFound, cause: "look up " + host + ": " + dns.Err}
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return &unreachableError{host: host, certFail: true, cause: cert.Error()}
	}
	if notDialed(err) {
		return &unreachableError{host: host, cause: err.Error()}
	}
	return nil
}

// notDialed says that err came before a connection was made, so that nothing
// of the request can have arrived.
func notDialed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

type contextKey int

const (
	uploadKey contextKey = iota
	exchangeKey
	tagsKey
)

// exchange is what happened on the wire for one call of the SQL driver. The
// driver's errors do not say it.
type exchange struct {
	mu       sync.Mutex
	wrote    bool // request bytes went out
	accepted bool // a request was answered with 200
	status   int  // of the last answer; 0 if there was none
	netErr   error
	queryID  string
}

func withExchange(ctx context.Context) (context.Context, *exchange) {
	ex := &exchange{}
	return context.WithValue(ctx, exchangeKey, ex), ex
}

func (ex *exchange) sent() {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.wrote = true
}

func (ex *exchange) answered(resp *http.Response, err error) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.netErr, ex.status = err, 0
	if err != nil {
		return
	}
	ex.status = resp.StatusCode
	if resp.StatusCode == http.StatusOK {
		ex.accepted = true
	}
}

func (ex *exchange) named(queryID string) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if queryID != "" {
		ex.queryID = queryID
	}
}

// wire is a copy of an exchange's state.
type wire struct {
	wrote, accepted bool
	status          int
	netErr          error
	queryID         string
}

func (ex *exchange) state() wire {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return wire{wrote: ex.wrote, accepted: ex.accepted, status: ex.status, netErr: ex.netErr, queryID: ex.queryID}
}

// sqlTransport carries the requests of the SQL driver to the workspace's host
// and nowhere else. The driver's own telemetry and its question whether to
// send any are answered here: no option of the driver turns them off.
type sqlTransport struct {
	base http.RoundTripper
	host string // host:port as the driver writes it
	// closing is set when only sessions are to be closed any more, for which
	// these requests end by themselves.
	closing atomic.Bool
}

const closeTimeout = 5 * time.Second

// RoundTrip implements http.RoundTripper.
func (t *sqlTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if isTelemetry(req.URL.Path) {
		closeBody(req)
		return localAnswer(req, `{"flags":[],"ttl_seconds":3600}`), nil
	}
	if req.URL.Host != t.host {
		closeBody(req)
		return nil, fmt.Errorf("request to %s: only %s is spoken to", req.URL.Host, t.host)
	}
	if t.closing.Load() {
		return t.closeSession(req)
	}
	ex, _ := req.Context().Value(exchangeKey).(*exchange)
	if ex == nil {
		return t.base.RoundTrip(req)
	}
	trace := &httptrace.ClientTrace{WroteHeaders: ex.sent}
	resp, err := t.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	ex.answered(resp, err)
	return resp, err
}

// closeSession sends a request once. The driver would try one that fails for
// half a minute; an empty answer, which it cannot read, ends that.
func (t *sqlTransport) closeSession(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), closeTimeout)
	defer cancel()
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return localAnswer(req, ""), nil //nolint:nilerr // see above
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		return localAnswer(req, ""), nil //nolint:nilerr // see above
	}
	return localAnswer(req, string(body)), nil
}

func isTelemetry(path string) bool {
	return strings.HasPrefix(path, "/telemetry") ||
		strings.HasPrefix(path, "/api/2.0/connector-service/feature-flags/")
}

func localAnswer(req *http.Request, body string) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}
