//go:build cgo

package lakehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errTimedOut is why the context of a run or a task that took too long ended.
var errTimedOut = errors.New("the run took longer than its timeout")

// execute runs the tasks of a run. A task starts when the tasks that it depends on have ended.
func (b taskRunner) execute(ctx context.Context, run *jobRun) {
	ctx, stop := withTimeout(ctx, run.settings.Timeout)
	defer stop()
	b.mu.Lock()
	if run.life == runPending {
		run.life = runRunning
	}
	byKey := map[string]*taskRun{}
	for _, t := range run.tasks {
		byKey[t.settings.Key] = t
	}
	b.mu.Unlock()
	var tasks sync.WaitGroup
	for _, t := range run.tasks {
		tasks.Go(func() {
			defer close(t.done)
			var before []*taskRun
			for _, d := range t.settings.DependsOn {
				if other := byKey[d.Key]; other != nil { // a task that was not requested is not waited for
					<-other.done
					before = append(before, other)
				}
			}
			b.runTask(ctx, t, before)
		})
	}
	tasks.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	life, result, message := outcomeOf(run, context.Cause(ctx))
	b.finish(run, life, result, message)
}

// outcomeOf returns the outcome of a run whose tasks have all ended. Its leaves decide: a failed task does not fail the run if a
// later task succeeds.
func outcomeOf(run *jobRun, cause error) (life, result, message string) {
	switch {
	case errors.Is(cause, errTimedOut):
		return runTerminated, resultTimedOut, "The run took longer than its timeout."
	case cause != nil:
		return runTerminated, resultCanceled, "Run cancelled."
	}
	leaves := map[string]bool{}
	for _, t := range run.tasks {
		leaves[t.settings.Key] = true
	}
	for _, t := range run.tasks {
		for _, d := range t.settings.DependsOn {
			delete(leaves, d.Key)
		}
	}
	failed, leafFailed := false, false
	for _, t := range run.tasks {
		bad := t.result != resultSuccess && t.result != resultExcluded
		failed = failed || bad
		leafFailed = leafFailed || bad && leaves[t.settings.Key]
	}
	switch {
	case leafFailed:
		return runFault, resultFailed, failedTasks(run.tasks)
	case failed:
		return runTerminated, "SUCCESS_WITH_FAILURES", failedTasks(run.tasks)
	}
	return runTerminated, resultSuccess, ""
}

// withTimeout ends a context after some seconds, if there are any.
func withTimeout(ctx context.Context, seconds int64) (context.Context, context.CancelFunc) {
	if seconds <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(seconds)*time.Second, errTimedOut)
}

// runTask runs a task if what it depends on went as its run_if asks.
func (b taskRunner) runTask(ctx context.Context, t *taskRun, before []*taskRun) {
	if err := context.Cause(ctx); err != nil {
		b.endTask(t, err)
		return
	}
	b.mu.Lock()
	result := decide(t.settings.RunIf, before)
	b.mu.Unlock()
	if result != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.life, t.result, t.started, t.ended = runSkipped, result, b.now(), b.now()
		t.message = "An upstream task failed."
		if result == resultExcluded {
			t.message = "The condition of run_if was not met."
		}
		return
	}
	b.beginTask(t)
	var err error
	if t.settings.ForEach != nil {
		err = b.runRounds(ctx, t)
	} else {
		err = b.repeat(ctx, t)
	}
	b.endTask(t, err)
}

// decide returns why a task does not run; "" if it does.
func decide(runIf string, before []*taskRun) string {
	if len(before) == 0 {
		return ""
	}
	succeeded, failed, excluded := 0, 0, 0
	for _, t := range before {
		switch t.result {
		case resultSuccess:
			succeeded++
		case resultExcluded:
			excluded++
		default:
			failed++
		}
	}
	var run bool
	otherwise := resultExcluded
	switch runIf {
	case "ALL_DONE":
		run = true
	case "NONE_FAILED":
		run, otherwise = failed == 0 && succeeded > 0, resultUpstreamFailed
	case "AT_LEAST_ONE_SUCCESS":
		run, otherwise = succeeded > 0, resultUpstreamFailed
	case "AT_LEAST_ONE_FAILED":
		run = failed > 0
	case "ALL_FAILED":
		run = failed == len(before)
	default:
		run, otherwise = succeeded == len(before), resultUpstreamFailed
	}
	switch {
	case run:
		return ""
	case failed == 0:
		return resultExcluded
	}
	return otherwise
}

func (b taskRunner) beginTask(t *taskRun) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.life, t.started = runRunning, b.now()
}

// endTask records the outcome of a task.
func (b taskRunner) endTask(t *taskRun, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.life, t.ended = runTerminated, b.now()
	if t.started.IsZero() {
		t.started = t.ended
	}
	var refusal *apiError
	switch {
	case err == nil:
		t.result = resultSuccess
	case errors.Is(err, errTimedOut):
		t.result, t.message = resultTimedOut, "The task took longer than its timeout."
	case errors.Is(err, errCanceled):
		t.result, t.message = resultCanceled, "Run cancelled."
	case errors.As(err, &refusal):
		t.life, t.result, t.message = runFault, resultFailed, refusal.message
		t.failure = refusal.message
	default:
		t.result, t.message = resultFailed, err.Error()
	}
}

// repeat runs a task's process, and again after a failure as often as the task
// has retries (below zero: always).
func (b taskRunner) repeat(ctx context.Context, t *taskRun) error {
	for {
		attempt, stop := withTimeout(ctx, t.settings.Timeout)
		err := b.runPython(attempt, t)
		stop()
		again := t.settings.Retries < 0 || t.attempt < t.settings.Retries
		var refusal *apiError
		switch {
		case err == nil, !again, ctx.Err() != nil, errors.As(err, &refusal):
			return err
		case errors.Is(err, errTimedOut) && !t.settings.RetryOnTimeout:
			return err
		}
		if err := sleep(ctx, time.Duration(t.settings.RetryInterval)*time.Millisecond); err != nil {
			return context.Cause(ctx)
		}
		b.mu.Lock()
		t.attempt++
		t.failure, t.trace = "", ""
		b.mu.Unlock()
	}
}

// runRounds runs the rounds of a for-each task, some at a time.
func (b taskRunner) runRounds(ctx context.Context, t *taskRun) error {
	each := t.settings.ForEach
	text, err := b.resolve(t, each.Inputs)
	if err != nil {
		return err
	}
	var inputs []any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&inputs); err != nil {
		return refuse(400, "INVALID_PARAMETER_VALUE", "The inputs of the for-each task are not a JSON array: %s", text)
	}
	shown, _ := t.shown["for_each_task"].(map[string]any)
	round, _ := shown["task"].(map[string]any)
	b.mu.Lock()
	for _, in := range inputs {
		text := inputText(in)
		one := &taskRun{id: b.newID(), run: t.run, settings: each.Task, shown: round, input: &text, done: make(chan struct{})}
		one.life = runBlocked
		t.rounds = append(t.rounds, one)
		b.attempts[one.id] = one
	}
	b.mu.Unlock()
	places := make(chan struct{}, max(1, each.Concurrency))
	var rounds sync.WaitGroup
	for _, one := range t.rounds {
		places <- struct{}{}
		rounds.Go(func() {
			defer func() { <-places }()
			b.runTask(ctx, one, nil)
		})
	}
	rounds.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	failed := 0
	for _, one := range t.rounds {
		if one.result != resultSuccess {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d iterations failed", failed, len(t.rounds))
	}
	return nil
}

// inputText is a round's input as {{input}} gives it: texts as they are, all
// else as JSON.
func inputText(in any) string {
	if s, ok := in.(string); ok {
		return s
	}
	text, _ := json.Marshal(in) // it came from JSON
	return string(text)
}

var dynamicReference = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// resolve replaces {{…}} by their values.
func (b taskRunner) resolve(t *taskRun, text string) (string, error) {
	var unknown error
	out := dynamicReference.ReplaceAllStringFunc(text, func(found string) string {
		name := dynamicReference.FindStringSubmatch(found)[1]
		value, ok := b.dynamicValue(t, name)
		if !ok {
			unknown = refuse(400, "INVALID_PARAMETER_VALUE", "The local workspace has no value for {{%s}}.", name)
		}
		return value
	})
	return out, unknown
}

// dynamicValue is the value of a reference in a task's settings.
func (b taskRunner) dynamicValue(t *taskRun, name string) (string, bool) {
	if key, ok := strings.CutPrefix(name, "job.parameters."); ok {
		value, ok := t.run.parameters[key]
		return value, ok
	}
	if key, ok := strings.CutPrefix(name, "input."); ok && t.input != nil {
		var fields map[string]any
		d := json.NewDecoder(strings.NewReader(*t.input))
		d.UseNumber()
		if d.Decode(&fields) != nil || fields[key] == nil {
			return "", false
		}
		return inputText(fields[key]), true
	}
	switch name {
	case "input":
		if t.input != nil {
			return *t.input, true
		}
	case "job.id", "job_id":
		return strconv.FormatInt(t.run.job.ID, 10), true
	case "job.name":
		return t.run.job.name(), true
	case "job.run_id", "parent_run_id":
		return strconv.FormatInt(t.run.id, 10), true
	case "task.name", "task_key":
		return t.settings.Key, true
	case "task.run_id", "run_id":
		return strconv.FormatInt(t.id, 10), true
	case "task.execution_count":
		return strconv.Itoa(t.attempt + 1), true
	case "workspace.id":
		return workspaceID, true
	case "workspace.url":
		return b.url(), true
	}
	return "", false
}
