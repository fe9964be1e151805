//go:build cgo

package warehouse

import (
	"context"
	"crypto/md5"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	dbsql "github.com/databricks/databricks-sql-go"
	dbsqlerr "github.com/databricks/databricks-sql-go/errors"
	dbsqllog "github.com/databricks/databricks-sql-go/logger"
	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	dbsqllog.Logger.Logger = dbsqllog.Logger.Output(io.Discard)
	os.Exit(m.Run())
}

// bench is a warehouse behind HTTP with the real driver in front.
type bench struct {
	t       *testing.T
	w       *Warehouse
	server  *httptest.Server
	db      *sql.DB
	volumes string
	dir     string
	tape    *tape
}

func open(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{t: t, tape: newTape(t, o)}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.VolumesDir == "" {
		o.VolumesDir = t.TempDir()
	}
	if o.Catalogs == nil {
		o.Catalogs = []string{"main"}
	}
	b.dir, b.volumes = o.Dir, o.VolumesDir
	w, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b.w = w
	b.server = httptest.NewServer(w)
	t.Cleanup(func() {
		b.server.CloseClientConnections()
		b.server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	b.db = b.connect()
	return b
}

func (b *bench) connect(more ...dbsql.ConnOption) *sql.DB {
	b.t.Helper()
	u, err := url.Parse(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		b.t.Fatal(err)
	}
	options := append([]dbsql.ConnOption{dbsql.WithServerHostname("http://127.0.0.1"), dbsql.WithPort(port),
		dbsql.WithHTTPPath("/sql/1.0/warehouses/local"),
		dbsql.WithAccessToken("token"), dbsql.WithCloudFetch(false), dbsql.WithTransport(quiet{}), dbsql.WithRetries(-1, 0, 0)}, more...)
	connector, err := dbsql.NewConnector(options...)
	if err != nil {
		b.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	b.t.Cleanup(func() { _ = db.Close() })
	return db
}

// quiet keeps the driver's telemetry and feature flags off the wire.
type quiet struct{}

func (quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "telemetry") || strings.Contains(r.URL.Path, "feature-flags") {
		return &http.Response{StatusCode: 404, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return res, nil
}

func (b *bench) exec(sql string) {
	b.t.Helper()
	b.tape.statement(sql)
	if _, err := b.db.ExecContext(context.Background(), sql); err != nil {
		b.t.Fatalf("%s: %v", sql, cause(err))
	}
}

// cause shows a driver's error with the warehouse's message.
func cause(err error) string {
	if e, ok := errors.AsType[dbsqlerr.DBExecutionError](err); ok {
		return fmt.Sprintf("%v (SQLSTATE %s)", err, e.SqlState())
	}
	return err.Error()
}

// rows runs a query and gives a line per row, cells parted by |.
func (b *bench) rows(sql string, args ...any) []string {
	b.t.Helper()
	head, lines, err := b.query(sql, args...)
	_ = head
	if err != nil {
		b.t.Fatalf("%s: %v", sql, cause(err))
	}
	return lines
}

func (b *bench) query(sql string, args ...any) (head string, lines []string, err error) {
	if len(args) == 0 {
		b.tape.statement(sql)
	}
	rows, err := b.db.QueryContext(context.Background(), sql, args...)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return "", nil, err
	}
	for rows.Next() {
		cells, into := make([]any, len(cols)), make([]any, len(cols))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", nil, err
		}
		parts := make([]string, len(cells))
		for i, c := range cells {
			switch c := c.(type) {
			case nil:
				parts[i] = "NULL"
			case []byte:
				parts[i] = string(c)
			case interface{ Format(string) string }:
				parts[i] = c.Format("2006-01-02 15:04:05.999999")
			default:
				parts[i] = fmt.Sprint(c)
			}
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	return strings.Join(cols, "|"), lines, rows.Err()
}

func (b *bench) want(sql string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.rows(sql)); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", sql, diff)
	}
}

// refused wants a statement to fail with a class and a SQLSTATE.
func (b *bench) refused(sql, class, state string) {
	b.t.Helper()
	_, _, err := b.query(sql)
	if err == nil {
		b.t.Errorf("%s: no error, want [%s]", sql, class)
		return
	}
	var e dbsqlerr.DBExecutionError
	if !errors.As(err, &e) {
		b.t.Errorf("%s: %v is not an execution error", sql, err)
		return
	}
	if !strings.Contains(err.Error(), "["+class+"]") && !strings.Contains(err.Error(), "["+class+".") || e.SqlState() != state {
		b.t.Errorf("%s: got %v, SQLSTATE %s; want [%s], SQLSTATE %s", sql, err, e.SqlState(), class, state)
	}
}

// parquet writes a file into a volume, its rows being a query of DuckDB's.
func (b *bench) parquet(name, query string) {
	b.t.Helper()
	b.parquetWith(name, query, "")
}

// parquetWith writes a file whose footer has the keys, as 'key': 'value'.
func (b *bench) parquetWith(name, query, footer string) {
	b.t.Helper()
	path := filepath.Join(b.volumes, filepath.FromSlash(strings.TrimPrefix(name, "/Volumes/")))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if footer != "" {
		footer = ", KV_METADATA {" + footer + "}"
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SET TimeZone='UTC'; COPY (" + query + ") TO '" + path + "' (FORMAT PARQUET" + footer + ")"); err != nil {
		b.t.Fatal(err)
	}
	b.tape.put(name, path)
}

func TestThinSlice(t *testing.T) {
	b := open(t, Options{})
	b.want("SELECT 1", "1")
	b.exec("CREATE SCHEMA IF NOT EXISTS main.bronze")
	b.exec("CREATE VOLUME IF NOT EXISTS main.bronze.files")
	b.parquet("/Volumes/main/bronze/files/a/1.parquet", "SELECT 1::INTEGER AS id, 'x' AS name, 1.50::DECIMAL(10,2) AS price")
	b.parquet("/Volumes/main/bronze/files/a/sub/2.parquet", "SELECT 2::INTEGER AS id, 'y' AS name, 2.25::DECIMAL(10,2) AS price")
	b.want("CREATE OR REPLACE TABLE main.bronze.t USING DELTA CLUSTER BY (id) COMMENT 'it''s' TBLPROPERTIES ('a.b' = 'c') AS SELECT id, name, price, CAST(NULL AS TIMESTAMP) AS at FROM read_files('/Volumes/main/bronze/files/a', format => 'parquet', schema => '`id` INT, `name` STRING, `price` DECIMAL(10,2)')", "2|2")
	b.want("SELECT id, name, price, at FROM main.bronze.t ORDER BY id", "1|x|1.50|NULL", "2|y|2.25|NULL")
	b.parquet("/Volumes/main/bronze/files/b/3.parquet", "SELECT 3::INTEGER AS id, 'z' AS name, 3.00::DECIMAL(10,2) AS price")
	copyInto := "COPY INTO main.bronze.t FROM (SELECT CAST(price AS DECIMAL(10,2)) AS price, id, name FROM '/Volumes/main/bronze/files/b') FILEFORMAT = PARQUET FILES = ('3.parquet') FORMAT_OPTIONS ('ignoreMissingFiles' = 'false')"
	b.want(copyInto, "1|1|0")
	b.want(copyInto, "0|0|0")
	b.want("SELECT count(*), sum(price) FROM main.bronze.t", "3|6.75")
}

func md5Text(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
