package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const examplePath = "../../ingest.example.toml"

var assignment = regexp.MustCompile(`^(# )?([a-z_]+) = (\S.*?)\s+# (INGEST_[A-Z_]+)`)

// TestExampleShowsEveryKeyWithItsDefault compares the example with the table of keys. It has each key
// once, in its section, with its true default and its variable. A key is commented out if and only if
// it has no default.
func TestExampleShowsEveryKeyWithItsDefault(t *testing.T) {
	contents, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	section := ""
	for line := range strings.SplitSeq(string(contents), "\n") {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
		}
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := section + "." + m[2]
		order = append(order, name)
		k, ok := find(name)
		if !ok {
			t.Errorf("%s is in the example and is no key", name)
			continue
		}
		if m[4] != k.variable() {
			t.Errorf("%s: the example names %s, the variable is %s", name, m[4], k.variable())
		}
		for _, v := range k.standard {
			if !strings.Contains(line, v) {
				t.Errorf("%s: the example does not name %s", name, v)
			}
		}
		literal := k.literal(Default())
		switch {
		case literal == `""` && m[1] == "":
			t.Errorf("%s has no default and is set in the example", name)
		case literal != `""` && (m[1] != "" || m[3] != literal):
			t.Errorf("%s: the example says %q, the default is %s", name, m[0], literal)
		case literal == `""`:
			_, err := Read(Inputs{File: write(t, "["+section+"]\n"+m[2]+" = "+m[3]+"\n")})
			if err != nil {
				t.Errorf("%s: its example is refused: %v", name, err)
			}
		}
	}
	var want []string
	for _, k := range keys {
		want = append(want, k.name)
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("keys of the example (-want +got):\n%s", diff)
	}
}

// The example sets only defaults, but it sets positions too: its file, and the lines of names.
func TestExampleParsesToTheDefaults(t *testing.T) {
	got, err := Read(Inputs{File: examplePath})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "File", "Names")); diff != "" {
		t.Errorf("(-default +example):\n%s", diff)
	}
}

// TestEveryFieldHasAKey sets each key to its example and looks for fields of Config that no key
// changed.
func TestEveryFieldHasAKey(t *testing.T) {
	values := map[kind]string{text: "x_{table}", list: "sales", integer: "3", size: "77MB", duration: "77h", boolean: "true"}
	special := map[string]string{
		"pipeline.name": "p", "source.url": "postgres://h", "source.url_secret": "a/b", "source.slot": "s",
		"destination.host": "h.example.com", "load.naming": "snake_case", "load.json": "variant", "load.current": "table",
		"load.deletes": "hard", "load.reload": "auto", "source.changes": "none", "load.control_table": "false",
		"mask.key": "0123456789abcdef", "metrics.listen": "127.0.0.1:9464", "mask.key_secret": "a/b",
		"notify.webhook_url": "https://hooks.example.com/x", "source.ssh_host": "bastion:2222", "source.ssh_identity_secret": "a/b",
	}
	c := Default()
	for _, k := range keys {
		value, ok := special[k.name]
		if !ok {
			value = values[k.kind]
		}
		if err := k.set(c, []string{value}); err != nil {
			t.Fatalf("%s = %q: %v", k.name, value, err)
		}
		if k.literal(c) == k.literal(Default()) {
			t.Errorf("%s: its literal is still %s", k.name, k.literal(c))
		}
	}
	set, unset := reflect.ValueOf(*c), reflect.ValueOf(*Default())
	for i := range set.NumField() {
		name := set.Type().Field(i).Name
		if set.Field(i).Kind() != reflect.Struct {
			if name == "Pipeline" && set.Field(i).Equal(unset.Field(i)) {
				t.Errorf("no key sets %s", name)
			}
			continue
		}
		for j := range set.Field(i).NumField() {
			field := set.Field(i).Type().Field(j).Name
			if field != "PGVariables" && field != "Sections" && name+"."+field != "Shape.Key" &&
				reflect.DeepEqual(set.Field(i).Field(j).Interface(), unset.Field(i).Field(j).Interface()) {
				t.Errorf("no key sets %s.%s", name, field)
			}
		}
	}
}

func TestVariableNamesAreUnique(t *testing.T) {
	seen := map[string]string{fileVariable: "the file"}
	for _, k := range keys {
		for _, v := range append([]string{k.variable()}, k.standard...) {
			if other, ok := seen[v]; ok {
				t.Errorf("%s names both %s and %s", v, other, k.name)
			}
			seen[v] = k.name
		}
	}
}

func find(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}
