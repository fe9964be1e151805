//go:build cgo

package lakehouse

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/page"
	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

//go:embed page.html
var pageText string

var pageLayout = template.Must(template.New("page").Funcs(page.Funcs).Parse(pageText))

// pageKey opens the page. It is derived from the token, which a browser's history should not have.
func (s *Server) pageKey() string {
	mac := hmac.New(sha256.New, []byte(s.auth.Token))
	mac.Write([]byte("the workspace's page"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// cookie is the name of the key's cookie. Cookies do not know ports, so the name has it.
func (s *Server) cookie() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return "ingest-workspace-" + port
}

// servePage serves the page to a browser that has the key: from the address that Open's caller prints, and from
// then on from a cookie. The key keeps other users of this machine and pages of other origins out. A name that
// is not of loopback is refused, because another site may have made it lead here.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Security-Policy", page.Policy+"; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !loopbackHost(r.Host):
		http.Error(w, "The local workspace serves its page on loopback names only, not on "+r.Host+".", http.StatusMisdirectedRequest)
		return nil
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "The page takes GET.", http.StatusMethodNotAllowed)
		return nil
	}
	if key := r.URL.Query().Get("key"); key != "" && equalSecret(key, s.pageKey()) {
		http.SetCookie(w, &http.Cookie{
			Name: s.cookie(), Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	if c, err := r.Cookie(s.cookie()); err != nil || !equalSecret(c.Value, s.pageKey()) {
		h.Set("WWW-Authenticate", `Bearer realm="DatabricksRealm"`)
		http.Error(w, "The page needs its key: open the address that `ingest workspace` prints when it starts.", http.StatusUnauthorized)
		return nil
	}
	v, err := s.pageView(r.Context())
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := pageLayout.Execute(&html, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = html.WriteTo(w)
	return nil
}

// loopbackHost reports whether a request was sent to a loopback address by its number, or to localhost.
func loopbackHost(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// pageView is what the page shows.
type pageView struct {
	Dir, URL   string
	Time       time.Time
	Warehouse  string // its state
	Wakeups    int
	Catalogs   []pageCatalog
	Statements []shownStatement
	Tables     int
	Rows       int64
	Bytes      int64 // of all files of the directory
}

type pageCatalog struct {
	Name    string
	Bytes   int64 // of its file and DuckDB's write-ahead log
	Schemas []pageSchema
}

type pageSchema struct {
	Name    string
	Tables  []pageTable
	Volumes []pageVolume
}

type pageTable struct {
	warehouse.Table
	Rows  int64 // -1 for a view
	Bytes int64 // in the catalog's file, -1 if not known
	Error string
}

type pageVolume struct {
	Name  string
	Files int
	Bytes int64
}

func (s *Server) pageView(ctx context.Context) (*pageView, error) {
	v := &pageView{Dir: s.options.Dir, URL: s.url, Time: s.options.Now(), Warehouse: s.sql.state(), Wakeups: s.sql.count()}
	for _, name := range s.warehouse.Catalogs() {
		c, err := s.pageCatalog(ctx, name)
		if err != nil {
			return nil, err
		}
		v.Bytes += c.Bytes
		for _, one := range c.Schemas {
			for _, t := range one.Tables {
				v.Tables++
				v.Rows += max(t.Rows, 0)
			}
			for _, f := range one.Volumes {
				v.Bytes += f.Bytes
			}
		}
		v.Catalogs = append(v.Catalogs, c)
	}
	var err error
	v.Statements, err = s.lastStatements()
	return v, err
}

func (s *Server) pageCatalog(ctx context.Context, name string) (pageCatalog, error) {
	c := pageCatalog{Name: name}
	for _, suffix := range []string{"", ".wal"} {
		if info, err := os.Stat(filepath.Join(s.options.Dir, "catalogs", name+".duckdb"+suffix)); err == nil {
			c.Bytes += info.Size()
		}
	}
	schemas, err := s.warehouse.Schemas(ctx, name)
	if err != nil {
		return c, err
	}
	u := unity{warehouse: s.warehouse, store: s.store}
	for _, schema := range schemas {
		one := pageSchema{Name: schema}
		tables, err := s.warehouse.Tables(ctx, name, schema)
		if err != nil {
			return c, err
		}
		for _, t := range tables {
			one.Tables = append(one.Tables, s.pageTable(ctx, t))
		}
		volumes, err := u.volumes(name, schema)
		if err != nil {
			return c, err
		}
		for _, volume := range volumes {
			f, err := s.pageVolume(name, schema, volume)
			if err != nil {
				return c, err
			}
			one.Volumes = append(one.Volumes, f)
		}
		c.Schemas = append(c.Schemas, one)
	}
	return c, nil
}

// pageTable counts a table's rows and bytes. A view is not run, which may take long.
func (s *Server) pageTable(ctx context.Context, t warehouse.Table) pageTable {
	one := pageTable{Table: t, Rows: -1}
	if t.Kind == "VIEW" {
		return one
	}
	rows, err := s.warehouse.Rows(ctx, t)
	if err != nil {
		one.Error = err.Error() // dropped meanwhile
		return one
	}
	if one.Bytes, err = s.warehouse.Bytes(ctx, t); err != nil {
		one.Error = err.Error()
		return one
	}
	one.Rows = rows
	return one
}

// pageVolume adds up the files of a volume. A file that is removed meanwhile does not count.
func (s *Server) pageVolume(catalog, schema, volume string) (pageVolume, error) {
	v := pageVolume{Name: volume}
	err := filepath.WalkDir(filepath.Join(s.options.Dir, "Volumes", catalog, schema, volume), func(_ string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || !d.Type().IsRegular():
			return err
		}
		if info, err := d.Info(); err == nil {
			v.Files++
			v.Bytes += info.Size()
		}
		return nil
	})
	return v, err
}

func countRows(n int64) string { return page.Plural(n, "row") + " changed" }
