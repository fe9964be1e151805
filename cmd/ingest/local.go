package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse"
)

// makesLocal annotates a command that creates a local workspace, or a catalog in it,
// if it is missing. For other commands a missing one is a mistake in its name: they
// only use what a full load has made.
const makesLocal = "makes-local"

// checkLocal returns an error if the configuration names a local workspace that does
// not exist, or a catalog that it does not have. If the command creates them, it
// reports that in the log.
func (e *ends) checkLocal() error {
	d := e.config.Destination
	have, err := lakehouse.Catalogs(d.Local)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return failure.Wrap(failure.Destination, err)
	case slices.Contains(have, strings.ToLower(d.Catalog)):
		return nil
	case e.makesLocal && len(have) == 0:
		e.log.Info("the local workspace is new", "directory", d.Local)
		return nil
	case e.makesLocal:
		e.log.Warn("the catalog is new in the local workspace", "catalog", d.Catalog, "directory", d.Local, "others", strings.Join(have, ", "))
		return nil
	case len(have) == 0:
		wrong := failure.New(failure.Usage, "there is no local workspace in %s", d.Local)
		if near := nearestLocal(d.Local); near != "" {
			return wrong.WithHint("did you mean --local %s? `ingest full-load` makes a new one", near)
		}
		return wrong.WithHint("`ingest full-load` makes one; check --local (destination.local)")
	}
	wrong := failure.New(failure.Usage, "the local workspace in %s has no catalog %s; it has %s", d.Local, d.Catalog, strings.Join(have, ", "))
	if near := config.Nearest(d.Catalog, have); near != "" {
		return wrong.WithHint("did you mean --catalog %s?", near)
	}
	return wrong.WithHint("`ingest full-load` makes it; check --catalog (destination.catalog, INGEST_CATALOG)")
}

// nearestLocal is a local workspace next to the directory whose name is almost the
// same; "" if there is none.
func nearestLocal(dir string) string {
	parent := filepath.Dir(filepath.Clean(dir))
	entries, err := os.ReadDir(parent)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if have, err := lakehouse.Catalogs(filepath.Join(parent, e.Name())); err == nil && len(have) > 0 {
			names = append(names, e.Name())
		}
	}
	near := config.Nearest(filepath.Base(dir), names)
	if near == "" {
		return ""
	}
	return filepath.Join(parent, near)
}
