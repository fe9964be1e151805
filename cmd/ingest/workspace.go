package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ingest/internal/config"
	"ingest/internal/failure"
	"ingest/internal/workspace"
)

// served is how a client reaches the workspace.
type served struct {
	Host        string `json:"host"`
	Token       string `json:"token"`
	WarehouseID string `json:"warehouse_id"`
	HTTPPath    string `json:"http_path"`
	// ServerHostname is Host without its scheme, which also takes https.
	ServerHostname string `json:"server_hostname"`
	Roots          string `json:"ca_bundle"`
	Authority      string `json:"ca_certificate"`
}

func newWorkspace(a *app) *cobra.Command {
	var o workspace.Options
	var memory string
	cmd := &cobra.Command{
		Use:   "workspace",
		Short: "Serve the local workspace, which stands in for Databricks",
		Long: `workspace serves a Databricks workspace on loopback until it is interrupted, and
prints the environment that points any Databricks client at it. What is stored
in it is kept in the directory. It reads no configuration file.

The first lines of its output are export commands for a shell. With --output
json they are one object: host, token, warehouse_id, http_path, server_hostname,
ca_bundle, ca_certificate.

The port takes http and https. SSL_CERT_FILE and REQUESTS_CA_BUNDLE name the
authorities of this machine and of the workspace's own certificate.`,
		Example: `  ingest workspace --dir ./lakehouse --listen 127.0.0.1:8787 > workspace.env &
  sleep 2; . ./workspace.env
  ingest sql "SELECT 1 AS one" --catalog dev_chinook_lakehouse --schema default`,
		Annotations: withoutConfig(),
		Args:        exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range o.Catalogs {
				if strings.TrimSpace(name) == "" {
					return failure.New(failure.Usage, "--catalog: an empty name")
				}
			}
			if memory != "" {
				n, err := config.ParseBytes(memory)
				if err != nil || n < leastWorkspace {
					return failure.New(failure.Usage, `--memory: want a size such as "4GB", at least 64MiB, not %q`, memory)
				}
				o.MemoryLimit = fmt.Sprintf("%dMiB", n>>20)
			}
			o.Log = a.log
			return a.serve(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "./lakehouse", "directory that keeps everything; it is made if missing")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:0", "address on loopback; port 0 is any free one")
	f.StringArrayVar(&o.Catalogs, "catalog", []string{"dev_chinook_lakehouse"}, "catalog to make if missing; may be given several times")
	f.StringVar(&memory, "memory", "", "memory that statements may take (default: about a quarter of the machine's)")
	must(cmd.MarkFlagDirname("dir"))
	return cmd
}

// leastWorkspace is the least memory that a workspace works with, in bytes.
const leastWorkspace = 64 << 20

// serve serves a workspace until the first signal, which is its proper end.
func (a *app) serve(ctx context.Context, o workspace.Options) error {
	server, err := serveWorkspace(ctx, o)
	if err != nil {
		return err
	}
	a.local = server // closed with the app
	if err := a.printServed(served{
		server.URL(), server.Token(), server.WarehouseID(), server.HTTPPath(),
		strings.TrimPrefix(server.URL(), "http://"), server.RootsFile(), server.AuthorityFile(),
	}); err != nil {
		return err
	}
	a.ui.Note("serving %s at %s; interrupt to end", o.Dir, server.URL())
	<-a.stop.Done()
	return nil
}

func (a *app) printServed(s served) error {
	if a.ui.Structured {
		return a.ui.JSON(s)
	}
	var lines []string
	for _, v := range [][2]string{
		{"DATABRICKS_HOST", s.Host}, {"DATABRICKS_TOKEN", s.Token},
		{"DATABRICKS_WAREHOUSE_ID", s.WarehouseID}, {"DATABRICKS_HTTP_PATH", s.HTTPPath},
		{"DATABRICKS_SERVER_HOSTNAME", s.ServerHostname}, {"SSL_CERT_FILE", s.Roots}, {"REQUESTS_CA_BUNDLE", s.Roots},
	} {
		lines = append(lines, fmt.Sprintf("export %s=%s", v[0], shellQuote(v[1])))
	}
	return a.ui.Print("%s", strings.Join(lines, "\n"))
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
