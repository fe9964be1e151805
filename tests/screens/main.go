//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/pgserver"
)

// scenes are the pictures, in the order in which they are taken.
var scenes = []scene{
	{picture: "screen-full-load.svg", args: "full-load --local ./local-lakehouse", width: 118, height: 22, when: func(s string) bool {
		return strings.Contains(s, "\nsnapshot") && strings.Contains(s, "\n  public.")
	}},
	{change: true, args: "cdc --local ./local-lakehouse"},
	{picture: "screen-status.svg", args: "status --local ./local-lakehouse", width: 118, height: 18},
}

func main() {
	binary := flag.String("binary", "bin/ingest", "the program, with the local workspace")
	out := flag.String("out", "docs/images", "directory of the pictures")
	scale := flag.Int("scale", 40, "size of the data, as a multiple of the Chinook sample database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := draw(ctx, *binary, *out, *scale); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func draw(ctx context.Context, binary, out string, scale int) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ingest-screens-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := pgserver.Start(ctx, pgserver.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	if err := server.CreateDatabase(ctx, "chinook"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server.URL("chinook"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := chinook.Create(ctx, conn, scale); err != nil {
		return err
	}
	const destination = "[destination]\ncatalog = \"dev_chinook_lakehouse\"\nschema = \"bronze\"\n"
	file := fmt.Sprintf("[source]\nurl = %q\n\n%s", server.URL("chinook"), destination)
	if err := os.WriteFile(filepath.Join(dir, "ingest.toml"), []byte(file), 0o600); err != nil {
		return err
	}
	env := append(os.Environ(), "TERM=xterm-256color")
	for _, s := range scenes {
		if s.change {
			const sql = `UPDATE invoice_line SET quantity = quantity + 1 WHERE invoice_line_id % 10 = 0`
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
		svg, err := s.run(limited, binary, dir, env)
		cancel()
		if err != nil {
			return fmt.Errorf("ingest %s: %w", s.args, err)
		}
		if s.picture == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(out, s.picture), svg, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s %d bytes\n", filepath.Join(out, s.picture), len(svg))
	}
	return nil
}
