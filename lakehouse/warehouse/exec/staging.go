//go:build cgo

package exec

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// moveFile answers PUT, GET and REMOVE as Databricks does: with one row that has
// the client move the file by HTTP.
func (e *Executor) moveFile(s *Session, st *sparksql.MoveFile) (*result.Result, error) {
	at, err := e.files.Path(st.Path)
	if err != nil {
		return nil, err
	}
	if e.presign == nil {
		return nil, sparksql.Unsupported("%s without the Files API", st.Verb)
	}
	info, err := os.Lstat(at)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case st.Verb == "PUT" && err == nil && !st.Overwrite:
		return nil, sparksql.Errorf("42710", "FILE_IN_STAGING_PATH_ALREADY_EXISTS",
			"File in staging path %s already exists but OVERWRITE is not set.", st.Path)
	case st.Verb != "PUT" && err != nil:
		return nil, volume.PathNotFound(st.Path)
	}
	method := map[string]string{"PUT": "PUT", "GET": "GET", "REMOVE": "DELETE"}[st.Verb]
	url, headers := e.presign(s.base, Move{method, path.Clean(strings.TrimPrefix(st.Path, "dbfs:")), err == nil && info.IsDir(), st.Overwrite})
	row := []any{st.Verb, url, store.Encode(headers), st.Local}
	r := result.TextRows([]string{"operation", "presignedUrl", "headers", "localFile"}, [][]any{row})
	if st.Verb == "REMOVE" {
		row[3] = nil
	}
	r.Staging = true
	return r, nil
}

// listFiles is LIST: a directory's files and directories, by name.
func (e *Executor) listFiles(st *sparksql.ListFiles) (*result.Result, error) {
	at, err := e.files.Path(st.Path)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, volume.PathNotFound(st.Path)
	}
	if err != nil {
		return nil, err
	}
	found, under := []fs.FileInfo{info}, path.Dir(path.Clean(st.Path))
	if info.IsDir() {
		under = path.Clean(st.Path)
		if found, err = filesIn(at); err != nil {
			return nil, err
		}
	}
	r := result.TextRows([]string{"path", "name", "size", "modification_time"}, nil)
	r.Columns[2].Type, r.Columns[3].Type = sparksql.Long, sparksql.Timestamp
	for i, f := range found {
		if i == st.Limit {
			break
		}
		name, size := f.Name(), f.Size()
		if f.IsDir() {
			name, size = name+"/", 0
		}
		r.Rows = append(r.Rows, []any{"dbfs:" + strings.TrimPrefix(under, "dbfs:") + "/" + name, name, size, f.ModTime().UTC()})
	}
	return r, nil
}

func filesIn(dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	var out []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}

// explain answers with a plan of one text, or with the error of the query: EXPLAIN itself succeeds. Statements other than queries
// are only parsed.
func (t inspector) explain(st *sparksql.Explain) (*result.Result, error) {
	q, ok := st.Of.(*sparksql.QueryStatement)
	plan := "== Physical Plan ==\nLocalWorkspace"
	if ok {
		r, err := t.translator().Query(q.Query)
		if err != nil {
			plan = "Error occurred during query planning: \n" + refusal.Of(err).Error()
		} else {
			plan += " " + columnNames(r.Columns)
		}
	}
	return result.TextRows([]string{"plan"}, [][]any{{plan + "\n"}}), nil
}

func columnNames(columns []translate.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return "[" + strings.Join(names, ", ") + "]"
}
