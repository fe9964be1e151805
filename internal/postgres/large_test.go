package postgres

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The memory of a large message is free before the next message is read. No bytes of the messages are
// lost, not even of those that arrive with the end of a large one.
func TestLargeMessageIsLetGo(t *testing.T) {
	// The driver pools buffers of up to 32 MB, for some time.
	large, small := bytes.Repeat([]byte("large"), 8<<20), []byte("small")
	want := [][]byte{small, large, small, large, large, nil} // nil: CopyDone
	var sent []byte
	for _, data := range want {
		var m pgproto3.BackendMessage = &pgproto3.CopyDone{}
		if data != nil {
			m = &pgproto3.CopyData{Data: data}
		}
		var err error
		if sent, err = m.Encode(sent); err != nil {
			t.Fatal(err)
		}
	}
	for name, reader := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader, "errors with the last": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			frontend := lettingGo(pgproto3.NewFrontend)(reader(bytes.NewReader(sent)), io.Discard)
			var before int64
			for i := range want {
				m, err := frontend.Receive()
				if err != nil {
					t.Fatal(err)
				}
				switch m := m.(type) {
				case *pgproto3.CopyData:
					if !bytes.Equal(m.Data, want[i]) {
						t.Errorf("message %d differs", i)
					}
					m.Data = nil
				case *pgproto3.CopyDone:
					if want[i] != nil {
						t.Errorf("message %d is the end", i)
					}
				default:
					t.Errorf("message %d is %T", i, m)
				}
				switch i {
				case 0:
					runtime.GC()
					before = inUse()
				case 2:
					if took := inUse() - before; took > largeMessage/2 {
						t.Errorf("%d bytes of the large message are still taken", took)
					}
				}
			}
		})
	}
}

// inUse is the size of the heap without a forced collection: released memory is gone.
func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
