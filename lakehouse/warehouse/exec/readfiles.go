//go:build cgo

package exec

import (
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// Files gives the relation of read_files.
func (t *statement) Files(path string, options map[string]string) (translate.Table, error) {
	if !strings.EqualFold(options["format"], "parquet") {
		return translate.Table{}, sparksql.Unsupported("read_files of format '%s' (only parquet)", options["format"])
	}
	for k := range options {
		if k != "format" && k != "schema" && k != volume.DatetimeOption && k != volume.Int96Option {
			return translate.Table{}, sparksql.Unsupported("the option %s of read_files", k)
		}
	}
	modes, err := volume.RebaseOptions(options)
	if err != nil {
		return translate.Table{}, err
	}
	paths, err := t.files.Files(path)
	if err != nil {
		return translate.Table{}, err
	}
	files := make([]*volume.Parquet, len(paths))
	for i, p := range paths {
		if files[i], err = t.files.Footer(p); err != nil {
			return translate.Table{}, err
		}
	}
	if options["schema"] != "" {
		defs, err := sparksql.ParseColumns(options["schema"])
		if err != nil {
			return translate.Table{}, err
		}
		want := make([]translate.Column, len(defs))
		for i, d := range defs {
			want[i] = translate.Column{Name: d.Name, Type: d.Type}
		}
		return t.files.Relation(files, want, modes, false)
	}
	if len(files) == 0 {
		return translate.Table{}, sparksql.Errorf("42000", "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE", "Cannot infer schema when the input path `%s` "+
			"is empty. Please try to start the stream when there are files in the input path, or specify the schema.", path)
	}
	want, err := t.files.Inferred(files, true)
	if err != nil {
		return translate.Table{}, err
	}
	return t.files.Relation(files, want, modes, false)
}
