package vector

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

// types has each kind, and lists and maps with every way to store elements.
func types() map[string]schema.Type {
	all := map[string]schema.Type{"decimal": {Kind: schema.Decimal, Precision: 38, Scale: 4}}
	for kind := schema.Bool; kind <= schema.TimestampUTC; kind++ {
		if kind != schema.Decimal {
			all[schema.Type{Kind: kind}.String()] = schema.Type{Kind: kind}
		}
	}
	for _, kind := range []schema.Kind{schema.Bool, schema.Int32, schema.String} {
		elem := schema.Type{Kind: kind}
		list := schema.Type{Kind: schema.List, Elem: &elem}
		all[list.String()] = list
		lists := schema.Type{Kind: schema.List, Elem: &list}
		all[lists.String()] = lists
		entries := schema.Type{Kind: schema.StringMap, Elem: &elem}
		all[entries.String()] = entries
		listOfMaps := schema.Type{Kind: schema.List, Elem: &entries}
		all[listOfMaps.String()] = listOfMaps
	}
	return all
}

// entry is an entry of a map in the model.
type entry struct {
	Key   string
	Value any
}

// value draws a value in the model's form: nil is NULL, a list is []any, a map
// is []entry.
func value(t *rapid.T, typ schema.Type, label string) any {
	if rapid.IntRange(0, 3).Draw(t, label+" null") == 0 {
		return nil
	}
	switch typ.Kind {
	case schema.Bool:
		return rapid.Bool().Draw(t, label)
	case schema.Int16:
		return rapid.Int16().Draw(t, label)
	case schema.Int32, schema.Date:
		return rapid.Int32().Draw(t, label)
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		return rapid.Int64().Draw(t, label)
	case schema.Float32:
		return rapid.Float32().Draw(t, label)
	case schema.Float64:
		return rapid.Float64().Draw(t, label)
	case schema.Decimal:
		return decimal128.New(rapid.Int64().Draw(t, label), rapid.Uint64().Draw(t, label))
	case schema.List:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, label+" length") {
			list = append(list, value(t, *typ.Elem, label))
		}
		return list
	case schema.StringMap:
		entries := []entry{}
		for range rapid.IntRange(0, 3).Draw(t, label+" length") {
			entries = append(entries, entry{rapid.StringN(0, 5, -1).Draw(t, label+" key"), value(t, *typ.Elem, label)})
		}
		return entries
	default:
		return rapid.StringN(0, 5, -1).Draw(t, label)
	}
}

// add appends a value of the model. how selects one of the ways to append
// strings.
func add(c *Column, v any, how int) {
	switch v := v.(type) {
	case nil:
		c.AppendNull()
	case bool:
		c.AppendBool(v)
	case int16:
		c.AppendInt16(v)
	case int32:
		c.AppendInt32(v)
	case int64:
		c.AppendInt64(v)
	case float32:
		c.AppendFloat32(v)
	case float64:
		c.AppendFloat64(v)
	case decimal128.Num:
		c.AppendDecimal(v)
	case string:
		switch how % 3 {
		case 0:
			c.AppendString(v)
		case 1:
			c.AppendBytes([]byte(v))
		case 2:
			c.Build(func(b []byte) []byte { return append(b, v...) })
		}
	case []any:
		for i, e := range v {
			add(c.Elem(), e, how+i)
		}
		c.EndList()
	case []entry:
		for i, e := range v {
			add(c.Key(), e.Key, how+i)
			add(c.Elem(), e.Value, how+i)
		}
		c.EndList()
	default:
		panic(fmt.Sprintf("no way to append %T", v))
	}
}

// read returns an array's value in the model's form.
func read(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int16:
		return a.Value(i)
	case *array.Int32:
		return a.Value(i)
	case *array.Date32:
		return int32(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Float32:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.Decimal128:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return string(a.Value(i))
	case *array.Map:
		entries := []entry{}
		start, end := a.ValueOffsets(i)
		for j := start; j < end; j++ {
			entries = append(entries, entry{a.Keys().(*array.String).Value(int(j)), read(a.Items(), int(j))})
		}
		return entries
	case *array.List:
		list := []any{}
		start, end := a.ValueOffsets(i)
		for j := start; j < end; j++ {
			list = append(list, read(a.ListValues(), int(j)))
		}
		return list
	}
	panic(fmt.Sprintf("no way to read %T", a))
}

func readAll(c *Column) []any {
	a := c.Array()
	defer a.Release()
	all := []any{}
	for i := range a.Len() {
		all = append(all, read(a, i))
	}
	return all
}

var equalDecimals = cmp.Comparer(func(a, b decimal128.Num) bool { return a == b })

// After any sequence of operations, the column's array equals a plain slice
// after the same operations.
func TestColumnBehavesAsASlice(t *testing.T) {
	for name, typ := range types() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c, other := NewColumn(typ), NewColumn(typ)
				var model, otherModel []any
				for step := range rapid.IntRange(0, 5).Draw(t, "others") {
					v := value(t, typ, "other")
					add(other, v, step)
					otherModel = append(otherModel, v)
				}
				actions := map[string]func(*rapid.T){
					"append": func(t *rapid.T) {
						for step := range rapid.IntRange(1, 12).Draw(t, "count") {
							v := value(t, typ, "value")
							add(c, v, step)
							model = append(model, v)
						}
					},
					"truncate": func(t *rapid.T) {
						n := rapid.IntRange(0, len(model)+2).Draw(t, "length")
						c.Truncate(n)
						model = model[:min(n, len(model))]
					},
					"reset": func(*rapid.T) {
						c.Reset()
						model = nil
					},
					"": func(t *rapid.T) { compare(t, c, model) },
				}
				if len(otherModel) > 0 {
					actions["copy"] = func(t *rapid.T) {
						i := rapid.IntRange(0, len(otherModel)-1).Draw(t, "index")
						c.CopyFrom(other, i)
						model = append(model, otherModel[i])
					}
				}
				if typ.Kind == schema.List || typ.Kind == schema.StringMap {
					actions["abandon a list"] = func(t *rapid.T) {
						if typ.Kind == schema.StringMap {
							add(c.Key(), "key", 0)
						}
						add(c.Elem(), value(t, *typ.Elem, "element"), 0)
						c.DropElements()
					}
				}
				t.Repeat(actions)
				compare(t, other, otherModel)
			})
		})
	}
}

func compare(t *rapid.T, c *Column, model []any) {
	nulls := 0
	for i, v := range model {
		if c.IsNull(i) != (v == nil) {
			t.Fatalf("value %d is NULL: %v, want %v", i, c.IsNull(i), v == nil)
		}
		if v == nil {
			nulls++
		}
	}
	if c.Len() != len(model) || c.Nulls() != nulls {
		t.Fatalf("%d values, %d NULLs; want %d and %d", c.Len(), c.Nulls(), len(model), nulls)
	}
	if diff := cmp.Diff(append([]any{}, model...), readAll(c), equalDecimals); diff != "" {
		t.Fatal(diff)
	}
}

// Size counts exactly the values that Truncate and Reset have not removed.
func TestColumnSize(t *testing.T) {
	for name, typ := range types() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c := NewColumn(typ)
				var sizes []int
				for step := range rapid.IntRange(1, 20).Draw(t, "count") {
					sizes = append(sizes, c.Size())
					add(c, value(t, typ, "value"), step)
				}
				for n := len(sizes) - 1; n > 0; n-- {
					// A list's elements may keep the offset at which the first
					// one starts.
					if c.Truncate(n); c.Size() != sizes[n] && !typ.Nested() {
						t.Fatalf("%d bytes after truncating to %d values, %d before", c.Size(), n, sizes[n])
					}
				}
				if c.Reset(); c.Size() != 0 {
					t.Fatalf("%d bytes after Reset", c.Size())
				}
			})
		})
	}
}

func TestResetKeepsBuffers(t *testing.T) {
	for name, typ := range types() {
		c := NewColumn(typ)
		v := rapid.Custom(func(t *rapid.T) any { return value(t, typ, "value") }).Filter(func(v any) bool { return v != nil }).Example(1)
		fill := func() {
			for range 100 {
				add(c, v, 1)
				c.AppendNull()
			}
		}
		fill()
		if typ.Nested() {
			continue // otherwise the model's own byte slices would count
		}
		allocs := testing.AllocsPerRun(10, func() {
			c.Reset()
			for range 100 {
				c.AppendNull()
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations to fill a column again", name, allocs)
		}
	}
}
