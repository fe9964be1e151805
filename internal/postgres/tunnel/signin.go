package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/ingest-tool/ingest/internal/failure"
)

// connect opens the SSH connection and signs in.
func (t *Tunnel) connect(ctx context.Context) (*ssh.Client, error) {
	check, algorithms, err := t.hostKeys()
	if err != nil {
		return nil, err
	}
	keys, err := t.identity()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.opt.Timeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	network, err := dialer.DialContext(ctx, "tcp", t.opt.Address)
	if err != nil {
		return nil, failure.New(failure.Source, "connect to the SSH server %s: %w", t.opt.Address, err).
			WithHint("is it up, and reachable from here? check source.ssh_host")
	}
	// The context ends a handshake that hangs.
	stop := context.AfterFunc(ctx, func() { _ = network.Close() })
	connection, channels, requests, err := ssh.NewClientConn(network, t.opt.Address, &ssh.ClientConfig{
		User: t.opt.User, HostKeyCallback: check, HostKeyAlgorithms: algorithms,
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(keys.signers)},
	})
	keys.close()
	if !stop() && err == nil { // it was closed a moment ago
		_ = connection.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = network.Close()
		return nil, t.signInError(ctx, err)
	}
	return ssh.NewClient(connection, channels, requests), nil
}

func (t *Tunnel) signInError(ctx context.Context, err error) error {
	var known *failure.Error // of the host's key
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return failure.New(failure.Source, "sign in to the SSH server %s: no answer within %s: %w", t.opt.Address, t.opt.Timeout, ctx.Err()).
			WithHint("is it an SSH server that listens there? check source.ssh_host")
	case strings.Contains(err.Error(), "unable to authenticate"):
		return failure.New(failure.Source, "sign in to the SSH server %s as %s: no key was accepted", t.opt.Address, t.opt.User).
			WithHint("check source.ssh_user, and that the public half of %s is in the server's authorized_keys", t.keyName())
	}
	return failure.New(failure.Source, "sign in to the SSH server %s: %w", t.opt.Address, err)
}

// keyName describes the key that signs in.
func (t *Tunnel) keyName() string {
	switch {
	case len(t.opt.IdentityKey) > 0:
		return "the key in source.ssh_identity_secret"
	case t.opt.IdentityFile != "":
		return t.opt.IdentityFile
	}
	return "a key of the agent (`ssh-add -l` lists them)"
}

// identity is what signs in: a key, or an agent's keys.
type identity struct {
	key   ssh.Signer // nil: the agent's
	agent net.Conn   // nil: none
}

func (i *identity) signers() ([]ssh.Signer, error) {
	if i.key != nil {
		return []ssh.Signer{i.key}, nil
	}
	return agent.NewClient(i.agent).Signers()
}

func (i *identity) close() {
	if i.agent != nil {
		_ = i.agent.Close()
	}
}

func (t *Tunnel) identity() (*identity, error) {
	pem, name := t.opt.IdentityKey, t.keyName()
	if len(pem) == 0 && t.opt.IdentityFile != "" {
		var err error
		if pem, err = os.ReadFile(t.opt.IdentityFile); err != nil {
			return nil, failure.New(failure.Usage, "read the SSH key: %w", err).WithHint("check source.ssh_identity_file")
		}
	}
	if len(pem) > 0 {
		key, err := ssh.ParsePrivateKey(pem)
		var locked *ssh.PassphraseMissingError
		switch {
		case err == nil:
			return &identity{key: key}, nil
		case !errors.As(err, &locked):
			return nil, failure.New(failure.Usage, "read the SSH key in %s: it is not a private key in PEM", name).
				WithHint("name the private half, not the one that ends in .pub")
		case t.opt.AgentSocket == "":
			return nil, failure.New(failure.Usage, "read the SSH key in %s: it has a passphrase", name).
				WithHint("put it into an agent: eval $(ssh-agent) && ssh-add FILE")
		}
	}
	if t.opt.AgentSocket == "" {
		return nil, failure.New(failure.Usage, "sign in to the SSH server %s: there is no key", t.opt.Address).
			WithHint("set source.ssh_identity_file, or start an agent: eval $(ssh-agent) && ssh-add")
	}
	connection, err := net.Dial("unix", t.opt.AgentSocket)
	if err != nil {
		return nil, failure.New(failure.Source, "ask the SSH agent at SSH_AUTH_SOCK: %w", err).
			WithHint("start an agent: eval $(ssh-agent) && ssh-add")
	}
	_ = connection.SetDeadline(time.Now().Add(t.opt.Timeout))
	return &identity{agent: connection}, nil
}

// hostKeys reads the known hosts. It returns the check of the server's key, and the algorithms of the
// known keys. If the client asked for another algorithm, the server would present a valid key that is
// not known.
func (t *Tunnel) hostKeys() (ssh.HostKeyCallback, []string, error) {
	known, err := knownhosts.New(t.opt.KnownHosts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, failure.New(failure.Usage, "read the known SSH hosts: %w", err).WithHint("%s", t.learn(""))
	}
	if err != nil {
		return nil, nil, failure.New(failure.Usage, "read the known SSH hosts: %w", err).WithHint("check source.ssh_known_hosts")
	}
	check := func(host string, remote net.Addr, key ssh.PublicKey) error {
		return t.hostKeyError(known(host, remote, key), key)
	}
	var differs *knownhosts.KeyError
	if !errors.As(known(t.opt.Address, &net.TCPAddr{}, unknownKey{}), &differs) {
		return check, nil, nil
	}
	var algorithms []string
	for _, k := range differs.Want {
		switch kind := k.Key.Type(); kind {
		case ssh.KeyAlgoRSA: // never with SHA-1
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			algorithms = append(algorithms, kind)
		}
	}
	return check, algorithms, nil
}

func (t *Tunnel) hostKeyError(err error, key ssh.PublicKey) error {
	var differs *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	fingerprint := ssh.FingerprintSHA256(key)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return failure.New(failure.Source, "the key of the SSH server %s (%s) is revoked: %s:%d", t.opt.Address, fingerprint,
			revoked.Revoked.Filename, revoked.Revoked.Line)
	case errors.As(err, &differs) && len(differs.Want) == 0:
		return failure.New(failure.Source, "the SSH server %s is not known: its key has the fingerprint %s", t.opt.Address, fingerprint).
			WithHint("%s", t.learn(fingerprint))
	case errors.As(err, &differs):
		return failure.New(failure.Source, "the SSH server %s has another key (%s) than the known one (%s:%d): "+
			"someone may be intercepting the connection", t.opt.Address, fingerprint, differs.Want[0].Filename, differs.Want[0].Line).
			WithHint("ask the administrator; if the key was changed: ssh-keygen -R %s -f %s, then add the new one",
				t.pattern(), differs.Want[0].Filename)
	}
	return failure.New(failure.Source, "check the key of the SSH server %s: %w", t.opt.Address, err)
}

// learn explains how to make a host known.
func (t *Tunnel) learn(fingerprint string) string {
	host, port, _ := net.SplitHostPort(t.opt.Address)
	if fingerprint != "" {
		fingerprint = " (" + fingerprint + ")"
	}
	return fmt.Sprintf(
		"ssh-keyscan -p %s %s >> %s, then compare its fingerprint%s with what the server's administrator says: ssh-keygen -lf %[3]s",
		port, host, t.opt.KnownHosts, fingerprint)
}

// pattern is the host as a known_hosts file writes it.
func (t *Tunnel) pattern() string {
	host, port, _ := net.SplitHostPort(t.opt.Address)
	if port == "22" {
		return host
	}
	return "'[" + host + "]:" + port + "'"
}

// unknownKey is a key that no server has.
type unknownKey struct{}

func (unknownKey) Type() string                        { return "unknown" }
func (unknownKey) Marshal() []byte                     { return []byte("unknown") }
func (unknownKey) Verify([]byte, *ssh.Signature) error { return errors.New("unknown key") }
