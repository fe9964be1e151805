//go:build cgo

package exec

import (
	"strings"
	"sync"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Session is what statements of one client share: its current catalog and schema,
// its temporary views and its settings.
type Session struct {
	// base is the workspace's address as the client reached it.
	base string
	tags string // QUERY_TAGS as the client gave them: key:value, comma-separated

	mu       sync.Mutex
	at       translate.Space
	views    map[string]*store.Table // temporary views, by name
	settings map[string]string       // what SET said, by key
}

// NewSession is a session in a catalog and schema, of a client that reached the
// workspace at base.
func NewSession(at translate.Space, base, tags string) *Session {
	return &Session{at: at, base: base, tags: tags}
}

// Space is the current catalog and schema.
func (s *Session) Space() translate.Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.at
	at.Session = true
	return at
}

func (s *Session) setSpace(at translate.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

// QueryTags lists the session's tags. In them, a backslash keeps the meaning of the
// character after it from counting.
func (s *Session) QueryTags() *result.Result {
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
	return result.TextRows([]string{"key", "value"}, rows)
}

// CheckSetting refuses settings that would change the meaning of statements; all others are accepted and have no effect.
func CheckSetting(key, value string) error {
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

// setOption is SET: it keeps a setting, or shows those that were made.
func (s *Session) setOption(st *sparksql.SetOption) (*result.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{"key", "value"}
	switch {
	case st.Ask && st.Key == "":
		var rows [][]any
		for _, key := range sortedKeys(s.settings) {
			rows = append(rows, []any{key, s.settings[key]})
		}
		return result.TextRows(names, rows), nil
	case st.Ask:
		value, known := s.settings[strings.ToLower(st.Key)]
		if !known {
			value = "<undefined>"
		}
		return result.TextRows(names, [][]any{{st.Key, value}}), nil
	}
	if err := CheckSetting(st.Key, st.Value); err != nil {
		return nil, err
	}
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	s.settings[strings.ToLower(st.Key)] = st.Value
	return result.TextRows(names, [][]any{{st.Key, st.Value}}), nil
}
