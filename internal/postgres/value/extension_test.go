package value

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

func extensionType(extension, name string) schema.PostgresType {
	p := base(600_000, name)
	p.Extension, p.BaseName = extension, name
	return p
}

var (
	hstoreType = extensionType("hstore", "hstore")
	vectorType = extensionType("vector", "vector")
)

func TestHstoreAndVectorText(t *testing.T) {
	for _, tt := range []struct {
		src        schema.PostgresType
		text, want string // as Arrow prints the value
	}{
		{hstoreType, "", "{[] []}"},
		{hstoreType, `"a"=>"1"`, `{["a"] ["1"]}`},
		{hstoreType, `"a"=>NULL, "b"=>"NULL", ""=>""`, `{["a" "b" ""] [(null) "NULL" ""]}`},
		{hstoreType, `"a\"\\b"=>"\"=>\"\\, "`, `{["a\"\\b"] ["\"=>\"\\, "]}`},
		{arrayOf(hstoreType), `{"\"a\"=>\"\\\"\"",NULL,""}`, `[{["a"] ["\""]} (null) {[] []}]`},
		{vectorType, "[1,2.5,-3]", "[1 2.5 -3]"},
		{vectorType, "[1e-45]", "[1e-45]"},
		{extensionType("vector", "halfvec"), "[0.099975586,65504]", "[0.099975586 65504]"},
		{arrayOf(vectorType), `{"[1,2]",NULL}`, "[[1 2] (null)]"},
	} {
		values, rescued, err := one(t, newText(t, tt.src, schema.Map(tt.src).Type), []byte(tt.text))
		if err != nil || rescued != nil {
			t.Errorf("%s: rescued %q, error %v", tt.text, rescued, err)
			continue
		}
		if got := fmt.Sprint(values); got != "[(null) "+tt.want+" (null)]" {
			t.Errorf("%s becomes %s, want %s between two NULLs", tt.text, got, tt.want)
		}
	}
}

// hstoreText prints pairs as hstore_out does.
func hstoreText(keys []string, values map[string]*string) string {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var pairs []string
	for _, k := range keys {
		value := "NULL"
		if v := values[k]; v != nil {
			value = quote(*v)
		}
		pairs = append(pairs, quote(k)+"=>"+value)
	}
	return strings.Join(pairs, ", ")
}

func TestHstoreReadsWhatIsPrinted(t *testing.T) {
	part := rapid.StringOf(rapid.RuneFrom([]rune(`ab"\=>, NULL{}é😀`)))
	target := schema.Map(hstoreType).Type
	d := newText(t, hstoreType, target)
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(part, rapid.ID).Draw(t, "keys")
		want := map[string]*string{}
		for _, k := range keys {
			want[k] = rapid.Ptr(part, true).Draw(t, "value")
		}
		column := vector.NewColumn(target)
		text := hstoreText(keys, want)
		if rescued, err := d.Append(column, []byte(text)); err != nil || rescued != nil {
			t.Fatalf("%s: rescued %q, error %v", text, rescued, err)
		}
		got := map[string]*string{}
		k, v := column.Key().Array(), column.Elem().Array()
		for i := range k.Len() {
			got[k.ValueStr(i)] = nil
			if !v.IsNull(i) {
				value := v.ValueStr(i)
				got[k.ValueStr(i)] = &value
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", text, diff)
		}
	})
}

// A text that is not UTF-8 is rescued. So is one in a column of another type after a retype.
func TestHstoreThatDoesNotFit(t *testing.T) {
	target := schema.Map(hstoreType).Type
	checking, err := NewText(hstoreType, target, Options{CheckUTF8: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		d          *Decoder
		text, want string
	}{
		"not UTF-8": {checking, "\"a\"=>\"\xff\"", `\x2261223d3e22ff22`},
		"text now":  {newText(t, textType, target), `"a"=>"1"`, `"a"=>"1"`},
		"a vector's range": {newText(t, vectorType, schema.Type{Kind: schema.List, Elem: &schema.Type{Kind: schema.Int16}}),
			"[1,2.5]", "[1,2.5]"},
	} {
		column := vector.NewColumn(tt.d.target)
		rescued, err := tt.d.Append(column, []byte(tt.text))
		if err != nil || string(rescued) != tt.want || !column.IsNull(0) || column.Elem().Len() != 0 {
			t.Errorf("%s: rescued %q, error %v, %d elements; want %q", name, rescued, err, column.Elem().Len(), tt.want)
		}
	}
}
