package databricks

import (
	"context"
	"errors"
	"io"
	"sync"
)

// upload is the body of one request that the SDK may send several times. If a
// server answers before it has read everything, the connection of that attempt
// continues to read from the body while the next attempt rewinds it. So only
// the newest attempt may use the body, and none may after the call has ended.
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

// Read implements io.Reader for the attempts. They hold u.mu.
func (u *upload) Read(p []byte) (int, error) { return u.body.Read(p) }

// Seek ends the present attempt. The SDK calls it before each retry.
func (u *upload) Seek(offset int64, whence int) (int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current++
	return u.body.Seek(offset, whence)
}

// Close does nothing, because net/http closes every body after its first
// attempt.
func (u *upload) Close() error { return nil }

// end ends all attempts' access to the body.
func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current++
}

// attempt guards sent for one attempt. sent is u as the SDK has wrapped it.
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
