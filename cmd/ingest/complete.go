package main

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/lakehouse"
)

// completionTime is the maximum time to look for names. The shell waits for the answer.
const completionTime = 1500 * time.Millisecond

// addCompletions gives each flag with a value, and each command, the values that shells
// propose. A shell proposes file names where a command says nothing.
func (a *app) addCompletions(root *cobra.Command) {
	values := a.completions()
	for _, cmd := range commandsBelow(root) {
		if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		add := func(f *pflag.Flag) {
			if _, exists := cmd.GetFlagCompletionFunc(f.Name); exists || f.Value.Type() == "bool" || namesFiles(f) {
				return
			}
			complete := values[cmd.Name()+" "+f.Name]
			if complete == nil {
				complete = values[f.Name]
			}
			if complete == nil {
				complete = cobra.NoFileCompletions
			}
			must(cmd.RegisterFlagCompletionFunc(f.Name, complete))
		}
		cmd.LocalNonPersistentFlags().VisitAll(add)
		cmd.PersistentFlags().VisitAll(add)
	}
}

// commandsBelow returns a command and all commands below it.
func commandsBelow(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		list = append(list, commandsBelow(c)...)
	}
	return list
}

// namesFiles reports whether the shell itself completes the flag, with files or directories.
func namesFiles(f *pflag.Flag) bool {
	return f.Annotations[cobra.BashCompFilenameExt] != nil || f.Annotations[cobra.BashCompSubdirsInDir] != nil
}

// completions are the values of flags, by the flag's name, or by command and flag if the
// flag means something else there.
func (a *app) completions() map[string]cobra.CompletionFunc {
	fixed := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	// The names that one flag takes, alone or in a list, from several places at once.
	names := func(list bool, places ...func(*ends, context.Context) []string) cobra.CompletionFunc {
		return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			found := a.look(cmd, places)
			if list {
				found = inList(typed, found)
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return map[string]cobra.CompletionFunc{
		"tables":           names(true, (*ends).ledgerTables),
		"full-load tables": names(true, (*ends).ledgerTables, (*ends).sourceTables),
		"init tables":      names(true, (*ends).sourceTables),
		"catalog":          names(false, (*ends).catalogs),
		"schema":           names(false, (*ends).schemas),
		"pipeline":         names(false, (*ends).pipelines),
		"profile":          names(false, (*ends).profiles),
		"rebuild": func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return inList(typed, []string{"current", "history"}), cobra.ShellCompDirectiveNoFileComp
		},
		"file": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // any file
		},
		"watch":   fixed("1s", "5s", "30s", "1m"),
		"sample":  fixed("0.1%", "1%", "10%"),
		"metrics": fixed("127.0.0.1:9464"),
		"workspace catalog": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			have, _ := lakehouse.Catalogs(cmd.Flag("dir").Value.String())
			return have, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// look asks all places at once and returns what they know in time. It is silent about
// errors. It starts no SQL warehouse.
func (a *app) look(cmd *cobra.Command, places []func(*ends, context.Context) []string) []string {
	c, err := config.Read(a.inputs(cmd))
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(a.stop, cmp.Or(a.process.completionTime, completionTime))
	defer cancel()
	answers := make(chan []string, len(places))
	for _, place := range places {
		// Some clients run programs that ignore the deadline. The process ends without
		// waiting for them.
		go func() {
			answers <- place(&ends{process: a.process, config: c, log: slog.New(slog.DiscardHandler), runID: a.runID}, ctx)
		}()
	}
	var found []string
	for range places {
		select {
		case names := <-answers:
			found = append(found, names...)
		case <-ctx.Done():
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// inList returns the values of a comma-separated list that continue what was typed. Names
// that are in the list are left out. A name without a schema is proposed only if what was
// typed begins it.
func inList(typed string, names []string) []string {
	quoted, start := false, 0
	for i, r := range typed {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			start = i + 1
		}
	}
	before, last := typed[:start], typed[start:]
	given := config.SplitList(before)
	var out []string
	for _, name := range names {
		if slices.Contains(given, name) {
			continue
		}
		short := name
		if t, err := schema.ParseTableName(name, ""); err == nil && !strings.Contains(last, ".") {
			short = t.Bare()
		}
		switch {
		case strings.HasPrefix(name, last):
			out = append(out, before+name)
		case strings.HasPrefix(short, last):
			out = append(out, before+short)
		}
	}
	if plain := unquoted(typed); len(out) == 0 && plain != typed {
		return inList(plain, names)
	}
	return out
}

// sourceTables are the tables of the source that the configuration selects. A program that
// prints the password may ask a person, so the source is left out then.
func (e *ends) sourceTables(ctx context.Context) []string {
	if len(e.config.Source.PasswordCommand) > 0 {
		return nil
	}
	source, err := e.openSource(ctx)
	if err != nil {
		return nil
	}
	conn, err := source.Connect(ctx)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close(ctx) }()
	catalog := source.Catalog(conn)
	all, err := catalog.AllNames(ctx)
	if err != nil {
		return nil
	}
	relations, err := catalog.Relations(ctx, all.Schemas, nil)
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range relations {
		if selection.Unreplicable(&r) == "" && e.config.Source.Selects(r.Name) {
			names = append(names, r.Name.String())
		}
	}
	return names
}

// ledgerTables are the tables in the ledger. If it cannot be read in time, they are those
// that the newest load saw.
func (e *ends) ledgerTables(ctx context.Context) []string {
	store := e.store(ctx)
	if store == nil {
		return nil
	}
	var tables []schema.TableName
	if cache, err := loads.Read(ctx, store, ""); err == nil {
		tables = slices.AppendSeq(tables, maps.Keys(cache.Tables))
	}
	half := cmp.Or(e.process.completionTime, completionTime) / 2 // leaves time to return what the cache has
	ctx, cancel := context.WithTimeout(ctx, half)
	defer cancel()
	if l, err := ledger.Open(ctx, store, ledger.Options{Now: time.Now}); err == nil {
		tables = slices.AppendSeq(tables, maps.Keys(l.State().Tables))
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.String()
	}
	return names
}

// store is the pipeline's directory in the volume; nil if it cannot be reached. A local
// workspace is read from its files: it belongs to the process that has it open.
func (e *ends) store(ctx context.Context) ledger.Store {
	if e.config.Destination.Local != "" {
		return directory(filepath.Join(e.volume(), e.config.Pipeline))
	}
	w := e.signedIn(ctx)
	if w == nil {
		return nil
	}
	return w.Files()
}

// signedIn is the Databricks workspace; nil if it does not answer.
func (e *ends) signedIn(ctx context.Context) *databricks.Workspace {
	if e.config.Destination.Local != "" {
		return nil
	}
	w, err := e.openTarget(ctx)
	if err != nil {
		return nil
	}
	return w
}

// volume is the directory of the volume in a local workspace.
func (e *ends) volume() string {
	d := e.config.Destination
	return filepath.Join(d.Local, "Volumes", strings.ToLower(d.Catalog), strings.ToLower(d.Schema), strings.ToLower(d.Volume))
}

// catalogs are those of the local workspace.
func (e *ends) catalogs(context.Context) []string {
	if e.config.Destination.Local == "" {
		return nil
	}
	have, _ := lakehouse.Catalogs(e.config.Destination.Local)
	return have
}

// schemas are those of the catalog.
func (e *ends) schemas(ctx context.Context) []string {
	if e.config.Destination.Local != "" {
		return subdirectories(filepath.Dir(filepath.Dir(e.volume())))
	}
	if w := e.signedIn(ctx); w != nil {
		names, _ := w.Schemas().List(ctx)
		return names
	}
	return nil
}

// pipelines are the directories in the volume.
func (e *ends) pipelines(ctx context.Context) []string {
	if e.config.Destination.Local != "" {
		return subdirectories(e.volume())
	}
	if w := e.signedIn(ctx); w != nil {
		names, _ := w.Pipelines(ctx)
		return names
	}
	return nil
}

// profiles are the sections of the Databricks configuration file.
func (e *ends) profiles(context.Context) []string {
	path := e.process.variable("DATABRICKS_CONFIG_FILE")
	if path == "" {
		path = filepath.Join(e.process.variable("HOME"), ".databrickscfg")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			names = append(names, line[1:len(line)-1])
		}
	}
	return names
}

func subdirectories(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// directory is a ledger's store that can only be read: files of a local workspace.
type directory string

func (d directory) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
}

func (d directory) Names(_ context.Context, dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(string(d), filepath.FromSlash(dir)))
	if os.IsNotExist(err) {
		return nil, nil
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func (directory) Create(context.Context, string, []byte) error { return os.ErrPermission }
func (directory) Delete(context.Context, string) error         { return os.ErrPermission }
