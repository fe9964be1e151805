//go:build cgo

package lakehouse

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/sql"
)

func TestWarehouseStates(t *testing.T) {
	now := newClock()
	s := start(t, Options{Now: now.now, Cold: time.Minute, AutoStop: 10 * time.Minute})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	want := func(when string, state sql.State, wakeups int) {
		t.Helper()
		got, err := w.Warehouses.GetById(ctx, s.WarehouseID())
		if err != nil || got.State != state || s.Wakeups() != wakeups {
			t.Errorf("%s: %+v, %v, %d wake-ups; want %s, %d", when, got, err, s.Wakeups(), state, wakeups)
		}
	}
	start := func() {
		if _, err := w.Warehouses.Start(ctx, sql.StartRequest{Id: s.WarehouseID()}); err != nil {
			t.Fatal(err)
		}
	}
	want("new", sql.StateStopped, 0)
	start()
	want("started", sql.StateStarting, 1)
	start()
	now.advance(time.Minute)
	want("a minute later", sql.StateRunning, 1)
	now.advance(10*time.Minute - 1)
	want("just before it stops", sql.StateRunning, 1)
	now.advance(1)
	want("after it stopped", sql.StateStopped, 1)
	start()
	if _, err := w.Warehouses.Stop(ctx, sql.StopRequest{Id: s.WarehouseID()}); err != nil {
		t.Fatal(err)
	}
	want("stopped by hand", sql.StateStopped, 2)

	all, err := w.Warehouses.ListAll(ctx, sql.ListWarehousesRequest{})
	if err != nil || len(all) != 1 || all[0].Id != s.WarehouseID() || all[0].OdbcParams.Path != s.HTTPPath() || len(all[0].Id) != 16 {
		t.Errorf("warehouses %+v, %v", all, err)
	}
	if _, err := w.Warehouses.GetById(ctx, "0123456789abcdef"); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("another id: %v", err)
	}
	if response, text := request(t, s, http.MethodPost, "/sql/1.0/warehouses/0123456789abcdef", nil,
		nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("a statement for another id: %d, %s", response.StatusCode, text)
	}
}

// call is the beginning of a Thrift message.
func call(method string) []byte {
	return append([]byte{0x80, 1, 0, 1, 0, 0, 0, byte(len(method))}, method...)
}

func TestStatementsWakeTheWarehouse(t *testing.T) {
	now := newClock()
	e := &sqlEndpoint{autoStop: time.Minute, now: now.now}
	var got []byte
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		if state := e.state(); state != stateRunning && string(call("CloseSession")) != string(got) {
			t.Errorf("%s ran on a warehouse that is %s", got, state)
		}
		now.advance(time.Hour) // a statement that takes longer than AutoStop
		e.state()
	})
	for i, test := range []struct {
		method  string
		wakeups int
		state   string
	}{
		{"CloseSession", 0, stateStopped}, {"OpenSession", 1, stateRunning}, {"ExecuteStatement", 1, stateRunning}, {"", 1, stateRunning},
	} {
		sent := call(test.method)
		err := e.serveThrift(next, httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(sent)))
		if err != nil || !bytes.Equal(got, sent) || e.count() != test.wakeups || e.state() != test.state {
			t.Errorf("%d %s: %v, %d wake-ups, %s, body %q; want %d, %s", i, test.method, err, e.count(), e.state(), got, test.wakeups, test.state)
		}
	}
	now.advance(time.Minute)
	if state := e.state(); state != stateStopped {
		t.Errorf("idle for AutoStop: %s", state)
	}
	forever := &sqlEndpoint{autoStop: -1, now: now.now}
	forever.start()
	now.advance(1000 * time.Hour)
	if state := forever.state(); state != stateRunning {
		t.Errorf("without AutoStop: %s", state)
	}
}

func TestColdWarehouseTakesItsTime(t *testing.T) {
	e := &sqlEndpoint{cold: 30 * time.Millisecond, autoStop: time.Hour, now: time.Now}
	started := time.Now()
	if err := e.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < e.cold {
		t.Errorf("cold: %v; want %v at least", took, e.cold)
	}
	e.leave()
	e.stop()
	e.cold = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went away: %v", err)
	}
	if e.active != 0 {
		t.Errorf("%d requests under way", e.active)
	}
}

func FuzzThriftMethod(f *testing.F) {
	f.Add(call("OpenSession"))
	f.Add([]byte{0x80, 1, 0, 1, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x80, 1})
	f.Fuzz(func(t *testing.T, message []byte) {
		body := bufio.NewReader(bytes.NewReader(message))
		name := thriftMethod(body)
		if len(name) > 0 && !bytes.Equal(message[8:8+len(name)], []byte(name)) {
			t.Errorf("%q in %q", name, message)
		}
		if rest, err := io.ReadAll(body); err != nil || !bytes.Equal(rest, message) {
			t.Errorf("peeking took something: %q of %q, %v", rest, message, err)
		}
	})
}
