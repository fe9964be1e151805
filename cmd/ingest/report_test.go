//go:build cgo

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/page/browsertest"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// TestReportOpensInABrowser: the page of a pipeline with changes, a new column, rescued values, a mark and a name like markup
// shows its figures in each window, and wakes no warehouse.
func TestReportOpensInABrowser(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE orders (id int PRIMARY KEY, note text)`, `INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 1234) n`,
		`CREATE TABLE "<b>""o'clock"`+` (id int PRIMARY KEY)`, `CREATE TABLE rebuilt (id int PRIMARY KEY, n int)`,
		`INSERT INTO rebuilt VALUES (1, 1)`)
	b.works("full-load")
	b.exec(`INSERT INTO orders VALUES (2000, 'new')`, `UPDATE orders SET note = 'y' WHERE id = 1`,
		`ALTER TABLE orders ADD COLUMN vat numeric(4,2) DEFAULT 19.00`, `INSERT INTO orders VALUES (2001, 'newer', 7)`,
		`ALTER TABLE rebuilt ALTER COLUMN n TYPE text USING 'n' || n`, `INSERT INTO rebuilt VALUES (2, 'b')`)
	b.run("cdc")
	wakeups := b.server.Wakeups()
	file := filepath.Join(t.TempDir(), "report.html")
	b.works("report", "--to", file)
	html, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.server.Wakeups() != wakeups {
		t.Error("the report woke the warehouse")
	}
	for _, seen := range browsertest.Look(t, string(html)) {
		for _, want := range []string{"Pipeline default", "1,237", "public.orders", `<b>"`, "column vat was added", "reload needed",
			"What the warehouse was woken for", "WAL kept", "staged by a full load"} {
			if !strings.Contains(seen.Text, want) {
				t.Errorf("width %d, dark %v: no %q in\n%s", seen.Width, seen.Dark, want, seen.Text)
			}
		}
		if seen.Charts < 4 || !slices.Contains(seen.Labels, "insert") || !slices.Contains(seen.Labels, "when loaded") {
			t.Errorf("%d charts with %q", seen.Charts, seen.Labels)
		}
	}
	namespaces := strings.NewReplacer("http://www.w3.org/2000/svg", "", "http://www.w3.org/1999/xlink", "")
	addresses := namespaces.Replace(string(html))
	if len(html) > 1<<20 || strings.Contains(addresses, "<script") || strings.Contains(addresses, "://") {
		t.Errorf("%d bytes; a page has no script and no address", len(html))
	}
}

// TestReportAsJSON has the facts of the page.
func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE a (id int PRIMARY KEY)`, `INSERT INTO a VALUES (1)`)
	b.works("full-load")
	b.exec(`INSERT INTO a VALUES (2), (3)`)
	b.works("cdc")
	read := func(args ...string) *replicate.Report {
		t.Helper()
		r := new(replicate.Report)
		stdout, _ := b.works(append([]string{"report", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(stdout), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := read()
	last := r.Entries[len(r.Entries)-1]
	if r.Unreachable != "" || r.Status.Slot == nil || last.Rows["insert"] != 2 || last.Lag == nil || last.Bytes == 0 ||
		len(r.Tables) != 1 || r.Tables[0].Snapshots != 1 || len(r.Loads) != 2 || r.Loads[0].Snapshots != 1 ||
		r.Loads[1].Changed != 1 || r.Loads[1].Rows != 2 || r.Loads[1].Lag == nil {
		t.Errorf("%+v", r)
	}
	if day := r.Time.Sub(r.Since).Round(time.Hour); day != 7*24*time.Hour {
		t.Errorf("a period of %s", day)
	}
	// The source is away: the rest stays.
	b.env["INGEST_SOURCE_URL"] = "postgres://ingest@127.0.0.1:1/x"
	if r := read("--since", "1h"); r.Unreachable == "" || len(r.Loads) != 2 || len(r.Status.Tables) != 1 || r.Status.Slot != nil {
		t.Errorf("without a source: %+v", r)
	}
	delete(b.env, "INGEST_SOURCE_URL")
	if r := read(); r.Unreachable != "no source is configured" || len(r.Status.Tables) != 1 {
		t.Errorf("without a configured source: %+v", r)
	}
}

// TestReportOfNothing: a pipeline that has not begun has a page that says so.
func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	html, _ := b.works("report")
	if !strings.Contains(html, "<h1>Pipeline default</h1>") || !strings.Contains(html, "The pipeline has no tables yet.") {
		t.Error(html)
	}
}

func TestReportIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, since := range []string{"soon", "7", "-1d", "0d", "99999999d", "9999-01-01", "1.5w"} {
		b.fails(failure.Usage, "--since", "ingest report --since 7d", "report", "--since="+since)
	}
	missing := filepath.Join(t.TempDir(), "missing", "report.html")
	b.fails(failure.Usage, "--to "+missing, "", "report", "--to", missing)
	b.fails(failure.Usage, "report: 1 argument, want no arguments", "report --help", "report", "report.html")
}

// TestSince reads ages and times.
func TestSince(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]string{
		"7d": "2026-02-25T05:06:07Z", "4w": "2026-02-04T05:06:07Z", "90m": "2026-03-04T03:36:07Z", "2026-03-01": "2026-03-01T00:00:00Z",
		"2026-03-01 12:30": "2026-03-01T12:30:00Z", "2026-03-01T12:30:00+01:00": "2026-03-01T11:30:00Z",
	} {
		if got, err := parseSince(text, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestWorkspacePageInABrowser: the page of a local workspace shows tables and statements in each window, to whom has its key.
func TestWorkspacePageInABrowser(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE orders (id int PRIMARY KEY, "<i>" text)`, `INSERT INTO orders SELECT n FROM generate_series(1, 1234) n`,
		`COMMENT ON TABLE orders IS 'one <row> an order'`)
	b.works("full-load")
	b.run("sql", "SELECT * FROM nowhere")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	html := fetched(t, client, b.server.PageURL())
	if again := fetched(t, client, b.server.URL()+"/"); !strings.Contains(again, "orders") {
		t.Error("the cookie does not open the page")
	}
	for _, seen := range browsertest.Look(t, html) {
		for _, want := range []string{"Local workspace", "orders", "1,234", "one <row> an order", "Size", "TABLE_OR_VIEW_NOT_FOUND",
			"Last statements"} {
			if !strings.Contains(seen.Text, want) {
				t.Errorf("width %d, dark %v: no %q in\n%s", seen.Width, seen.Dark, want, seen.Text)
			}
		}
	}
}

// fetched is the text of a page.
func fetched(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v: %s", url, answer.StatusCode, err, text)
	}
	return string(text)
}
