//go:build cgo && unix

package tests

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"gopkg.in/yaml.v3"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// freeAddress is an address of this machine that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var sampleLine = regexp.MustCompile(`(?m)^([a-z_]+)\{([^}]*)\} (\S+)$`)

// scrape asks for a run's metrics, by name and labels. It is empty while the run does not listen.
func (w *world) scrape(address string) map[string]map[string]float64 {
	w.t.Helper()
	got := map[string]map[string]float64{}
	code, body := w.fetch(address, "/metrics")
	if code != http.StatusOK {
		return got
	}
	for _, m := range sampleLine.FindAllStringSubmatch(body, -1) {
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			w.t.Fatalf("%s: %v", m[0], err)
		}
		if got[m[1]] == nil {
			got[m[1]] = map[string]float64{}
		}
		got[m[1]][strings.Replace(m[2], `pipeline="`+w.name+`"`, "", 1)] = value
	}
	return got
}

// fetch asks a run's server; 0 if it does not listen.
func (w *world) fetch(address, path string) (int, string) {
	w.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(body)
}

// queried are the metrics that a query of Prometheus names.
func queried(t *testing.T, query string) (names []string) {
	t.Helper()
	query = strings.NewReplacer("$__rate_interval", "1m", "$pipeline", ".*").Replace(query)
	parsed, err := metricsql.Parse(query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			for _, f := range filters {
				if f.Label == "__name__" {
					names = append(names, f.Value)
				}
			}
		}
	})
	if len(names) == 0 {
		t.Errorf("%s names no metric", query)
	}
	return names
}

// alertQueries reads the alert rules, by the alert's name.
func alertQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../resources/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" ||
				queries[rule.Alert] != "" {
				t.Errorf("alert %s: want one of its name, with severity, summary and description", rule.Alert)
			}
			queries[rule.Alert] = rule.Expr
		}
	}
	return queries
}

// panelQueries reads the dashboard's queries, by the panel's title.
func panelQueries(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../resources/grafana/ingest.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Query any } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			queries[p.Title] = append(queries[p.Title], target.Expr)
		}
	}
	return queries
}

// TestMetricsOfAFollowingRun scrapes a following run over HTTP. It exports every metric that the alert rules and the dashboard
// name, with the numbers of what the run did.
func TestMetricsOfAFollowingRun(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{Settings: map[string]string{"max_slot_wal_keep_size": "2GB"}})
	w := newWorldOn(t, server.URL(""), lakehouse.Options{}, shopTables...)
	w.must("full-load")
	address := freeAddress(t)
	follow := []string{"cdc", "--follow", "--metrics", address, "--stage-every", "100ms", "--load-every", "200ms"}
	run := w.start(follow...)
	value := func(name, labels string) float64 { return w.scrape(address)[name][labels] }
	w.eventually("that the run is healthy", func() bool {
		code, _ := w.fetch(address, "/healthz")
		return code == http.StatusOK
	})
	w.exec(`UPDATE item SET amount = 'NaN' WHERE id = 1`, `INSERT INTO event VALUES (1000, 1, 'new')`)
	w.eventually("that the changes are loaded", func() bool {
		got := w.scrape(address)
		return got["ingest_loaded_rows_total"][`,table="public.item"`] == 1 && got["ingest_loaded_rows_total"][`,table="public.event"`] == 1
	})
	got := w.scrape(address)
	for _, one := range []struct {
		name, labels string
		want         float64
	}{
		{"ingest_staged_rows_total", `,table="public.item"`, 1},
		{"ingest_staged_transactions_total", "", 2},
		{"ingest_rescued_values_total", `,table="public.item"`, 1},
		{"ingest_rescued_values_total", `,table="public.event"`, 0},
		{"ingest_tables", "", 2},
		{"ingest_slot_wal_limit_bytes", "", 2 << 30},
		{"ingest_tables_quarantined", "", 0},
		{"ingest_errors_total", `class="source",`, 0},
		{"ingest_healthy", "", 1},
	} {
		if value := got[one.name][one.labels]; value != one.want {
			t.Errorf("%s{%s} = %v, want %v", one.name, one.labels, value, one.want)
		}
	}
	if wakeups := value("ingest_warehouse_wakeups_total", ""); wakeups < 1 || wakeups > 2 {
		t.Errorf("%v wake-ups for two transactions", wakeups)
	}
	w.exported(got)

	// A second run does not get the address. It reads nothing.
	if r := w.want(64, follow...); !strings.Contains(r.stderr, "serve metrics on "+address+": another process listens there") {
		t.Errorf("%s", r)
	}
	// A quarantine and a lost session.
	w.withdraw("COPY INTO")
	w.exec(`UPDATE item SET note = 'x' WHERE id = 2`)
	w.eventually("that item is quarantined", func() bool { return value("ingest_tables_quarantined", "") == 1 })
	w.grant()
	w.ask(`SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE backend_type = 'walsender'`)
	w.eventually("that the error is counted", func() bool { return value("ingest_errors_total", `class="source",`) >= 1 })

	run.signal(syscall.SIGTERM)
	if r := run.wait(); r.code != 3 { // item is quarantined
		t.Fatal(r)
	}
	if code, body := w.fetch(address, "/healthz"); code != 0 {
		t.Errorf("after the run its server answers %d %s", code, body)
	}
}

// exported insists that the run exports what the alert rules and the dashboard name.
func (w *world) exported(got map[string]map[string]float64) {
	w.t.Helper()
	named := map[string]string{}
	for alert, query := range alertQueries(w.t) {
		for _, name := range queried(w.t, query) {
			named[name] = "alert " + alert
		}
	}
	for title, queries := range panelQueries(w.t) {
		for _, query := range queries {
			for _, name := range queried(w.t, query) {
				named[name] = "panel " + title
			}
		}
	}
	delete(named, "up") // Prometheus's own
	if len(named) < 15 {
		w.t.Errorf("only %d metrics are named", len(named))
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if len(got[name]) == 0 {
			w.t.Errorf("%s names %s, which is not exported", named[name], name)
		}
	}
	for name := range got {
		if named[name] == "" && name != "target_info" {
			w.t.Errorf("%s is in no alert and no panel", name)
		}
	}
}

// TestARunThatEndsSendsItsMetrics: cdc without --follow sends what it did by OTLP, and what the slot kept at its end.
func TestARunThatEndsSendsItsMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(chan string, 10)
	collector := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + string(body)
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = collector.Serve(l) }()
	t.Cleanup(func() { _ = collector.Close(); <-served })

	w.exec(`INSERT INTO event VALUES (1000, 1, 'new')`)
	endpoint := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + l.Addr().String()}
	if r := w.startWith(endpoint, "cdc").wait(); r.code != 0 {
		t.Fatal(r)
	}
	select {
	case body := <-bodies:
		for _, part := range []string{"/v1/metrics", "ingest.staged.rows", "ingest.loaded.rows", "ingest.slot.wal.kept", "public.event", w.name} {
			if !strings.Contains(body, part) {
				t.Errorf("%q is not in what was sent", part)
			}
		}
	default:
		t.Error("nothing was sent before the run ended")
	}
	if extra := len(bodies); extra > 0 {
		t.Errorf("sent %d times", extra+1)
	}
	// An endpoint that is gone fails nothing.
	_ = collector.Close()
	if r := w.startWith(endpoint, "cdc").wait(); r.code != 0 || !strings.Contains(r.stderr, "the OTLP endpoint does not take the metrics") {
		t.Error(r)
	}
}
