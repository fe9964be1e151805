package vector_test

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A batch becomes an Arrow record without a copy.
func Example() {
	batch := vector.NewBatch(vector.NewLayout([]vector.Field{
		{Name: "id", Type: schema.Type{Kind: schema.Int32}},
		{Name: "name", Type: schema.Type{Kind: schema.String}},
	}))
	batch.Columns[0].AppendInt32(1)
	batch.Columns[1].AppendString("AC/DC")
	batch.Columns[0].AppendInt32(2)
	batch.Columns[1].AppendNull()
	record := batch.Record()
	defer record.Release()
	fmt.Println(batch.Rows(), "rows")
	fmt.Println(record.Column(0))
	fmt.Println(record.Column(1))
	// Output:
	// 2 rows
	// [1 2]
	// ["AC/DC" (null)]
}
