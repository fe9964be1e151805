//go:build cgo

package lakehouse

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// certificateFile is the server's certificate with its private key.
	certificateFile = "tls.pem"
	// authorityFile is only the certificate of the authority that signed it.
	authorityFile = "tls-ca.pem"
	// rootsFile has the machine's own authorities and then authorityFile, so a client that trusts only this file can still reach
	// other hosts.
	rootsFile = "tls-roots.pem"

	certificateLife = 365 * 24 * time.Hour
	// certificateRest is how long a kept certificate must still be valid.
	certificateRest = 30 * 24 * time.Hour
)

// systemRoots are where Linux distributions and macOS keep their authorities.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// openCertificate returns the certificate in dir. It makes a new one if there is none, or if the old one is about to expire.
func openCertificate(dir *store, now time.Time) (tls.Certificate, error) {
	kept, err := dir.root.ReadFile(certificateFile)
	if err == nil {
		c, err := tls.X509KeyPair(kept, kept)
		if err == nil && c.Leaf.NotAfter.After(now.Add(certificateRest)) && !now.Before(c.Leaf.NotBefore) {
			return c, nil
		}
	}
	authority, pair, err := newCertificate(now)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a TLS certificate: %w", err)
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{authorityFile, authority}, {rootsFile, bytes.Join([][]byte{machineRoots(), authority}, nil)}, {certificateFile, pair}} {
		if err := dir.saveBytes(f.name, f.text); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.X509KeyPair(pair, pair)
}

func machineRoots() []byte {
	for _, name := range systemRoots {
		if text, err := os.ReadFile(name); err == nil {
			return append(bytes.TrimSpace(text), '\n')
		}
	}
	return nil
}

// newCertificate makes an authority and a certificate for loopback that it signed. The authority's
// key is not stored, because it signs nothing else.
func newCertificate(now time.Time) (authority, pair []byte, err error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	from, to := now.Add(-time.Hour), now.Add(certificateLife)
	root := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "ingest local workspace authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, nil, err
	}
	if root, err = x509.ParseCertificate(rootDER); err != nil {
		return nil, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "ingest local workspace"}, NotBefore: from, NotAfter: to,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), authorityKey)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	pair = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}), authority...)
	return authority, append(pair, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// RootsFile holds the certificate authorities that a client trusts to reach the
// workspace by https: the machine's own and the workspace's.
func (s *Server) RootsFile() string { return filepath.Join(s.options.Dir, rootsFile) }

// AuthorityFile holds only the workspace's certificate authority.
func (s *Server) AuthorityFile() string { return filepath.Join(s.options.Dir, authorityFile) }
