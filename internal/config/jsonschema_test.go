package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaPath = "../../resources/ingest.schema.json"

func exampleSchema(t *testing.T) []byte {
	t.Helper()
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := JSONSchema(string(example))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// The schema in the repository is the one that the table of keys and the example give.
func TestSchemaIsCurrent(t *testing.T) {
	have, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(exampleSchema(t))); diff != "" {
		t.Errorf("resources/ingest.schema.json is not current; run: bin/ingest config schema > resources/ingest.schema.json\n%s", diff)
	}
}

// validator compiles the schema with a library that knows the drafts.
func validator(t *testing.T) func(contents string) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(exampleSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("ingest.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("ingest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(contents string) error {
		var value map[string]any
		if _, err := toml.Decode(contents, &value); err != nil {
			t.Fatalf("%v in\n%s", err, contents)
		}
		return schema.Validate(value)
	}
}

// The example validates as it is, and with all of its keys and options turned on.
func TestExampleValidates(t *testing.T) {
	contents, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	example, validate := string(contents), validator(t)
	if first, _, _ := strings.Cut(example, "\n"); first != "#:schema ./resources/ingest.schema.json" {
		t.Errorf("the first line of the example is %q", first)
	}
	if err := validate(example); err != nil {
		t.Error(err)
	}
	var all strings.Builder
	given := map[string]bool{}
	for line := range strings.Lines(example) {
		text, _ := strings.CutPrefix(line, "# ")
		name, _, assigned := strings.Cut(text, " = ")
		if strings.HasPrefix(text, "[") {
			given = map[string]bool{}
		}
		if strings.HasPrefix(text, "[") || assigned && !strings.Contains(name, " ") && !given[name] {
			given[name] = true
			all.WriteString(text)
		}
	}
	if err := validate(all.String()); err != nil {
		t.Errorf("%v in\n%s", err, all.String())
	}
	deployed, err := os.ReadFile("../../resources/ingest.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(string(deployed)); err != nil {
		t.Errorf("resources/ingest.toml: %v", err)
	}
}

// What Read accepts, the schema accepts; what the schema refuses, Read refuses too. Editors must not
// mark a right file. The last column says whether an editor notices the mistake.
func TestSchemaAgreesWithRead(t *testing.T) {
	validate := validator(t)
	for _, c := range []struct {
		contents string
		read     bool // Read accepts it
		schema   bool // the schema accepts it
	}{
		{"", true, true},
		{"[load]\njobs = 256", true, true},
		{"[load]\njobs = 0", false, false},
		{"[load]\njobs = 257", false, false},
		{"[load]\njobs = \"8\"", false, false},
		{"[load]\njobbs = 8", false, false},
		{"[lode]\njobs = 8", false, false},
		{"jobs = 8", false, false},
		{"load = 8", false, false},
		{"[load]\ncurrent = \"view\"", true, true},
		{"[load]\ncurrent = \"views\"", false, false},
		{"[load]\nhistory = \"true\"", false, false},
		{"[load]\nkey = \"id\"", false, false},
		{"[load]\nkey = [1]", false, false},
		{"[load]\ninterval = \"1h30m\"", true, true},
		{"[load]\ninterval = \"+1.5h\"", true, true},
		{"[load]\ninterval = \".5h\"", true, true},
		{"[load]\ninterval = \"30\"", false, false},
		{"[load]\ninterval = 30", false, false},
		{"[load]\ninterval = \"30 s\"", false, false},
		{"[source]\nheartbeat = \"0\"", true, true},
		{"[source]\nheartbeat = \"100µs\"", true, true},
		{"[source]\nslot = \"\"", true, true},
		{"[source]\nslot = \"a_1\"", true, true},
		{"[source]\nslot = \"A\"", false, false},
		{"[source]\nurl_secret = \"scope/key\"", true, true},
		{"[source]\nurl_secret = \"key\"", false, false},
		{"[source]\nssh_port = 22", false, false},
		{"[source]\nurl = \"mysql://h\"", false, true},
		{"[pipeline]\nname = \"a-1\"", true, true},
		{"[pipeline]\nname = \"A\"", false, false},
		{"[staging]\nmemory = 268435456", true, true},
		{"[staging]\nmemory = \"1,000 MB\"", true, true},
		{"[staging]\nmemory = \"1.5gib\"", true, true},
		{"[staging]\nmemory = \"256M\"", true, true},
		{"[staging]\nmemory = \"256Ki\"", false, true},
		{"[staging]\nmemory = \"many\"", false, false},
		{"[staging]\nmemory = true", false, false},
		{"[staging]\nentry_rows = 9000000000000000000", true, true},
		{"[tables.a]\nname = \"b\"\nmask = { x = \"null\", y = { fixed = \"-\" } }", true, true},
		{"[tables.a]\nmask = { x = \"md5\" }", false, false},
		{"[tables.a]\nmask = { x = { fixd = \"-\" } }", false, false},
		{"[tables.a]\nrename = { x = 1 }", false, false},
		{"[tables.a]\ntags = [\"x\"]", false, false},
		{"[tables.a]\nexclude_column = [\"x\"]", false, false},
		{"[tables.public.a]\nname = \"b\"", false, false},
		{"[tables]\na = 1", false, false},
	} {
		path := filepath.Join(t.TempDir(), "ingest.toml")
		if err := os.WriteFile(path, []byte(c.contents), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(Inputs{File: path}); (err == nil) != c.read {
			t.Errorf("%q: Read: %v", c.contents, err)
		}
		if err := validate(c.contents); (err == nil) != c.schema {
			t.Errorf("%q: the schema: %v", c.contents, err)
		}
		if c.read && !c.schema {
			t.Errorf("%q: an editor marks a right file", c.contents)
		}
	}
}

// Every key and every option of tables has a description in the schema, which an editor shows.
func TestSchemaDescribesEveryKey(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	comments := commentsOf(string(example))
	for _, k := range keys {
		if comments[k.name] == "" {
			t.Errorf("the example does not describe %s", k.name)
		}
	}
	for name, text := range comments {
		if strings.Contains(text, " = ") && strings.Contains(text, "password_command") {
			t.Errorf("%s: its description is an assignment: %s", name, text)
		}
	}
}
