//go:build cgo

package lakehouse

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
)

// spoiled is a workspace that applies f only to the next upload after arm.
func spoiled(t *testing.T, f Fault) (w *databricks.WorkspaceClient, volume string, arm func(), uploads *atomic.Int64) {
	t.Helper()
	var armed atomic.Bool
	uploads = new(atomic.Int64)
	s := start(t, Options{Intercept: func(n int64, r *http.Request) *Fault {
		if n < 1 {
			t.Errorf("request number %d", n)
		}
		if r.Method != http.MethodPut {
			return nil
		}
		uploads.Add(1)
		if armed.CompareAndSwap(true, false) {
			return &f
		}
		return nil
	}})
	w = connect(t, s, &databricks.Config{})
	return w, makeVolume(t, w), func() { armed.Store(true) }, uploads
}

func TestFaults(t *testing.T) {
	isEOF := func(err error) bool { return errors.Is(err, io.EOF) }
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	ok := func(err error) bool { return err == nil }
	for name, test := range map[string]struct {
		fault  Fault
		want   func(error) bool
		calls  int64 // that the SDK makes of it
		stored bool
	}{
		"pass":                       {Fault{}, ok, 1, true},
		"delay":                      {Fault{Delay: 10 * time.Millisecond}, ok, 1, true},
		"reject":                     {Fault{Kind: Reject}, is(apierr.ErrInternalError), 1, false},
		"reject with a code":         {Fault{Kind: Reject, Status: 409, ErrorCode: "ALREADY_EXISTS"}, is(apierr.ErrAlreadyExists), 1, false},
		"too many requests":          {Fault{Kind: Reject, Status: 429, RetryAfter: time.Millisecond}, ok, 2, true},
		"unavailable":                {Fault{Kind: Reject, Status: 503}, ok, 2, true},
		"fail after":                 {Fault{Kind: FailAfter, Status: 500}, is(apierr.ErrInternalError), 1, true},
		"unavailable after":          {Fault{Kind: FailAfter, Status: 503}, is(apierr.ErrAlreadyExists), 2, true},
		"drop":                       {Fault{Kind: Drop}, isEOF, 1, false},
		"drop, and tried again":      {Fault{Kind: Drop, Reset: true}, ok, 2, true},
		"lose response":              {Fault{Kind: LoseResponse}, isEOF, 1, true},
		"lose response, tried again": {Fault{Kind: LoseResponse, Reset: true}, is(apierr.ErrAlreadyExists), 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, volume, arm, uploads := spoiled(t, test.fault)
			arm()
			err := create(t.Context(), w, volume+"/f", strings.Repeat("x", 1<<20))
			if !test.want(err) || uploads.Load() != test.calls {
				t.Errorf("error %v after %d calls; want %d", err, uploads.Load(), test.calls)
			}
			_, err = w.Files.GetMetadataByFilePath(t.Context(), volume+"/f")
			if stored := err == nil; stored != test.stored || !stored && !errors.Is(err, apierr.ErrNotFound) {
				t.Errorf("stored: %v (%v); want %v", stored, err, test.stored)
			}
		})
	}
}

func TestRetryAfterIsSent(t *testing.T) {
	s := start(t, Options{Intercept: func(int64, *http.Request) *Fault {
		return &Fault{Kind: Reject, Status: 429, RetryAfter: 1500 * time.Millisecond}
	}})
	response, text := request(t, s, http.MethodGet, "/api/2.0/sql/warehouses", nil, nil)
	if response.StatusCode != 429 || response.Header.Get("Retry-After") != "2" || !strings.Contains(text, "REQUEST_LIMIT_EXCEEDED") {
		t.Errorf("status %d, Retry-After %q, %s", response.StatusCode, response.Header.Get("Retry-After"), text)
	}
}

func TestResetIsAReset(t *testing.T) {
	s := start(t, Options{Intercept: func(int64, *http.Request) *Fault { return &Fault{Kind: Drop, Reset: true} }})
	transport := &http.Transport{DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err == nil {
		response.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v; want a connection reset", err)
	}
}
