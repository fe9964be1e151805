package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// appendHstore appends the pairs that hstore_out prints: "key"=>"value" or
// "key"=>NULL, with ", " between them. The manual: "hstore External
// Representation".
func appendHstore(dst, text []byte) (_ []byte, ok bool) {
	pairs := map[string]*string{}
	for len(text) > 0 {
		if len(pairs) > 0 {
			if text, ok = bytes.CutPrefix(text, []byte(", ")); !ok {
				return dst, false
			}
		}
		var key, value []byte
		if key, text, ok = quoted(text); !ok {
			return dst, false
		}
		if text, ok = bytes.CutPrefix(text, []byte("=>")); !ok {
			return dst, false
		}
		pairs[string(key)] = nil
		rest, null := bytes.CutPrefix(text, []byte("NULL"))
		if text = rest; null {
			continue
		}
		if value, text, ok = quoted(text); !ok {
			return dst, false
		}
		s := string(value)
		pairs[string(key)] = &s
	}
	return appendPairs(dst, pairs), true
}

// appendJSONMap appends the pairs of the target's map, which is a JSON object.
func appendJSONMap(dst []byte, text string) ([]byte, error) {
	var pairs map[string]*string
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		return nil, fmt.Errorf("read a map: %w", err)
	}
	return appendPairs(dst, pairs), nil
}

// appendPairs appends a map in the order of its keys, because neither end keeps
// an order.
func appendPairs(dst []byte, pairs map[string]*string) []byte {
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		dst = appendCell(dst, []byte(key))
		var value []byte
		if v := pairs[key]; v != nil {
			value = []byte(*v)
		}
		dst = appendCell(dst, value)
	}
	return dst
}

func displayMap(b []byte) string {
	cell := func() (text string) {
		if b[0] == 0 {
			b = b[1:]
			return "NULL"
		}
		size, n := binary.Uvarint(b[1:])
		b = b[1+n:]
		text, b = string(b[:size]), b[size:]
		return text
	}
	var pairs []string
	for len(b) > 0 {
		key := cell()
		pairs = append(pairs, key+": "+cell())
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}
