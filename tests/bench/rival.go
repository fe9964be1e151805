//go:build cgo && linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	_ "github.com/duckdb/duckdb-go/v2" // the driver "duckdb"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// rival runs one of the ways that ingest is compared with.
func rival(ctx context.Context, name string, args []string) error {
	switch {
	case name == "rival-loop" && len(args) == 3:
		return simpleLoop(ctx, args[0], args[1], args[2])
	case name == "rival-duckdb" && len(args) == 1:
		return duckFromCSV(ctx, args[0])
	}
	return fmt.Errorf("no rival %q with %d arguments", name, len(args))
}

// duckFromCSV writes the CSV on standard input as Parquet.
func duckFromCSV(ctx context.Context, path string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `COPY (FROM read_csv('/dev/stdin', header = true)) TO '`+path+`' (FORMAT parquet)`)
	return err
}

// batchRows is how many rows the simple loop collects before it writes them.
const batchRows = 65536

// simpleLoop is what one writes in an afternoon: rows.Values() into Arrow
// builders, batches into Parquet.
func simpleLoop(ctx context.Context, url, table, path string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	builder := array.NewRecordBuilder(memory.DefaultAllocator, loopSchema(rows))
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(builder.Schema(), file, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy)),
		pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	for n := 1; rows.Next(); n++ {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		for i, v := range values {
			appendValue(builder.Field(i), v)
		}
		if n%batchRows == 0 {
			if err := w.Write(builder.NewRecordBatch()); err != nil {
				return err
			}
		}
	}
	return errors.Join(rows.Err(), w.Write(builder.NewRecordBatch()), w.Close())
}

func loopSchema(rows pgx.Rows) *arrow.Schema {
	var fields []arrow.Field
	for _, f := range rows.FieldDescriptions() {
		t := arrow.DataType(arrow.BinaryTypes.String)
		switch f.DataTypeOID {
		case pgtype.Int8OID:
			t = arrow.PrimitiveTypes.Int64
		case pgtype.Int4OID:
			t = arrow.PrimitiveTypes.Int32
		case pgtype.Int2OID:
			t = arrow.PrimitiveTypes.Int16
		case pgtype.Float8OID:
			t = arrow.PrimitiveTypes.Float64
		case pgtype.Float4OID:
			t = arrow.PrimitiveTypes.Float32
		case pgtype.BoolOID:
			t = arrow.FixedWidthTypes.Boolean
		case pgtype.DateOID:
			t = arrow.FixedWidthTypes.Date32
		case pgtype.TimestampOID, pgtype.TimestamptzOID:
			t = arrow.FixedWidthTypes.Timestamp_us
		case pgtype.NumericOID:
			t = &arrow.Decimal128Type{Precision: (f.TypeModifier - 4) >> 16, Scale: (f.TypeModifier - 4) & 0x7ff}
		}
		fields = append(fields, arrow.Field{Name: f.Name, Type: t, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func appendValue(b array.Builder, value any) {
	if value == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(value.(int64))
	case *array.Int32Builder:
		b.Append(value.(int32))
	case *array.Int16Builder:
		b.Append(value.(int16))
	case *array.Float64Builder:
		b.Append(value.(float64))
	case *array.Float32Builder:
		b.Append(value.(float32))
	case *array.BooleanBuilder:
		b.Append(value.(bool))
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(value.(time.Time)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(value.(time.Time).UnixMicro()))
	case *array.Decimal128Builder:
		n := value.(pgtype.Numeric)
		scale := b.Type().(*arrow.Decimal128Type).Scale
		unscaled := new(big.Int).Mul(n.Int, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Exp+scale)), nil))
		b.Append(decimal128.FromBigInt(unscaled))
	case *array.StringBuilder:
		switch v := value.(type) {
		case string:
			b.Append(v)
		case [16]byte:
			b.Append(fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:]))
		default:
			b.Append(fmt.Sprint(v))
		}
	}
}
