package volume

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Volumes are the files of the volumes, below one directory: /Volumes/<c>/<s>/<v>/…
// is dir/<c>/<s>/<v>/….
type Volumes struct{ Dir string }

// Path is the directory or file that a path of a statement names. Only paths
// inside a volume exist; `..` and symbolic links are refused at every level.
func (v *Volumes) Path(given string) (string, error) {
	clean := strings.TrimPrefix(given, "dbfs:")
	parts := strings.Split(strings.Trim(clean, "/"), "/")
	if !strings.HasPrefix(clean, "/Volumes/") || len(parts) < 4 {
		return "", sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED",
			"The local workspace reads files only below /Volumes/<catalog>/<schema>/<volume>, not '%s'.", given)
	}
	at := v.Dir
	for _, part := range parts[1:] {
		if part == "" {
			continue
		}
		if part == "." || part == ".." || strings.ContainsAny(part, "\x00*?[") {
			return "", sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED",
				"The path '%s' has a segment that the local workspace refuses: '%s'.", given, part)
		}
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED", "The path '%s' cannot be read: %v.", given, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED", "The path '%s' goes through a symbolic link.", given)
		}
	}
	return at, nil
}

// PathNotFound refuses a path that nothing is at.
func PathNotFound(given string) *refusal.Error {
	return sparksql.Errorf("42K03", "PATH_NOT_FOUND", "Path does not exist: %s.", given)
}

// Files lists the files that a path names, all sub-directories included, by
// name. Names that begin with _ or . are left out, as Spark leaves them out.
func (v *Volumes) Files(given string) ([]string, error) {
	root, err := v.Path(given)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(root)
	if err != nil {
		return nil, PathNotFound(given)
	}
	if info.Mode().IsRegular() {
		return []string{root}, nil
	}
	var out []string
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if p != root && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			return sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED", "The path '%s' holds a symbolic link.", given)
		}
		if strings.ContainsAny(name, "*?[") { // DuckDB would read it as a glob
			return sparksql.Errorf("42501", "LOCAL_WORKSPACE_PATH_REFUSED",
				"The path '%s' holds a file whose name the local workspace refuses: '%s'.", given, name)
		}
		if d.Type().IsRegular() {
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		return nil, refusal.Of(err)
	}
	sort.Strings(out)
	return out, nil
}

// Name is the path of a file as statements name it.
func (v *Volumes) Name(file string) string {
	rel, err := filepath.Rel(v.Dir, file)
	if err != nil {
		return file
	}
	return "/Volumes/" + filepath.ToSlash(rel)
}

// Matches compares a path, relative to its source, with COPY INTO's PATTERN.
func Matches(pattern, rel string) (bool, error) {
	for _, alternative := range braces(pattern) {
		ok, err := path.Match(strings.ReplaceAll(alternative, "[!", "[^"), rel)
		if err != nil {
			return false, sparksql.Errorf("22023", "INVALID_PARAMETER_VALUE", "PATTERN '%s' is not a glob: %v.", pattern, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// braces expands {a,b} once, which is as far as a glob of Hadoop's needs here.
func braces(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	shut := strings.IndexByte(pattern, '}')
	if open < 0 || shut < open {
		return []string{pattern}
	}
	var out []string
	for choice := range strings.SplitSeq(pattern[open+1:shut], ",") {
		out = append(out, pattern[:open]+choice+pattern[shut+1:])
	}
	return out
}

// Names are the directories of a schema below the volumes directory.
func (v *Volumes) Names(catalog, schema string) ([]string, error) {
	dir, err := v.Path("/Volumes/" + catalog + "/" + schema + "/-")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, err
}
