//go:build cgo

package lakehouse

import (
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	statementsFile = "statements.sql"
	statementTime  = "2006-01-02T15:04:05.000Z"
)

// statementLog writes every SQL text as received, in order, to a file that people can read. In memory it has only the position of
// each.
type statementLog struct {
	now func() time.Time

	opened int64 // size when it was opened

	mu    sync.Mutex
	file  *os.File
	end   int64
	spans []span // those of this process
}

type span struct{ start, length int64 }

func openStatementLog(s *store, now func() time.Time) (*statementLog, error) {
	f, err := s.root.OpenFile(statementsFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &statementLog{now: now, file: f, opened: info.Size(), end: info.Size()}, nil
}

// add appends one statement, with a comment that has its time before it, and a semicolon after it.
func (l *statementLog) add(sql string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := fmt.Sprintf("-- %s\n", l.now().UTC().Format(statementTime))
	if _, err := l.file.WriteAt([]byte(head+sql+"\n;\n\n"), l.end); err != nil {
		return fmt.Errorf("log statement: %w", err)
	}
	start := l.end + int64(len(head))
	l.spans = append(l.spans, span{start, int64(len(sql))})
	l.end = start + int64(len(sql)) + int64(len("\n;\n\n"))
	return nil
}

// all reads the statements of this process back.
func (l *statementLog) all() ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := make([]string, 0, len(l.spans))
	for _, s := range l.spans {
		text := make([]byte, s.length)
		if _, err := l.file.ReadAt(text, s.start); err != nil {
			return texts, fmt.Errorf("read statement log: %w", err)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

func (l *statementLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
