//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/report"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/ui"
	"github.com/ingest-tool/ingest/internal/verify"
)

const (
	demoCatalog = "dev_chinook_lakehouse"
	// demoMark is a file in a directory that a demo made, and may remove.
	demoMark = "made-by-ingest-demo"
)

// demoKept is the table that the demo maintains in all three forms.
var demoKept = schema.TableName{Schema: "public", Name: "invoice_line"}

func newDemo(a *app) *cobra.Command {
	var dir string
	var scale int
	var serve bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a complete example on this machine",
		Long: `demo starts a private PostgreSQL with Chinook sample data and a local workspace. It
loads all tables in full, changes some rows, appends the changes and verifies every
cell. For one table it shows the log, the current state and the history. It writes
the report of the pipeline. At the end it stops and removes PostgreSQL. The
lakehouse stays in --dir. demo reads no configuration.

On a terminal, demo then serves the lakehouse's page for a browser until Ctrl-C.
Elsewhere it ends; --serve=true serves there too, --serve=false never.`,
		Example:     `  ingest demo --dir ./local-lakehouse`,
		Annotations: map[string]string{noConfig: "true", makesLocal: "true"},
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.ui.Structured {
				return failure.New(failure.Usage, "demo prints a story for people, and has no result as JSON").WithHint("ingest demo, without --output")
			}
			if scale < 1 {
				return failure.New(failure.Usage, "scale %d: want 1 or more", scale)
			}
			d := &demo{app: a, dir: dir, scale: scale}
			if err := d.run(a.stop); err != nil {
				return err
			}
			if !cmd.Flags().Changed("serve") {
				serve = a.ui.Shown
			}
			return d.end(serve)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "./local-lakehouse", "directory of the local workspace; replaced if an earlier demo created it")
	cmd.Flags().IntVar(&scale, "scale", 1, "size of the data, as a multiple of the Chinook sample database")
	cmd.Flags().BoolVar(&serve, "serve", false, "serve the lakehouse's page at the end, until Ctrl-C (default: on a terminal)")
	must(cmd.MarkFlagDirname("dir"))
	return cmd
}

// demo is one run of the command.
type demo struct {
	*app
	dir    string
	scale  int
	server *pgserver.Server
	conn   *pgx.Conn // the application's
	timer  time.Time
}

func (d *demo) run(ctx context.Context) (err error) {
	if err := builtWithWorkspace(); err != nil { // before PostgreSQL is started
		return err
	}
	if err := d.emptyDir(); err != nil {
		return err
	}
	if !d.ui.Quiet { // the command prints the steps itself
		d.log = d.ui.Logger(ui.LogFormat("text"), slog.LevelWarn, d.runID)
	}
	d.timer = time.Now()
	d.server, err = pgserver.Start(ctx, pgserver.Options{})
	if err != nil {
		return failure.Wrap(failure.Source, fmt.Errorf("start a private PostgreSQL: %w", err))
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, d.server.Stop(stop))
	}()
	if err := d.makeSource(ctx); err != nil {
		return err
	}
	defer d.conn.Close(context.WithoutCancel(ctx))
	for _, step := range []func(context.Context) error{d.fullLoad, d.change, d.cdc, d.showLog, d.showKept, d.verify, d.report} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// emptyDir creates the directory. It empties one that an earlier demo created.
func (d *demo) emptyDir() error {
	entries, err := os.ReadDir(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
	case err != nil:
		return err
	default:
		if _, err := os.Stat(filepath.Join(d.dir, demoMark)); err != nil {
			return failure.New(failure.Usage, "%s is not empty, and was not created by a demo", d.dir).
				WithHint("choose another directory with --dir, or remove this one")
		}
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, demoMark), []byte("`ingest demo` made this directory and may replace it.\n"), 0o644)
}

// step prints what was done and how long it took.
func (d *demo) step(format string, args ...any) error {
	took := time.Since(d.timer)
	d.timer = time.Now()
	return d.ui.Print("\n== %s (%s)", fmt.Sprintf(format, args...), ui.Duration(took))
}

func (d *demo) makeSource(ctx context.Context) error {
	if err := d.server.CreateDatabase(ctx, "chinook"); err != nil {
		return failure.Wrap(failure.Source, err)
	}
	url := d.server.URL("chinook")
	var err error
	if d.conn, err = pgx.Connect(ctx, url); err != nil {
		return failure.Wrap(failure.Source, err)
	}
	if err := chinook.Create(ctx, d.conn, d.scale); err != nil {
		return failure.Wrap(failure.Source, err)
	}
	d.config = config.Default()
	d.config.Source.URL = config.URL(url)
	d.config.Destination.Catalog, d.config.Destination.Local = demoCatalog, d.dir
	history := true
	d.config.DerivedSections = []config.DerivedSection{{
		Label: demoKept.String(), Exact: true, Matches: func(t schema.TableName) bool { return t == demoKept },
		DerivedOptions: config.DerivedOptions{Current: config.CurrentTable, History: &history},
	}}
	return d.step("started PostgreSQL %s on port %d with Chinook sample data", d.server.Version(), d.server.Port())
}

// pipeline opens the pipeline, calls do and closes it.
func (d *demo) pipeline(ctx context.Context, do func(*replicate.Pipeline) error) error {
	p, err := d.openWith(ctx, replicate.Options{AnySource: true})
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.Close())
}

func (d *demo) fullLoad(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		s, err := p.FullLoad(ctx, replicate.FullLoadOptions{})
		if err != nil {
			return err
		}
		if err := d.step("ingest full-load: %d tables into %s.%s", len(s.Tables), demoCatalog, d.config.Destination.Schema); err != nil {
			return err
		}
		rows := make([][]any, len(s.Tables))
		for i, t := range s.Tables {
			rows[i] = []any{t.Table, ui.Count(t.Staged), ui.Count(t.Total), ui.Bytes(t.Bytes)}
		}
		return d.ui.Table([]string{"table", "rows read", "rows in target", "parquet"}, rows)
	})
}

func (d *demo) change(ctx context.Context) error {
	s, err := chinook.Simulate(ctx, d.conn, 5, 2, 1, 1)
	if err != nil {
		return failure.Wrap(failure.Source, err)
	}
	if err := d.step("ingest simulate 5 2 1: %d rows inserted, %d updated, %d deleted in the source", s.Inserted,
		s.Updated, s.Deleted); err != nil {
		return err
	}
	for _, c := range s.Changes {
		if err := d.ui.Print("%s", c.String()); err != nil {
			return err
		}
	}
	for _, sql := range []string{"UPDATE invoice_line SET quantity = 2 WHERE invoice_line_id = 1",
		"DELETE FROM invoice_line WHERE invoice_line_id = 2"} {
		if _, err := d.conn.Exec(ctx, sql); err != nil {
			return failure.Wrap(failure.Source, err)
		}
		if err := d.ui.Print("%s", sql); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) cdc(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		s, err := p.CDC(ctx, ctx, replicate.CDCOptions{})
		if err != nil {
			return err
		}
		if err := d.step("ingest cdc: %d transactions", s.Transactions); err != nil {
			return err
		}
		return printSummary(d.ui, s)
	})
}

// showLog prints the log's rows of the changes.
func (d *demo) showLog(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		if err := d.ui.Print("\n== the log's new rows"); err != nil {
			return err
		}
		var rows [][]any
		for _, name := range chinook.Tables() {
			found, err := d.logRows(ctx, p, schema.TableName{Schema: "public", Name: name})
			if err != nil {
				return err
			}
			rows = append(rows, found...)
		}
		return d.ui.Table([]string{"table", "_op", "key", "_commit_lsn", "_seq", "_entry"}, rows)
	})
}

func (d *demo) logRows(ctx context.Context, p *replicate.Pipeline, table schema.TableName) ([][]any, error) {
	var key []string
	for _, column := range p.Key(table) {
		key = append(key, databricks.Literal(column+"=")+", CAST("+databricks.Quote(column)+" AS STRING)")
	}
	answer, err := d.target.Warehouse().Query(ctx, fmt.Sprintf(
		"SELECT `_op`, concat(%s) AS `key`, `_commit_lsn`, `_seq`, `_entry` FROM %s "+
			"WHERE `_op` <> 'snapshot' ORDER BY `_entry`, `_commit_lsn`, `_seq`", strings.Join(key, ", ', ', "), p.Target(table)))
	if err != nil {
		return nil, err
	}
	rows := make([][]any, len(answer.Rows))
	for i, r := range answer.Rows {
		rows[i] = append([]any{table.Name}, r...)
	}
	return rows, nil
}

// showKept prints two changed rows of one table: in the log, in the current state
// and in the history.
func (d *demo) showKept(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		names, log := d.config.Derived(demoKept), p.Target(demoKept)
		current, history := log, log
		current.Name, history.Name = names.CurrentName, names.HistoryName
		for _, show := range []struct {
			what, columns, order string
			of                   databricks.Table
		}{
			{"one row for each change (the log)", "`_op`, `_commit_ts`, `_entry`", "`_entry`, `_commit_lsn`, `_seq`", log},
			{`one row for each key (current = "table")`, "`_op`, `_deleted_ts`", "`_op`", current},
			{"one row for each period (history = true)", "`__START_AT`, `__END_AT`", "`__START_AT`", history},
		} {
			answer, err := d.target.Warehouse().Query(ctx, fmt.Sprintf(
				"SELECT `invoice_line_id`, `quantity`, %s FROM %s WHERE `invoice_line_id` <= 2 ORDER BY `invoice_line_id`, %s",
				show.columns, show.of, show.order))
			if err != nil {
				return err
			}
			if err := d.ui.Print("\n== %s.%s: %s", show.of.Schema, show.of.Name, show.what); err != nil {
				return err
			}
			if err := d.ui.Table(headers(answer), rowsOf(answer)); err != nil {
				return err
			}
		}
		return nil
	})
}

func headers(r *databricks.Result) []string {
	names := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		names[i] = c.Name
	}
	return names
}

// rowsOf returns the rows of a result, with times shortened.
func rowsOf(r *databricks.Result) [][]any {
	rows := make([][]any, len(r.Rows))
	for i, row := range r.Rows {
		for _, value := range row {
			if at, ok := value.(time.Time); ok {
				value = at.UTC().Format("15:04:05.000000")
			}
			rows[i] = append(rows[i], value)
		}
	}
	return rows
}

func (d *demo) verify(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		r, err := p.Verify(ctx, replicate.VerifyOptions{Full: true})
		if err != nil {
			return err
		}
		equal := 0
		for _, t := range r.Tables {
			if t.Verdict == verify.Equal {
				equal++
			}
		}
		if err := d.step("ingest verify --full: %d of %d tables equal, every cell", equal, len(r.Tables)); err != nil {
			return err
		}
		if err := printVerified(d.ui, r); err != nil {
			return err
		}
		return r.Err()
	})
}

// reportFile is the report in the demo's directory.
const reportFile = "report.html"

func (d *demo) report(ctx context.Context) error {
	return d.pipeline(ctx, func(p *replicate.Pipeline) error {
		r, err := p.Report(ctx, time.Now().Add(-time.Hour), nil)
		if err != nil {
			return err
		}
		var html bytes.Buffer
		if err := report.Write(&html, r); err != nil {
			return err
		}
		name := filepath.Join(d.dir, reportFile)
		if err := os.WriteFile(name, html.Bytes(), 0o644); err != nil {
			return err
		}
		return d.step("ingest report --to %s: open it in a browser", name)
	})
}

// end prints what to try next, and serves the page until an interrupt if it is wanted.
func (d *demo) end(serve bool) error {
	program := os.Args[0]
	at := fmt.Sprintf("--local %s --catalog %s", d.dir, demoCatalog)
	err := d.ui.Print(`
The warehouse was started %d time(s) for %d statements. PostgreSQL is stopped and removed.
The lakehouse is in %s. Try:

  %s sql "SELECT _op, count(*) FROM bronze.invoice_line GROUP BY _op" %s
  %s sql "SELECT * FROM bronze.invoice_line_history WHERE __END_AT IS NOT NULL" %s
  %s sql "SHOW TABLES IN bronze" %s
  %s workspace --dir %s --catalog %s      # serve it to a browser and to any Databricks client`,
		d.local.Wakeups(), len(d.local.Statements()), d.dir, program, at, program, at, program, at, program, d.dir, demoCatalog)
	if err != nil || !serve {
		return err
	}
	d.endsByInterrupt()
	err = d.ui.Print("\nThe lakehouse's page, until Ctrl-C (the commands above need it to end first):\n\n  %s", d.local.PageURL())
	if err != nil {
		return err
	}
	<-d.stop.Done()
	return nil
}
