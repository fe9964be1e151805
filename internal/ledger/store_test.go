package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// memory is an in-memory Store with the faults of a real one.
type memory struct {
	mu      sync.Mutex
	files   map[string][]byte
	creates int

	// overwrites makes Create replace an existing file, like a store without an
	// atomic create-if-absent.
	overwrites bool
	// create, if set, is called before each Create. stored says whether the
	// file is created. Create returns err if it is not nil.
	create func(name string) (stored bool, err error)
	read   func(name string) error
	list   func(dir string) error
	remove func(name string) error
}

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

func (m *memory) Create(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.creates++
	stored, answer := true, error(nil)
	if m.create != nil {
		stored, answer = m.create(name)
	}
	if _, there := m.files[name]; there && !m.overwrites {
		if answer != nil {
			return answer
		}
		return fmt.Errorf("create %s: %w", name, fs.ErrExist)
	}
	if stored {
		m.files[name] = bytes.Clone(data)
	}
	return answer
}

func (m *memory) Read(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read != nil {
		if err := m.read(name); err != nil {
			return nil, err
		}
	}
	data, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(data), nil
}

func (m *memory) Names(_ context.Context, dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list != nil {
		if err := m.list(dir); err != nil {
			return nil, err
		}
	}
	var names []string
	for name := range m.files {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names, nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.remove != nil {
		if err := m.remove(name); err != nil {
			return err
		}
	}
	delete(m.files, name)
	return nil
}

// copied returns a store with the same files and no faults.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemory()
	for name, data := range m.files {
		c.files[name] = bytes.Clone(data)
	}
	return c
}

var errNetwork = errors.New("connection reset")

func clock() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func open(t testing.TB, store Store, run string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), store, Options{Run: run, Version: "1.0.0", Now: clock})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

// add appends after the head and fails the test on an error.
func add(t testing.TB, l *Ledger, body any) *Entry {
	t.Helper()
	e, err := l.Append(t.Context(), l.State().Head, body)
	if err != nil {
		t.Fatalf("append %T: %v", body, err)
	}
	return e
}

func table(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

var (
	orders = table("orders")
	items  = table("items")
)

func column(name string) schema.Column {
	return schema.Column{
		Name: name, Number: 1, Key: true, Type: schema.Type{Kind: schema.Int64},
		Postgres: schema.PostgresType{OID: schema.OIDInt8, Typmod: -1, Name: "bigint", Base: schema.OIDInt8, BaseTypmod: -1, Class: "b"},
	}
}

func origin(at pglogrepl.LSN) *Origin {
	return &Origin{
		System: "7000000000000000001", Timeline: 1, Database: "shop", Slot: "ingest_shop",
		Publications: []string{"ingest_shop"}, ConsistentPoint: at,
	}
}

func begin(fence pglogrepl.LSN, tables ...schema.TableName) *Begin {
	b := &Begin{Snapshot: schema.Snapshot{Xmin: 700, Xmax: 705, Xip: []uint64{702}}, Fence: fence, Sort: fence - 1, Taken: clock()}
	for i, t := range tables {
		b.Tables = append(b.Tables, BeginTable{Table: t, OID: uint32(16384 + i)})
	}
	return b
}

func done(begin int64, t schema.TableName, columns ...schema.Column) *Done {
	dir := fmt.Sprintf("segments/run/%s/snapshot-%d", t, begin)
	return &Done{
		Begin: begin, Table: t, OID: 16384, Columns: columns, PrimaryKey: []string{"id"},
		Identity:  schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}},
		Directory: dir, Rows: 3, Segments: []Segment{{Path: dir + "/1.parquet", Rows: 3, Bytes: 400, Checksum: "ab"}},
	}
}

// changes returns an entry that covers [start, end) with one segment per table.
func changes(start, end pglogrepl.LSN, tables ...schema.TableName) *Changes {
	c := &Changes{Start: start, End: end, Transactions: int64(len(tables))}
	for _, t := range tables {
		c.Tables = append(c.Tables, TableChanges{
			Table: t, OID: 16384, Columns: []schema.Column{column("id")}, Rows: map[schema.Op]int64{schema.OpInsert: 2},
			Segments: []Segment{
				{Path: fmt.Sprintf("segments/run/%s/%d.parquet", t, uint64(end)), Rows: 2, Bytes: 300, Checksum: "cd", First: start, Last: end - 1},
			},
		})
	}
	return c
}
