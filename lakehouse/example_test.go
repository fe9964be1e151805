//go:build cgo

package lakehouse_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/url"
	"os"
	"strconv"

	dbsql "github.com/databricks/databricks-sql-go"

	"github.com/ingest-tool/ingest/lakehouse"
)

// A workspace with a catalog, and a table in it by Databricks' SQL driver. It prints
// 29.90. The driver leaves goroutines behind, so `go test` only compiles it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "lakehouse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	server, err := lakehouse.Open(ctx, lakehouse.Options{Dir: dir, Catalogs: []string{"main"}})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	address, err := url.Parse(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		log.Fatal(err)
	}
	connector, err := dbsql.NewConnector(
		dbsql.WithServerHostname("http://"+address.Hostname()), dbsql.WithPort(port),
		dbsql.WithHTTPPath(server.HTTPPath()), dbsql.WithAccessToken(server.Token()), dbsql.WithInitialNamespace("main", "default"),
	)
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE orders (id BIGINT, price DECIMAL(10,2))",
		"INSERT INTO orders VALUES (1, 9.90), (2, 20.00)",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			log.Fatal(err)
		}
	}
	var total string
	if err := db.QueryRowContext(ctx, "SELECT sum(price) FROM orders").Scan(&total); err != nil {
		log.Fatal(err)
	}
	fmt.Println(total)
}
