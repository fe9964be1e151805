package main

import (
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ingest/internal/config"
	"ingest/internal/failure"
	"ingest/internal/ui"
)

// commonFlags are the flags of every command that are not keys of the
// configuration.
type commonFlags struct {
	config, output, logLevel, logFormat string
	noColor, quiet                      bool
}

// Annotations of commands and flags.
const (
	// configKey is the key of the configuration that a flag sets.
	configKey = "config-key"
	// noConfig is on a command that reads no configuration, so that a wrong
	// file does not stop it.
	noConfig = "no-config"
)

// withoutConfig are the annotations of a command that reads no configuration.
func withoutConfig() map[string]string { return map[string]string{noConfig: "true"} }

// newRoot is the command line: the common flags and all commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ingest",
		Short: "Move PostgreSQL into a Databricks bronze layer, exactly once",
		Long: `ingest moves PostgreSQL into a Databricks bronze layer and keeps it there,
exactly once.

Configuration comes from flags, the environment (INGEST_*, PG*, DATABRICKS_*)
and ingest.toml, in this order. Results go to standard output; logs, progress
and errors to standard error.

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
		return failure.New(failure.Usage, "%s", withoutArgument(err.Error())).WithHint("%s --help", cmd.CommandPath())
	})
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "dataset" {
			name = "schema"
		}
		return pflag.NormalizedName(name)
	})
	a.addCommonFlags(root)
	root.AddCommand(newCDC(a), newCheck(a), newDemo(a), newDrop(a), newFullLoad(a), newLoad(a), newPlan(a), newPrune(a), newSimulate(a), newSQL(a), newStatus(a), newVerify(a), newVersion(a), newViews(a), newWorkspace(a))
	root.InitDefaultCompletionCmd("completion")
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Annotations = withoutConfig()
		c.Example = "  source <(ingest completion bash)"
	}
	return root
}

func (a *app) addCommonFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "configuration file (default $INGEST_CONFIG, then ./"+config.DefaultFile+")")
	bound(f, "catalog", "destination.catalog", "Unity Catalog catalog")
	bound(f, "schema", "destination.schema", "schema of the target tables (alias --dataset)")
	bound(f, "pipeline", "pipeline.name", "name of the pipeline")
	bound(f, "local", "destination.local", "directory of a local workspace instead of Databricks")
	f.StringVarP(&a.flags.output, "output", "o", "text", "form of the result: text or json")
	f.StringVar(&a.flags.logLevel, "log-level", "info", "least level that is logged: debug, info, warn or error")
	f.StringVar(&a.flags.logFormat, "log-format", "auto", "form of the log: text, json, or auto: text on a terminal")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no color (also NO_COLOR)")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no progress, and only warnings and errors in the log")
	for name, values := range map[string][]string{
		"output": {"text", "json"}, "log-level": {"debug", "info", "warn", "error"}, "log-format": {"auto", "text", "json"},
	} {
		must(root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
	}
	must(root.MarkPersistentFlagDirname("local"))
	must(root.MarkPersistentFlagFilename("config", "toml"))
}

// bound adds a flag that sets a key of the configuration, wherever it is not
// given its default is the configuration's.
func bound(f *pflag.FlagSet, name, key, usage string) {
	f.String(name, "", usage)
	must(f.SetAnnotation(name, configKey, []string{key}))
}

// must is for calls that fail only if the program names a flag that it has not
// defined.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// start makes what every command has, from its flags. It runs after the
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
		Stdout: a.process.stdout, Stderr: a.process.stderr, Environment: a.variable,
		Structured: structured, Quiet: a.flags.quiet, NoColor: a.flags.noColor,
	})
	a.runID = newRunID(time.Now())
	a.log = a.ui.Logger(format, level, a.runID)
	// Libraries that print by themselves: net/http says at each refused SQL
	// session that the driver's transport gave both an answer and an error.
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(a.log.Handler(), slog.LevelDebug).Writer())
	if needsConfig(cmd) {
		if err := a.readConfig(cmd); err != nil {
			return err
		}
	}
	a.command, a.notifies, a.started = cmd.Name(), cmd.Annotations[notifies] != "", true
	return nil
}

func (a *app) readConfig(cmd *cobra.Command) error {
	in := config.Inputs{File: a.flags.config, Environment: a.process.environment}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if key, ok := f.Annotations[configKey]; ok {
			in.Flags = append(in.Flags, config.Flag{Name: "--" + f.Name, Key: key[0], Value: f.Value.String()})
		}
	})
	c, err := config.Read(in)
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

// needsConfig is false for a command that is annotated so, for what is below
// it, and for what shells call to complete a line.
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

// unknownCommand is the check of the root's arguments: it takes none, so the
// first is meant as a command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.Contains(args[0], "://") || strings.ContainsAny(args[0], "=@") {
		return failure.New(failure.Usage, "the first argument is no command: it may be a secret, and is not shown").
			WithHint("settings are given by flags, the environment (INGEST_SOURCE_URL) or %s; %s --help", config.DefaultFile, cmd.CommandPath())
	}
	err := failure.New(failure.Usage, "unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return err.WithHint("did you mean `%s %s`?", cmd.CommandPath(), near[0])
	}
	return err.WithHint("%s --help", cmd.CommandPath())
}

// withoutArgument takes an argument out of an error about the flags in it: -p and
// a password in one word is how other programs take one.
func withoutArgument(text string) string {
	if before, _, found := strings.Cut(text, " in -"); found && strings.HasPrefix(text, "unknown shorthand flag") {
		return before
	}
	return text
}

// exactly is the check of a command that takes as many arguments as it names.
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

// countOf is a number and a noun: 1 row, 2 rows.
func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%v %sies", ui.Count(n), stem)
	}
	return fmt.Sprintf("%v %ss", ui.Count(n), noun)
}
