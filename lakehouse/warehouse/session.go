//go:build cgo

package warehouse

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/tcli"
	"ingest/lakehouse/warehouse/translate"
)

// session is a client's: its current catalog and schema.
type session struct {
	handle tcli.Handle

	// base is the workspace's address as the client reached it.
	base string
	tags string // QUERY_TAGS as the client gave them: key:value, comma-separated

	mu       sync.Mutex
	at       translate.Space
	views    map[string]*metaTable // temporary views, by name
	settings map[string]string     // what SET said, by key
	used     time.Time
}

func (s *session) space() translate.Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.at
	at.Session = true
	return at
}

func (s *session) setSpace(at translate.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

func newHandle() tcli.Handle {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand ends the program instead
	return tcli.Handle{GUID: string(b[:16]), Secret: string(b[16:])}
}

func (w *Warehouse) openSession(r *tcli.Request, base string) (*session, error) {
	for k, v := range r.Configuration {
		if err := checkSetting(k, v); err != nil {
			return nil, err
		}
	}
	s := &session{handle: newHandle(), base: base, used: w.now(), tags: r.Configuration["QUERY_TAGS"]}
	c, err := w.catalog(first(r.Catalog, w.names[0]))
	if err != nil {
		return nil, err
	}
	// The schema need not be there: a client may have come to create it.
	s.at = translate.Space{Catalog: c.name, Schema: strings.ToLower(first(r.Schema, "default"))}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s.handle.GUID] = s
	return s, nil
}

// queryTags lists the session's tags. In them, a backslash keeps the meaning of the
// character after it from counting.
func (s *session) queryTags() *result {
	var rows [][]any
	parts := []string{""} // key, value
	end := func() {
		if parts[0] != "" {
			row := []any{parts[0], nil}
			if len(parts) > 1 {
				row[1] = parts[1]
			}
			rows = append(rows, row)
		}
		parts = []string{""}
	}
	escaped := false
	for _, r := range s.tags {
		switch {
		case r == '\\' && !escaped:
			escaped = true
			continue
		case r == ',' && !escaped:
			end()
			continue
		case r == ':' && !escaped && len(parts) == 1:
			parts = append(parts, "")
			continue
		}
		parts[len(parts)-1] += string(r)
		escaped = false
	}
	end()
	return textRows([]string{"key", "value"}, rows)
}

// checkSetting refuses the settings that would change what statements mean here;
// all others are accepted and change nothing.
func checkSetting(key, value string) error {
	key = strings.ToLower(key[strings.LastIndexAny(key, ".:")+1:])
	value = strings.ToUpper(strings.TrimSpace(value))
	switch {
	case key == "timezone" && value != "UTC" && value != "ETC/UTC" && value != "GMT" && value != "Z" && value != "+00:00":
		return sparksql.Unsupported("the time zone %s (only UTC)", value)
	case key == "ansi_mode" && value == "FALSE":
		return sparksql.Unsupported("ansi_mode = false")
	}
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (w *Warehouse) session(h tcli.Handle) *session {
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
func (w *Warehouse) closeSession(s *session) {
	w.mu.Lock()
	delete(w.sessions, s.handle.GUID)
	var own []*operation
	for id, op := range w.operations {
		if op.session == s {
			own = append(own, op)
			delete(w.operations, id)
		}
	}
	w.mu.Unlock()
	for _, op := range own {
		op.abandon(w.options.Switches.LateCommit)
	}
}

// How long what nobody asks for is kept: an operation, and a session.
const (
	idleOperation = 10 * time.Minute
	idleSession   = 8 * time.Hour
)

// reap ends the operations and sessions whose clients went away.
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

// setOption is SET: it keeps a setting, or shows those that were made.
func (s *session) setOption(st *sparksql.SetOption) (*result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{"key", "value"}
	switch {
	case st.Ask && st.Key == "":
		var rows [][]any
		for _, key := range sortedKeys(s.settings) {
			rows = append(rows, []any{key, s.settings[key]})
		}
		return textRows(names, rows), nil
	case st.Ask:
		value, known := s.settings[strings.ToLower(st.Key)]
		if !known {
			value = "<undefined>"
		}
		return textRows(names, [][]any{{st.Key, value}}), nil
	}
	if err := checkSetting(st.Key, st.Value); err != nil {
		return nil, err
	}
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	s.settings[strings.ToLower(st.Key)] = st.Value
	return textRows(names, [][]any{{st.Key, st.Value}}), nil
}
