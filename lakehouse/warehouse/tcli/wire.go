package tcli

import (
	"context"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
)

// fields is a decoded struct: field id → bool, int64, float64, string, fields,
// []any or map[string]any.
type fields map[int16]any

// maxElements bounds a container in a request.
const maxElements = 1 << 20

const maxWireDepth = 32

func readStruct(ctx context.Context, p thrift.TProtocol, depth int) (fields, error) {
	if depth > maxWireDepth {
		return nil, fmt.Errorf("read struct: nested deeper than %d", maxWireDepth)
	}
	if _, err := p.ReadStructBegin(ctx); err != nil {
		return nil, err
	}
	out := fields{}
	for {
		_, typ, id, err := p.ReadFieldBegin(ctx)
		if err != nil {
			return nil, err
		}
		if typ == thrift.STOP {
			return out, p.ReadStructEnd(ctx)
		}
		if out[id], err = readValue(ctx, p, typ, depth+1); err != nil {
			return nil, fmt.Errorf("read field %d: %w", id, err)
		}
		if err := p.ReadFieldEnd(ctx); err != nil {
			return nil, err
		}
	}
}

func readValue(ctx context.Context, p thrift.TProtocol, typ thrift.TType, depth int) (any, error) {
	switch typ {
	case thrift.BOOL:
		return p.ReadBool(ctx)
	case thrift.BYTE:
		v, err := p.ReadByte(ctx)
		return int64(v), err
	case thrift.I16:
		v, err := p.ReadI16(ctx)
		return int64(v), err
	case thrift.I32:
		v, err := p.ReadI32(ctx)
		return int64(v), err
	case thrift.I64:
		return p.ReadI64(ctx)
	case thrift.DOUBLE:
		return p.ReadDouble(ctx)
	case thrift.STRING:
		return p.ReadString(ctx)
	case thrift.STRUCT:
		return readStruct(ctx, p, depth)
	case thrift.MAP:
		return readMap(ctx, p, depth)
	case thrift.LIST, thrift.SET:
		elem, n, err := p.ReadListBegin(ctx)
		if err != nil {
			return nil, err
		}
		if n < 0 || n > maxElements || depth > maxWireDepth {
			return nil, fmt.Errorf("read list: %d elements", n)
		}
		var out []any
		for range n {
			v, err := readValue(ctx, p, elem, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, p.ReadListEnd(ctx)
	}
	return nil, fmt.Errorf("read value: unknown type %d", typ)
}

func readMap(ctx context.Context, p thrift.TProtocol, depth int) (any, error) {
	key, val, n, err := p.ReadMapBegin(ctx)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxElements || depth > maxWireDepth {
		return nil, fmt.Errorf("read map: %d entries", n)
	}
	out := map[string]any{}
	for range n {
		k, err := readValue(ctx, p, key, depth+1)
		if err != nil {
			return nil, err
		}
		if out[fmt.Sprint(k)], err = readValue(ctx, p, val, depth+1); err != nil {
			return nil, err
		}
	}
	return out, p.ReadMapEnd(ctx)
}

func (f fields) text(id int16) string { s, _ := f[id].(string); return s }
func (f fields) integer(id int16) int64 {
	n, _ := f[id].(int64)
	return n
}
func (f fields) flag(id int16) bool    { b, _ := f[id].(bool); return b }
func (f fields) inner(id int16) fields { s, _ := f[id].(fields); return s }

func (f fields) textMap(id int16) map[string]string {
	m, ok := f[id].(map[string]any)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// object is a struct to be written, its fields in order.
type object []member

// member is one field: value is bool, int32, int64, string, []byte, object,
// []object, []string, qualifiers, or a slice of a column's values. A nil value
// is not written.
type member struct {
	id    int16
	value any
}

// qualifiers is a map from string to struct.
type qualifiers map[string]object

func writeStruct(ctx context.Context, p thrift.TProtocol, o object) error {
	if err := p.WriteStructBegin(ctx, ""); err != nil {
		return err
	}
	for _, m := range o {
		if m.value == nil {
			continue
		}
		if err := p.WriteFieldBegin(ctx, "", wireType(m.value), m.id); err != nil {
			return err
		}
		if err := writeValue(ctx, p, m.value); err != nil {
			return fmt.Errorf("write field %d: %w", m.id, err)
		}
	}
	if err := p.WriteFieldStop(ctx); err != nil {
		return err
	}
	return p.WriteStructEnd(ctx)
}

func wireType(v any) thrift.TType {
	switch v.(type) {
	case bool:
		return thrift.BOOL
	case int8:
		return thrift.BYTE
	case int16:
		return thrift.I16
	case int32:
		return thrift.I32
	case int64:
		return thrift.I64
	case float64:
		return thrift.DOUBLE
	case string, []byte:
		return thrift.STRING
	case object:
		return thrift.STRUCT
	case qualifiers:
		return thrift.MAP
	}
	return thrift.LIST
}

func writeValue(ctx context.Context, p thrift.TProtocol, v any) error {
	switch v := v.(type) {
	case bool:
		return p.WriteBool(ctx, v)
	case int8:
		return p.WriteByte(ctx, v)
	case int16:
		return p.WriteI16(ctx, v)
	case int32:
		return p.WriteI32(ctx, v)
	case int64:
		return p.WriteI64(ctx, v)
	case float64:
		return p.WriteDouble(ctx, v)
	case string:
		return p.WriteString(ctx, v)
	case []byte:
		return p.WriteBinary(ctx, v)
	case object:
		return writeStruct(ctx, p, v)
	case qualifiers:
		if err := p.WriteMapBegin(ctx, thrift.STRING, thrift.STRUCT, len(v)); err != nil {
			return err
		}
		for k, o := range v {
			if err := p.WriteString(ctx, k); err != nil {
				return err
			}
			if err := writeStruct(ctx, p, o); err != nil {
				return err
			}
		}
		return p.WriteMapEnd(ctx)
	case []object:
		return writeList(ctx, p, thrift.STRUCT, v)
	case []string:
		return writeList(ctx, p, thrift.STRING, v)
	case [][]byte:
		return writeList(ctx, p, thrift.STRING, v)
	case []bool:
		return writeList(ctx, p, thrift.BOOL, v)
	case []int8:
		return writeList(ctx, p, thrift.BYTE, v)
	case []int16:
		return writeList(ctx, p, thrift.I16, v)
	case []int32:
		return writeList(ctx, p, thrift.I32, v)
	case []int64:
		return writeList(ctx, p, thrift.I64, v)
	case []float64:
		return writeList(ctx, p, thrift.DOUBLE, v)
	}
	return fmt.Errorf("write value: no wire form of %T", v)
}

func writeList[T any](ctx context.Context, p thrift.TProtocol, elem thrift.TType, list []T) error {
	if err := p.WriteListBegin(ctx, elem, len(list)); err != nil {
		return err
	}
	for _, v := range list {
		if err := writeValue(ctx, p, v); err != nil {
			return err
		}
	}
	return p.WriteListEnd(ctx)
}
