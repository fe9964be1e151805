// Package metrics counts what a run does, and lets a monitoring system read it: Prometheus over HTTP, and
// any other through OTLP. It also says whether the run is healthy.
//
// A Record is fed with events. It is read only when somebody asks. A run without metrics makes no Record.
// The package knows no pipeline: it must not import replicate, which calls it through an interface.
package metrics
