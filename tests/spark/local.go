//go:build cgo && unix

package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	dbsql "github.com/databricks/databricks-sql-go"
	dbsqlerr "github.com/databricks/databricks-sql-go/errors"
	dbsqllog "github.com/databricks/databricks-sql-go/logger"

	"github.com/ingest-tool/ingest/lakehouse"
)

// answer is what the local workspace says to an event; replay.py reads it.
type answer struct {
	event
	Catalog string    `json:"catalog,omitempty"` // of the first line, which is no event
	Volumes string    `json:"volumes,omitempty"` // likewise
	Columns []column  `json:"columns,omitempty"`
	Rows    [][]*cell `json:"rows,omitempty"`
	Refused *refusal  `json:"refused,omitempty"`
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// cell is a value as text: dates are days and timestamps microseconds since 1970,
// binaries are in hex, complex values in JSON. A nil cell is NULL.
type cell = string

type refusal struct {
	Class   string `json:"class"`
	State   string `json:"state"`
	Message string `json:"message"`
}

// local is a workspace of one script, with one session.
type local struct {
	server *lakehouse.Server
	db     *sql.DB
	dir    string
	out    *json.Encoder

	accepted bool // as in a script
}

// play runs the script on a new workspace and writes what it answers to the file. In
// the end it asks for the content of all tables and views that there are then.
func (s script) play(ctx context.Context, file string) (err error) {
	dir, err := os.MkdirTemp("", "ingest-spark-local-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if s.volumes != "" {
		if err := os.CopyFS(filepath.Join(dir, "Volumes"), os.DirFS(s.volumes)); err != nil {
			return err
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	l, err := openLocal(ctx, dir, s.catalog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.db.Close(), l.server.Close()) }()
	l.out, l.accepted = json.NewEncoder(out), s.accepted
	l.out.SetEscapeHTML(false)
	if err := l.out.Encode(answer{Catalog: s.catalog, Volumes: s.volumes}); err != nil {
		return err
	}
	for _, e := range s.events {
		if err := l.one(ctx, e); err != nil {
			return err
		}
	}
	return l.contents(ctx, s.catalog)
}

func openLocal(ctx context.Context, dir, catalog string) (*local, error) {
	dbsqllog.Logger.Logger = dbsqllog.Logger.Output(io.Discard)
	server, err := lakehouse.Open(ctx,
		lakehouse.Options{Dir: dir, Catalogs: []string{catalog}, MemoryLimit: "1GB", Switches: lakehouse.Switches{NoArrow: true}})
	if err != nil {
		return nil, err
	}
	host, text, err := net.SplitHostPort(strings.TrimPrefix(server.URL(), "http://"))
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	connector, err := dbsql.NewConnector(dbsql.WithServerHostname("http://"+host), dbsql.WithPort(port), dbsql.WithHTTPPath(server.HTTPPath()),
		dbsql.WithAccessToken(server.Token()), dbsql.WithCloudFetch(false), dbsql.WithTransport(quiet{}), dbsql.WithRetries(-1, 0, 0),
		dbsql.WithInitialNamespace(catalog, "default"))
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return &local{server: server, db: db, dir: dir}, nil
}

// quiet keeps the driver's telemetry and feature flags off the wire.
type quiet struct{}

func (quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "telemetry") || strings.Contains(r.URL.Path, "feature-flags") {
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// one plays an event.
func (l *local) one(ctx context.Context, e event) error {
	a := answer{event: e}
	if e.File != "" {
		content, err := os.ReadFile(e.Copy)
		if err != nil {
			return err
		}
		path := filepath.Join(l.dir, filepath.FromSlash(e.File))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		return l.out.Encode(a)
	}
	err := l.ask(ctx, &a)
	var refused dbsqlerr.DBExecutionError
	if errors.As(err, &refused) && !l.accepted {
		a.Columns, a.Rows = nil, nil
		a.Refused = &refusal{Class: class(err.Error()), State: refused.SqlState(), Message: err.Error()}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%.500s: %w", e.SQL, err)
	}
	return l.out.Encode(a)
}

var classPattern = regexp.MustCompile(`\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]`)

// class is the error's, as Databricks puts it before the message.
func class(message string) string {
	if m := classPattern.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

func (l *local) ask(ctx context.Context, a *answer) error {
	rows, err := l.db.QueryContext(ctx, a.SQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for _, t := range types {
		a.Columns = append(a.Columns, column{Name: t.Name(), Type: t.DatabaseTypeName()})
	}
	for rows.Next() {
		values, into := make([]any, len(types)), make([]any, len(types))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		cells := make([]*cell, len(types))
		for i, v := range values {
			cells[i] = text(v, a.Columns[i].Type)
		}
		a.Rows = append(a.Rows, cells)
	}
	return rows.Err()
}

func text(v any, typ string) *cell {
	var s string
	switch x := v.(type) {
	case nil:
		return nil
	case time.Time:
		if typ == "DATE" {
			s = strconv.FormatInt(x.Unix()/int64((24*time.Hour).Seconds()), 10)
		} else {
			s = strconv.FormatInt(x.UnixMicro(), 10)
		}
	case float32:
		s = strconv.FormatFloat(float64(x), 'g', -1, 64)
	case float64:
		s = strconv.FormatFloat(x, 'g', -1, 64)
	case []byte:
		if s = string(x); typ == "BINARY" {
			s = hex.EncodeToString(x)
		}
	case string:
		if s = x; typ == "BINARY" {
			s = hex.EncodeToString([]byte(x))
		}
	default:
		s = fmt.Sprint(x)
	}
	return &s
}

// contents asks for the types and the rows of all that is left.
func (l *local) contents(ctx context.Context, catalog string) error {
	rows, err := l.db.QueryContext(ctx, "SELECT table_schema, table_name FROM "+quoted(catalog)+
		".information_schema.tables WHERE table_schema <> 'information_schema' ORDER BY 1, 2")
	if err != nil {
		return err
	}
	defer rows.Close()
	var events []event
	for rows.Next() {
		var schema, name string
		if err := rows.Scan(&schema, &name); err != nil {
			return err
		}
		of := quoted(catalog) + "." + quoted(schema) + "." + quoted(name)
		events = append(events, event{SQL: "DESCRIBE TABLE " + of}, event{SQL: "SELECT * FROM " + of})
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, e := range events {
		if err := l.one(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
