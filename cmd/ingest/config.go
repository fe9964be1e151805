package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest"
	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Long: `config reads file, environment and flags. It connects to nothing.

check lists all mistakes. show prints each key with its value and where the value
comes from. schema prints the JSON Schema of ingest.toml for editors.`,
		Example:     `  ingest config check`,
		Annotations: withoutConfig(),
		Args:        exactly(),
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(a), newConfigShow(a), newConfigSchema(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration without a connection",
		Long: `check reads file, environment and flags as a run does, and lists all mistakes: unknown
keys, wrong values, and what a run needs and is missing. It exits with 64 if there is
one. It connects to nothing; ` + "`ingest check`" + ` checks both ends.`,
		Example: `  ingest config check
  ingest config check --config prod.toml --catalog prod_lakehouse`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := config.Explain(a.inputs(cmd))
			if err := printConfigChecked(a.ui, e); err != nil {
				return err
			}
			return e.Err()
		},
	}
}

// configMistake is a mistake in the result of config check.
type configMistake struct {
	What string `json:"what"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Hint string `json:"hint,omitempty"`
}

func printConfigChecked(out *ui.Output, e *config.Explained) error {
	if out.Structured {
		mistakes := []configMistake{}
		for _, m := range e.Mistakes {
			mistakes = append(mistakes, configMistake(m))
		}
		return out.JSON(map[string]any{
			"file": e.File, "valid": len(mistakes) == 0, "mistakes": mistakes, "warnings": append([]string{}, e.Warnings...),
		})
	}
	for _, w := range e.Warnings {
		if err := out.Print("warning  %s", w); err != nil {
			return err
		}
	}
	if len(e.Mistakes) > 0 {
		return nil // they are the error
	}
	return out.Print("ok       %s", readFrom(e))
}

// readFrom is where the values come from: the file, and how many variables and flags.
func readFrom(e *config.Explained) string {
	from := map[config.Origin]int{}
	for _, s := range e.Settings {
		from[s.Origin]++
	}
	file := "no file"
	if e.File != "" {
		file = e.File
	}
	return fmt.Sprintf("%s, %s, %s", file, countOf(from[config.FromEnvironment], "environment variable"),
		countOf(from[config.FromFlag], "flag"))
}

func newConfigShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print each key with its value and where the value comes from",
		Long: `show prints each key with the value that a run uses and where it comes from: the
default, a line of the file, a variable or a flag. It also lists where else the key is
set. Passwords and keys are replaced by REDACTED.`,
		Example: `  ingest config show
  ingest config show --catalog prod_lakehouse -o json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := config.Explain(a.inputs(cmd))
			if e.Config == nil {
				return e.Err()
			}
			for _, w := range e.Warnings {
				a.log.Warn(w)
			}
			return printSettings(a.ui, e)
		},
	}
}

// shownSetting is a setting in the result of config show.
type shownSetting struct {
	Key         string   `json:"key"`
	Value       any      `json:"value"`
	Origin      string   `json:"origin"`
	From        string   `json:"from,omitempty"`
	Variable    string   `json:"variable,omitempty"`
	Secret      bool     `json:"secret,omitempty"`
	Overrides   []string `json:"overrides,omitempty"`
	OverruledBy string   `json:"overruled_by,omitempty"`
}

func printSettings(out *ui.Output, e *config.Explained) error {
	if out.Structured {
		var settings []shownSetting
		for _, s := range e.Settings {
			settings = append(settings, shownSetting{
				Key: s.Key, Value: s.Value(), Origin: string(s.Origin), From: s.From, Variable: s.Variable, Secret: s.Secret,
				Overrides: s.Replaced, OverruledBy: s.Overruled,
			})
		}
		return out.JSON(map[string]any{"file": e.File, "settings": settings, "other_variables": append([]string{}, e.Others...)})
	}
	rows := make([][]any, len(e.Settings))
	for i, s := range e.Settings {
		from := cmp.Or(s.From, string(s.Origin))
		if len(s.Replaced) > 0 {
			from += " (also set: " + strings.Join(s.Replaced, ", ") + ")"
		}
		if s.Overruled != "" {
			from += " (not used: " + s.Overruled + " is)"
		}
		rows[i] = []any{s.Key, s.Literal, from}
	}
	if err := out.Table([]string{"key", "value", "from"}, rows); err != nil {
		return err
	}
	if len(e.Others) == 0 {
		return nil
	}
	return out.Print("\nalso set: %s", strings.Join(e.Others, ", "))
}

func newConfigSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of ingest.toml",
		Long: `schema prints the JSON Schema of ingest.toml. Editors with taplo, such as VS Code with
Even Better TOML, complete and check a file whose first line names it:

  #:schema ./ingest.schema.json`,
		Example: `  ingest config schema > ingest.schema.json`,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.JSONSchema(ingest.Example)
			if err != nil {
				return err
			}
			return a.ui.Print("%s", strings.TrimSuffix(string(schema), "\n"))
		},
	}
}
