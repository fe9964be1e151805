package tcli

import (
	"testing"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/google/go-cmp/cmp"
)

func FuzzRead(f *testing.F) {
	f.Add([]byte{})
	f.Add(call(f, "OpenSession", object{{1, object{{4, qualifiers{}}, {1282, int64(1)}, {1284, object{{1, "c"}, {2, "s"}}}}}}))
	f.Add(call(f, "ExecuteStatement", object{{1, object{{1, object{{1, object{{1, "g"}, {2, "s"}}}}}, {2, "SELECT 1"},
		{1281, object{{1, int64(5)}}}, {1288, []object{{{3, "INT"}, {4, object{{1, "7"}}}}}}}}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := Read(t.Context(), body); err == nil && r == nil {
			t.Fatal("neither a request nor an error")
		}
	})
}

func call(t testing.TB, method string, args object) []byte {
	t.Helper()
	out, err := (&Request{Method: method}).message(t.Context(), thrift.CALL, args)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRead(t *testing.T) {
	body := call(t, "ExecuteStatement", object{{1,
		object{{1, object{{1, object{{1, "guid"}, {2, "secret"}}}}}, {2, "SELECT :p"}, {99, []string{"unknown"}}, {1281, object{{1, int64(5)}}},
			{1288, []object{{{2, "p"}, {3, "INT"}, {4, object{{1, "7"}}}}, {{3, "VOID"}}}}}}})
	got, err := Read(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	seven := "7"
	want := &Request{Method: "ExecuteStatement", Session: Handle{"guid", "secret"}, Statement: "SELECT :p", Direct: true, MaxRows: 5,
		Parameters: []Parameter{{"p", "INT", &seven}, {Type: "VOID"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Request{})); diff != "" {
		t.Error(diff)
	}
}
