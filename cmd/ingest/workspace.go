package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ui"
	"github.com/ingest-tool/ingest/lakehouse"
)

// served tells a client how to reach the workspace.
type served struct {
	Host        string `json:"host"`
	Token       string `json:"token"`
	WarehouseID string `json:"warehouse_id"`
	HTTPPath    string `json:"http_path"`
	// ServerHostname is Host without its scheme; it serves https too.
	ServerHostname string `json:"server_hostname"`
	Roots          string `json:"ca_bundle"`
	Authority      string `json:"ca_certificate"`
	Page           string `json:"page"` // for a browser
}

func newWorkspace(a *app) *cobra.Command {
	var o lakehouse.Options
	var memory string
	cmd := &cobra.Command{
		Use:   "workspace",
		Short: "Serve a local workspace in place of Databricks",
		Long: `workspace serves a local Databricks workspace on loopback until it is interrupted. It
prints the environment variables that point any Databricks client at it. It stores
everything in one directory and reads no configuration file. A page for a browser
shows its tables and its last statements; the address is printed with its key.

The first lines of the output are export commands for a shell. With --output json
they are one object: host, token, warehouse_id, http_path, server_hostname,
ca_bundle, ca_certificate, page.

The port serves http and https. SSL_CERT_FILE and REQUESTS_CA_BUNDLE name a bundle
with this machine's certificate authorities and the workspace's own.`,
		Example: `  ingest workspace --dir ./local-lakehouse --listen 127.0.0.1:8787 > workspace.env &
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
	f.StringVar(&o.Dir, "dir", "./local-lakehouse", "directory that stores everything; created if missing")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:0", "loopback address; port 0 means any free port")
	f.StringArrayVar(&o.Catalogs, "catalog", []string{"dev_chinook_lakehouse"}, "catalog to create if missing; may be repeated")
	f.StringVar(&memory, "memory", "", "memory limit of statements (default: about a quarter of the machine's)")
	must(cmd.MarkFlagDirname("dir"))
	return cmd
}

// leastWorkspace is the minimum memory of a workspace, in bytes.
const leastWorkspace = 64 << 20

// serve serves a workspace until the first signal.
func (a *app) serve(ctx context.Context, o lakehouse.Options) error {
	a.endsByInterrupt()
	server, err := serveWorkspace(ctx, o)
	if err != nil {
		return err
	}
	a.local = server // closed with the app
	if err := printServed(a.ui, served{
		server.URL(), server.Token(), server.WarehouseID(), server.HTTPPath(),
		strings.TrimPrefix(server.URL(), "http://"), server.RootsFile(), server.AuthorityFile(), server.PageURL(),
	}); err != nil {
		return err
	}
	a.ui.Note("serving %s at %s; press Ctrl-C to stop\nits tables and statements, in a browser: %s", o.Dir, server.URL(), server.PageURL())
	<-a.stop.Done()
	return nil
}

func printServed(out *ui.Output, s served) error {
	if out.Structured {
		return out.JSON(s)
	}
	var lines []string
	for _, v := range [][2]string{
		{"DATABRICKS_HOST", s.Host}, {"DATABRICKS_TOKEN", s.Token},
		{"DATABRICKS_WAREHOUSE_ID", s.WarehouseID}, {"DATABRICKS_HTTP_PATH", s.HTTPPath},
		{"DATABRICKS_SERVER_HOSTNAME", s.ServerHostname}, {"SSL_CERT_FILE", s.Roots}, {"REQUESTS_CA_BUNDLE", s.Roots},
	} {
		lines = append(lines, fmt.Sprintf("export %s=%s", v[0], shellQuote(v[1])))
	}
	return out.Print("%s", strings.Join(lines, "\n"))
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
