package main

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ui"
)

func TestPrintAnswer(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600000, time.UTC)
	result := &databricks.Result{
		Columns: []databricks.Column{
			{Name: "id", Type: "BIGINT"}, {Name: "id", Type: "DOUBLE"}, {Name: "d", Type: "DATE"},
			{Name: "ts", Type: "TIMESTAMP"}, {Name: "<n>", Type: "TIMESTAMP_NTZ"}, {Name: "b", Type: "BINARY"}, {Name: "dec", Type: "DECIMAL(3,1)"},
		},
		Rows: [][]any{
			{int64(math.MaxInt64), math.NaN(), at, at, at, []byte("hi"), "1.5"},
			{nil, 0.5, nil, nil, nil, nil, nil},
		},
	}
	print := func(structured bool, result *databricks.Result) (stdout, stderr string) {
		t.Helper()
		var out, err bytes.Buffer
		to := ui.NewOutput(ui.Options{Stdout: &out, Stderr: &err, Structured: structured, Environment: func(string) string { return "" }})
		if e := printAnswer(to, result, formatText); e != nil {
			t.Fatal(e)
		}
		return out.String(), err.String()
	}

	stdout, _ := print(true, result)
	want := `{
  "columns": [
    "id",
    "id_2",
    "d",
    "ts",
    "<n>",
    "b",
    "dec"
  ],
  "rows": [
    {
      "id": 9223372036854775807,
      "id_2": "NaN",
      "d": "2026-01-02",
      "ts": "2026-01-02T03:04:05.0006Z",
      "<n>": "2026-01-02T03:04:05.0006",
      "b": "aGk=",
      "dec": "1.5"
    },
    {
      "id": null,
      "id_2": 0.5,
      "d": null,
      "ts": null,
      "<n>": null,
      "b": null,
      "dec": null
    }
  ]
}
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}

	stdout, stderr := print(false, result)
	want = `                 id  id_2  d           ts                         <n>                       b       dec
-------------------  ----  ----------  -------------------------  ------------------------  ------  ----
9223372036854775807  NaN   2026-01-02  2026-01-02T03:04:05.0006Z  2026-01-02T03:04:05.0006  0x6869  1.5
               NULL  0.5   NULL        NULL                       NULL                      NULL    NULL
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if stderr != "2 rows\n" {
		t.Errorf("standard error: %q", stderr)
	}

	stdout, _ = print(true, &databricks.Result{})
	if want := "{\n  \"columns\": [],\n  \"rows\": []\n}\n"; stdout != want {
		t.Errorf("an answer of nothing: %q, want %q", stdout, want)
	}
	stdout, stderr = print(false, &databricks.Result{})
	if stdout != "" || stderr != "done\n" {
		t.Errorf("an answer of nothing: %q, %q", stdout, stderr)
	}
}

func TestUniqueNames(t *testing.T) {
	var columns []databricks.Column
	for _, name := range []string{"a", "a", "a_2", "a", "A"} {
		columns = append(columns, databricks.Column{Name: name})
	}
	if diff := cmp.Diff([]string{"a", "a_3", "a_2", "a_4", "A"}, uniqueNames(columns)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormatsOfAnswers(t *testing.T) {
	result := &databricks.Result{
		Columns: []databricks.Column{{Name: "id", Type: "BIGINT"}, {Name: "a note", Type: "STRING"}},
		Rows:    [][]any{{int64(1), "x, \"y\"\nz\x1b"}, {nil, nil}},
	}
	for format, want := range map[answerFormat]string{
		formatCSV:      "id,a note\n1,\"x, \"\"y\"\"\nz\x1b\"\n,\n",
		formatLines:    `{"id":1,"a note":"x, \"y\"\nz\u001b"}` + "\n" + `{"id":null,"a note":null}` + "\n",
		formatVertical: "-[ row 1 ]--\nid     | 1\na note | x, \"y\"\n       | z\\x1b\n-[ row 2 ]--\nid     | NULL\na note | NULL\n",
	} {
		var out, err bytes.Buffer
		to := ui.NewOutput(ui.Options{Stdout: &out, Stderr: &err, Environment: func(string) string { return "" }})
		if e := printAnswer(to, result, format); e != nil {
			t.Fatal(e)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	for script, want := range map[string][]string{
		"SELECT 1":               {"SELECT 1"},
		"SELECT 1;\n SELECT 2 ;": {"SELECT 1", "SELECT 2"},
		"SELECT ';', \";\", `;` ; SELECT 'it\\';s'": {"SELECT ';', \";\", `;`", "SELECT 'it\\';s'"},
		"SELECT 'a'';b'; -- no; statement\n":        {"SELECT 'a'';b'"},
		"/* a; b */ SELECT 1 /* ; */; /* only */":   {"/* a; b */ SELECT 1 /* ; */"},
		" ;; -- nothing\n":                          nil,
		"SELECT 'open; ":                            {"SELECT 'open;"},
		"SELECT 1 - -1; SELECT 4 / 2":               {"SELECT 1 - -1", "SELECT 4 / 2"},
	} {
		if diff := cmp.Diff(want, splitStatements(script)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", script, diff)
		}
	}
}
