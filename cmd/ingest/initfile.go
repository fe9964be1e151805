package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest"
	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/schema"
)

// schemaFile is the JSON Schema that init writes beside the configuration.
const schemaFile = "ingest.schema.json"

// passwordPlaces are the places for the password of the runs.
const passwordPlaces = "export PGPASSWORD, or put it into ~/.pgpass, or set source.password_command, " +
	"or store the whole URL as a Databricks secret and set source.url_secret"

// write writes the configuration without its passwords, and the schema beside it.
func (i *initialization) write() error {
	c := *i.config
	about := map[string]string{}
	switch {
	case c.Source.URL != "":
		user := i.role
		if user == i.source.Facts.User { // the address may have another name for it, as poolers do
			user = ""
		}
		public, removed := c.Source.URL.Public(user)
		c.Source.URL = public
		about["source.url"] = "The password is not here. PGPASSWORD, ~/.pgpass, password_command or url_secret have it."
		if removed && i.prepared.Role.Exists {
			i.notes = append(i.notes, "the password is not in "+i.path+": "+passwordPlaces)
		}
	case c.Source.URLSecret == "":
		about["source"] = "PGHOST and the other PG variables name the source."
	}
	if len(c.Source.PasswordCommand) > 0 {
		i.notes = append(i.notes, "source.password_command may contain a secret and is not in "+i.path+
			": keep INGEST_SOURCE_PASSWORD_COMMAND set")
	}
	contents, err := config.JSONSchema(ingest.Example)
	if err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(i.path), schemaFile)
	switch err := writeNew(beside, contents, i.runID); {
	case errors.Is(err, fs.ErrExist):
		i.notes = append(i.notes, beside+" exists and stays as it is; `ingest config schema` prints the one of this version")
	case err != nil:
		return failure.Wrap(failure.Usage, err)
	}
	text := "#:schema ./" + schemaFile + "\n# Written by `ingest init`. `ingest config show` prints every key with its value.\n" +
		c.FileText(about)
	err = writeNew(i.path, []byte(text), i.runID)
	if errors.Is(err, fs.ErrExist) {
		return i.exists()
	}
	return failure.Wrap(failure.Usage, err)
}

// writeNew writes a file aside and gives it its name. A file that has the name stays; the error is then
// fs.ErrExist.
func writeNew(path string, contents []byte, run string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write %s: %w", path, fs.ErrExist)
	}
	aside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+run)
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(contents)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = giveName(aside, path)
	}
	if err = errors.Join(err, removeAside(aside)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// giveName renames a file unless the new name is taken. A link, unlike a rename, replaces nothing. Some
// file systems have no links.
func giveName(aside, path string) error {
	err := os.Link(aside, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(aside, path)
}

func removeAside(aside string) error {
	if err := os.Remove(aside); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// initialized is the result of init.
type initialized struct {
	File       string             `json:"file"`
	SchemaFile string             `json:"schema_file"`
	Role       string             `json:"role"`
	RoleExists bool               `json:"role_exists"`
	Tables     []initializedTable `json:"tables"`
	SQL        []string           `json:"sql"`
	Findings   []finding.Finding  `json:"findings"`
	Notes      []string           `json:"notes"`
}

type initializedTable struct {
	Table         string `json:"table"`
	EstimatedRows int64  `json:"estimated_rows"`
	Bytes         int64  `json:"bytes"`
}

func (i *initialization) print() error {
	p := i.prepared
	if !p.Role.Exists {
		i.notes = append(i.notes, fmt.Sprintf(`give the role a password (psql: \password %s), and admit it in pg_hba.conf; for the runs %s`,
			schema.QuotePostgres(i.role), passwordPlaces))
	}
	findings := slices.Concat([]finding.Finding{}, p.Settings, p.LeftOut)
	if i.ui.Structured {
		r := initialized{
			File: i.path, SchemaFile: filepath.Join(filepath.Dir(i.path), schemaFile), Role: i.role, RoleExists: p.Role.Exists,
			SQL: append([]string{}, p.SQL...), Findings: append([]finding.Finding{}, findings...), Notes: append([]string{}, i.notes...),
		}
		for _, t := range p.Tables {
			r.Tables = append(r.Tables, initializedTable{t.Name.String(), t.Rows, t.Bytes})
		}
		return i.ui.JSON(r)
	}
	database := i.source.Facts.Database
	i.say("\nwrote %s: %s of %s", i.path, countOf(len(p.Tables), "table"), database)
	next := "next: ingest check"
	head := fmt.Sprintf("-- role %s lacks nothing in %s for these tables", i.role, database)
	if len(p.SQL) > 0 {
		head = fmt.Sprintf("-- run this in database %s as a superuser, or as the administrator of a managed service", database)
		next = "next: run the SQL; then ingest check"
	}
	if err := i.ui.Print("%s", strings.Join(append([]string{head}, p.SQL...), "\n")); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Level == finding.Note { // the list of tables has it
			continue
		}
		i.say("%-8s %s: %s", f.Level, f.Subject, f.What)
		if f.Remedy != "" {
			i.say("         fix: %s", f.Remedy)
		}
	}
	for _, note := range i.notes {
		i.say("note     %s", note)
	}
	i.say("%s", next)
	return nil
}
