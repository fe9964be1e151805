//go:build cgo

package lakehouse

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	warehouseID   = "10ca1da7a0ba5e00"
	warehouseName = "Local Warehouse"

	stateStopped  = "STOPPED"
	stateStarting = "STARTING"
	stateRunning  = "RUNNING"
)

// sqlEndpoint is the SQL warehouse as its users pay for it: stopped until a request comes, slow to start, running until it was
// idle for a while. It has no timer: it computes its state from the clock when asked.
type sqlEndpoint struct {
	cold     time.Duration
	autoStop time.Duration // negative: never
	now      func() time.Time

	mu        sync.Mutex
	on        bool
	ready     time.Time // when the newest start is complete
	active    int       // requests under way
	idleSince time.Time
	wakeups   int
}

// settle stops a warehouse that was idle for too long; the caller holds mu.
func (e *sqlEndpoint) settle() {
	if !e.on || e.active > 0 || e.autoStop < 0 {
		return
	}
	since := e.idleSince
	if since.Before(e.ready) {
		since = e.ready
	}
	if e.now().Sub(since) >= e.autoStop {
		e.on = false
	}
}

// wake starts a stopped warehouse; the caller holds mu.
func (e *sqlEndpoint) wake() {
	e.settle()
	if e.on {
		return
	}
	e.on = true
	e.wakeups++
	e.ready = e.now().Add(e.cold)
}

func (e *sqlEndpoint) start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wake()
}

func (e *sqlEndpoint) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.on = false
}

func (e *sqlEndpoint) state() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settle()
	switch {
	case !e.on:
		return stateStopped
	case e.now().Before(e.ready):
		return stateStarting
	}
	return stateRunning
}

func (e *sqlEndpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wakeups
}

// enter wakes the warehouse and waits until it runs. After a nil error the
// caller calls leave when its request is answered.
func (e *sqlEndpoint) enter(ctx context.Context) error {
	e.mu.Lock()
	e.wake()
	e.active++
	wait := e.ready.Sub(e.now())
	e.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	if err := sleep(ctx, wait); err != nil {
		e.leave()
		return err
	}
	return nil
}

func (e *sqlEndpoint) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active--
	e.idleSince = e.now()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serveThrift passes r to next, a TCLIService, and wakes the warehouse for it. Calls that only close something do not wake it,
// for example a pool that closes its sessions.
func (e *sqlEndpoint) serveThrift(next http.Handler, w http.ResponseWriter, r *http.Request) error {
	body := bufio.NewReader(r.Body)
	switch thriftMethod(body) {
	case "CloseSession", "CloseOperation", "CancelOperation":
	default:
		if err := e.enter(r.Context()); err != nil {
			return err
		}
		defer e.leave()
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	next.ServeHTTP(w, r)
	return nil
}

// thriftMethod reads the name of the call at the beginning of body, without consuming it (binary protocol, strict: version and
// type, then the name); "" if it is none.
func thriftMethod(body *bufio.Reader) string {
	const maxName = 64
	head, err := body.Peek(8)
	if err != nil || binary.BigEndian.Uint16(head) != 0x8001 {
		return ""
	}
	n := binary.BigEndian.Uint32(head[4:])
	if n > maxName {
		return ""
	}
	head, err = body.Peek(8 + int(n))
	if err != nil {
		return ""
	}
	return string(head[8:])
}

// describe is the warehouse as the API shows it.
func (e *sqlEndpoint) describe(host string, port int) map[string]any {
	running := 0
	state := e.state()
	if state == stateRunning {
		running = 1
	}
	stopMinutes := 0 // never
	if e.autoStop >= 0 {
		stopMinutes = int((e.autoStop + time.Minute - 1) / time.Minute)
	}
	return map[string]any{
		"id": warehouseID, "name": warehouseName, "state": state, "cluster_size": "2X-Small",
		"warehouse_type": "PRO", "enable_serverless_compute": true, "enable_photon": true, "auto_stop_mins": stopMinutes,
		"min_num_clusters": 1, "max_num_clusters": 1, "num_clusters": running, "creator_name": localUser,
		"health":      map[string]string{"status": "HEALTHY"},
		"channel":     map[string]string{"name": "CHANNEL_NAME_CURRENT"},
		"odbc_params": map[string]any{"hostname": host, "port": port, "path": httpPath, "protocol": "http"},
	}
}
