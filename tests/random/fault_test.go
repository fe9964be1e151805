//go:build cgo && unix

package random

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/lakehouse"
)

// fault is what goes wrong in one run.
type fault int

const (
	noFault   fault = iota
	killed          // at a request, which the workspace does not see
	leaving         // killed when it sends a statement for what is kept, which the warehouse runs later
	repeating       // such a statement is executed twice
	faultKinds
)

// faults are those of a run. Requests come on many goroutines.
type faults struct {
	kind   fault
	at     int64 // the request, or the statement
	seen   atomic.Int64
	dead   atomic.Bool
	cancel context.CancelFunc
	late   chan string // statements that a killed run has left
}

// active is the world whose runs the workspace serves.
var active atomic.Pointer[world]

var drop = &lakehouse.Fault{Kind: lakehouse.Drop}

func intercept(_ int64, _ *http.Request) *lakehouse.Fault {
	w := active.Load()
	switch {
	case w == nil:
		return nil
	case w.dead.Load():
		return drop
	case w.kind == killed && w.seen.Add(1) == w.at:
		w.die()
		return drop
	}
	return nil
}

func (w *world) die() {
	w.dead.Store(true)
	w.cancel()
}

// keepingStatement matches the statements that keep a table beside a log.
var keepingStatement = regexp.MustCompile("^(MERGE INTO|CREATE OR REPLACE TABLE|CREATE TABLE) `dev`\\.`[^`]*`\\.`(?:[^`]|``)*_data`")

func refuse(sql string) *lakehouse.Refusal {
	w := active.Load()
	if w == nil {
		return nil
	}
	gone := &lakehouse.Refusal{SQLState: "XXKST", Class: "CLIENT_IS_GONE", Message: "the client is gone"}
	if w.dead.Load() {
		return gone
	}
	w.sees(sql)
	if !keepingStatement.MatchString(sql) || w.kind != leaving && w.kind != repeating || w.seen.Add(1) != w.at {
		return nil
	}
	if w.kind == leaving {
		w.late <- sql
		w.die()
		return gone
	}
	_ = w.target.Warehouse().Exec(context.WithoutCancel(w.t.Context()), sql)
	return nil
}

// faulty is run with a fault now and then. What was killed is done again.
func (w *world) faulty(what string, do func(ctx context.Context, p *replicate.Pipeline) error) {
	w.t.Helper()
	if w.chance(3) {
		w.kind = fault(w.between(1, int(faultKinds)-1))
		w.at = int64(w.between(1, 3))
		if w.kind == killed {
			w.at = int64(w.between(1, 60))
		}
		w.tally[fmt.Sprintf("fault %d", w.kind)]++
		ctx, cancel := context.WithCancel(w.t.Context())
		w.cancel = cancel
		w.note("-- with fault %d at %d:", w.kind, w.at)
		err := w.once(ctx, what, func(p *replicate.Pipeline) error { return do(ctx, p) })
		cancel()
		dead := w.dead.Load()
		w.kind = noFault
		w.seen.Store(0)
		w.dead.Store(false)
		if err == nil {
			return
		}
		if !dead {
			w.t.Fatalf("ingest %s: %v", what, err)
		}
		w.note("-- killed: %v", err)
	}
	if err := w.once(w.t.Context(), what, func(p *replicate.Pipeline) error { return do(w.t.Context(), p) }); err != nil {
		w.t.Fatalf("ingest %s: %v", what, err)
	}
}

// runLate has the warehouse run what killed runs have left.
func (w *world) runLate() {
	w.t.Helper()
	for {
		select {
		case sql := <-w.late:
			err := w.target.Warehouse().Exec(w.t.Context(), sql)
			w.note("-- late: %.200s: %v", strings.ReplaceAll(sql, "\n", " "), err)
			w.tally["late statements"]++
		default:
			return
		}
	}
}
