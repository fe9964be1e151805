package stage

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// broken refuses the first upload and blocks the others until they are canceled.
type broken struct{ first chan struct{} }

func (b broken) Upload(ctx context.Context, _ string, _ io.ReadSeeker, _ int64) error {
	select {
	case <-b.first:
		return io.ErrShortWrite
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The first failed upload cancels the others. Its error is the one that is
// reported.
func TestUploadThatCancelsTheOthers(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<20)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	n.s.Files = broken{first}
	u := newUploads(t.Context(), n.s, true)
	for range uploaders {
		w, err := n.s.Spool.NewWriter(n.output("a").layout, []bool{false}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		file, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		u.add(upload{file: file, name: n.s.segmentName(tableT, "changes"), finish: func(ledger.Segment) {}})
	}
	if err := u.wait(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want the error of the first upload", err)
	}
	_ = n.e.wait()
}
