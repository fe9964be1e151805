package postgres

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// After a large message, what it took is free before the next one is read, and
// nothing of the messages is lost: not of those that came with its end either.
func TestLargeMessageIsLetGo(t *testing.T) {
	large, small := bytes.Repeat([]byte("large"), largeMessage/4), []byte("small")
	messages := []pgproto3.BackendMessage{
		&pgproto3.CopyData{Data: small}, &pgproto3.CopyData{Data: large}, &pgproto3.CopyData{Data: small},
		&pgproto3.CopyData{Data: large}, &pgproto3.CopyData{Data: large}, &pgproto3.CopyDone{},
	}
	for _, test := range []struct {
		name    string
		between bool
		want    []int // sizes of CopyData; -1 is CopyDone
	}{
		{"with one in between", true, []int{5, len(large), 0, 5, len(large), 0, len(large), 0, -1}},
		{"with none", false, []int{5, len(large), 5, len(large), len(large), -1}},
	} {
		for name, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader, "errors with the last": iotest.DataErrReader,
		} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				var stream bytes.Buffer
				for _, m := range messages {
					encoded, err := m.Encode(nil)
					if err != nil {
						t.Fatal(err)
					}
					stream.Write(encoded)
				}
				frontend := lettingGo(pgproto3.NewFrontend, test.between)(reader(&stream), io.Discard)
				before := inUse()
				var got []int
				for len(got) < len(test.want) {
					m, err := frontend.Receive()
					if err != nil {
						t.Fatal(err)
					}
					data, ok := m.(*pgproto3.CopyData)
					if !ok {
						got = append(got, -1)
						continue
					}
					if len(data.Data) == len(large) && !bytes.Equal(data.Data, large) || len(data.Data) == len(small) && !bytes.Equal(data.Data, small) {
						t.Errorf("message %d differs", len(got))
					}
					if n := len(got); test.between && n > 1 && got[n-1] == 0 && len(data.Data) == len(small) {
						if took := inUse() - before; took > largeMessage/2 {
							t.Errorf("%d bytes are still taken", took)
						}
					}
					got = append(got, len(data.Data))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("sizes (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// inUse is what is on the heap, without asking for a collection: what was let go
// is gone.
func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
