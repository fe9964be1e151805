package copybinary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// stream builds a COPY BINARY stream.
type stream []byte

func header(flags uint32, extension string) stream {
	s := append(stream(nil), signature...)
	s = binary.BigEndian.AppendUint32(s, flags)
	s = binary.BigEndian.AppendUint32(s, uint32(len(extension)))
	return append(s, extension...)
}

func (s stream) tuple(fields ...[]byte) stream {
	s = binary.BigEndian.AppendUint16(s, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			s = append(s, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		s = append(binary.BigEndian.AppendUint32(s, uint32(len(f))), f...)
	}
	return s
}

func (s stream) trailer() stream { return append(s, 0xff, 0xff) }

func clone(fields [][]byte) [][]byte {
	c := make([][]byte, len(fields))
	for i, f := range fields {
		if f != nil {
			c[i] = append([]byte{}, f...)
		}
	}
	return c
}

// parse feeds s in chunks that end at the given offsets.
func parse(s []byte, fields int, cuts ...int) ([][][]byte, error) {
	var tuples [][][]byte
	p := NewParser(fields, func(f [][]byte) error {
		tuples = append(tuples, clone(f))
		return nil
	})
	start := 0
	for _, cut := range append(cuts, len(s)) {
		// Overwriting a copy reveals fields that outlive their chunk.
		chunk := bytes.Clone(s[start:cut])
		if n, err := p.Write(chunk); err != nil || n != len(chunk) {
			return tuples, err
		}
		for i := range chunk {
			chunk[i] = 0xaa
		}
		start = cut
	}
	return tuples, p.Close()
}

func TestParserGivesEveryTuple(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stream stream
		fields int
		want   [][][]byte
	}{
		{"no tuples", header(0, "").trailer(), 3, nil},
		{"NULL and empty differ", header(0, "").tuple(nil, []byte{}, []byte("x")).trailer(), 3, [][][]byte{{nil, {}, []byte("x")}}},
		{"no fields", header(0, "").tuple().tuple().trailer(), 0, [][][]byte{{}, {}}},
		{"extension is skipped", header(0, "PGCOPY").tuple([]byte("a")).trailer(), 1, [][][]byte{{[]byte("a")}}},
		{"uncritical flags are ignored", header(0xffff, "").tuple([]byte("a")).trailer(), 1, [][][]byte{{[]byte("a")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.stream, tt.fields)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParserRefuses(t *testing.T) {
	ok := header(0, "").tuple([]byte("a"), []byte("b"))
	for _, tt := range []struct {
		name   string
		stream []byte
		want   string
	}{
		{"text format", []byte("1\tone\n"), "not the binary format's signature"},
		{"line ends changed on the way", []byte("PGCOPY\n\xff\n\x00"), "not the binary format's signature"},
		{"object ids", header(1<<16, "").trailer(), "flags 0x00010000"},
		{"negative extension", binary.BigEndian.AppendUint32(append(stream(signature), 0, 0, 0, 0), 1<<31),
			"header extension of -2147483648 bytes"},
		{"too few fields", ok.tuple([]byte("a")), "tuple 2 has 1 fields, want 2"},
		{"negative field count", append(ok, 0xff, 0xfe), "tuple 2 has -2 fields, want 2"},
		{"negative length", append(ok, 0, 2, 0xff, 0xff, 0xff, 0xfe), "field 1 of tuple 2 has a length of -2 bytes"},
		{"huge length", append(ok, 0, 2, 0x7f, 0xff, 0xff, 0xff), "field 1 of tuple 2 has a length of 2147483647 bytes"},
		{"bytes after the trailer", append(ok.trailer(), 0), "1 bytes after the trailer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.stream, 2)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want …%s…", err, tt.want)
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v is reported as a short stream", err)
			}
		})
	}
}

func TestParserFindsEveryTruncation(t *testing.T) {
	s := header(0, "ext").tuple([]byte("one"), nil).tuple([]byte{}, []byte("two")).trailer()
	for end := range len(s) {
		if _, err := parse(s[:end], 2); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("stream cut at %d of %d: %v", end, len(s), err)
		}
	}
}

func TestParserKeepsItsError(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	p := NewParser(1, func([][]byte) error { calls++; return broken })
	s := header(0, "").tuple([]byte("a")).tuple([]byte("b")).trailer()
	if _, err := p.Write(s); err != broken {
		t.Fatalf("Write: %v, want the callback's error", err)
	}
	if _, err := p.Write(s); err != broken {
		t.Errorf("second Write: %v, want the callback's error", err)
	}
	if err := p.Close(); err != broken {
		t.Errorf("Close: %v, want the callback's error", err)
	}
	if calls != 1 || p.Tuples() != 0 {
		t.Errorf("%d calls, %d tuples; want 1 and 0", calls, p.Tuples())
	}
}

func TestParserReturnsRoomOfLargeValues(t *testing.T) {
	large := make([]byte, 4*keepRest)
	s := header(0, "").tuple(large).tuple([]byte("x"))
	p := NewParser(1, func([][]byte) error { return nil })
	for start := 0; start < len(s); start += 1000 {
		if _, err := p.Write(s[start:min(start+1000, len(s))]); err != nil {
			t.Fatal(err)
		}
	}
	if p.Tuples() != 2 {
		t.Fatalf("%d tuples, want 2", p.Tuples())
	}
	if cap(p.rest) > keepRest {
		t.Errorf("parser still holds %d bytes", cap(p.rest))
	}
}

func TestParserKeepsNoChunkOfALargeTuple(t *testing.T) {
	p := NewParser(1, func([][]byte) error { return nil })
	if _, err := p.Write(header(0, "").tuple(make([]byte, 2*keepRest))); err != nil {
		t.Fatal(err)
	}
	if p.Tuples() != 1 || p.fields[0] != nil {
		t.Errorf("%d tuples, and %d bytes of the chunk are kept", p.Tuples(), len(p.fields[0]))
	}
}

func TestParserDoesNotAllocateAsAnnounced(t *testing.T) {
	p := NewParser(1, func([][]byte) error { return nil })
	s := append(header(0, ""), 0, 1, 0x3f, 0xff, 0xff, 0xff) // a field announces a gigabyte
	if _, err := p.Write(append(s, "only this comes"...)); err != nil {
		t.Fatal(err)
	}
	if cap(p.rest) > 1024 {
		t.Errorf("%d bytes allocated for 15 that came", cap(p.rest))
	}
}

func TestAnySplitGivesTheSameTuples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.IntRange(0, 5).Draw(t, "fields")
		s := header(0, rapid.StringN(0, 10, -1).Draw(t, "extension"))
		var want [][][]byte
		for range rapid.IntRange(0, 8).Draw(t, "tuples") {
			tuple := make([][]byte, fields)
			for i := range tuple {
				if rapid.Bool().Draw(t, "null") {
					continue
				}
				tuple[i] = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")...)
			}
			want = append(want, tuple)
			s = s.tuple(tuple...)
		}
		s = s.trailer()
		var cuts []int
		for at := 0; at < len(s); {
			at = min(len(s), at+rapid.IntRange(0, 1+len(s)/2).Draw(t, "chunk"))
			cuts = append(cuts, at)
			if len(cuts) > 3*len(s) {
				break
			}
		}
		got, err := parse(s, fields, cuts...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(header(0, "").tuple([]byte("one"), nil).tuple([]byte{}, []byte("two")).trailer()), uint8(2), uint8(1))
	f.Add([]byte(header(7, "extension").tuple().trailer()), uint8(0), uint8(13))
	f.Add([]byte(header(1<<16, "").trailer()), uint8(0), uint8(40))
	f.Fuzz(func(t *testing.T, data []byte, fields, chunk uint8) {
		whole, wholeErr := parse(data, int(fields))
		var cuts []int
		for at := int(chunk); chunk > 0 && at < len(data); at += int(chunk) {
			cuts = append(cuts, at)
		}
		split, splitErr := parse(data, int(fields), cuts...)
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Error(diff)
		}
		if (wholeErr == nil) != (splitErr == nil) {
			t.Errorf("whole: %v; in chunks of %d: %v", wholeErr, chunk, splitErr)
		}
		if wholeErr != nil {
			return
		}
		if rebuilt := rebuild(data, whole); !bytes.Equal(rebuilt, data) {
			t.Errorf("tuples stand for %x, parsed %x", rebuilt, data)
		}
	})
}

// rebuild writes the stream of tuples with the header of data.
func rebuild(data []byte, tuples [][][]byte) []byte {
	s := stream(data[:headerSize+int(binary.BigEndian.Uint32(data[headerSize-4:]))])
	s = slices.Clip(s)
	for _, tuple := range tuples {
		s = s.tuple(tuple...)
	}
	return s.trailer()
}

// benchmarkStream has the rows of a table with 16 mixed columns.
func benchmarkStream() (chunks [][]byte, size int64) {
	row := make([][]byte, 16)
	for i := range row {
		row[i] = bytes.Repeat([]byte{'x'}, 4+i%3*8)
	}
	row[7] = nil
	chunks = append(chunks, header(0, ""))
	for range 1000 {
		chunks = append(chunks, stream(nil).tuple(row...))
		size += int64(len(chunks[1]))
	}
	return append(chunks, stream(nil).trailer()), size
}

func BenchmarkParserRowPerChunk(b *testing.B) {
	chunks, size := benchmarkStream()
	benchmark(b, chunks, size)
}

func BenchmarkParserChunksOf4K(b *testing.B) {
	chunks, size := benchmarkStream()
	all := bytes.Join(chunks, nil)
	chunks = nil
	for len(all) > 0 {
		n := min(4096, len(all))
		chunks, all = append(chunks, all[:n]), all[n:]
	}
	benchmark(b, chunks, size)
}

// benchmark parses 1000 rows per iteration.
func benchmark(b *testing.B, chunks [][]byte, size int64) {
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		p := NewParser(16, func([][]byte) error { return nil })
		for _, c := range chunks {
			if _, err := p.Write(c); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestParserAllocatesNothingPerTuple(t *testing.T) {
	p := NewParser(2, func([][]byte) error { return nil })
	if _, err := p.Write(header(0, "")); err != nil {
		t.Fatal(err)
	}
	row := stream(nil).tuple([]byte("one"), nil)
	allocs := testing.AllocsPerRun(100, func() {
		for _, chunk := range [][]byte{row, row[:5], row[5:]} {
			if _, err := p.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per run", allocs)
	}
}
