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

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/segment"
)

// Options are what Run needs.
type Options struct {
	Workspace *databricks.Workspace // its catalog is used, and nothing of its schema
	Spool     string                // directory for the segments; "" is the system's
	Run       string                // id of this run
	Version   string                // of this program
	Log       *slog.Logger
	// Asked hears each answer; it may be nil, and is called from several goroutines.
	Asked func(Answer)

	// Slow is how long the statements take that are left alone, and Watch how long
	// it is then looked whether they commit; 0: 4 s and 10 s.
	Slow, Watch time.Duration
	// Beat is how often the probe says that it is running, and Lease after how
	// much silence another one removes what it made; 0: 5 s and 30 s.
	Beat, Lease time.Duration

	only func(id string) bool // for tests: which questions are asked
}

// Report is what a probe found.
type Report struct {
	Version    string    `json:"version"` // of this program
	Started    time.Time `json:"started"` // by the workspace's clock
	Seconds    float64   `json:"seconds"`
	Schema     string    `json:"schema"`            // that the probe made and removed
	Runtime    string    `json:"runtime,omitempty"` // of the warehouse, as it calls itself
	Statements int       `json:"statements"`
	Answers    []Answer  `json:"answers"`
	// Removed are schemas that earlier probes left behind; Running those of probes
	// that go on; Left what could not be removed.
	Removed []string `json:"removed,omitempty"`
	Running []string `json:"running,omitempty"`
	Left    []string `json:"left,omitempty"`
}

// Of gives the answers with a verdict.
func (r *Report) Of(v Verdict) []Answer {
	var out []Answer
	for _, a := range r.Answers {
		if a.Verdict == v {
			out = append(out, a)
		}
	}
	return out
}

// Complete says that every question that runs rest on has an answer.
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

// Names of what the probe makes.
const (
	prefix    = "ingest_probe_"
	volume    = "files"
	directory = "work"
)

// Questions is the number of questions.
func Questions() int64 { return int64(len(questions)) }

// Plan says what a probe does, for whoever is asked whether it may.
func Plan(w *databricks.Workspace) []string {
	return []string{
		fmt.Sprintf("The probe asks %s %d questions that no document answers.", w.Host(), len(questions)),
		fmt.Sprintf("It makes a schema %s.%s… with a volume, tables and views in it, and removes the schema at its end, also after Ctrl-C.", w.Catalog(), prefix),
		"It removes schemas of that name which earlier probes left behind. It writes nowhere else in the catalog.",
		fmt.Sprintf("Where an answer is one that ingest is not built for, it says so in %s, and the pipeline does not start until a later probe removes that file.",
			w.Files().Path(FileName)),
		"It sends some 300 statements to the SQL warehouse, which starts if it is stopped, and some 100 small files to the volume.",
		"It takes one to two minutes, and costs what the warehouse costs until it stops by itself: a few cents with the smallest.",
	}
}

// Run asks all questions. It removes what it made before it returns, under the
// context cleanup, which outlives ctx. A report comes with an error, too, as far
// as the probe came.
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

// within asks the questions in a schema of its own.
func (o *Options) within(ctx, cleanup context.Context, r *Report, spool *segment.Spool) (err error) {
	w := o.Workspace.In(r.Schema, volume, directory)
	defer w.Warehouse().Close()
	defer func() {
		// A request that made something may still be under way.
		limited, cancel := context.WithTimeout(cleanup, time.Minute)
		defer cancel()
		if removed := o.Workspace.RemoveSchema(limited, r.Schema); removed != nil {
			r.Left = append(r.Left, r.Schema)
			err = errors.Join(err, removed)
		}
	}()
	// Made whole or not at all: an answer that nobody waits for could come into
	// being after the schema was removed.
	if _, err := w.Prepare(cleanup); err != nil {
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

// runtime asks the warehouse for its version, which opens the first session: a
// warehouse that does not start is told before any question. One that does not
// know the function has no answer.
func runtime(ctx context.Context, s *shared) (string, error) {
	text, err := (&scratch{shared: s}).text(ctx, "SELECT CAST(current_version().dbsql_version AS STRING) AS v")
	if err != nil && databricks.Refused(err) {
		return "", nil
	}
	return text, err
}

// jobs is how many questions are asked at once.
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

// schemaName names the schema of a probe: its prefix, its start, and what no
// other run has.
func schemaName(started time.Time, run string) string {
	_, suffix, _ := strings.Cut(run, "-")
	return prefix + started.UTC().Format(timeLayout) + "_" + strings.ToLower(suffix)
}

const timeLayout = "20060102t150405z"
