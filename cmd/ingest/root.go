package main

import (
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ui"
)

// commonFlags are the flags of every command that set no configuration key.
type commonFlags struct {
	config, output, logLevel, logFormat string
	noColor, quiet                      bool
}

// Annotations of commands and flags.
const (
	// configKey is the configuration key that a flag sets.
	configKey = "config-key"
	// noConfig marks a command that reads no configuration: an invalid file does
	// not stop it.
	noConfig = "no-config"
)

// withoutConfig returns the annotations of a command that reads no configuration.
func withoutConfig() map[string]string { return map[string]string{noConfig: "true"} }

// newRoot builds the command line: the common flags and all commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ingest",
		Short: "Replicate PostgreSQL tables into Databricks",
		Long: `ingest replicates PostgreSQL tables into Delta tables in Databricks. full-load
copies the tables once. cdc then appends every insert, update and delete to them.
No change is lost, and none is appended twice.

Settings come from flags, then the environment (INGEST_*, PG*, DATABRICKS_*), then
ingest.toml; the first one found wins. Results go to standard output; logs,
progress and errors go to standard error.

Exit codes: 0 success, 1 failure, 3 some tables failed, 10 source,
11 destination, 12 state conflict, 64 usage, 130 interrupted.`,
		Example: `  ingest full-load --catalog dev_chinook_lakehouse
  ingest cdc --catalog dev_chinook_lakehouse`,
		Annotations:                withoutConfig(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       unknownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE:          func(cmd *cobra.Command, _ []string) error { return a.start(cmd) },
	}
	root.SetArgs(a.process.args)
	root.SetOut(a.process.stdout)
	root.SetErr(a.process.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagError(cmd, err)
	})
	root.Version = buildOf().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print version and build")
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "dataset" {
			name = "schema"
		}
		return pflag.NormalizedName(name)
	})
	a.addCommonFlags(root)
	root.AddCommand(newCDC(a), newCheck(a), newConfig(a), newDemo(a), newDrop(a), newFullLoad(a), newInit(a), newLoad(a), newPlan(a),
		newPrune(a), newReference(), newReport(a), newSimulate(a),
		newSQL(a), newStatus(a), newVerify(a), newVersion(a), newViews(a), newWorkspace(a))
	root.InitDefaultCompletionCmd("completion")
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Annotations = withoutConfig()
		c.Example = "  source <(ingest completion bash)"
		c.Short = "Print the completion script of a shell"
		c.Long = `completion prints the script for bash, zsh, fish or powershell. It completes commands,
flags, their values, and names: of tables, schemas, pipelines and profiles. Names come
from the ledger, and for full-load and init from the source. The shell waits for them
at most 1.5 seconds. No SQL warehouse is started.

"ingest completion zsh --help" says how to turn it on for each new shell.`
		addScripts(c)
	}
	a.addCompletions(root)
	return root
}

func (a *app) addCommonFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "configuration file (default $INGEST_CONFIG, then ./"+config.DefaultFile+")")
	bound(f, "catalog", "destination.catalog", "Unity Catalog catalog")
	bound(f, "schema", "destination.schema", "schema of the target tables (alias --dataset)")
	bound(f, "pipeline", "pipeline.name", "name of the pipeline")
	bound(f, "local", "destination.local", "directory of a local workspace to use instead of Databricks")
	f.StringVarP(&a.flags.output, "output", "o", "text", "result format: text or json")
	f.StringVar(&a.flags.logLevel, "log-level", "info", "minimum log level: debug, info, warn or error")
	f.StringVar(&a.flags.logFormat, "log-format", "auto", "log format: text, json, or auto (text on a terminal, else json)")
	f.BoolVar(&a.flags.noColor, "no-color", false, "print without color (also NO_COLOR)")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "show no progress, and log only warnings and errors")
	for name, values := range map[string][]string{
		"output": {"text", "json"}, "log-level": {"debug", "info", "warn", "error"}, "log-format": {"auto", "text", "json"},
	} {
		must(root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
	}
	must(root.MarkPersistentFlagDirname("local"))
	must(root.MarkPersistentFlagFilename("config", "toml"))
}

// bound adds a flag that sets a configuration key. Without the flag the
// configuration's value holds.
func bound(f *pflag.FlagSet, name, key, usage string) {
	f.String(name, "", usage)
	must(f.SetAnnotation(name, configKey, []string{key}))
}

// must panics on an error. It is for calls that fail only if the program names a
// flag that it does not define.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// start sets up output, log and configuration from the flags. It runs after the
// command line is parsed and before the command.
func (a *app) start(cmd *cobra.Command) error {
	structured, err := parseOutput(a.flags.output)
	if err != nil {
		return err
	}
	format, err := ui.ParseLogFormat(a.flags.logFormat)
	if err != nil {
		return err
	}
	level, err := ui.ParseLogLevel(a.flags.logLevel)
	if err != nil {
		return err
	}
	if a.flags.quiet && !cmd.Flags().Changed("log-level") {
		level = slog.LevelWarn
	}
	a.ui = ui.NewOutput(ui.Options{
		Stdout: a.process.stdout, Stderr: a.process.stderr, Environment: a.process.variable,
		Structured: structured, Quiet: a.flags.quiet, NoColor: a.flags.noColor,
	})
	a.runID = newRunID(time.Now())
	a.log = a.ui.Logger(format, level, a.runID)
	// Some libraries print to the standard logger: net/http reports at each refused
	// SQL session that the driver's transport returned both a response and an error.
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(a.log.Handler(), slog.LevelDebug).Writer())
	if needsConfig(cmd) {
		if err := a.readConfig(cmd); err != nil {
			return err
		}
	}
	a.makesLocal = cmd.Annotations[makesLocal] != ""
	a.command, a.notifies, a.started = cmd.Name(), cmd.Annotations[notifies] != "", true
	a.announces()
	return nil
}

// inputs is what the configuration is read from.
func (a *app) inputs(cmd *cobra.Command) config.Inputs {
	in := config.Inputs{File: a.flags.config, Environment: a.process.environment}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if key, ok := f.Annotations[configKey]; ok {
			in.Flags = append(in.Flags, config.Flag{Name: "--" + f.Name, Key: key[0], Value: f.Value.String()})
		}
	})
	return in
}

func (a *app) readConfig(cmd *cobra.Command) error {
	c, err := config.Read(a.inputs(cmd))
	if err != nil {
		return err
	}
	for _, warning := range c.Warnings {
		a.log.Warn(warning)
	}
	a.log.Debug("configuration", "file", c.File, "config", c)
	a.config = c
	return nil
}

// needsConfig is false for commands with the noConfig annotation, for their
// subcommands, and for the completion requests of shells.
func needsConfig(cmd *cobra.Command) bool {
	if strings.HasPrefix(cmd.Name(), cobra.ShellCompRequestCmd) {
		return false
	}
	for c := cmd; c.HasParent(); c = c.Parent() {
		if c.Annotations[noConfig] != "" {
			return false
		}
	}
	return cmd.HasParent()
}

func parseOutput(s string) (structured bool, err error) {
	switch s {
	case "text":
		return false, nil
	case "json":
		return true, nil
	}
	return false, failure.New(failure.Usage, "output %q: want text or json", s)
}

// unknownCommand checks the arguments of the root command. The root takes none, so
// the first argument is an unknown command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.Contains(args[0], "://") || strings.ContainsAny(args[0], "=@") {
		return failure.New(failure.Usage, "the first argument is not a command; it may be a secret, so it is not shown").
			WithHint("set the source by INGEST_SOURCE_URL or in %s; %s --help lists the commands", config.DefaultFile, cmd.CommandPath())
	}
	err := failure.New(failure.Usage, "unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return err.WithHint("did you mean `%s %s`?", cmd.CommandPath(), near[0])
	}
	return err.WithHint("%s --help", cmd.CommandPath())
}

// flagError is the error of a flag that cannot be parsed. For an unknown flag, the
// hint names the flag with the nearest name.
func flagError(cmd *cobra.Command, err error) error {
	wrong := failure.New(failure.Usage, "%s", withoutArgument(err.Error()))
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if near := config.Nearest(name, names); near != "" {
			return wrong.WithHint("did you mean --%s? `%s --help` lists the flags", near, cmd.CommandPath())
		}
	}
	return wrong.WithHint("%s --help", cmd.CommandPath())
}

// withoutArgument removes the argument from an error about unknown shorthand flags.
// The argument may hold a password: other programs take -pPASSWORD in one word.
func withoutArgument(text string) string {
	if before, _, found := strings.Cut(text, " in -"); found && strings.HasPrefix(text, "unknown shorthand flag") {
		return before
	}
	return text
}

// exactly checks that a command gets exactly the named arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		want := "no arguments"
		if len(names) > 0 {
			want = strings.Join(names, " ")
		}
		return failure.New(failure.Usage, "%s: %s, want %s", cmd.Name(), countOf(len(args), "argument"), want).
			WithHint("%s --help", cmd.CommandPath())
	}
}

// countOf formats a number with its noun: 1 row, 2 rows.
func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%v %sies", ui.Count(n), stem)
	}
	return fmt.Sprintf("%v %ss", ui.Count(n), noun)
}
