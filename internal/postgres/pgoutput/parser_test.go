package pgoutput

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type example struct {
	name     string
	inStream bool
	wire     wire
	want     Message
}

var examples = []example{
	{"begin", false, msg('B').u64(0x1_0000_0010).u64(y2024).u32(77),
		Message{Kind: Begin, XID: 77, Begin: BeginBody{FinalLSN: 0x1_0000_0010, CommitMicros: y2024Micros, XID: 77}}},
	{"commit", false, msg('C').u8(0).u64(0x10).u64(0x20).u64(y2024),
		Message{Kind: Commit, Commit: CommitBody{CommitLSN: 0x10, EndLSN: 0x20, CommitMicros: y2024Micros}}},
	{"origin", false, msg('O').u64(0x30).str("elsewhere"),
		Message{Kind: Origin, Origin: OriginBody{CommitLSN: 0x30, Name: "elsewhere"}}},
	{"origin in a stream", true, msg('O').u64(0x30).str("elsewhere"),
		Message{Kind: Origin, Origin: OriginBody{CommitLSN: 0x30, Name: "elsewhere"}}},
	{"relation", false, msg('R').u32(9).str("public").str("t").u8('d').u16(2).
		u8(1).str("id").u32(23).u32(0xffffffff).u8(0).str("price").u32(1700).u32(655366),
		Message{Kind: RelationKind, Relation: Relation{ID: 9, Namespace: "public", Name: "t", ReplicaIdentity: 'd',
			Columns: []RelationColumn{{true, "id", 23, -1}, {false, "price", 1700, 655366}}}}},
	{"relation of pg_catalog without columns, in a stream", true, msg('R').u32(5).u32(9).str("").str("pg_class").u8('n').u16(0),
		Message{Kind: RelationKind, XID: 5, Relation: Relation{ID: 9, Namespace: "pg_catalog", Name: "pg_class", ReplicaIdentity: 'n'}}},
	{"type", false, msg('Y').u32(1234).str("public").str("mood"),
		Message{Kind: TypeKind, Type: TypeBody{OID: 1234, Namespace: "public", Name: "mood"}}},
	{"type in a stream", true, msg('Y').u32(5).u32(1234).str("").str("mood"),
		Message{Kind: TypeKind, XID: 5, Type: TypeBody{OID: 1234, Namespace: "pg_catalog", Name: "mood"}}},
	{"insert of each kind of value", false, msg('I').u32(9).row('N', 5).null().unchanged().text("x").text("").binary("\x00\x01"),
		Message{Kind: Insert, RelationID: 9, New: []Datum{
			{Kind: Null}, {Kind: Unchanged}, {Text, []byte("x")}, {Text, []byte{}}, {Binary, []byte{0, 1}}}}},
	{"insert of no columns", false, msg('I').u32(9).row('N', 0), Message{Kind: Insert, RelationID: 9}},
	{"insert in a stream", true, msg('I').u32(5).u32(9).row('N', 1).text("x"),
		Message{Kind: Insert, XID: 5, RelationID: 9, New: []Datum{{Text, []byte("x")}}}},
	{"update without the old row", false, msg('U').u32(9).row('N', 1).text("x"),
		Message{Kind: Update, RelationID: 9, New: []Datum{{Text, []byte("x")}}}},
	{"update of the key", false, msg('U').u32(9).row('K', 2).text("1").null().row('N', 2).text("2").unchanged(),
		Message{Kind: Update, RelationID: 9, HasOld: true, OldIsKey: true,
			Old: []Datum{{Text, []byte("1")}, {Kind: Null}}, New: []Datum{{Text, []byte("2")}, {Kind: Unchanged}}}},
	{"update under identity full, in a stream", true, msg('U').u32(5).u32(9).row('O', 1).text("1").row('N', 1).text("2"),
		Message{Kind: Update, XID: 5, RelationID: 9, HasOld: true, Old: []Datum{{Text, []byte("1")}}, New: []Datum{{Text, []byte("2")}}}},
	{"delete by key", false, msg('D').u32(9).row('K', 1).text("1"),
		Message{Kind: Delete, RelationID: 9, HasOld: true, OldIsKey: true, Old: []Datum{{Text, []byte("1")}}}},
	{"delete under identity full, in a stream", true, msg('D').u32(5).u32(9).row('O', 1).null(),
		Message{Kind: Delete, XID: 5, RelationID: 9, HasOld: true, Old: []Datum{{Kind: Null}}}},
	{"truncate", false, msg('T').u32(2).u8(3).u32(9).u32(10),
		Message{Kind: Truncate, Truncate: TruncateBody{RelationIDs: []uint32{9, 10}, Cascade: true, RestartIdentity: true}}},
	{"truncate in a stream", true, msg('T').u32(5).u32(1).u8(2).u32(9),
		Message{Kind: Truncate, XID: 5, Truncate: TruncateBody{RelationIDs: []uint32{9}, RestartIdentity: true}}},
	{"logical message", false, msg('M').u8(0).u64(0x40).str("app").u32(2).u8('h').u8('i'),
		Message{Kind: Logical, Logical: LogicalBody{LSN: 0x40, Prefix: "app", Content: []byte("hi")}}},
	{"logical message in a stream", true, msg('M').u32(5).u8(1).u64(0x40).str("").u32(0),
		Message{Kind: Logical, XID: 5, Logical: LogicalBody{Transactional: true, LSN: 0x40, Content: []byte{}}}},
	{"stream start", false, msg('S').u32(5).u8(1), Message{Kind: StreamStart, XID: 5, Stream: StreamBody{First: true}}},
	{"stream start again", false, msg('S').u32(5).u8(0), Message{Kind: StreamStart, XID: 5}},
	{"stream stop", true, msg('E'), Message{Kind: StreamStop}},
	{"stream commit", false, msg('c').u32(5).u8(0).u64(0x10).u64(0x20).u64(y2024),
		Message{Kind: StreamCommit, XID: 5, Commit: CommitBody{CommitLSN: 0x10, EndLSN: 0x20, CommitMicros: y2024Micros}}},
	{"stream abort", false, msg('A').u32(5).u32(6), Message{Kind: StreamAbort, XID: 5, Stream: StreamBody{SubXID: 6}}},
	{"stream abort of version 4", false, msg('A').u32(5).u32(6).u64(0x10).u64(y2024),
		Message{Kind: StreamAbort, XID: 5, Stream: StreamBody{SubXID: 6, AbortLSN: 0x10, AbortMicros: y2024Micros}}},
	{"begin prepare", false, msg('b').u64(0x10).u64(0x20).u64(y2024).u32(5).str("gid"),
		Message{Kind: BeginPrepare, XID: 5, Prepared: PreparedBody{LSN: 0x10, EndLSN: 0x20, Micros: y2024Micros, GID: "gid"}}},
	{"prepare", false, msg('P').u8(0).u64(0x10).u64(0x20).u64(y2024).u32(5).str("gid"),
		Message{Kind: Prepare, XID: 5, Prepared: PreparedBody{LSN: 0x10, EndLSN: 0x20, Micros: y2024Micros, GID: "gid"}}},
	{"commit prepared", false, msg('K').u8(0).u64(0x10).u64(0x20).u64(y2024).u32(5).str("gid"),
		Message{Kind: CommitPrepared, XID: 5, Prepared: PreparedBody{LSN: 0x10, EndLSN: 0x20, Micros: y2024Micros, GID: "gid"}}},
	{"rollback prepared", false, msg('r').u8(0).u64(0x10).u64(0x20).u64(y2024).u64(y2024 + 1).u32(5).str("gid"),
		Message{Kind: RollbackPrepared, XID: 5,
			Prepared: PreparedBody{LSN: 0x10, EndLSN: 0x20, Micros: y2024Micros, RollbackMicros: y2024Micros + 1, GID: "gid"}}},
	{"stream prepare", false, msg('p').u8(0).u64(0x10).u64(0x20).u64(y2024).u32(5).str("gid"),
		Message{Kind: StreamPrepare, XID: 5, Prepared: PreparedBody{LSN: 0x10, EndLSN: 0x20, Micros: y2024Micros, GID: "gid"}}},
}

func TestParse(t *testing.T) {
	// One message for all, so that leftovers of one message show in the next.
	var m Message
	for _, tt := range examples {
		t.Run(tt.name, func(t *testing.T) {
			p := Parser{inStream: tt.inStream}
			if err := p.Parse(tt.wire, &m); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, m, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefusesEveryTruncation(t *testing.T) {
	var m Message
	for _, tt := range examples {
		for end := range len(tt.wire) {
			if tt.wire[0] == 'A' && end == len(msg('A').u32(5).u32(6)) {
				continue // a whole message of versions 2 and 3
			}
			p := Parser{inStream: tt.inStream}
			if err := p.Parse(tt.wire[:end], &m); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a message", tt.name, end, len(tt.wire))
			}
			if p.inStream != tt.inStream {
				t.Errorf("%s: a message that is no message changes the state", tt.name)
			}
		}
	}
}

func TestParseRefusesTrailingBytes(t *testing.T) {
	var m Message
	for _, tt := range examples {
		p := Parser{inStream: tt.inStream}
		if err := p.Parse(append(slices.Clip(tt.wire), 0), &m); err == nil {
			t.Errorf("%s: a byte after the end goes unnoticed", tt.name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		inStream bool
		wire     wire
		want     string
	}{
		{"nothing", false, nil, "it is empty"},
		{"unknown kind", false, msg('Z'), `message 'Z' (unknown) of 1 bytes, at 1: the kind 'Z' is not of protocol versions 1 to 4`},
		{"unknown kind of value", false, msg('I').u32(9).row('N', 1).u8('x'), `a value of the unknown kind 'x'`},
		{"negative length", false, msg('I').u32(9).row('N', 1).u8('t').u32(1 << 31), "a length of -2147483648"},
		{"length beyond the end", false, msg('I').u32(9).row('N', 1).u8('t').u32(1 << 30), "it ends too early"},
		{"many columns announced", false, msg('I').u32(9).row('N', 65535), "it ends too early"},
		{"many relations announced", false, msg('T').u32(1 << 31).u8(0).u32(9), "it ends too early"},
		{"string without end", false, append(msg('O').u64(0), "abc"...), "a string has no end"},
		{"insert of an old row", false, msg('I').u32(9).row('K', 0), `the new row is marked 'K', want 'N'`},
		{"update without the new row", false, msg('U').u32(9).row('K', 0).row('O', 0), `the new row is marked 'O', want 'N'`},
		{"delete of a new row", false, msg('D').u32(9).row('N', 0), `the old row is marked 'N', want 'K' or 'O'`},
		{"replica identity", false, msg('R').u32(9).str("").str("").u8('x').u16(0), `the replica identity 'x'`},
		{"commit with flags", false, msg('C').u8(1).u64(0x10).u64(0x20).u64(y2024), "flags that are not known here"},
		{"truncate with flags", false, msg('T').u32(0).u8(4), "flags that are not known here"},
		{"stop of no stream", false, msg('E'), "no stream has begun"},
		{"begin in a stream", true, examples[0].wire, "the stream before it has not stopped"},
		{"start in a stream", true, msg('S').u32(5).u8(1), "the stream before it has not stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			p := Parser{inStream: tt.inStream}
			err := p.Parse(tt.wire, &m)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want …%s", err, tt.want)
			}
		})
	}
}

func TestParserFollowsStreams(t *testing.T) {
	var p Parser
	var m Message
	for _, step := range []struct {
		wire     wire
		inStream bool
		xid      uint32
	}{
		{msg('S').u32(5).u8(1), true, 5},
		{msg('I').u32(6).u32(9).row('N', 0), true, 6},
		{msg('E'), false, 0},
		{msg('B').u64(1).u64(2).u32(7), false, 7},
		{msg('I').u32(9).row('N', 0), false, 0},
		{msg('C').u8(0).u64(1).u64(1).u64(2), false, 0},
		{msg('S').u32(5).u8(0), true, 5},
		{msg('T').u32(5).u32(0).u8(0), true, 5},
		{msg('E'), false, 0},
		{msg('A').u32(5).u32(6), false, 5},
		{msg('c').u32(5).u8(0).u64(1).u64(1).u64(2), false, 5},
	} {
		if err := p.Parse(step.wire, &m); err != nil {
			t.Fatal(err)
		}
		if p.InStream() != step.inStream || m.XID != step.xid {
			t.Errorf("after %s: in a stream: %v, xid %d; want %v, %d", m.Kind, p.InStream(), m.XID, step.inStream, step.xid)
		}
	}
}

func TestRelationOutlivesNextParse(t *testing.T) {
	var p Parser
	var m Message
	parse := func(table, column string) Relation {
		t.Helper()
		data := msg('R').u32(9).str("public").str(table).u8('d').u16(1).u8(1).str(column).u32(23).u32(0)
		if err := p.Parse(data, &m); err != nil {
			t.Fatal(err)
		}
		clear(data)
		return m.Relation
	}
	first := parse("first", "a")
	parse("second", "b")
	want := Relation{ID: 9, Namespace: "public", Name: "first", ReplicaIdentity: 'd', Columns: []RelationColumn{{true, "a", 23, 0}}}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range examples {
		f.Add([]byte(e.wire), e.inStream)
	}
	f.Fuzz(func(t *testing.T, data []byte, inStream bool) {
		var fresh, used Message
		used.Old, used.New = make([]Datum, 3), make([]Datum, 1, 5)
		used.Logical.Prefix, used.HasOld = "left over", true
		p, q := Parser{inStream: inStream}, Parser{inStream: inStream}
		err := p.Parse(data, &fresh)
		if again := q.Parse(data, &used); (err == nil) != (again == nil) {
			t.Fatalf("first %v, then %v", err, again)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(fresh, used, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("a used message keeps something: %s", diff)
		}
		if len(fresh.Old)+len(fresh.New)+4*len(fresh.Truncate.RelationIDs)+10*len(fresh.Relation.Columns) > len(data) {
			t.Errorf("more values than %d bytes can hold", len(data))
		}
	})
}

// rowChanges are messages of a table with ten columns.
func rowChanges() map[string]wire {
	row := func(w wire, part byte) wire {
		w = w.row(part, 10)
		for range 4 {
			w = w.text("1234567").text("2024-01-01 00:00:00+00")
		}
		return w.null().unchanged()
	}
	return map[string]wire{
		"insert": row(msg('I').u32(9), 'N'),
		"update": row(row(msg('U').u32(9), 'O'), 'N'),
		"delete": row(msg('D').u32(9), 'K'),
	}
}

func TestRowChangesAllocateNothing(t *testing.T) {
	for name, data := range rowChanges() {
		var p Parser
		var m Message
		allocs := testing.AllocsPerRun(100, func() {
			if err := p.Parse(data, &m); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, data := range rowChanges() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			var p Parser
			var m Message
			for b.Loop() {
				if err := p.Parse(data, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestDropForgetsTheBytes(t *testing.T) {
	m := Message{Kind: Update, Old: []Datum{{Kind: 't', Data: []byte("old")}}, New: []Datum{{Kind: 't', Data: []byte("new")},
		{Kind: 'n'}}[:1], Logical: LogicalBody{Content: []byte("x")}}
	m.Drop()
	want := Message{Kind: Update, Old: []Datum{{}}, New: []Datum{{}}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
