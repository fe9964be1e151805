package verify

import (
	"bytes"
	"fmt"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
)

// textRows splits rows of COPY's text format into cells and makes them
// canonical. Only one goroutine may use it. The manual: COPY, "Text Format".
type textRows struct {
	codecs         []*codec
	encoding       *charset.Charset // of the text; nil: UTF-8, or no encoding
	row            rowReader
	cells, buffers [][]byte
	plain          []byte
}

// keepBuffer is the largest buffer that is reused for the next row.
const keepBuffer = 1 << 20

func newTextRows(codecs []*codec, encoding *charset.Charset, row rowReader) *textRows {
	return &textRows{codecs: codecs, encoding: encoding, row: row, cells: make([][]byte, len(codecs)), buffers: make([][]byte, len(codecs))}
}

// take processes whole rows and returns their number.
func (t *textRows) take(text []byte) (rows int64, err error) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if err := t.takeRow(text[:end]); err != nil {
			return rows, err
		}
		rows, text = rows+1, text[end+1:]
	}
	return rows, nil
}

func (t *textRows) takeRow(text []byte) error {
	if len(t.codecs) == 0 && len(text) == 0 {
		return t.row(t.cells)
	}
	for i, codec := range t.codecs {
		value := text
		switch tab := bytes.IndexByte(text, '\t'); {
		case tab >= 0 && i < len(t.codecs)-1:
			value, text = text[:tab], text[tab+1:]
		case tab >= 0 || i < len(t.codecs)-1:
			return fmt.Errorf("a row has other than %d fields", len(t.codecs))
		}
		t.cells[i] = nil
		if cap(t.buffers[i]) > keepBuffer {
			t.buffers[i] = nil
		}
		if len(value) == 2 && value[0] == '\\' && value[1] == 'N' {
			continue
		}
		if bytes.IndexByte(value, '\\') >= 0 {
			t.plain = unescape(t.plain[:0], value)
			value = t.plain
		}
		value = codec.utf8(t.encoding, value)
		if cell, ok := codec.masking(t.buffers[i][:0], value); ok {
			t.cells[i], t.buffers[i] = cell, cell
		}
	}
	return t.row(t.cells)
}

// unescape appends a value without its escapes. The server puts a backslash
// before a backslash and before six control characters.
func unescape(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || i == len(text)-1 {
			return append(dst, text...)
		}
		c := text[i+1]
		if at := bytes.IndexByte([]byte("bfnrtv"), c); at >= 0 {
			c = "\b\f\n\r\t\v"[at]
		}
		dst, text = append(append(dst, text[:i]...), c), text[i+2:]
	}
}
