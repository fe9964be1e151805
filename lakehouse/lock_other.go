//go:build cgo && !unix

package lakehouse

import "errors"

type dirLock struct{}

func lockDir(string) (*dirLock, error) {
	return nil, errors.New("the local workspace runs on Linux and macOS only")
}

func (l *dirLock) release() error { return nil }
