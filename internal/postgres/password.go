package postgres

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

// passwords runs a command for the password of each new session, such as one that issues a cloud's IAM
// token. Sessions that begin within a short time reuse its output. The output is neither logged nor
// part of an error. The zero value has no command.
type passwords struct {
	command []string // program and arguments; no shell
	timeout time.Duration

	mu      sync.Mutex // held while the command runs
	last    string
	expires time.Time
}

const (
	passwordTimeout = 30 * time.Second
	// passwordLife is short compared with the life of tokens: 15 minutes at Amazon.
	passwordLife = time.Minute
	// maxPasswordBytes is larger than any token: those with claims have a few thousand bytes.
	maxPasswordBytes = 64 << 10
)

// password returns the password, and whether it was used before.
func (p *passwords) password(ctx context.Context) (password string, reused bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != "" && time.Now().Before(p.expires) {
		return p.last, true, nil
	}
	p.last = ""
	if p.last, err = p.run(ctx); err != nil {
		return "", false, err
	}
	p.expires = time.Now().Add(passwordLife)
	return p.last, false, nil
}

// forget makes the next session run the command, after password was refused.
func (p *passwords) forget(password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == password {
		p.last = ""
	}
}

func (p *passwords) run(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, p.command[0], p.command[1:]...) //nolint:gosec // the configuration's own command
	cmd.WaitDelay = time.Second                                         // for processes that it started and left behind
	out, said := &head{limit: maxPasswordBytes}, &tail{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // an agent that it started holds its output open
		err = nil
	}
	password := strings.TrimRight(string(out.bytes), "\r\n")
	name := program(p.command[0])
	var path *fs.PathError // its text contains the whole first item
	said.hide(strings.TrimSpace(string(out.bytes)))
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", commandError(name, "it did not end within "+p.timeout.String(), said,
			"run it by hand: it must print the password without asking anything")
	case errors.Is(err, exec.ErrNotFound):
		return "", commandError(name, "there is no such program", said,
			"name it with its directory, or put it on the PATH; it does not run in a shell: for pipes, use [\"sh\", \"-c\", \"…\"]")
	case errors.As(err, &path):
		return "", commandError(name, path.Err.Error(), said,
			"name only the program in the first item, and its arguments in the others; it does not run "+
				"in a shell: for pipes, use [\"sh\", \"-c\", \"…\"]")
	case err != nil:
		return "", commandError(name, err.Error(), said, "run it by hand as the same user and with the same environment")
	case password == "":
		return "", commandError(name, "it printed nothing", said, "it must print the password to its standard output")
	case out.cut, strings.ContainsAny(password, "\r\n\x00"):
		return "", commandError(name, "it printed more than one line", said, "it must print the password and nothing else to its standard output")
	}
	return password, nil
}

// program is a program's name without arguments that were put into the same text: one of them may be
// the password.
func program(command string) string {
	if name, _, more := strings.Cut(command, " "); more {
		return name + " …"
	}
	return command
}

func commandError(name, what string, said *tail, hint string) error {
	if line := said.lastLine(); line != "" {
		what += ": " + Redact(line)
	}
	return failure.New(failure.Source, "run source.password_command (%s): %w", name, &unanswered{errors.New(what)}).WithHint("%s", hint)
}

// head keeps the first bytes of what is written.
type head struct {
	limit int
	bytes []byte
	cut   bool
}

func (h *head) Write(b []byte) (int, error) {
	keep := min(len(b), h.limit-len(h.bytes))
	h.bytes = append(h.bytes, b[:keep]...)
	h.cut = h.cut || keep < len(b)
	return len(b), nil
}

// tail keeps the last bytes of what is written.
type tail struct {
	limit int
	bytes []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.bytes = append(t.bytes, b...)
	t.bytes = bytes.Clone(t.bytes[max(0, len(t.bytes)-t.limit):])
	return len(b), nil
}

// hide removes the password that a command printed from its other output.
func (t *tail) hide(password string) {
	for line := range strings.Lines(password) {
		if line = strings.TrimSpace(line); line != "" {
			t.bytes = bytes.ReplaceAll(t.bytes, []byte(line), []byte("***"))
		}
	}
}

func (t *tail) lastLine() string {
	text := strings.TrimSpace(string(t.bytes))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
