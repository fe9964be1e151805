package deps

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/apache/arrow-go/v18/parquet/pqarrow"
	_ "github.com/apache/thrift/lib/go/thrift"
	_ "github.com/databricks/databricks-sdk-go"
	_ "github.com/databricks/databricks-sql-go"
	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/dustin/go-humanize"
	_ "github.com/fergusstrange/embedded-postgres"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pglogrepl"
	_ "github.com/jackc/pgx/v5"
	_ "github.com/jedib0t/go-pretty/v6/table"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/spf13/cobra"
	_ "github.com/vbauerster/mpb/v8"
	_ "go.uber.org/goleak"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/term"
	_ "gopkg.in/yaml.v3"
	_ "pgregory.net/rapid"
)
