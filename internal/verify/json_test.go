package verify

import "testing"

func TestEqualDocumentsHaveEqualBytes(t *testing.T) {
	for _, group := range [][]string{
		{`1`, `1.0`, `10e-1`, `0.1E+1`, ` 1 `},
		{`-1.5`, `-15e-1`, `-0.00000000000000000000000000000000000015e37`},
		{`0`, `-0`, `0.00`, `0e9`},
		{`100`, `1e2`, `1.00E2`},
		{`{"a":1,"b":[true,null]}`, `{ "b" : [true, null], "a" : 1.0 }`},
		{`5e-324`, `4.9E-324`}, {`1e23`, `9.999999999999999E22`}, {`1.0000000000000000001e0`}, {`1e400`}, {`1e-400`},
		{`"\u00e9"`, `"é"`}, {`"a\/b"`, `"a/b"`},
		{`{}`}, {`[]`}, {`null`}, {`"null"`}, {`true`}, {`[1,2]`}, {`[2,1]`}, {`[12]`}, {`{"a":{"b":1}}`}, {`{"a":1,"b":1}`}, {`"1"`}, {`11`},
	} {
		first, ok := appendJSON(nil, []byte(group[0]))
		if !ok {
			t.Fatalf("%s is refused", group[0])
		}
		for _, text := range group[1:] {
			if got, ok := appendJSON(nil, []byte(text)); !ok || string(got) != string(first) {
				t.Errorf("%s is %s, and %s is %s", text, got, group[0], first)
			}
		}
		for _, text := range []string{`[3]`, `{"a":2}`, `7e7`, `"z"`} {
			if got, _ := appendJSON(nil, []byte(text)); string(got) == string(first) {
				t.Errorf("%s and %s are both %s", text, group[0], got)
			}
		}
	}
	for _, text := range []string{``, `1 2`, `{"a":1,"a":1}`, `[1`, `{"a"}`, `x`} {
		if got, ok := appendJSON(nil, []byte(text)); ok {
			t.Errorf("%s is %s", text, got)
		}
	}
}
