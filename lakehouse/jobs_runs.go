//go:build cgo

package lakehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// The states of runs, in the API's words.
const (
	runQueued      = "QUEUED"
	runPending     = "PENDING"
	runRunning     = "RUNNING"
	runTerminating = "TERMINATING"
	runTerminated  = "TERMINATED"
	runSkipped     = "SKIPPED"
	runFault       = "INTERNAL_ERROR"
	runBlocked     = "BLOCKED"

	resultSuccess          = "SUCCESS"
	resultFailed           = "FAILED"
	resultTimedOut         = "TIMEDOUT"
	resultCanceled         = "CANCELED"
	resultUpstreamFailed   = "UPSTREAM_FAILED"
	resultUpstreamCanceled = "UPSTREAM_CANCELED"
	resultExcluded         = "EXCLUDED"
	resultTooMany          = "MAXIMUM_CONCURRENT_RUNS_REACHED"
)

const (
	// keptRuns is the number of ended runs that are kept.
	keptRuns = 200
	// maxLogs is the maximum size of a task's output in an answer: its end.
	maxLogs = 5 << 20
)

// runState is the state of a run, or of a task's run. The board's lock guards it.
type runState struct {
	life, result, message string
	started, ended        time.Time
}

func (s *runState) over() bool {
	return s.life == runTerminated || s.life == runSkipped || s.life == runFault
}

// jobRun is one run of a job. Only its state changes.
type jobRun struct {
	runState
	id         int64
	job        job // as it was when the run was asked for
	settings   jobSettings
	creator    string
	parameters map[string]string // by name, with the run's own values
	overrides  []string          // python_params, in place of every task's
	tasks      []*taskRun
	cancel     context.CancelCauseFunc
	canceled   bool
	done       chan struct{} // closed when the run is over, with its processes
}

// taskRun is the run of one task, or of one round of a for-each task.
type taskRun struct {
	runState
	id       int64
	run      *jobRun
	settings taskSettings
	shown    map[string]any // the task's settings as the job has them
	input    *string        // of a round
	attempt  int
	failure  string // the error, and where it was raised
	trace    string
	rounds   []*taskRun
	done     chan struct{}
}

// startRequest is what run-now asks for.
type startRequest struct {
	ID         int64             `json:"job_id"`
	Parameters map[string]string `json:"job_parameters"`
	Python     []string          `json:"python_params"`
	Only       []string          `json:"only"`
	Token      string            `json:"idempotency_token"`
	Queue      *queueSettings    `json:"queue"`
}

// runNow starts a run, or queues it behind the active ones.
func (b jobsAPI) runNow(w http.ResponseWriter, r *http.Request) error {
	var in startRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "The workspace is closing.")
	}
	j, err := b.job(in.ID)
	if err != nil {
		return err
	}
	if id, ok := b.starts[in.Token]; ok && in.Token != "" {
		writeJSON(w, http.StatusOK, map[string]int64{"run_id": id, "number_in_job": id})
		return nil
	}
	run, err := b.newRun(j, in, caller(r))
	if err != nil {
		return err
	}
	if in.Token != "" {
		b.starts[in.Token] = run.id
	}
	writeJSON(w, http.StatusOK, map[string]int64{"run_id": run.id, "number_in_job": run.id})
	return nil
}

// newRun makes a run and starts it if it may; the caller holds mu.
func (b *jobBoard) newRun(j *job, in startRequest, creator string) (*jobRun, error) {
	settings, err := readSettings(j.Settings)
	if err != nil {
		return nil, err
	}
	run := &jobRun{
		id: b.newID(), job: *j, settings: settings, creator: creator, overrides: in.Python,
		parameters: map[string]string{}, done: make(chan struct{}),
	}
	for _, p := range settings.Parameters {
		run.parameters[p.Name] = p.Default
	}
	maps.Copy(run.parameters, in.Parameters)
	for _, key := range in.Only {
		if !slices.ContainsFunc(settings.Tasks, func(t taskSettings) bool { return t.Key == key }) {
			return nil, badParameter("only: the job has no task '%s'.", key)
		}
	}
	b.runs[run.id] = run
	shown, _ := j.Settings["tasks"].([]any)
	for i, t := range settings.Tasks {
		if len(in.Only) > 0 && !slices.Contains(in.Only, t.Key) {
			continue
		}
		task := &taskRun{id: b.newID(), run: run, settings: t, done: make(chan struct{})}
		task.shown, _ = shown[i].(map[string]any)
		task.life = runBlocked
		run.tasks = append(run.tasks, task)
		b.attempts[task.id] = task
	}
	run.started = b.now()
	queue := settings.Queue.Enabled
	if in.Queue != nil {
		queue = in.Queue.Enabled
	}
	switch {
	case b.going(j.ID) < settings.MaxRuns:
		b.begin(run)
	case queue:
		run.life = runQueued
	default:
		b.finish(run, runSkipped, resultTooMany, "The run was skipped: the job's max_concurrent_runs was reached.")
	}
	b.dropOldRuns()
	return run, nil
}

// going counts the active runs of a job; the caller holds mu.
func (b *jobBoard) going(id int64) int {
	n := 0
	for _, run := range b.runs {
		if run.job.ID == id && !run.over() && run.life != runQueued && run.life != "" {
			n++
		}
	}
	return n
}

// begin starts a run on a goroutine; the caller holds mu.
func (b *jobBoard) begin(run *jobRun) {
	run.life, run.started = runPending, b.now()
	ctx, cancel := context.WithCancelCause(b.ends)
	run.cancel = cancel
	b.active.Go(func() {
		defer cancel(nil)
		taskRunner{b}.execute(ctx, run)
	})
}

// finish ends a run and starts those that waited for it; the caller holds mu.
func (b *jobBoard) finish(run *jobRun, life, result, message string) {
	run.life, run.result, run.message, run.ended = life, result, message, b.now()
	for _, t := range run.tasks {
		if !t.over() {
			t.life, t.result, t.ended = runSkipped, resultUpstreamCanceled, b.now()
		}
	}
	close(run.done)
	waiting := slices.SortedFunc(maps.Values(b.runs), func(x, y *jobRun) int { return x.started.Compare(y.started) })
	for _, next := range waiting {
		if next.life == runQueued && next.job.ID == run.job.ID && b.going(run.job.ID) < next.settings.MaxRuns && !b.closed {
			b.begin(next)
		}
	}
}

// dropOldRuns forgets the oldest runs that are over; the caller holds mu.
func (b *jobBoard) dropOldRuns() {
	var over []*jobRun
	for _, run := range b.runs {
		if run.over() {
			over = append(over, run)
		}
	}
	slices.SortFunc(over, func(x, y *jobRun) int { return x.ended.Compare(y.ended) })
	for i := 0; i < len(over)-keptRuns; i++ {
		b.forgetRun(over[i])
	}
}

// forgetRun removes all data of a run; the caller holds mu.
func (b *jobBoard) forgetRun(run *jobRun) {
	delete(b.runs, run.id)
	maps.DeleteFunc(b.starts, func(_ string, id int64) bool { return id == run.id })
	for _, t := range run.tasks {
		for _, one := range append(slices.Clone(t.rounds), t) {
			delete(b.attempts, one.id)
			if err := b.store.root.RemoveAll(one.dir()); err != nil {
				b.log.Warn("remove a run's output", "run", one.id, "error", err)
			}
		}
	}
}

func (b *jobBoard) run(id int64) (*jobRun, error) {
	if run := b.runs[id]; run != nil {
		return run, nil
	}
	return nil, refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Run %d does not exist.", id)
}

// changeRun calls f with the id that a request names, under the lock, and answers.
func (b jobsAPI) changeRun(w http.ResponseWriter, r *http.Request, f func(id int64) error) error {
	var in struct {
		ID int64 `json:"run_id"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	err := f(in.ID)
	if err == nil {
		writeJSON(w, http.StatusOK, struct{}{})
	}
	return err
}

// cancelRun asks a run to end. It is over once its processes are.
func (b jobsAPI) cancelRun(w http.ResponseWriter, r *http.Request) error {
	return b.changeRun(w, r, func(id int64) error {
		if t := b.attempts[id]; t != nil {
			id = t.run.id
		}
		run, err := b.run(id)
		if err == nil {
			b.stop(run)
		}
		return err
	})
}

// errCanceled is why the context of a run that was cancelled ended.
var errCanceled = errors.New("the run was canceled")

// stop cancels one run; the caller holds mu.
func (b *jobBoard) stop(run *jobRun) {
	switch {
	case run.over():
	case run.life == runQueued:
		run.canceled = true
		b.finish(run, runTerminated, resultCanceled, "Run cancelled.")
	default:
		run.canceled, run.life = true, runTerminating
		run.cancel(errCanceled)
	}
}

// cancelAll cancels a job's runs, or those of all jobs.
func (b jobsAPI) cancelAll(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID  int64 `json:"job_id"`
		All bool  `json:"all_queued_runs"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.ID != 0 {
		if _, err := b.job(in.ID); err != nil {
			return err
		}
	}
	// Queued runs first, so that none starts when another ends.
	for _, queued := range []bool{true, false} {
		for _, run := range b.runs {
			if (in.ID == 0 || run.job.ID == in.ID) && (run.life == runQueued) == queued && (queued || !in.All) {
				b.stop(run)
			}
		}
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (b jobsAPI) removeRun(w http.ResponseWriter, r *http.Request) error {
	return b.changeRun(w, r, func(id int64) error {
		run, err := b.run(id)
		if err != nil {
			return err
		}
		if !run.over() {
			return refuse(http.StatusBadRequest, "INVALID_STATE", "Run %d is still active.", id)
		}
		b.forgetRun(run)
		return nil
	})
}

func (b jobsAPI) getRun(w http.ResponseWriter, r *http.Request) error {
	id, err := idParameter(r.URL.Query(), "run_id")
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.attempts[id]; t != nil {
		writeJSON(w, http.StatusOK, b.showAttempt(t))
		return nil
	}
	run, err := b.run(id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, b.showRun(run, true))
	return nil
}

func (b jobsAPI) listRuns(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	var id int64
	if q.Has("job_id") {
		var err error
		if id, err = idParameter(q, "job_id"); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.SortedFunc(maps.Values(b.runs), func(x, y *jobRun) int {
		return cmp.Or(y.started.Compare(x.started), cmp.Compare(y.id, x.id))
	})
	var shown []map[string]any
	for _, run := range all {
		if id != 0 && run.job.ID != id || q.Get("active_only") == "true" && run.over() || q.Get("completed_only") == "true" && !run.over() {
			continue
		}
		shown = append(shown, b.showRun(run, q.Get("expand_tasks") == "true"))
	}
	return writeNumberedPage(w, "runs", shown, q)
}

// runOutput answers with the end of what a task printed, and its error.
func (b jobsAPI) runOutput(w http.ResponseWriter, r *http.Request) error {
	id, err := idParameter(r.URL.Query(), "run_id")
	if err != nil {
		return err
	}
	b.mu.Lock()
	t := b.attempts[id]
	if run := b.runs[id]; run != nil && len(run.tasks) == 1 {
		t = run.tasks[0]
	} else if run != nil {
		err = badParameter(
			"Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.")
	} else if t == nil {
		_, err = b.run(id)
	}
	if err != nil {
		b.mu.Unlock()
		return err
	}
	answer := map[string]any{"metadata": b.showAttempt(t)}
	if t.failure != "" {
		answer["error"], answer["error_trace"] = t.failure, t.trace
	}
	b.mu.Unlock()
	if t.settings.Python != nil {
		logs, truncated, err := b.logs(t)
		if err != nil {
			return err
		}
		answer["logs"], answer["logs_truncated"] = logs, truncated
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// logs reads the end of what a task printed.
func (b *jobBoard) logs(t *taskRun) (string, bool, error) {
	f, err := b.store.root.Open(t.dir() + "/" + outputFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil // it has not begun, or never did
	}
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(max(0, size-maxLogs), io.SeekStart)
	}
	if err != nil {
		return "", false, fmt.Errorf("read the output of run %d: %w", t.id, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLogs))
	return string(text), size > maxLogs, err
}

// dir is where a task's output and its home are, in the store.
func (t *taskRun) dir() string { return runsDir + "/" + strconv.FormatInt(t.id, 10) }

// prepareRuns makes the directory of runs, with the files that every task needs.
func (b *jobBoard) prepareRuns() error {
	if err := b.store.root.RemoveAll(runsDir); err != nil {
		return err
	}
	if err := b.store.root.MkdirAll(runsDir, 0o700); err != nil {
		return err
	}
	return fs.WalkDir(runtimeFiles, runtimeDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := runsDir + "/" + name
		if d.IsDir() {
			return b.store.root.MkdirAll(to, 0o755)
		}
		text, err := runtimeFiles.ReadFile(name)
		if err != nil {
			return err
		}
		return b.store.root.WriteFile(to, text, os.FileMode(0o644))
	})
}

// close ends all runs and waits until their processes are gone.
func (b *jobBoard) close() {
	b.mu.Lock()
	b.closed = true
	for _, run := range b.runs {
		if run.life == runQueued {
			b.stop(run)
		}
	}
	b.mu.Unlock()
	b.end(errCanceled)
	b.active.Wait()
}
