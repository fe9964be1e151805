package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/segment"
)

// Options are the inputs of Run.
type Options struct {
	Workspace *databricks.Workspace // the probe uses its catalog and nothing of its schema
	Spool     string                // directory for the segments; "": the system's temporary directory
	Run       string                // id of this run
	Version   string                // of this program
	Log       *slog.Logger
	// Asked receives each answer. It may be nil. Several goroutines call it,
	// one at a time.
	Asked func(Answer)

	// Slow is how long the abandoned statements run. Watch is how long the
	// probe then checks whether they commit. 0: 4 s and 10 s.
	Slow, Watch time.Duration
	// Beat is the interval at which the probe shows that it is running. Lease
	// is the silence after which another probe removes its schema. 0: 5 s and
	// 30 s.
	Beat, Lease time.Duration

	only func(id string) bool // for tests: selects the questions
}

// Report is the result of a probe.
type Report struct {
	Version    string    `json:"version"` // of this program
	Started    time.Time `json:"started"` // by the workspace's clock
	Seconds    float64   `json:"seconds"`
	Schema     string    `json:"schema"`            // created and removed by the probe
	Runtime    string    `json:"runtime,omitempty"` // version of the warehouse, as it reports it
	Statements int       `json:"statements"`
	Answers    []Answer  `json:"answers"`
	// Removed are schemas that earlier probes left behind. Running are the
	// schemas of running probes. Left is what could not be removed.
	Removed []string `json:"removed,omitempty"`
	Running []string `json:"running,omitempty"`
	Left    []string `json:"left,omitempty"`
}

// Of lists the answers with a verdict.
func (r *Report) Of(v Verdict) []Answer {
	var out []Answer
	for _, a := range r.Answers {
		if a.Verdict == v {
			out = append(out, a)
		}
	}
	return out
}

// Complete reports whether every essential question has an answer.
func (r *Report) Complete() bool {
	for _, a := range r.Answers {
		if a.Essential && a.Verdict == Unasked {
			return false
		}
	}
	return len(r.Answers) > 0
}

func (o *Options) withDefaults() {
	o.Slow = cmp.Or(o.Slow, 4*time.Second)
	o.Watch = cmp.Or(o.Watch, 10*time.Second)
	o.Beat = cmp.Or(o.Beat, 5*time.Second)
	o.Lease = cmp.Or(o.Lease, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Names of what the probe creates.
const (
	prefix    = "ingest_probe_"
	volume    = "files"
	directory = "work"
)

// Questions is the number of questions.
func Questions() int64 { return int64(len(questions)) }

// Plan describes what a probe does, so that the user can agree to it first.
func Plan(w *databricks.Workspace) []string {
	return []string{
		fmt.Sprintf("The probe tests %[2]d behaviors of %[1]s that Databricks does not document.", w.Host(), len(questions)),
		fmt.Sprintf("It makes a schema %s.%s… with a volume, tables and views in it, and removes the schema at its end, also after Ctrl-C.",
			w.Catalog(), prefix),
		"It removes schemas of that name which earlier probes left behind. It writes nowhere else in the catalog.",
		fmt.Sprintf("If ingest does not support an answer, the probe records it in %s, "+
			"and the pipeline does not start until a later probe removes that file.",
			w.Files().Path(FileName)),
		"It sends some 300 statements to the SQL warehouse, which starts if it is stopped, and some 100 small files to the volume.",
		"It takes one to two minutes, and you pay for the warehouse until it stops by itself: a few cents for the smallest.",
	}
}

// Run asks all questions. It removes what it created before it returns. For
// this it uses the context cleanup, which outlives ctx. Even with an error it
// returns a report of the answers so far.
func Run(ctx, cleanup context.Context, o Options) (*Report, error) {
	o.withDefaults()
	spool, err := segment.OpenSpool(o.Spool, o.Run)
	if err != nil {
		return nil, failure.New(failure.Usage, "%w", err).WithHint("set staging.spool (INGEST_STAGING_SPOOL) to a directory that can be written")
	}
	defer func() { _ = spool.Close() }()
	l := &leftovers{w: o.Workspace, lease: o.Lease, log: o.Log}
	r := &Report{Version: o.Version}
	began := time.Now()
	if err := l.sweep(ctx); err != nil {
		return nil, err
	}
	r.Started = o.Workspace.Time()
	r.Schema = schemaName(r.Started, o.Run)
	l.own = r.Schema
	asked := o.within(ctx, cleanup, r, spool)
	if ctx.Err() == nil {
		asked = errors.Join(asked, l.wait(ctx))
	}
	r.Removed, r.Running, r.Seconds = l.removed, l.running, time.Since(began).Round(time.Millisecond).Seconds()
	return r, asked
}

// within asks the questions in a new schema.
func (o *Options) within(ctx, cleanup context.Context, r *Report, spool *segment.Spool) (err error) {
	w := o.Workspace.In(r.Schema, volume, directory)
	defer w.Warehouse().Close()
	defer func() {
		// A request that creates something may still be running.
		limited, cancel := context.WithTimeout(cleanup, time.Minute)
		defer cancel()
		if removed := o.Workspace.Schemas().Remove(limited, r.Schema); removed != nil {
			r.Left = append(r.Left, r.Schema)
			err = errors.Join(err, removed)
		}
	}()
	// With cleanup, it is not interrupted: the service could create the
	// schema after it was removed.
	if _, err := w.Place().Prepare(cleanup); err != nil {
		return err
	}
	beat := &beat{w: w, run: o.Run, log: o.Log}
	if err := beat.once(cleanup); err != nil {
		return err
	}
	stop := beat.start(cleanup, o.Beat)
	defer stop()
	s := &shared{w: w, spool: spool, slow: o.Slow, watch: o.Watch}
	s.types = onceTyped(s)
	if r.Runtime, err = runtime(ctx, s); err != nil {
		return err
	}
	r.Answers, err = o.ask(ctx, s)
	r.Statements = w.Warehouse().Statements()
	return err
}

// runtime asks the warehouse for its version. This opens the first session, so
// a warehouse that does not start is reported before any question. A warehouse
// that does not know the function gives no version.
func runtime(ctx context.Context, s *shared) (string, error) {
	text, err := (&scratch{shared: s}).text(ctx, "SELECT CAST(current_version().dbsql_version AS STRING) AS v")
	if err != nil && databricks.Refused(err) {
		return "", nil
	}
	return text, err
}

// jobs is how many questions run at once.
const jobs = 4

func (o *Options) ask(ctx context.Context, s *shared) ([]Answer, error) {
	chosen := questions
	if o.only != nil {
		chosen = slices.DeleteFunc(slices.Clone(questions), func(q question) bool { return !o.only(q.id) })
	}
	answers := make([]Answer, len(chosen))
	var mu sync.Mutex // serialises Asked
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for i := range chosen {
		g.Go(func() (err error) {
			answers[i], err = chosen[i].answer(gctx, &scratch{shared: s})
			if err == nil && o.Asked != nil {
				mu.Lock()
				o.Asked(answers[i])
				mu.Unlock()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

// schemaName is the name of a probe's schema: its prefix, its start, and a part
// that is unique to the run.
func schemaName(started time.Time, run string) string {
	_, suffix, _ := strings.Cut(run, "-")
	return prefix + started.UTC().Format(timeLayout) + "_" + strings.ToLower(suffix)
}

const timeLayout = "20060102t150405z"
