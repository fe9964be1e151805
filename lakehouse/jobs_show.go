//go:build cgo

package lakehouse

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// showState is a state in both of the forms that the API has.
func (s *runState) showState(canceled bool) (old, status map[string]any) {
	old = map[string]any{
		"life_cycle_state": s.life, "state_message": s.message, "user_cancelled_or_timedout": canceled || s.result == resultTimedOut,
	}
	status = map[string]any{"state": s.life}
	if s.life == runSkipped || s.life == runFault {
		status["state"] = runTerminated
	}
	if s.over() {
		old["result_state"] = s.result
		status["termination_details"] = map[string]any{
			"code": cmp.Or(terminationCodes[s.result], "RUN_EXECUTION_ERROR"), "type": s.terminationType(), "message": s.message,
		}
	}
	return old, status
}

var terminationCodes = map[string]string{
	resultSuccess: "SUCCESS", resultCanceled: "USER_CANCELED", resultUpstreamCanceled: "CANCELED",
	resultTooMany:  "MAX_CONCURRENT_RUNS_EXCEEDED",
	resultExcluded: "SKIPPED", resultUpstreamFailed: "SKIPPED",
}

func (s *runState) terminationType() string {
	if s.result == resultSuccess {
		return "SUCCESS"
	}
	return "CLIENT_ERROR"
}

// showTimes adds when a run began and ended.
func (s *runState) showTimes(into map[string]any) {
	into["start_time"] = unixMillis(s.started)
	into["end_time"] = unixMillis(s.ended)
	if !s.ended.IsZero() && !s.started.IsZero() {
		into["run_duration"] = s.ended.Sub(s.started).Milliseconds()
	}
	into["setup_duration"], into["cleanup_duration"] = 0, 0
	into["execution_duration"] = into["run_duration"]
	if s.ended.IsZero() {
		into["execution_duration"] = 0
	}
}

func (b jobsAPI) pageOf(job, run int64) string {
	return fmt.Sprintf("%s/?o=%s#job/%d/run/%d", b.url(), workspaceID, job, run)
}

// showRun is a run as the API shows it; the caller holds mu.
func (b jobsAPI) showRun(run *jobRun, tasks bool) map[string]any {
	state, status := run.showState(run.canceled)
	out := map[string]any{
		"job_id": run.job.ID, "run_id": run.id, "number_in_job": run.id, "original_attempt_run_id": run.id, "run_name": run.job.name(),
		"creator_user_name": run.creator, "run_type": "JOB_RUN", "trigger": "ONE_TIME", "format": "MULTI_TASK",
		"run_page_url": b.pageOf(run.job.ID, run.id),
		"state":        state, "status": status,
	}
	run.showTimes(out)
	var parameters []map[string]any
	for _, name := range slices.Sorted(maps.Keys(run.parameters)) {
		p := map[string]any{"name": name, "value": run.parameters[name]}
		for _, declared := range run.settings.Parameters {
			if declared.Name == name {
				p["default"] = declared.Default
			}
		}
		parameters = append(parameters, p)
	}
	if len(parameters) > 0 {
		out["job_parameters"] = parameters
	}
	if tasks {
		list := []map[string]any{}
		for _, t := range run.tasks {
			list = append(list, b.showTask(t))
		}
		out["tasks"] = list
	}
	return out
}

// showTask is a task within its run: its settings, and how it went.
func (b jobsAPI) showTask(t *taskRun) map[string]any {
	out := maps.Clone(t.shown)
	if out == nil {
		out = map[string]any{}
	}
	state, status := t.showState(t.result == resultCanceled)
	maps.Copy(out, map[string]any{
		"run_id": t.id, "task_key": t.settings.Key, "attempt_number": t.attempt, "state": state, "status": status,
		"run_page_url": b.pageOf(t.run.job.ID, t.id),
	})
	t.showTimes(out)
	delete(out, "run_duration")
	if t.settings.ForEach != nil {
		each, _ := t.shown["for_each_task"].(map[string]any)
		each = maps.Clone(each)
		each["stats"] = map[string]any{"task_run_stats": t.roundCounts()}
		out["for_each_task"] = each
	}
	return out
}

// roundCounts counts the rounds of a for-each task by outcome.
func (t *taskRun) roundCounts() map[string]int {
	counts := map[string]int{"total_iterations": len(t.rounds), "scheduled_iterations": 0, "active_iterations": 0,
		"completed_iterations": 0, "succeeded_iterations": 0, "failed_iterations": 0}
	for _, r := range t.rounds {
		switch {
		case r.life == runBlocked:
			continue
		case !r.over():
			counts["active_iterations"]++
		default:
			counts["completed_iterations"]++
			outcome := "failed"
			if r.result == resultSuccess {
				outcome = "succeeded"
			}
			counts[outcome+"_iterations"]++
		}
		counts["scheduled_iterations"]++
	}
	return counts
}

// showAttempt is the run of one task as a run of its own; the caller holds mu.
func (b jobsAPI) showAttempt(t *taskRun) map[string]any {
	out := b.showRun(t.run, false)
	state, status := t.showState(t.result == resultCanceled)
	maps.Copy(out, map[string]any{
		"run_id": t.id, "job_run_id": t.run.id, "original_attempt_run_id": t.id, "run_name": t.settings.Key, "attempt_number": t.attempt,
		"run_page_url": b.pageOf(t.run.job.ID, t.id), "state": state, "status": status, "tasks": []map[string]any{b.showTask(t)},
	})
	delete(out, "run_duration")
	t.showTimes(out)
	if len(t.rounds) > 0 {
		rounds := []map[string]any{}
		for _, r := range t.rounds {
			rounds = append(rounds, b.showTask(r))
		}
		out["iterations"] = rounds
	}
	return out
}

// failedTasks lists the failed tasks, as in a run's message.
func failedTasks(tasks []*taskRun) string {
	var out []string
	for _, t := range tasks {
		if t.result == resultFailed || t.result == resultTimedOut {
			out = append(out, fmt.Sprintf("Task %s failed with message: %s.", t.settings.Key, strings.TrimSuffix(t.message, ".")))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, " ") + " This caused all downstream tasks to get skipped."
}
