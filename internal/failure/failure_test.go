package failure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestKindsAreTheDocumentedExitCodes(t *testing.T) {
	for kind, code := range map[Kind]int{Other: 1, Tables: 3, Source: 10, Destination: 11, Conflict: 12, Usage: 64, Interrupted: 130} {
		if int(kind) != code {
			t.Errorf("kind %d is not exit code %d", kind, code)
		}
	}
}

func TestKindOfAndHintOf(t *testing.T) {
	plain := errors.New("plain")
	source := New(Source, "connect: %w", fs.ErrPermission).WithHint("grant %s", "CONNECT")
	bare := New(Destination, "upload")
	tests := []struct {
		name string
		err  error
		kind Kind
		hint string
	}{
		{"none", nil, Other, ""},
		{"plain", plain, Other, ""},
		{"itself", source, Source, "grant CONNECT"},
		{"behind fmt.Errorf", fmt.Errorf("full-load: %w", source), Source, "grant CONNECT"},
		{"behind two errors of one fmt.Errorf", fmt.Errorf("%w, %w", plain, source), Source, "grant CONNECT"},
		{"outer kind, inner hint", &Error{Kind: Tables, Err: fmt.Errorf("orders: %w", source)}, Tables, "grant CONNECT"},
		{"outer hint first", (&Error{Kind: Tables, Err: source}).WithHint("look"), Tables, "look"},
		{"joined behind a plain one", errors.Join(plain, source), Source, "grant CONNECT"},
		{"joined behind one without a hint", errors.Join(bare, source), Destination, "grant CONNECT"},
		{"joined before one without a hint", errors.Join(source, bare), Source, "grant CONNECT"},
		{"kind forgotten", &Error{Err: plain, Hint: "h"}, Other, "h"},
		{"kind forgotten outside", &Error{Err: source}, Source, "grant CONNECT"},
		{"nothing inside", fmt.Errorf("%w", error(nil)), Other, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := KindOf(test.err); got != test.kind {
				t.Errorf("KindOf = %d, want %d", got, test.kind)
			}
			if got := HintOf(test.err); got != test.hint {
				t.Errorf("HintOf = %q, want %q", got, test.hint)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	if Wrap(Source, nil) != nil {
		t.Error("a nil error became an error")
	}
	inner := fmt.Errorf("copy: %w", New(Destination, "disk"))
	if got := Wrap(Source, inner); got != inner {
		t.Errorf("Wrap changed an error that has a kind: %#v", got)
	}
	got := Wrap(Interrupted, context.Canceled)
	if KindOf(got) != Interrupted || !errors.Is(got, context.Canceled) || got.Error() != context.Canceled.Error() {
		t.Errorf("Wrap gave %#v", got)
	}
	if got := Wrap(Usage, &Error{Err: context.Canceled, Hint: "h"}); KindOf(got) != Usage || HintOf(got) != "h" {
		t.Errorf("Wrap of an error without a kind gave %#v", got)
	}
}

func TestErrorIsTheTextWithoutTheHint(t *testing.T) {
	err := New(Usage, "read %s: %w", "ingest.toml", fs.ErrNotExist).WithHint("write it")
	if got, want := err.Error(), "read ingest.toml: file does not exist"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the wrapped error is hidden")
	}
}
