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
		t.TLSClientConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		} //nolint:gosec // the profile's skip_verify asks for it
	}
	return t
}

// unreachableError is the error for a host that cannot be connected to. It
// neither wraps nor prints its cause, because the SDK would retry on that.
type unreachableError struct {
	host     string
	unknown  bool // the name does not resolve
	certFail bool
	cause    string
}

func (e *unreachableError) Error() string { return e.host + " cannot be reached" }

// restTransport carries the requests of the SDK. During sign-in it reports an
// unreachable host at once instead of retrying for minutes, because a wrong
// host name is the likeliest cause.
type restTransport struct {
	base     *http.Transport
	signedIn atomic.Bool
	// unreachable is the first such failure during sign-in. Later requests fail
	// with it at once.
	unreachable atomic.Pointer[unreachableError]
	deadline    context.Context // the sign-in's
	told        atomic.Int64    // newest time in an answer of the host, as Unix seconds
	limits      limits
}

// RoundTrip implements http.RoundTripper.
func (t *restTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if u, _ := req.Context().Value(uploadKey).(*upload); u != nil && req.Body != nil {
		guarded := *req
		guarded.Body = u.attempt(req.Body)
		guarded.ContentLength = u.size // if unknown, it would be sent in chunks
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

// hear records an answer's time and what it announces about limits.
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
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return &unreachableError{host: host, unknown: dns.IsNotFound, cause: "look up " + host + ": " + dns.Err}
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &unreachableError{host: host, certFail: true, cause: cert.Error()}
	}
	if notDialed(err) {
		return &unreachableError{host: host, cause: err.Error()}
	}
	return nil
}

// notDialed reports whether err occurred before a connection existed. Then no
// part of the request can have arrived.
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

// exchange records what happened on the wire during one call of the SQL driver.
// The driver's errors do not contain it.
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

// sqlTransport carries the requests of the SQL driver, only to the workspace's
// host. It answers the driver's telemetry itself, and also the request that
// asks whether to send any, because no option of the driver turns them off.
type sqlTransport struct {
	base http.RoundTripper
	host string // host:port as the driver writes it
	// closing is set when the only remaining work is to close sessions. Close
	// requests then return quickly.
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
		return nil, fmt.Errorf("request to %s: only requests to %s are allowed", req.URL.Host, t.host)
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

// closeSession sends a request once. The driver would retry a failed one for
// half a minute. An empty answer, which the driver cannot parse, stops that.
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
