package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens metrics with these variables; it returns them with the run's log.
func open(t *testing.T, c *clock, listen string, variables map[string]string) (*Metrics, *bytes.Buffer, error) {
	t.Helper()
	log := &bytes.Buffer{}
	for name, value := range variables { // the library reads the process's
		t.Setenv(name, value)
	}
	m, err := Open(t.Context(), Options{
		Listen: listen, Environment: func(name string) string { return variables[name] }, Pipeline: "p", Version: "1.2.3",
		Health: HealthOf(time.Second, time.Minute), Now: c.now, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	return m, log, err
}

// ask asks the server. It keeps no connection.
func ask(t *testing.T, address, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// fill gives each metric a value.
func fill(r *Record, c *clock) {
	left := int64(7)
	state := ledger.NewState()
	r.Opened(state)
	c.forward(time.Second)
	r.Appended(&ledger.Entry{Kind: ledger.KindDone, Done: &ledger.Done{Table: named("a"), Rows: 3}})
	r.Loaded([]load.TableResult{{Table: named("a"), Rows: 3, Entry: 2}}, 3, nil)
	r.Measured(&postgres.Slot{SafeBytes: &left}, 0, 1<<30, state)
	r.Current(1)
}

var documented = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (gauge|counter) \\|")

// TestTheDocumentationListsTheMetrics compares what Prometheus gets with the table in docs/monitoring.md.
func TestTheDocumentationListsTheMetrics(t *testing.T) {
	c := newClock()
	m, _, err := open(t, c, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(m.Record, c)
	_, text := ask(t, m.Address(), "/metrics")
	var got, want []string
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		got = append(got, line[1]+" "+line[2])
	}
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range documented.FindAllStringSubmatch(string(page), -1) {
		want = append(want, row[1]+" "+row[2])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("exported:\n%s\ndocumented:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{
		`ingest_staged_rows_total{pipeline="p",table="public.a"} 3`, `ingest_errors_total{class="source",pipeline="p"} 0`,
		`target_info{service_name="ingest",service_version="1.2.3"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHealthzReportsWhatIsWrong(t *testing.T) {
	c := newClock()
	m, _, err := open(t, c, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	if code, body := ask(t, m.Address(), "/healthz"); code != http.StatusOK || body != "staging worked 0s ago, and loading worked 0s ago\n" {
		t.Errorf("%d %s", code, body)
	}
	c.forward(time.Hour)
	code, body := ask(t, m.Address(), "/healthz")
	if code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "nothing was staged for 1h0m0s; ") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := ask(t, m.Address(), "/other"); code != http.StatusNotFound {
		t.Errorf("/other: %d", code)
	}
}

// TestTheAddressIsTakenAndGivenBack: an address in use is an error with the address and a hint; a closed server listens no more.
func TestTheAddressIsTakenAndGivenBack(t *testing.T) {
	m, _, err := open(t, newClock(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	address := m.Address()
	if host, _, _ := net.SplitHostPort(address); host != "127.0.0.1" {
		t.Errorf("it listens on %s", address)
	}
	_, _, err = open(t, newClock(), address, nil)
	if failure.KindOf(err) != failure.Usage ||
		!strings.Contains(fmt.Sprint(err), "serve metrics on "+address+": another process listens there") ||
		!strings.Contains(failure.HintOf(err), "--metrics") {
		t.Errorf("%v, hint %s", err, failure.HintOf(err))
	}
	if _, _, err = open(t, newClock(), "203.0.113.1:9464", nil); failure.KindOf(err) != failure.Usage || failure.HintOf(err) == "" {
		t.Errorf("an address of another machine: %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	again, _, err := open(t, newClock(), address, nil)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNothingIsOpenedUnasked(t *testing.T) {
	for _, variables := range []map[string]string{
		nil,
		{"OTEL_SERVICE_NAME": "x"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_METRICS_EXPORTER": "none"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
	} {
		if m, _, err := open(t, newClock(), "", variables); m != nil || err != nil {
			t.Errorf("%v: %v, %v", variables, m, err)
		}
	}
}

// collector takes metrics by OTLP, and counts what comes.
func collector(t *testing.T, status int) (url string, bodies chan string) {
	t.Helper()
	bodies = make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + " " + r.Header.Get("X-Team") + " " + string(body)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, bodies
}

func TestTheEndSendsTheMetricsByOTLP(t *testing.T) {
	url, bodies := collector(t, http.StatusOK)
	c := newClock()
	m, _, err := open(t, c, "", map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "X-Team=data",
		"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=qa",
	})
	if err != nil {
		t.Fatal(err)
	}
	fill(m.Record, c)
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case body := <-bodies:
		for _, part := range []string{"/v1/metrics data ", "ingest.staged.rows", "ingest.slot.wal.kept", "service.name",
			"deployment.environment.name", "public.a"} {
			if !strings.Contains(body, part) {
				t.Errorf("%q is not in what was sent", part)
			}
		}
	default:
		t.Error("nothing was sent")
	}
}

// TestAnEndpointThatRefusesFailsNothing: the run only logs it.
func TestAnEndpointThatRefusesFailsNothing(t *testing.T) {
	url, _ := collector(t, http.StatusForbidden)
	m, log, err := open(t, newClock(), "", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "the OTLP endpoint does not take the metrics; the run goes on") {
		t.Errorf("log: %s", log)
	}
}

func TestASecondSignalEndsTheSending(t *testing.T) {
	m, _, err := open(t, newClock(), "", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := m.Close(ended); err != nil || time.Since(began) > closeFor/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
