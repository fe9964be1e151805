package stage

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestRunOf(t *testing.T) {
	s := &Stager{Options: Options{Run: "20260304T050607Z-1a2b3c"}}
	odd := schema.TableName{Schema: "Sales <&>", Name: `odd"name`}
	for name, want := range map[string]string{
		s.segmentName(odd, "changes"):                       "20260304T050607Z-1a2b3c",
		s.segmentName(odd, "snapshot-12"):                   "20260304T050607Z-1a2b3c",
		"segments/r/public.t/changes/123456789.parquet":     "r",
		"segments/r/public.t/changes/1.parquet":             "",
		"segments/r/public.t/changes/00000001.parquet.tmp":  "",
		"segments/r/public.t/00000001.parquet":              "",
		"segments/r/public.t/mine/00000001.parquet":         "",
		"segments/notes.txt":                                "",
		"ledger/r/public.t/changes/00000001.parquet":        "",
		"x/segments/r/public.t/changes/00000001.parquet":    "",
		"segments/r/public.t/x/changes/00000001.parquet":    "",
		"segments/r/public.t/snapshot-/00000001.parquet":    "",
		"segments/r/public.t/changes/00000001.parquet\nfoo": "",
	} {
		if run, ok := RunOf(name); run != want || ok != (want != "") {
			t.Errorf("RunOf(%q) = %q, %v; want %q", name, run, ok, want)
		}
	}
}
