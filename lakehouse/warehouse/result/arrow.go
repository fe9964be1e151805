//go:build cgo

package result

import (
	"bytes"
	"fmt"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// ArrowForm says how a client reads Arrow. Types that it does not read as Arrow types are sent as text.
type ArrowForm struct{ tcli.ArrowTypes }

// schema is a result's Arrow schema; as Databricks does, each field says its SQL type.
func (f ArrowForm) schema(columns []translate.Column) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: f.typeOf(c.Type), Nullable: true,
			Metadata: arrow.MetadataFrom(map[string]string{"Spark:DataType:SqlName": c.Type.SQL()})}
	}
	return arrow.NewSchema(fields, nil)
}

// arrowTypes are the types that every client reads as Arrow types.
var arrowTypes = map[sparksql.TypeKind]arrow.DataType{
	sparksql.BooleanType: arrow.FixedWidthTypes.Boolean,
	sparksql.ByteType:    arrow.PrimitiveTypes.Int8,
	sparksql.ShortType:   arrow.PrimitiveTypes.Int16,
	sparksql.IntType:     arrow.PrimitiveTypes.Int32,
	sparksql.LongType:    arrow.PrimitiveTypes.Int64,
	sparksql.FloatType:   arrow.PrimitiveTypes.Float32,
	sparksql.DoubleType:  arrow.PrimitiveTypes.Float64,
	sparksql.BinaryType:  arrow.BinaryTypes.Binary,
	sparksql.DateType:    arrow.FixedWidthTypes.Date32,
}

func (f ArrowForm) typeOf(t sparksql.Type) arrow.DataType {
	if own, ok := arrowTypes[t.Kind]; ok {
		return own
	}
	switch {
	case t.Kind == sparksql.TimestampType && f.Timestamps:
		return arrow.FixedWidthTypes.Timestamp_us
	case t.Kind == sparksql.TimestampNTZType && f.Timestamps:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case t.Kind == sparksql.DecimalType && f.Decimals:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case t.Kind == sparksql.VoidType && f.Nulls:
		return arrow.Null
	case t.Nested() && f.Complex:
		return f.nested(t)
	}
	return arrow.BinaryTypes.String
}

func (f ArrowForm) nested(t sparksql.Type) arrow.DataType {
	switch t.Kind {
	case sparksql.ArrayType:
		return arrow.ListOf(f.typeOf(*t.Elem))
	case sparksql.MapType:
		return arrow.MapOf(f.typeOf(*t.Key), f.typeOf(*t.Elem))
	default:
		fields := make([]arrow.Field, len(t.Fields))
		for i, m := range t.Fields {
			fields[i] = arrow.Field{Name: m.Name, Type: f.typeOf(m.Type), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
}

// arrowSchemaMessage is the message that an IPC stream begins with (Arrow's columnar format,
// "Encapsulated message format"). The client appends the batches of a page to it.
func arrowSchemaMessage(s *arrow.Schema) ([]byte, error) {
	payload := ipc.GetSchemaPayload(s, memory.DefaultAllocator)
	defer payload.Release()
	var b bytes.Buffer
	_, err := payload.WritePayload(&b)
	return b.Bytes(), err
}

// arrowPage gathers the rows of one page.
type arrowPage struct {
	form    ArrowForm
	columns []translate.Column
	batch   *array.RecordBuilder
}

func newArrowPage(form ArrowForm, columns []translate.Column) *arrowPage {
	return &arrowPage{form, columns, array.NewRecordBuilder(memory.DefaultAllocator, form.schema(columns))}
}

// add appends one value of a row and gives about how many bytes it takes.
func (p *arrowPage) add(column int, v any) (int, error) {
	return p.form.add(p.batch.Field(column), v, p.columns[column].Type)
}

// finish gives the page's batch as one IPC message.
func (p *arrowPage) finish(rows int64) ([]tcli.ArrowBatch, error) {
	defer p.batch.Release()
	if rows == 0 {
		return []tcli.ArrowBatch{}, nil
	}
	record := p.batch.NewRecordBatch()
	defer record.Release()
	payload, err := ipc.GetRecordBatchPayload(record)
	if err != nil {
		return nil, err
	}
	defer payload.Release()
	var b bytes.Buffer
	if _, err := payload.WritePayload(&b); err != nil {
		return nil, err
	}
	return []tcli.ArrowBatch{{Message: b.Bytes(), Rows: rows}}, nil
}

func (f ArrowForm) add(to array.Builder, v any, t sparksql.Type) (int, error) {
	if v == nil {
		to.AppendNull()
		return 1, nil
	}
	switch to := to.(type) {
	case *array.StringBuilder:
		s, err := Text(v, t)
		to.Append(s)
		return len(s) + 4, err
	case *array.BinaryBuilder:
		x, ok := v.([]byte)
		to.Append(x)
		return len(x) + 4, mustBe(ok, v, t)
	case *array.ListBuilder:
		return f.addList(to, v, t)
	case *array.MapBuilder:
		return f.addMap(to, v, t)
	case *array.StructBuilder:
		return f.addStruct(to, v, t)
	case *array.Int8Builder:
		to.Append(int8(whole(v)))
	case *array.Int16Builder:
		to.Append(int16(whole(v)))
	case *array.Int32Builder:
		to.Append(int32(whole(v)))
	case *array.Int64Builder:
		to.Append(whole(v))
	case *array.BooleanBuilder:
		x, ok := v.(bool)
		to.Append(x)
		return 1, mustBe(ok, v, t)
	case *array.Float32Builder:
		x, ok := v.(float32)
		to.Append(x)
		return 4, mustBe(ok, v, t)
	case *array.Float64Builder:
		x, ok := v.(float64)
		to.Append(x)
		return 8, mustBe(ok, v, t)
	case *array.Date32Builder:
		x, ok := v.(time.Time)
		to.Append(arrow.Date32FromTime(x.UTC()))
		return 4, mustBe(ok, v, t)
	case *array.TimestampBuilder:
		x, ok := v.(time.Time)
		to.Append(arrow.Timestamp(x.UnixMicro()))
		return 8, mustBe(ok, v, t)
	case *array.Decimal128Builder:
		return f.addDecimal(to, v, t)
	default:
		return 0, mustBe(false, v, t)
	}
	return 8, nil
}

func mustBe(ok bool, v any, t sparksql.Type) error {
	if ok {
		return nil
	}
	return fmt.Errorf("no Arrow value of %T as %s", v, t)
}

func (f ArrowForm) addDecimal(to *array.Decimal128Builder, v any, t sparksql.Type) (int, error) {
	d, ok := v.(duckdb.Decimal)
	if !ok {
		d = duckdb.Decimal{Value: big.NewInt(whole(v))}
	}
	n := d.Value
	if up := t.Scale - int(d.Scale); up > 0 {
		n = new(big.Int).Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(up)), nil))
	}
	to.Append(decimal128.FromBigInt(n))
	return 16, mustBe(t.Scale >= int(d.Scale), v, t)
}

func (f ArrowForm) addList(to *array.ListBuilder, v any, t sparksql.Type) (int, error) {
	list, ok := v.([]any)
	if !ok {
		return 0, mustBe(false, v, t)
	}
	to.Append(true)
	size := 4
	for _, e := range list {
		n, err := f.add(to.ValueBuilder(), e, *t.Elem)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}

func (f ArrowForm) addMap(to *array.MapBuilder, v any, t sparksql.Type) (int, error) {
	m, ok := v.(duckdb.OrderedMap)
	if !ok {
		return 0, mustBe(false, v, t)
	}
	to.Append(true)
	size, values := 4, m.Values()
	for i, k := range m.Keys() {
		n, err := f.add(to.KeyBuilder(), k, *t.Key)
		if err != nil {
			return 0, err
		}
		o, err := f.add(to.ItemBuilder(), values[i], *t.Elem)
		if err != nil {
			return 0, err
		}
		size += n + o
	}
	return size, nil
}

func (f ArrowForm) addStruct(to *array.StructBuilder, v any, t sparksql.Type) (int, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return 0, mustBe(false, v, t)
	}
	to.Append(true)
	size := 1
	for i, field := range t.Fields {
		n, err := f.add(to.FieldBuilder(i), m[field.Name], field.Type)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}
