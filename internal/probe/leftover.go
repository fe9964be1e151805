package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/wait"
)

// A killed probe leaves its schema behind, and the next probe removes it. It
// never removes the schema of a running probe. Each probe writes a file to its
// own volume every few seconds, with the time by the workspace's clock. A probe
// that has been silent for the lease is dead. Before the first file, the
// schema's name gives the time at which the probe began.

// markerName is the file by which a probe shows that it is running.
const markerName = "running.json"

type marker struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// beat shows that a probe is running.
type beat struct {
	w   *databricks.Workspace
	run string
	log *slog.Logger
}

func (b *beat) once(ctx context.Context) error {
	data, err := json.Marshal(marker{b.run, b.w.Time()})
	if err != nil {
		return err
	}
	return b.w.Files().Replace(ctx, markerName, data)
}

// start writes the file regularly until stop is called. stop waits for the
// goroutine.
func (b *beat) start(ctx context.Context, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for wait.For(ctx, every) == nil {
			if err := b.once(ctx); err != nil && ctx.Err() == nil {
				b.log.Debug("the probe could not record that it is running", "error", err)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// leftovers are the schemas of other probes.
type leftovers struct {
	w     *databricks.Workspace
	own   string
	lease time.Duration
	log   *slog.Logger

	young            []string // may belong to running probes
	removed, running []string
}

// ofProbe matches the name of a probe's schema, which contains its start.
var ofProbe = regexp.MustCompile(`^` + prefix + `(\d{8}t\d{6}z)_[0-9a-f]{6}$`)

// sweep removes the schemas of dead probes. It records those that may belong to
// a running probe.
func (l *leftovers) sweep(ctx context.Context) error {
	names, err := l.w.Schemas().List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !ofProbe.MatchString(name) || name == l.own {
			continue
		}
		if err := l.judge(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// judge removes one schema if its probe is dead. Else it records the schema.
func (l *leftovers) judge(ctx context.Context, name string) error {
	last, err := l.last(ctx, name)
	if err != nil {
		return err
	}
	if l.w.Time().Sub(last) <= l.lease {
		l.young = append(l.young, name)
		return nil
	}
	l.log.Info("removing the schema of an earlier probe", "schema", name, "silent since", last)
	if err := l.w.Schemas().Remove(ctx, name); err != nil {
		return err
	}
	l.removed = append(l.removed, name)
	return nil
}

// last is the time at which a schema's probe last showed that it was running,
// by the workspace's clock.
func (l *leftovers) last(ctx context.Context, name string) (time.Time, error) {
	last, err := time.Parse(timeLayout, ofProbe.FindStringSubmatch(name)[1])
	if err != nil {
		return time.Time{}, nil // no time: no probe chose this name
	}
	raw, err := l.w.In(name, volume, directory).Files().Read(ctx, markerName)
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	var m marker
	if json.Unmarshal(raw, &m) == nil && m.At.After(last) {
		last = m.At
	}
	return last, nil
}

// wait waits, for at most the lease, until it is clear which of the young
// schemas belong to running probes. It removes the others.
func (l *leftovers) wait(ctx context.Context) error {
	heard := map[string]time.Time{}
	for said := false; len(l.young) > 0; {
		names, err := l.w.Schemas().List(ctx)
		if err != nil {
			return err
		}
		pending := l.young
		l.young = nil
		for _, name := range pending {
			if !slices.Contains(names, name) {
				continue // its probe has finished
			}
			last, err := l.last(ctx, name)
			if err != nil {
				return err
			}
			if first, ok := heard[name]; ok && last.After(first) {
				l.running = append(l.running, name)
				continue
			} else if !ok {
				heard[name] = last
			}
			if err := l.judge(ctx, name); err != nil {
				return err
			}
		}
		if len(l.young) == 0 {
			return nil
		}
		if !said {
			said = true
			l.log.Info("waiting to see whether another probe is running or was killed", "schemas", l.young, "at most", l.lease)
		}
		if err := wait.For(ctx, min(time.Second, l.lease/4)); err != nil {
			return err
		}
	}
	return nil
}
