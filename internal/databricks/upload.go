package databricks

import (
	"context"
	"errors"
	"io"
	"sync"
)

// upload is the body of one request that the SDK may send several times. A
// server that answers before it has read everything leaves the attempt's
// connection reading from the body still, while the next attempt rewinds it:
// only the newest attempt may touch the body, and none once the call is over.
type upload struct {
	size int64

	mu      sync.Mutex
	body    io.ReadSeeker
	current int // number of the attempt that may read
}

var errStaleAttempt = errors.New("this attempt is over")

func withUpload(ctx context.Context, u *upload) context.Context {
	return context.WithValue(ctx, uploadKey, u)
}

// Read implements io.Reader for the attempts, which hold u.mu.
func (u *upload) Read(p []byte) (int, error) { return u.body.Read(p) }

// Seek ends the running attempt. The SDK calls it before each further one.
func (u *upload) Seek(offset int64, whence int) (int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current++
	return u.body.Seek(offset, whence)
}

// Close does nothing: net/http closes every body after its first attempt.
func (u *upload) Close() error { return nil }

// end takes the body from all attempts.
func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current++
}

// attempt guards sent, which is u as the SDK has wrapped it, for one attempt.
func (u *upload) attempt(sent io.ReadCloser) io.ReadCloser {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current++
	return &attemptBody{upload: u, sent: sent, number: u.current}
}

type attemptBody struct {
	upload *upload
	sent   io.ReadCloser
	number int
}

func (a *attemptBody) Read(p []byte) (int, error) {
	a.upload.mu.Lock()
	defer a.upload.mu.Unlock()
	if a.number != a.upload.current {
		return 0, errStaleAttempt
	}
	return a.sent.Read(p)
}

func (a *attemptBody) Close() error { return a.sent.Close() }
