package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/preflight"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/internal/ui"
)

// defaultRole is the role that init proposes instead of a superuser.
const defaultRole = "ingest"

func newInit(a *app) *cobra.Command {
	i := &initialization{app: a}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write ingest.toml and print the SQL that the source lacks",
		Long: `init connects to the source, lists its tables, writes ingest.toml, and prints the SQL
that is missing for exactly the chosen tables: role, grants and publications. It
changes nothing in the source.

It needs --source (or INGEST_SOURCE_URL, or PG* variables), --tables and --catalog. If
one of them is missing, it asks on a terminal; without a terminal that is an error.
The SQL goes to standard output, everything else to standard error.

The source may be opened as an administrator; --role names the role of the runs. A
password is not written. A file that exists is not changed. Beside the file, init
writes ` + schemaFile + `, which completes and checks the file in editors.`,
		Example: `  ingest init
  ingest init --source postgres://postgres@db.example.com/chinook --role ingest \
    --tables 'public.*' --catalog dev_chinook_lakehouse > source.sql`,
		Annotations: withoutConfig(),
		Args:        exactly(),
		RunE:        func(cmd *cobra.Command, _ []string) error { return i.run(a.stop, cmd) },
	}
	f := cmd.Flags()
	bound(f, "source", "source.url", "address of PostgreSQL, postgres://user@host:5432/database; a password in it is not written")
	bound(f, "tables", "source.tables", "tables, comma-separated: schema.table, with * and ?")
	bound(f, "host", "destination.host", "Databricks workspace (default: the SDK's sign-in)")
	bound(f, "profile", "destination.profile", "profile of ~/.databrickscfg")
	bound(f, "warehouse", "destination.warehouse", "SQL warehouse: id, name or HTTP path (default: the only one)")
	f.StringVar(&i.role, "role", "", "role of the runs (default: the user of the source)")
	return cmd
}

// initialization is a run of init.
type initialization struct {
	*app
	in   config.Inputs
	role string
	path string // of the file to write
	ask  *asker // nil without a terminal

	source    *postgres.Source
	relations []postgres.Relation // of all schemas
	prepared  *preflight.Preparation
	notes     []string
}

func (i *initialization) run(ctx context.Context, cmd *cobra.Command) error {
	i.path = cmp.Or(i.flags.config, i.process.variable("INGEST_CONFIG"), config.DefaultFile)
	if _, err := os.Lstat(i.path); err == nil {
		return i.exists()
	}
	i.in = i.inputs(cmd)
	i.in.NoFile = true
	if err := i.read(); err != nil {
		return err
	}
	if err := i.lacking(); err != nil {
		terminal := i.process.terminal()
		if terminal == nil {
			return err
		}
		i.ask = newAsker(terminal, i.ui.Stderr())
	}
	conn, err := i.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, step := range []func(context.Context, *pgx.Conn) error{i.chooseRole, i.chooseTables, i.chooseTarget, i.prepare} {
		if err := step(ctx, conn); err != nil {
			return err
		}
	}
	if err := i.write(); err != nil {
		return err
	}
	return i.print()
}

func (i *initialization) exists() error {
	return failure.New(failure.Usage, "%s exists, and init overwrites nothing", i.path).
		WithHint("to see what it sets: ingest config show; to write another file: ingest init --config other.toml")
}

// read reads flags and environment again, after another flag was added.
func (i *initialization) read() error {
	c, err := config.Read(i.in)
	if err == nil {
		i.config = c
	}
	return err
}

// set adds a value as a flag would, if it is valid.
func (i *initialization) set(key, value string) error {
	before := i.in.Flags
	i.in.Flags = append(slices.Clone(before), config.Flag{Name: key, Key: key, Value: value})
	err := i.read()
	if err != nil {
		i.in.Flags = before
	}
	return err
}

// lacking returns an error with the needed flags that are missing, which only a terminal can replace.
func (i *initialization) lacking() error {
	var flags []string
	if i.config.NeedSource() != nil {
		flags = append(flags, "--source")
	}
	if len(i.config.Source.Tables) == 0 {
		flags = append(flags, "--tables")
	}
	if i.config.Destination.Catalog == "" {
		flags = append(flags, "--catalog")
	}
	if len(flags) == 0 {
		return nil
	}
	return failure.New(failure.Usage, "there is no terminal to ask on, and init lacks %s", strings.Join(flags, ", ")).
		WithHint("ingest init --source postgres://user@host:5432/database --tables 'public.*' --catalog NAME")
}

// connect opens a session on the source. It asks for the source until one answers.
func (i *initialization) connect(ctx context.Context) (conn *pgx.Conn, err error) {
	if i.ask == nil || i.config.NeedSource() == nil {
		return i.open(ctx)
	}
	return conn, i.ask.until(ctx, "Source, as postgres://user@host:5432/database", "", func(answer string) (err error) {
		if err = i.set("source.url", answer); err == nil {
			conn, err = i.open(ctx)
		}
		return err
	})
}

// open opens a session on the source. On a terminal it asks for a password that the server wants and
// the address does not have.
func (i *initialization) open(ctx context.Context) (conn *pgx.Conn, err error) {
	i.source, err = i.openSource(ctx)
	if postgres.Code(err) == pgerrcode.InvalidPassword && i.ask != nil && i.config.Source.URL != "" {
		err = i.openWithPassword(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	return i.source.Connect(ctx)
}

// openWithPassword asks for the password and tries again. refused is the error without it.
func (i *initialization) openWithPassword(ctx context.Context, refused error) error {
	if _, has := i.config.Source.URL.Public(""); has {
		return refused
	}
	password, err := i.ask.secret(ctx, "Password, which is not written")
	if err != nil {
		return err
	}
	if err := i.set("source.url", i.config.Source.URL.WithPassword(password)); err != nil {
		return err
	}
	i.source, err = i.openSource(ctx)
	return err
}

// say prints text for the person who answers, also if the run is quiet.
func (i *initialization) say(format string, args ...any) {
	if i.ask != nil {
		_, _ = fmt.Fprintf(i.ui.Stderr(), format+"\n", args...)
	} else if !i.ui.Structured {
		i.ui.Note(format, args...)
	}
}

// chooseRole decides which role the runs have.
func (i *initialization) chooseRole(ctx context.Context, _ *pgx.Conn) (err error) {
	facts := i.source.Facts
	i.say("PostgreSQL %s at %s, role %s", facts.VersionStr, i.source.Describe(), facts.User)
	if i.role == "" && i.ask != nil && facts.Superuser {
		i.role, err = i.ask.ask(ctx, "Role of the runs, which need not exist yet", defaultRole)
	}
	i.role = cmp.Or(i.role, facts.User)
	return err
}

// chooseTables lists the tables and asks for those to take, unless a flag or a variable has them.
func (i *initialization) chooseTables(ctx context.Context, conn *pgx.Conn) error {
	catalog := i.source.Catalog(conn)
	names, err := catalog.AllNames(ctx)
	if err != nil {
		return err
	}
	if i.relations, err = catalog.Relations(ctx, names.Schemas, nil); err != nil {
		return err
	}
	if i.ask == nil || len(i.config.Source.Tables) > 0 {
		err := i.check(ctx, conn)
		i.listTables(i.pinned())
		return err
	}
	if err := i.chooseSchemas(ctx); err != nil {
		return err
	}
	i.listTables(i.config)
	return i.ask.until(ctx, "Tables, comma-separated; * matches any characters", "all", func(answer string) error {
		if answer == "all" {
			answer = ""
		}
		if err := i.set("source.tables", answer); err != nil {
			return err
		}
		return i.check(ctx, conn)
	})
}

// chooseSchemas asks for the schemas if several have tables.
func (i *initialization) chooseSchemas(ctx context.Context) error {
	var names []string
	tables, bytes := map[string]int{}, map[string]int64{}
	for _, r := range i.relations {
		if selection.Unreplicable(&r) != "" {
			continue
		}
		if tables[r.Name.Schema] == 0 {
			names = append(names, r.Name.Schema)
		}
		tables[r.Name.Schema]++
		bytes[r.Name.Schema] += r.Bytes
	}
	if len(names) == 0 {
		return failure.New(failure.Usage, "%s has no table that can be replicated", i.source.Describe()).
			WithHint("name another database in the source's address")
	}
	var rows [][]any
	for _, name := range names {
		rows = append(rows, []any{name, ui.Count(tables[name]), ui.Bytes(bytes[name])})
	}
	i.say("\n%s", ui.TableText([]string{"schema", "tables", "size"}, rows))
	standard := strings.Join(i.config.Source.Schemas, ", ")
	if !slices.Contains(names, i.config.Source.Schemas[0]) {
		standard = names[0]
	}
	if len(names) == 1 {
		return i.set("source.schemas", names[0])
	}
	return i.ask.until(ctx, "Schemas, comma-separated", standard, func(answer string) error {
		for _, name := range config.SplitList(answer) {
			if !slices.Contains(names, name) {
				return fmt.Errorf("schema %q has no table that can be replicated", name)
			}
		}
		return i.set("source.schemas", answer)
	})
}

// listTables prints the tables that a configuration selects, with their sizes.
func (i *initialization) listTables(c *config.Config) {
	var rows [][]any
	for _, r := range i.relations {
		if !c.Source.Selects(r.Name) {
			continue
		}
		note, count := selection.Unreplicable(&r), any(ui.Count(r.Rows))
		if r.Rows < 0 {
			count = "unknown" // never analyzed
		}
		if note != "" {
			note = "left out: " + note
		}
		rows = append(rows, []any{r.Name, count, ui.Bytes(r.Bytes), note})
	}
	if len(rows) > 0 {
		i.say("\n%s", ui.TableText([]string{"table", "rows (estimated)", "size", ""}, rows))
	}
}

// pinned is the configuration as it will be written, with a schema in each pattern.
func (i *initialization) pinned() *config.Config {
	c := *i.config
	if err := selection.Pin(&c, i.relations); err != nil {
		return i.config // a pattern that can be parsed can be pinned
	}
	return &c
}

// check returns an error if a name matches nothing, or if no table is selected.
func (i *initialization) check(ctx context.Context, conn *pgx.Conn) error {
	c := i.pinned()
	s := &selection.Selection{Config: c, Source: i.source, State: ledger.NewState(), Log: i.log}
	if err := s.CheckNames(ctx, conn, false); err != nil {
		return err
	}
	for _, r := range i.relations {
		if c.Source.Selects(r.Name) && selection.Unreplicable(&r) == "" {
			return nil
		}
	}
	return failure.New(failure.Usage, "no table is selected in %s", i.source.Describe()).
		WithHint("name tables that exist: --tables 'public.*' takes all tables of the schema public")
}

// chooseTarget asks for what a run needs to know about Databricks. It does not connect.
func (i *initialization) chooseTarget(ctx context.Context, _ *pgx.Conn) error {
	if i.ask == nil {
		return nil
	}
	type question struct{ key, text, standard string }
	d := i.config.Destination
	var questions []question
	if d.Catalog == "" {
		questions = append(questions, question{"destination.catalog", "Unity Catalog catalog, which must exist", ""})
	}
	if !slices.ContainsFunc(i.in.Flags, func(f config.Flag) bool { return f.Key == "destination.schema" }) {
		questions = append(questions, question{"destination.schema", "Schema of the target tables", d.Schema})
	}
	if d.Local == "" && d.Host == "" && d.Profile == "" {
		questions = append(questions, question{"destination.host", "Databricks workspace, as https://…; empty: the SDK's sign-in finds it", ""})
	}
	if d.Local == "" && d.Warehouse == "" {
		questions = append(questions, question{"destination.warehouse", "SQL warehouse, as id or name; empty: the only one", ""})
	}
	i.say("")
	for _, q := range questions {
		err := i.ask.until(ctx, q.text, q.standard, func(answer string) error {
			if answer == "" && q.key != "destination.catalog" {
				return nil
			}
			if err := i.set(q.key, answer); err != nil {
				return err
			}
			if q.key == "destination.catalog" {
				return i.config.NeedDestination()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare finds what the source lacks for the chosen tables.
func (i *initialization) prepare(ctx context.Context, conn *pgx.Conn) (err error) {
	i.config = i.pinned()
	i.prepared, err = preflight.Prepare(ctx, conn, i.source, i.config, i.role, i.relations)
	return err
}
