package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

// shell is a command that counts its runs in a file.
func shell(t *testing.T, script string) (p *passwords, runs func() int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runs")
	p = &passwords{command: []string{"sh", "-c", "echo >> " + file + "\n" + script}, timeout: 10 * time.Second}
	return p, func() int {
		lines, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return len(lines)
	}
}

func TestAPasswordIsUsedForAShortWhile(t *testing.T) {
	p, runs := shell(t, "echo token-$RANDOM; echo careful >&2")
	first, reused, err := p.password(t.Context())
	if err != nil || reused || !strings.HasPrefix(first, "token-") || strings.Contains(first, "\n") {
		t.Fatalf("%q, reused %t, %v", first, reused, err)
	}
	if again, reused, err := p.password(t.Context()); err != nil || !reused || again != first || runs() != 1 {
		t.Errorf("%q, reused %t, %v after %d runs", again, reused, err, runs())
	}
	p.forget("another one")
	if _, reused, _ := p.password(t.Context()); !reused {
		t.Error("another session's refusal took the password away")
	}
	p.forget(first)
	if _, reused, err := p.password(t.Context()); err != nil || reused || runs() != 2 {
		t.Errorf("after a refusal: reused %t, %v after %d runs", reused, err, runs())
	}
	p.expires = time.Now()
	if _, reused, err := p.password(t.Context()); err != nil || reused || runs() != 3 {
		t.Errorf("after its time: reused %t, %v after %d runs", reused, err, runs())
	}
}

func TestAPasswordCommandThatFails(t *testing.T) {
	const secret = "s3cr3t-output"
	for name, test := range map[string]struct {
		script, text, hint string
	}{
		"exit code": {"echo " + secret + "; echo usage >&2; echo 'Unable to locate credentials' >&2; exit 253",
			"exit status 253: Unable to locate credentials", "by hand"},
		"nothing said":   {"exit 1", "exit status 1", "by hand"},
		"nothing":        {"true", "it printed nothing", "standard output"},
		"several lines":  {"echo Token:; echo " + secret, "more than one line", "nothing else"},
		"no end of it":   {"head -c 200000 /dev/zero | tr '\\0' x", "more than one line", "nothing else"},
		"hangs":          {"echo " + secret + "; exec sleep 60", "it did not end within 300ms", "without asking"},
		"leaves a child": {"sleep 60 & echo " + secret + "; exit 3", "exit status 3", "by hand"},
		"a URL on error": {"echo 'cannot reach postgres://ann:" + secret + "@db/x' >&2; exit 1", "postgres://ann:***@db/x", "by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := shell(t, test.script)
			if name == "hangs" {
				p.timeout = 300 * time.Millisecond
			}
			began := time.Now()
			_, _, err := p.password(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			if failure.KindOf(err) != failure.Source || !strings.Contains(err.Error(), "run source.password_command (sh): ") ||
				!strings.Contains(err.Error(), test.text) || !strings.Contains(failure.HintOf(err), test.hint) {
				t.Errorf("%v, hint %q", err, failure.HintOf(err))
			}
			if strings.Contains(fmt.Sprintf("%+v %s", err, failure.HintOf(err)), secret) || strings.Contains(err.Error(), "usage") {
				t.Errorf("%v says too much", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if !Passing(err) {
				t.Error("a following run would not try again")
			}
		})
	}
	t.Run("one that leaves a child and is well", func(t *testing.T) {
		p, _ := shell(t, "sleep 60 & echo token")
		if password, _, err := p.password(t.Context()); err != nil || password != "token" {
			t.Errorf("%q, %v", password, err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		p := &passwords{command: []string{"no-such-program"}, timeout: time.Second}
		if _, _, err := p.password(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no such program") {
			t.Error(err)
		}
	})
	t.Run("a run that is interrupted", func(t *testing.T) {
		p, _ := shell(t, "exec sleep 60")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := p.password(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
