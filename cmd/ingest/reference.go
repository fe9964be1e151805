package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
)

// exitCodes are the exit codes of all commands, with their meanings.
var exitCodes = []struct {
	kind    failure.Kind
	meaning string
}{
	{0, "success"},
	{failure.Other, "failure; for verify, a table differs"},
	{failure.Tables, "some tables failed, are quarantined, need a full load, or could not be verified; the other tables were processed"},
	{failure.Source, "the source: connection, rights, a setting"},
	{failure.Destination, "the destination: sign-in, privileges, a request that was refused or not answered"},
	{failure.Conflict, "state conflict: slot and ledger disagree, another run holds the pipeline, nothing was loaded yet, " +
		"every target belongs to another pipeline, or a probe got a wrong answer"},
	{failure.Usage, "wrong flags, environment or configuration, including a configured name that matches nothing in the source"},
	{failure.Interrupted, "interrupted"},
}

// commonVariables are variables that belong to no flag.
var commonVariables = [][2]string{
	{"INGEST_CONFIG", "configuration file, if --config is not given"},
	{"INGEST_*", "every key of ingest.toml; `ingest config show` lists them"},
	{"PG*", "what the source's address leaves out, as for psql"},
	{"DATABRICKS_*", "sign-in, as for Databricks's SDK"},
	{"NO_COLOR", "no colors, if it is set"},
}

// newReference is the command that `make reference` and `make man` run.
func newReference() *cobra.Command {
	var man string
	cmd := &cobra.Command{
		Use:         "reference",
		Short:       "Print the reference of all commands",
		Hidden:      true,
		Annotations: withoutConfig(),
		Args:        exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if man != "" {
				return writeManPages(cmd.Root(), man)
			}
			_, err := cmd.OutOrStdout().Write([]byte(referencePage(cmd.Root())))
			return err
		},
	}
	cmd.Flags().StringVar(&man, "man", "", "write man pages into this directory instead")
	must(cmd.MarkFlagDirname("man"))
	return cmd
}

// documented are the commands that the reference has, in its order.
func documented(root *cobra.Command) (list []*cobra.Command) {
	for _, cmd := range commandsBelow(root) {
		// The commands below completion only differ in the shell.
		hidden := cmd.Name() == "help" || cmd.HasParent() && cmd.Parent().Name() == "completion"
		for c := cmd; c != nil; c = c.Parent() {
			hidden = hidden || c.Hidden
		}
		if !hidden {
			list = append(list, cmd)
		}
	}
	return list
}

// flagsOf are a command's own flags, by name. The root's are those of all commands.
func flagsOf(cmd *cobra.Command) (list []*pflag.Flag) {
	flags := cmd.LocalNonPersistentFlags()
	if !cmd.HasParent() {
		flags = cmd.PersistentFlags()
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			list = append(list, f)
		}
	})
	return list
}

// flagForm is a flag as it is typed, and the name of its value.
func flagForm(f *pflag.Flag) (flag, value string) {
	value, _ = pflag.UnquoteUsage(f)
	flag = "--" + f.Name
	if f.Shorthand != "" {
		flag = "-" + f.Shorthand + ", " + flag
	}
	return flag, value
}

// flagMeaning is a flag's meaning, its default and its environment variable.
func flagMeaning(f *pflag.Flag) (usage, standard, variable string) {
	_, usage = pflag.UnquoteUsage(f)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && !strings.Contains(usage, "(default") {
		standard = strings.Trim(f.DefValue, "[]")
	}
	if key := f.Annotations[configKey]; len(key) > 0 {
		variable = config.Variable(key[0])
	}
	return usage, standard, variable
}

// synopsis is a command with its arguments.
func synopsis(cmd *cobra.Command) string {
	line := cmd.UseLine()
	if !cmd.HasParent() {
		line = cmd.Name() + " COMMAND [flags]"
	} else if cmd.HasSubCommands() {
		line = cmd.CommandPath() + " COMMAND [flags]"
	}
	return line
}

// referencePage is docs/reference.md.
func referencePage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands and flags\n\n")
	b.WriteString("This page is generated from the commands: `make reference`. `ingest COMMAND --help` prints the same, and `make man` " +
		"writes it as man\npages.\n\n")
	b.WriteString("| command | what it does |\n|---|---|\n")
	commands := documented(root)
	for _, cmd := range commands[1:] {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", cmd.CommandPath(), anchor(cmd), markdownText(cmd.Short))
	}
	b.WriteString("\n## All commands\n\nThese flags can be given to every command, and so can `--help`.\n\n")
	writeFlagTable(&b, root)
	b.WriteString("\nA flag wins over its environment variable, and that over `ingest.toml`. These variables belong to no flag:\n\n")
	b.WriteString("| variable | meaning |\n|---|---|\n")
	for _, v := range commonVariables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v[0], v[1])
	}
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", c.kind, c.meaning)
	}
	for _, cmd := range commands[1:] {
		text := markdownText(strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)))
		fmt.Fprintf(&b, "\n## %s\n\n    %s\n\n%s\n", cmd.CommandPath(), synopsis(cmd), text)
		if len(flagsOf(cmd)) > 0 {
			b.WriteString("\n")
			writeFlagTable(&b, cmd)
		}
		if cmd.Example != "" {
			b.WriteString("\nExamples:\n\n```sh\n" + unindent(cmd.Example) + "\n```\n")
		}
	}
	return b.String()
}

func writeFlagTable(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString("| flag | meaning | default | variable |\n|---|---|---|---|\n")
	for _, f := range flagsOf(cmd) {
		flag, value := flagForm(f)
		usage, standard, variable := flagMeaning(f)
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.TrimSpace(flag+" "+value), markdownText(usage), code(standard), code(variable))
	}
}

// anchor is the heading's address on the page.
func anchor(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// markdownText quotes what Markdown would read as markup, outside of code. Lines that are
// indented are code.
func markdownText(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") {
			lines[i] = "    " + strings.TrimSpace(line)
			continue
		}
		parts := strings.Split(line, "`")
		for j := 0; j < len(parts); j += 2 {
			parts[j] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "|", `\|`).Replace(parts[j])
		}
		lines[i] = strings.Join(parts, "`")
	}
	return strings.Join(lines, "\n")
}

// unindent removes the two spaces before each line of an example.
func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// writeManPages writes a page for each command. A page has the date of SOURCE_DATE_EPOCH,
// or none, so that the same commands make the same pages.
func writeManPages(root *cobra.Command, dir string) error {
	date := ""
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(epoch, 0).UTC().Format(time.DateOnly)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, cmd := range documented(root) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(manPage(cmd, date)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// manPage is a command's page for man(7).
func manPage(cmd *cobra.Command, date string) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 %q %q %q\n", strings.ToUpper(name), date, "ingest "+buildOf().Version, "ingest")
	b.WriteString(".nh\n.ad l\n") // no hyphens in names, which are copied
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n", roff(name), roff(cmd.Short), roff(synopsis(cmd)))
	b.WriteString(".SH DESCRIPTION\n")
	manText(&b, strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)))
	if !cmd.HasParent() {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range documented(cmd)[1:] {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimPrefix(c.CommandPath(), "ingest ")), roff(c.Short))
		}
	}
	if list := flagsOf(cmd); len(list) > 0 {
		b.WriteString(".SH OPTIONS\n")
		for _, f := range list {
			manFlag(&b, f)
		}
	}
	if cmd.HasParent() {
		b.WriteString(".PP\nThe flags of all commands are in\n.BR ingest (1).\n")
	} else {
		b.WriteString(".SH ENVIRONMENT\n")
		for _, v := range commonVariables {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(v[0]), roff(v[1]))
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(unindent(cmd.Example)))
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", c.kind, roff(c.meaning))
	}
	b.WriteString(".SH SEE ALSO\n")
	if cmd.HasParent() {
		b.WriteString(".BR ingest (1)\n")
	} else {
		b.WriteString(".BR psql (1),\n.BR pg_recvlogical (1)\n")
	}
	return b.String()
}

func manFlag(b *strings.Builder, f *pflag.Flag) {
	flag, value := flagForm(f)
	usage, standard, variable := flagMeaning(f)
	if standard != "" {
		usage += " (default " + standard + ")"
	}
	if variable != "" {
		usage += ". Variable: " + variable
	}
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(flag))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	b.WriteString("\n" + roff(usage) + "\n")
}

// manText writes paragraphs. Indented lines and lists stay as they are.
func manText(b *strings.Builder, text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n  ") || strings.Contains("\n"+paragraph, "\n- ") {
			b.WriteString(".nf\n" + roff(paragraph) + "\n.fi\n")
			continue
		}
		b.WriteString(roff(paragraph) + "\n")
	}
}

// roff quotes text: a backslash, a hyphen that can be copied, and a line that would begin
// a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
