//go:build cgo && unix

package tests

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse"
)

// relayed marks a request that relay repeats to the workspace.
const relayed = "X-Ingest-Test-Relayed"

// is says whether a request has the method and a path in the pipeline's
// directory that begins with prefix.
func (w *world) is(r *http.Request, method, prefix string) bool {
	return r.Method == method && strings.HasPrefix(r.URL.Path, "/api/2.0/fs/files/Volumes/"+catalogName+"/bronze/ingest/"+w.name+"/"+prefix)
}

// body reads a request's body and puts it back.
func body(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(data))
	return data, err
}

// noteSegment insists that no path of a segment is ever sent twice with other
// bytes.
func (w *world) noteSegment(r *http.Request) {
	if !w.is(r, http.MethodPut, "segments/") {
		return
	}
	data, err := body(r)
	if err != nil {
		return // the client went away in the middle
	}
	sum := sha256.Sum256(data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.stored[r.URL.Path]; ok && before != sum {
		w.t.Errorf("the path %s was used twice, with other bytes", r.URL.Path)
	}
	w.stored[r.URL.Path] = sum
}

// relay lets a request be handled to its end, even if its client is gone.
func (w *world) relay(r *http.Request) {
	data, err := body(r)
	if err != nil {
		return
	}
	again, err := http.NewRequest(r.Method, w.server.URL()+r.URL.RequestURI(), bytes.NewReader(data))
	if err != nil {
		w.t.Error(err)
		return
	}
	again.Header = r.Header.Clone()
	again.Header.Set(relayed, "yes")
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(again)
	if err != nil {
		w.t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}

var drop = &lakehouse.Fault{Kind: lakehouse.Drop}
