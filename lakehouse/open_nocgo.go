//go:build !cgo

package lakehouse

import (
	"context"
	"errors"
)

// Server is a running workspace; this build cannot make one.
type Server struct{}

// Open answers with an error: this build has no DuckDB.
func Open(context.Context, Options) (*Server, error) {
	return nil, errors.New("open local workspace: this build has no local workspace: it was built without cgo; " +
		"build it with CGO_ENABLED=1 and a C++ compiler, or use a Databricks workspace")
}

// URL is where a running workspace listens.
func (s *Server) URL() string { return "" }

// PageURL is the address of a running workspace's page.
func (s *Server) PageURL() string { return "" }

// RootsFile holds the certificate authorities that a client trusts.
func (s *Server) RootsFile() string { return "" }

// AuthorityFile holds the workspace's certificate authority.
func (s *Server) AuthorityFile() string { return "" }

// Token is the personal access token.
func (s *Server) Token() string { return "" }

// ClientID is the OAuth client.
func (s *Server) ClientID() string { return "" }

// ClientSecret is the secret of ClientID.
func (s *Server) ClientSecret() string { return "" }

// WarehouseID names the one SQL warehouse.
func (s *Server) WarehouseID() string { return "" }

// HTTPPath is where that warehouse takes statements.
func (s *Server) HTTPPath() string { return "" }

// Statements are the SQL texts received.
func (s *Server) Statements() []string { return nil }

// Wakeups counts the starts of the SQL warehouse.
func (s *Server) Wakeups() int { return 0 }

// Requests counts the requests received.
func (s *Server) Requests() int64 { return 0 }

// ExpireTokens makes every OAuth token issued so far invalid.
func (s *Server) ExpireTokens() {}

// Close ends the workspace.
func (s *Server) Close() error { return nil }
