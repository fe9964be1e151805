package pgoutput

import "encoding/binary"

// wire builds messages by hand.
type wire []byte

func msg(kind byte) wire                 { return wire{kind} }
func (w wire) u8(v byte) wire            { return append(w, v) }
func (w wire) u16(v uint16) wire         { return binary.BigEndian.AppendUint16(w, v) }
func (w wire) u32(v uint32) wire         { return binary.BigEndian.AppendUint32(w, v) }
func (w wire) u64(v uint64) wire         { return binary.BigEndian.AppendUint64(w, v) }
func (w wire) str(s string) wire         { return append(append(w, s...), 0) }
func (w wire) null() wire                { return w.u8('n') }
func (w wire) unchanged() wire           { return w.u8('u') }
func (w wire) text(s string) wire        { return append(w.u8('t').u32(uint32(len(s))), s...) }
func (w wire) binary(s string) wire      { return append(w.u8('b').u32(uint32(len(s))), s...) }
func (w wire) row(part byte, n int) wire { return w.u8(part).u16(uint16(n)) }

// y2024 is 2024-01-01 00:00 UTC on the wire, y2024Micros in a Message.
const (
	y2024       = 757_382_400_000_000
	y2024Micros = 1_704_067_200_000_000
)
