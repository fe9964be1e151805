//go:build cgo

package warehouse

import (
	"cmp"
	"crypto/rand"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// client is a session, identified by its handle.
type client struct {
	handle tcli.Handle
	used   time.Time // guarded by the warehouse's lock
	*exec.Session
}

func newHandle() tcli.Handle {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand ends the program instead
	return tcli.Handle{GUID: string(b[:16]), Secret: string(b[16:])}
}

func (w *Warehouse) openSession(r *tcli.Request, base string) (*client, error) {
	for k, v := range r.Configuration {
		if err := exec.CheckSetting(k, v); err != nil {
			return nil, err
		}
	}
	c, err := w.store.Catalog(cmp.Or(r.Catalog, w.store.Main()))
	if err != nil {
		return nil, err
	}
	// The schema need not exist: the client may create it.
	at := translate.Space{Catalog: c.Name, Schema: strings.ToLower(cmp.Or(r.Schema, "default"))}
	s := &client{handle: newHandle(), used: w.now(), Session: exec.NewSession(at, base, r.Configuration["QUERY_TAGS"])}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s.handle.GUID] = s
	return s, nil
}

func (w *Warehouse) client(h tcli.Handle) *client {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[h.GUID]
	if s == nil || s.handle.Secret != h.Secret {
		return nil
	}
	s.used = w.now()
	return s
}

// closeSession forgets a session and ends its operations.
func (w *Warehouse) closeSession(s *client) {
	w.mu.Lock()
	delete(w.sessions, s.handle.GUID)
	var own []*operation
	for id, op := range w.operations {
		if op.client == s {
			own = append(own, op)
			delete(w.operations, id)
		}
	}
	w.mu.Unlock()
	for _, op := range own {
		op.abandon(w.options.Switches.LateCommit)
	}
}

// How long an unused operation and an unused session are kept.
const (
	idleOperation = 10 * time.Minute
	idleSession   = 8 * time.Hour
)

// reap ends the operations and sessions of clients that are gone.
func (w *Warehouse) reap() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
			w.reapIdle(w.now())
		}
	}
}

func (w *Warehouse) reapIdle(now time.Time) {
	w.mu.Lock()
	var idle []*operation
	for id, op := range w.operations {
		if now.Sub(op.used) > idleOperation && op.finished() {
			idle = append(idle, op)
			delete(w.operations, id)
		}
	}
	for id, s := range w.sessions {
		if now.Sub(s.used) > idleSession {
			delete(w.sessions, id)
		}
	}
	w.mu.Unlock()
	for _, op := range idle {
		op.abandon(false)
	}
}
