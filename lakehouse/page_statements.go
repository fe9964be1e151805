//go:build cgo

package lakehouse

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

const (
	// shownStatements is how many of the newest statements the page shows, and shownText how much of each.
	shownStatements = 50
	shownText       = 4 << 10
	// tailBytes is how much of statements.sql is read for those of earlier processes.
	tailBytes = 256 << 10
)

// shownStatement is a statement on the page.
type shownStatement struct {
	Began   time.Time
	SQL     string
	Outcome string // "" for a statement of an earlier process
	Took    time.Duration
	Failed  bool
}

// endedStatements are the newest statements of this process. Its methods may be called from any goroutine.
type endedStatements struct {
	mu     sync.Mutex
	newest []warehouse.Ended // oldest first
}

func (e *endedStatements) add(s warehouse.Ended) {
	s.SQL = shortened(s.SQL)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.newest = append(e.newest, s)
	if n := len(e.newest) - shownStatements; n > 0 {
		e.newest = slices.Delete(e.newest, 0, n)
	}
}

func (e *endedStatements) all() []warehouse.Ended {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.newest)
}

func shortened(sql string) string {
	if len(sql) <= shownText {
		return sql
	}
	return strings.ToValidUTF8(sql[:shownText], "") + "…"
}

// earlier reads the newest statements of earlier processes, oldest first, from what the file had when it was opened.
func (l *statementLog) earlier() ([]shownStatement, error) {
	from := max(0, l.opened-tailBytes)
	text := make([]byte, l.opened-from)
	if _, err := l.file.ReadAt(text, from); err != nil && len(text) > 0 && err != io.EOF {
		return nil, err
	}
	var out []shownStatement
	for part := range strings.SplitSeq(string(text), "\n;\n\n") {
		head, sql, _ := strings.Cut(strings.TrimLeft(part, "\n"), "\n")
		at, err := time.Parse(statementTime, strings.TrimPrefix(head, "-- "))
		if err != nil {
			continue // the first is cut off, or a statement has such a line itself
		}
		out = append(out, shownStatement{Began: at, SQL: shortened(sql)})
	}
	return out[max(0, len(out)-shownStatements):], nil
}

// lastStatements are those of this process and before, the newest first.
func (s *Server) lastStatements() ([]shownStatement, error) {
	all, err := s.statements.earlier()
	if err != nil {
		return nil, err
	}
	for _, e := range s.ended.all() {
		one := shownStatement{Began: e.Began, SQL: e.SQL, Took: e.Took, Outcome: "succeeded"}
		switch {
		case e.Failure != nil:
			one.Failed, one.Outcome = true, e.Failure.Error()
		case e.Modified >= 0:
			one.Outcome = countRows(e.Modified)
		}
		all = append(all, one)
	}
	slices.Reverse(all)
	return all[:min(len(all), shownStatements)], nil
}
