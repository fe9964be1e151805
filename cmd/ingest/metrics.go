package main

import (
	"context"
	"errors"
	"time"

	"github.com/ingest-tool/ingest/internal/metrics"
)

// observed does a command's work with metrics, if the configuration or the environment asks for them. A
// following run serves them over HTTP, at an address that is taken before anything is read. serve is
// false for a run that ends: it sends its metrics by OTLP at its end. loads says that the run loads.
func (a *app) observed(ctx context.Context, serve, loads bool, work func() error) error {
	o := metrics.Options{
		Environment: a.process.variable, Pipeline: a.config.Pipeline, Version: buildOf().Version, Now: time.Now, Log: a.log,
	}
	loading := a.config.Load.Interval
	if !loads {
		loading = 0
	}
	o.Health = metrics.HealthOf(a.config.Staging.EntryInterval, loading)
	if serve {
		o.Listen = a.config.Metrics.Listen
	}
	m, err := metrics.Open(ctx, o)
	if err != nil {
		return a.finish(a.unopened(err), err)
	}
	if m == nil {
		return work()
	}
	a.observer = m
	err = work()
	return errors.Join(err, m.Close(ctx))
}
