package metrics

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ingest-tool/ingest/internal/failure"
)

// instrument is one metric. The table of instruments is the only list of them; docs/monitoring.md has the
// same table, with the names that Prometheus sees.
type instrument struct {
	name, unit, about string
	counter           bool // grows only; else a gauge
	// values calls emit for each series. It is called with the record locked. A value that is not known
	// is left out.
	values func(r *Record, emit emit)
}

// emit takes a value and the labels that it has beside the pipeline's.
type emit func(value float64, labels ...attribute.KeyValue)

var instruments = []instrument{
	{"ingest.lag", "s", "Age of the newest moment up to which all committed changes are staged.", false, func(r *Record, emit emit) {
		if !r.current.IsZero() {
			emit(max(0, r.now().Sub(r.current).Seconds()))
		}
	}},
	{"ingest.slot.lag", "By", "WAL written since the position that the replication slot has confirmed.", false,
		ofSlot(func(m *measure, emit emit) { emit(float64(m.slot.LagBytes)) })},
	{"ingest.slot.wal.kept", "By", "WAL that the server keeps for the replication slot.", false,
		ofSlot(func(m *measure, emit emit) { emit(float64(m.slot.KeptBytes)) })},
	{"ingest.slot.wal.limit", "By", "WAL that the server may keep for a slot (max_slot_wal_keep_size); no series without a limit.", false,
		ofSlot(func(m *measure, emit emit) {
			if m.limit >= 0 {
				emit(float64(m.limit))
			}
		})},
	{"ingest.slot.wal.left", "By", "WAL that can still be written before the server loses the slot; no series without a limit.", false,
		ofSlot(func(m *measure, emit emit) {
			if m.slot.SafeBytes != nil {
				emit(float64(max(0, *m.slot.SafeBytes)))
			}
		})},
	{"ingest.staged.entries", "{entry}", "Entries that this run appended to the ledger, by kind.", true, func(r *Record, emit emit) {
		for _, kind := range slices.Sorted(maps.Keys(r.entries)) {
			emit(float64(r.entries[kind]), attribute.String("kind", string(kind)))
		}
	}},
	{"ingest.staged.transactions", "{transaction}", "Transactions of the source that this run staged.", true,
		func(r *Record, emit emit) { emit(float64(r.transactions)) }},
	{"ingest.staged.rows", "{row}", "Rows that this run staged, of snapshots and changes.", true,
		byTable(func(t *tableCounts) int64 { return t.stagedRows })},
	{"ingest.staged.size", "By", "Bytes of the Parquet files that this run staged.", true,
		byTable(func(t *tableCounts) int64 { return t.stagedBytes })},
	{"ingest.rescued.values", "{value}", "Staged values that are in _rescued, because their column's type cannot hold them.", true,
		byTable(func(t *tableCounts) int64 { return t.rescued })},
	{"ingest.loaded.rows", "{row}", "Rows that this run loaded into target tables.", true,
		byTable(func(t *tableCounts) int64 { return t.loadedRows })},
	{"ingest.loaded.entry", "", "Newest ledger entry that this run loaded into the target table.", false, func(r *Record, emit emit) {
		for _, name := range r.order {
			if entry := r.tables[name].loadedEntry; entry > 0 {
				emit(float64(entry), attribute.String("table", name))
			}
		}
	}},
	{"ingest.ledger.entry", "", "Newest entry of the ledger.", false, measured(func(m *measure) int64 { return m.head })},
	{"ingest.tables", "{table}", "Tables with a usable snapshot.", false, measured(func(m *measure) int64 { return m.tables })},
	{"ingest.tables.quarantined", "{table}", "Tables that are quarantined, or have a quarantined table beside their log.", false,
		func(r *Record, emit emit) {
			if r.quarantined != nil {
				emit(float64(*r.quarantined))
			}
		}},
	{"ingest.tables.reload", "{table}", "Tables that need another full load.", false, measured(func(m *measure) int64 { return m.reload })},
	{"ingest.errors", "{error}", "Errors of this run, retried or not, by class.", true, func(r *Record, emit emit) {
		for _, kind := range slices.Sorted(maps.Keys(r.errors)) {
			emit(float64(r.errors[kind]), attribute.String("class", classOf(kind)))
		}
	}},
	{"ingest.warehouse.wakeups", "{wakeup}", "Loads of this run that used the SQL warehouse.", true,
		func(r *Record, emit emit) { emit(float64(r.wakeups)) }},
	{"ingest.warehouse.statements", "{statement}", "Statements that this run's loads sent to the SQL warehouse.", true,
		func(r *Record, emit emit) { emit(float64(r.statements)) }},
	{"ingest.last.success.timestamp", "s", "When an activity last did something, or found nothing to do.", false, func(r *Record, emit emit) {
		if r.staging.After(r.began) {
			emit(unix(r.staging), attribute.String("activity", "staging"))
		}
		if r.loading.After(r.began) {
			emit(unix(r.loading), attribute.String("activity", "loading"))
		}
	}},
	{"ingest.healthy", "", "1 while /healthz answers 200, else 0.", false, func(r *Record, emit emit) {
		value := 0.0
		if ok, _ := r.healthy(); ok {
			value = 1
		}
		emit(value)
	}},
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// ofSlot is what the source said about the slot, if there is one.
func ofSlot(values func(*measure, emit)) func(*Record, emit) {
	return func(r *Record, emit emit) {
		if r.measured != nil && r.measured.slot != nil {
			values(r.measured, emit)
		}
	}
}

// measured is a number that the ledger had when the slot was measured.
func measured(value func(*measure) int64) func(*Record, emit) {
	return func(r *Record, emit emit) {
		if r.measured != nil {
			emit(float64(value(r.measured)))
		}
	}
}

// byTable has a series for each table.
func byTable(value func(*tableCounts) int64) func(*Record, emit) {
	return func(r *Record, emit emit) {
		for _, name := range r.order {
			emit(float64(value(r.tables[name])), attribute.String("table", name))
		}
	}
}

// classOf is the label of a kind of error.
func classOf(kind failure.Kind) string {
	switch kind {
	case failure.Source:
		return "source"
	case failure.Destination:
		return "destination"
	case failure.Conflict:
		return "conflict"
	case failure.Tables:
		return "tables"
	case failure.Usage:
		return "usage"
	case failure.Interrupted:
		return "interrupted"
	default:
		return "other"
	}
}

// register makes the instruments of a meter. They read the record when a reader collects.
func (r *Record) register(meter metric.Meter, pipeline string) error {
	type observed struct {
		instrument
		at metric.Float64Observable
	}
	var all []observed
	var observables []metric.Observable
	for _, one := range instruments {
		var at metric.Float64Observable
		var err error
		if one.counter {
			at, err = meter.Float64ObservableCounter(one.name, metric.WithUnit(one.unit), metric.WithDescription(one.about))
		} else {
			at, err = meter.Float64ObservableGauge(one.name, metric.WithUnit(one.unit), metric.WithDescription(one.about))
		}
		if err != nil {
			return err
		}
		all, observables = append(all, observed{one, at}), append(observables, at)
	}
	label := attribute.String("pipeline", pipeline)
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, one := range all {
			one.values(r, func(value float64, labels ...attribute.KeyValue) {
				o.ObserveFloat64(one.at, value, metric.WithAttributes(append(labels, label)...))
			})
		}
		return nil
	}, observables...)
	return err
}
