package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Options are what Open needs.
type Options struct {
	Listen      string              // address of the HTTP server; "" for none
	Environment func(string) string // OTLP's variables
	Pipeline    string
	Version     string // of the program
	Health      Health
	Now         func() time.Time // the clock
	Log         *slog.Logger
}

// Metrics is the open exporters of one run. Its Record is what they export.
type Metrics struct {
	*Record
	log      *slog.Logger
	provider *sdkmetric.MeterProvider
	server   *server // nil for none
}

// Open starts the exporters that the options and the environment ask for. It returns nil if they ask for
// none. It does not connect to an OTLP endpoint.
func Open(ctx context.Context, o Options) (*Metrics, error) {
	otlp := wantsOTLP(o.Environment, o.Log)
	if o.Listen == "" && !otlp {
		return nil, nil
	}
	m := &Metrics{Record: NewRecord(o.Now, o.Health), log: o.Log}
	var options []sdkmetric.Option
	registry := prometheus.NewRegistry()
	if o.Listen != "" {
		var err error
		if m.server, err = listen(o.Listen); err != nil {
			return nil, err
		}
		exporter, err := prometheusexporter.New(prometheusexporter.WithRegisterer(registry), prometheusexporter.WithoutScopeInfo())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make the Prometheus exporter: %w", err), m.server.listener.Close())
		}
		options = append(options, sdkmetric.WithReader(exporter))
	}
	if otlp {
		exporter, err := otlpmetrichttp.New(ctx)
		if err != nil {
			o.Log.Warn("metrics are not sent by OTLP", "because", err)
		} else {
			options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(&sender{Exporter: exporter, log: o.Log})))
		}
	}
	options = append(options, sdkmetric.WithResource(describe(ctx, o)))
	m.provider = sdkmetric.NewMeterProvider(options...)
	if err := m.register(m.provider.Meter("ingest"), o.Pipeline); err != nil {
		return nil, errors.Join(fmt.Errorf("make the metrics: %w", err), m.Close(ctx))
	}
	if m.server != nil {
		m.server.serve(m.Record, registry)
		o.Log.Info("serving metrics", "address", m.server.address())
	}
	return m, nil
}

// Address is where the HTTP server listens.
func (m *Metrics) Address() string { return m.server.address() }

// closeFor is how long Close waits for the OTLP endpoint.
const closeFor = 5 * time.Second

// Close sends the last values by OTLP and ends the server. The end of ctx ends the sending. A failure to
// send is only logged: it does not change what the run did.
func (m *Metrics) Close(ctx context.Context) error {
	var err error
	if m.server != nil {
		err = m.server.close()
	}
	ctx, cancel := context.WithTimeout(ctx, closeFor)
	defer cancel()
	if shut := m.provider.Shutdown(ctx); shut != nil && ctx.Err() == nil {
		m.log.Debug("the metrics were not closed", "because", shut)
	}
	return err
}

// describe is the run as OpenTelemetry describes a service. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES replace and add attributes.
func describe(ctx context.Context, o Options) *resource.Resource {
	r, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "ingest"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv())
	if err != nil {
		o.Log.Warn("OTEL_RESOURCE_ATTRIBUTES is not read completely", "because", err)
	}
	return r
}

// wantsOTLP reports whether the standard variables ask for metrics by OTLP. The exporter reads the others
// itself: headers, certificate, timeout, compression, temporality and interval.
func wantsOTLP(environment func(string) string, log *slog.Logger) bool {
	if strings.EqualFold(environment("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	exporters := strings.Split(environment("OTEL_METRICS_EXPORTER"), ",")
	asked := false
	for _, e := range exporters {
		switch strings.TrimSpace(e) {
		case "none":
			return false
		case "otlp":
			asked = true
		}
	}
	endpoint := cmp.Or(environment("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"), environment("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if !asked && endpoint == "" {
		return false
	}
	protocol := cmp.Or(environment("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"), environment("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		log.Warn("metrics are not sent by OTLP: ingest sends them as http/protobuf only", "protocol", protocol,
			"hint", "export OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf, and name the port for HTTP, usually 4318, in the endpoint")
		return false
	}
	return true
}

// sender logs when an endpoint begins to fail and when it answers again.
type sender struct {
	sdkmetric.Exporter
	log     *slog.Logger
	failing bool // only the reader's goroutine uses it
}

// Export sends one collection. It returns no error, which the library would only print.
func (s *sender) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	err := s.Exporter.Export(ctx, data)
	switch {
	case err != nil && !s.failing:
		s.log.Warn("the OTLP endpoint does not take the metrics; the run goes on", "because", err)
	case err == nil && s.failing:
		s.log.Info("the OTLP endpoint takes metrics again")
	}
	s.failing = err != nil
	return nil
}
