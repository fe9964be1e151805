//go:build cgo

package databricks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
)

const warehousePath = "/sql/1.0/warehouses/0123456789abcdef"

// fakeSQL is a warehouse that gives the answers of a test, with faults between
// any two messages. It runs nothing.
type fakeSQL struct {
	mu       sync.Mutex
	calls    []string        // methods, in order
	opened   []*tcli.Request // OpenSession
	agents   []string        // User-Agent of OpenSession
	ran      []string        // accepted statements
	tags     []string        // query tags of each
	sessions map[string]bool
	results  map[string]sqlAnswer
	answer   func(statement string) sqlAnswer
	// fault sees each call first. It returns true if it has answered.
	fault func(rw http.ResponseWriter, r *http.Request, call *tcli.Request, serve func()) bool
}

// sqlAnswer is the answer to a statement.
type sqlAnswer struct {
	columns tcli.Metadata
	pages   []tcli.Page // the server sets Start and More
	failed  *tcli.OperationStatus
	running bool // never ends
}

func answerNothing(string) sqlAnswer { return sqlAnswer{} }

// openSQL opens a workspace whose warehouse takes its answers from answer.
func openSQL(t *testing.T, change func(*databricks.Config), answer func(string) sqlAnswer) (*fakeSQL, *databricks.Warehouse) {
	t.Helper()
	f := newFake(t)
	s := &fakeSQL{sessions: map[string]bool{}, results: map[string]sqlAnswer{}, answer: answer}
	f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.URL.Path != warehousePath {
			return false
		}
		s.ServeHTTP(rw, r)
		return true
	})
	c := f.config()
	c.Warehouse, c.Version, c.RunID = "small", "v1.2.3", "run-7"
	if change != nil {
		change(&c)
	}
	w, err := databricks.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.breakWith(nil)
		w.Close()
	})
	return s, w.Warehouse()
}

func (s *fakeSQL) breakWith(fault func(rw http.ResponseWriter, r *http.Request, call *tcli.Request, serve func()) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *fakeSQL) forgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

func (s *fakeSQL) statements() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ran)
}

// called counts the calls of a method.
func (s *fakeSQL) called(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == method {
			n++
		}
	}
	return n
}

func (s *fakeSQL) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	call, err := tcli.Read(r.Context(), body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, call.Method)
	if call.Method == "OpenSession" {
		s.opened = append(s.opened, call)
		s.agents = append(s.agents, r.UserAgent())
	}
	fault := s.fault
	s.mu.Unlock()
	serve := func() { s.serve(rw, r, call) }
	if fault != nil && fault(rw, r, call, serve) {
		return
	}
	serve()
}

// lostSession is a warehouse's answer for a session that it does not know.
func lostSession(rw http.ResponseWriter) {
	rw.Header().Set("X-Thriftserver-Error-Message", "Invalid SessionHandle: SessionHandle [0]")
	rw.WriteHeader(http.StatusInternalServerError)
}

func (s *fakeSQL) serve(rw http.ResponseWriter, r *http.Request, call *tcli.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var response tcli.Response
	switch call.Method {
	case "OpenSession":
		id := fmt.Sprintf("session-%08d", len(s.opened))
		s.sessions[id] = true
		response = tcli.Opened(tcli.Handle{GUID: id, Secret: id}, call.Catalog, call.Schema)
	case "ExecuteStatement":
		if !s.sessions[call.Session.GUID] {
			lostSession(rw)
			return
		}
		s.ran = append(s.ran, call.Statement)
		s.tags = append(s.tags, call.Configuration["query_tags"])
		response = s.start(call.Statement)
	case "GetOperationStatus":
		response = tcli.Answer(status(s.results[call.Operation.GUID]))
	case "FetchResults":
		response = tcli.Answer(s.nextPage(call.Operation.GUID))
	case "GetResultSetMetadata":
		response = tcli.Answer(s.results[call.Operation.GUID].columns)
	default:
		response = tcli.Bare(tcli.Status{})
	}
	out, err := call.Write(r.Context(), response)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/x-thrift")
	_, _ = rw.Write(out)
}

func status(a sqlAnswer) tcli.OperationStatus {
	switch {
	case a.running:
		return tcli.OperationStatus{State: tcli.Running, Modified: -1}
	case a.failed != nil:
		return *a.failed
	}
	return tcli.OperationStatus{State: tcli.Finished, HasRows: len(a.columns) > 0, Modified: -1}
}

func (s *fakeSQL) start(statement string) tcli.Response {
	a := s.answer(statement)
	for i := range a.pages {
		if i > 0 {
			a.pages[i].Start = a.pages[i-1].Start + int64(length(a.pages[i-1]))
		}
		a.pages[i].More = i+1 < len(a.pages)
	}
	id := fmt.Sprintf("operation-%06d", len(s.ran))
	direct := &tcli.Direct{Status: status(a), Closed: len(a.pages) < 2 && !a.running}
	if len(a.columns) > 0 {
		direct.Metadata = &a.columns
	}
	if len(a.pages) > 0 {
		direct.Page = &a.pages[0]
		a.pages = a.pages[1:]
	}
	s.results[id] = a
	return tcli.Started(tcli.Handle{GUID: id, Secret: id}, len(a.columns) > 0, direct)
}

func (s *fakeSQL) nextPage(id string) tcli.Page {
	a := s.results[id]
	if len(a.pages) == 0 {
		return tcli.Page{}
	}
	page := a.pages[0]
	a.pages = a.pages[1:]
	s.results[id] = a
	return page
}

func length(p tcli.Page) int {
	switch list := p.Columns[0].List.(type) {
	case []int64:
		return len(list)
	case []string:
		return len(list)
	}
	panic("length of another type")
}
