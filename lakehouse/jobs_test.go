//go:build cgo

package lakehouse

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/jobs"
	"github.com/google/go-cmp/cmp"
)

// played is a workspace with a Python file that jobs run.
type played struct {
	t   *testing.T
	s   *Server
	w   *databricks.WorkspaceClient
	dir string
}

const script = home + "/task.py"

// play starts a workspace with a task that prints its arguments. "fail" raises an error. "wait" waits for the request to end, and
// records it in the file that follows.
func play(t *testing.T) *played {
	t.Helper()
	p := &played{t: t, dir: t.TempDir()}
	p.s = start(t, Options{Dir: p.dir})
	p.w = connect(t, p.s, &databricks.Config{})
	const text = `
import os, signal, sys, time
print("arguments", *sys.argv[1:])
if sys.argv[1:2] == ["fail"]:
    raise ValueError("it was asked to fail")
if sys.argv[1:2] == ["exit"]:
    sys.exit(3)
if sys.argv[1:2] == ["once"] and not os.path.exists(sys.argv[2]):
    open(sys.argv[2], "w").close()
    raise ValueError("the first time")
if sys.argv[1:2] == ["wait"]:
    def stop(number, frame):
        open(sys.argv[2], "a").write("asked to end")
        sys.exit(1)
    signal.signal(signal.SIGTERM, stop)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    open(sys.argv[2] + ".child", "w").write(str(child))
    open(sys.argv[2], "w").write("started ")
    while True:  # one long sleep would outlast a signal that comes just before it begins
        time.sleep(0.1)
`
	if status, body := importFile(t, p.s, script, text, "true"); status != 200 {
		t.Fatal(body)
	}
	return p
}

// task is a Python task with these parameters.
func task(key string, parameters ...string) jobs.Task {
	return jobs.Task{TaskKey: key, SparkPythonTask: &jobs.SparkPythonTask{PythonFile: "/Workspace" + script, Parameters: parameters}}
}

func after(t jobs.Task, runIf jobs.RunIf, keys ...string) jobs.Task {
	t.RunIf = runIf
	for _, k := range keys {
		t.DependsOn = append(t.DependsOn, jobs.TaskDependency{TaskKey: k})
	}
	return t
}

func (p *played) create(j jobs.CreateJob) int64 {
	p.t.Helper()
	made, err := p.w.Jobs.Create(p.t.Context(), j)
	if err != nil {
		p.t.Fatal(err)
	}
	return made.JobId
}

func (p *played) start(r jobs.RunNow) int64 {
	p.t.Helper()
	wait, err := p.w.Jobs.RunNow(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	return wait.RunId
}

// ended waits for the signal of a run's end.
func (p *played) ended(id int64) *jobs.Run {
	p.t.Helper()
	p.s.jobs.mu.Lock()
	done := p.s.jobs.runs[id].done
	p.s.jobs.mu.Unlock()
	select {
	case <-done:
	case <-time.After(time.Minute):
		p.t.Fatalf("run %d goes on", id)
	}
	got, err := p.w.Jobs.GetRun(p.t.Context(), jobs.GetRunRequest{RunId: id})
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// run starts a run and waits for it.
func (p *played) run(r jobs.RunNow) *jobs.Run {
	p.t.Helper()
	return p.ended(p.start(r))
}

func (p *played) output(id int64) *jobs.RunOutput {
	p.t.Helper()
	got, err := p.w.Jobs.GetRunOutput(p.t.Context(), jobs.GetRunOutputRequest{RunId: id})
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// results are the outcomes of a run's tasks, and what they printed.
func (p *played) results(r *jobs.Run) map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for _, t := range r.Tasks {
		out[t.TaskKey] = strings.TrimSpace(fmt.Sprintf("%s %s", t.State.ResultState, p.output(t.RunId).Logs))
	}
	return out
}

func TestJobRunsTasks(t *testing.T) {
	p := play(t)
	id := p.create(jobs.CreateJob{
		Name: "j", Parameters: []jobs.JobParameterDefinition{{Name: "a", Default: "one"}, {Name: "b", Default: ""}},
		Tasks: []jobs.Task{
			task("first", "--a={{job.parameters.a}}", "b={{ job.parameters.b }}", "/Workspace"+script, "F=/Volumes/dev/x", "no/Workspace/x"),
			after(task("second", "{{task.name}}"), "", "first"),
		},
	})
	run := p.run(jobs.RunNow{JobId: id, JobParameters: map[string]string{"b": "$x y"}})
	if run.State.LifeCycleState != jobs.RunLifeCycleStateTerminated || run.State.ResultState != jobs.RunResultStateSuccess {
		t.Errorf("state %+v", run.State)
	}
	local := filepath.Join(p.dir, "Workspace")
	want := map[string]string{
		"first":  "SUCCESS arguments --a=one b=$x y " + local + script + " F=" + p.dir + "/Volumes/dev/x no/Workspace/x",
		"second": "SUCCESS arguments second",
	}
	if diff := cmp.Diff(want, p.results(run)); diff != "" {
		t.Error(diff)
	}
	if run := p.run(jobs.RunNow{JobId: id, Only: []string{"second"}}); len(run.Tasks) != 1 ||
		run.Tasks[0].State.ResultState != jobs.RunResultStateSuccess {
		t.Errorf("only second: %+v", run.Tasks)
	}
	_, err := p.w.Jobs.RunNow(t.Context(), jobs.RunNow{JobId: id, Only: []string{"third"}})
	wantRefusal(t, "a task that is not there", err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	if one, two := p.start(jobs.RunNow{JobId: id, IdempotencyToken: "x"}), p.start(jobs.RunNow{JobId: id, IdempotencyToken: "x"}); one != two {
		t.Errorf("one token began the runs %d and %d", one, two)
	} else {
		p.ended(one)
	}
	runs, err := p.w.Jobs.ListRunsAll(t.Context(), jobs.ListRunsRequest{JobId: id, CompletedOnly: true, Limit: 1})
	if err != nil || len(runs) != 3 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	_, err = p.w.Jobs.GetRunOutput(t.Context(), jobs.GetRunOutputRequest{RunId: run.RunId})
	wantRefusal(t, "the output of two tasks", err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
}

func TestJobFailures(t *testing.T) {
	p := play(t)
	mark := filepath.Join(p.dir, "once")
	retried := task("retried", "once", mark)
	retried.MaxRetries = 1
	slow := task("slow", "wait", filepath.Join(p.dir, "slow"))
	slow.TimeoutSeconds, slow.MaxRetries = 1, 1 // which a timeout does not take
	notHere := jobs.Task{TaskKey: "not_here", NotebookTask: &jobs.NotebookTask{NotebookPath: "/x"}}
	noFile := task("no_file")
	noFile.SparkPythonTask.PythonFile = "/Workspace" + home + "/none.py"
	run := p.run(jobs.RunNow{JobId: p.create(jobs.CreateJob{Tasks: []jobs.Task{
		task("fails", "fail"), task("exits", "exit"), retried, slow, notHere, noFile, task("unknown", "{{what.is}}"),
		after(task("skipped"), "", "fails"), after(task("all_done"), jobs.RunIfAllDone, "fails"),
		after(task("one_failed"), jobs.RunIfAtLeastOneFailed, "fails", "retried"),
		after(task("excluded"), jobs.RunIfAllFailed, "retried"), after(task("none_failed"), jobs.RunIfNoneFailed, "skipped"),
	}})})
	if run.State.LifeCycleState != jobs.RunLifeCycleStateInternalError || run.State.ResultState != jobs.RunResultStateFailed ||
		!strings.Contains(run.State.StateMessage, "Task fails failed with message: Workload failed, see run output for details") {
		t.Errorf("state %+v", run.State)
	}
	got := map[string]string{}
	for _, task := range run.Tasks {
		got[task.TaskKey] = string(task.State.ResultState)
	}
	want := map[string]string{
		"fails": "FAILED", "exits": "FAILED", "retried": "SUCCESS", "slow": "TIMEDOUT", "not_here": "FAILED",
		"no_file": "FAILED", "unknown": "FAILED",
		"skipped": "UPSTREAM_FAILED", "all_done": "SUCCESS", "one_failed": "SUCCESS", "excluded": "EXCLUDED", "none_failed": "UPSTREAM_FAILED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	out := p.output(run.Tasks[0].RunId)
	if out.Error != "ValueError: it was asked to fail" || !strings.Contains(out.ErrorTrace, "Traceback") ||
		!strings.HasPrefix(out.Logs, "arguments fail\n") {
		t.Errorf("output %+v", out)
	}
	if out := p.output(run.Tasks[4].RunId); !strings.Contains(out.Error, "spark_python_task") {
		t.Errorf("a notebook: %+v", out)
	}
	if retried, slow := run.Tasks[2].AttemptNumber, run.Tasks[3].AttemptNumber; retried != 1 || slow != 0 {
		t.Errorf("attempts %d and %d, want 1 and 0", retried, slow)
	}
}

// gone checks that a waiting task was asked to end, and that none of its processes is left.
func (p *played) gone(name string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil || string(text) != "started asked to end" {
		p.t.Errorf("%s: %q, %v", name, text, err)
	}
	child, err := os.ReadFile(filepath.Join(p.dir, name+".child"))
	if err != nil {
		p.t.Error(err)
	}
	if state, err := os.ReadFile(filepath.Join("/proc", string(child), "status")); err == nil &&
		!strings.Contains(string(state), "State:\tZ") {
		p.t.Errorf("process %s goes on:\n%s", child, state)
	}
}

// begun waits until a task that waits has begun to.
func (p *played) begun(name string) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if text, _ := os.ReadFile(filepath.Join(p.dir, name)); strings.HasPrefix(string(text), "started") {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not begin", name)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestCancelledRunEnds(t *testing.T) {
	p := play(t)
	id := p.create(jobs.CreateJob{
		MaxConcurrentRuns: 1, Queue: &jobs.QueueSettings{Enabled: true},
		Parameters: []jobs.JobParameterDefinition{{Name: "file", Default: ""}},
		Tasks:      []jobs.Task{task("waits", "wait", "{{job.parameters.file}}"), after(task("next"), jobs.RunIfAllDone, "waits")},
	})
	begin := func(name string) int64 {
		return p.start(jobs.RunNow{JobId: id, JobParameters: map[string]string{"file": filepath.Join(p.dir, name)}})
	}
	first, second, third := begin("first"), begin("second"), begin("third")
	p.begun("first")
	if got, err := p.w.Jobs.GetRun(t.Context(), jobs.GetRunRequest{RunId: second}); err != nil ||
		got.State.LifeCycleState != jobs.RunLifeCycleStateQueued {
		t.Errorf("the second run: %+v, %v", got, err)
	}
	if _, err := p.w.Jobs.CancelRun(t.Context(), jobs.CancelRun{RunId: third}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.w.Jobs.CancelRun(t.Context(), jobs.CancelRun{RunId: first}); err != nil {
		t.Fatal(err)
	}
	for _, run := range []int64{first, third} {
		state := p.ended(run).State
		if state.LifeCycleState != jobs.RunLifeCycleStateTerminated || state.ResultState != jobs.RunResultStateCanceled ||
			!state.UserCancelledOrTimedout {
			t.Errorf("state %+v", state)
		}
	}
	p.gone("first")
	p.begun("second") // it took the place of the first, and ends with the workspace
	if err := p.s.Close(); err != nil {
		t.Error(err)
	}
	p.gone("second")
	if _, err := os.Stat(filepath.Join(p.dir, "third")); err == nil {
		t.Error("a run that was cancelled in the queue ran")
	}
}

func TestRunsBeyondTheLimitAreSkipped(t *testing.T) {
	p := play(t)
	id := p.create(jobs.CreateJob{Tasks: []jobs.Task{task("waits", "wait", filepath.Join(p.dir, "first"))}})
	first := p.start(jobs.RunNow{JobId: id})
	p.begun("first")
	state := p.run(jobs.RunNow{JobId: id}).State
	if state.LifeCycleState != jobs.RunLifeCycleStateSkipped || state.ResultState != jobs.RunResultStateMaximumConcurrentRunsReached {
		t.Errorf("state %+v", state)
	}
	if err := p.w.Jobs.CancelAllRuns(t.Context(), jobs.CancelAllRuns{JobId: id}); err != nil {
		t.Fatal(err)
	}
	p.ended(first)
	p.gone("first")
}

func TestForEachTask(t *testing.T) {
	p := play(t)
	each := func(inputs string) int64 {
		return p.create(jobs.CreateJob{
			Parameters: []jobs.JobParameterDefinition{{Name: "list", Default: inputs}},
			Tasks: []jobs.Task{
				{TaskKey: "all", ForEachTask: &jobs.ForEachTask{Inputs: "{{job.parameters.list}}", Concurrency: 2, Task: task("one", "{{input}}")}},
			},
		})
	}
	run := p.run(jobs.RunNow{JobId: each(`["a", 2, "c"]`)})
	if run.State.ResultState != jobs.RunResultStateSuccess {
		t.Fatalf("state %+v", run.State)
	}
	stats := run.Tasks[0].ForEachTask.Stats.TaskRunStats
	if stats.TotalIterations != 3 || stats.SucceededIterations != 3 || stats.ActiveIterations != 0 {
		t.Errorf("stats %+v", stats)
	}
	got, err := p.w.Jobs.GetRun(t.Context(), jobs.GetRunRequest{RunId: run.Tasks[0].RunId})
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, round := range got.Iterations {
		logs = append(logs, strings.TrimSpace(p.output(round.RunId).Logs))
	}
	if diff := cmp.Diff([]string{"arguments a", "arguments 2", "arguments c"}, logs); diff != "" {
		t.Error(diff)
	}
	run = p.run(jobs.RunNow{JobId: each(`["a", "fail"]`)})
	if run.State.ResultState != jobs.RunResultStateFailed || run.Tasks[0].ForEachTask.Stats.TaskRunStats.FailedIterations != 1 {
		t.Errorf("with a failure: %+v", run.State)
	}
	if run := p.run(jobs.RunNow{JobId: each("no list")}); run.State.ResultState != jobs.RunResultStateFailed {
		t.Errorf("without a list: %+v", run.State)
	}
}

// TestJobSettings keeps what clients send, over a restart.
func TestJobSettings(t *testing.T) {
	p := play(t)
	ctx := t.Context()
	id := p.create(jobs.CreateJob{
		Name: "j", Tags: map[string]string{"a": "b"}, Tasks: []jobs.Task{task("one"), after(task("two"), "", "one")},
		Schedule: &jobs.CronSchedule{QuartzCronExpression: "0 0 * * * ?", TimezoneId: "UTC"},
		RunAs:    &jobs.JobRunAs{ServicePrincipalName: p.s.ClientID()},
	})
	update := jobs.UpdateJob{
		JobId: id, NewSettings: &jobs.JobSettings{Name: "k", Tasks: []jobs.Task{task("two", "x")}}, FieldsToRemove: []string{"tags", "tasks/one"},
	}
	if err := p.w.Jobs.Update(ctx, update); err != nil {
		t.Fatal(err)
	}
	p.create(jobs.CreateJob{Name: "many"}) // the last change before the restart
	if err := p.s.Close(); err != nil {
		t.Fatal(err)
	}
	p.s = start(t, Options{Dir: p.dir})
	p.w = connect(t, p.s, &databricks.Config{})
	got, err := p.w.Jobs.GetByJobId(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s := got.Settings
	if s.Name != "k" || len(s.Tags) != 0 || len(s.Tasks) != 1 || s.Tasks[0].SparkPythonTask.Parameters[0] != "x" || s.Schedule == nil ||
		s.MaxConcurrentRuns != 1 || got.RunAsUserName != p.s.ClientID() || got.CreatorUserName != localUser {
		text, _ := json.Marshal(got)
		t.Errorf("%s", text)
	}
	if err := p.w.Jobs.Reset(ctx, jobs.ResetJob{JobId: id, NewSettings: jobs.JobSettings{Name: "l"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := p.w.Jobs.GetByJobId(ctx, id); err != nil || got.Settings.Schedule != nil || got.Settings.Name != "l" {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		p.create(jobs.CreateJob{Name: "many"})
	}
	if list, err := p.w.Jobs.ListAll(ctx, jobs.ListJobsRequest{Name: "MANY", Limit: 2}); err != nil || len(list) != 3 {
		t.Errorf("%d jobs, %v", len(list), err)
	}
	for name, refused := range map[string]jobs.CreateJob{
		"twice": {Tasks: []jobs.Task{task("a"), task("a")}}, "depends on none": {Tasks: []jobs.Task{after(task("a"), "", "b")}},
		"circle": {Tasks: []jobs.Task{after(task("a"), "", "b"), after(task("b"), "", "a")}},
		"run as": {RunAs: &jobs.JobRunAs{UserName: "someone"}},
	} {
		_, err := p.w.Jobs.Create(ctx, refused)
		wantRefusal(t, name, err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	}
	if err := p.w.Jobs.DeleteByJobId(ctx, id); err != nil {
		t.Fatal(err)
	}
	_, err = p.w.Jobs.GetByJobId(ctx, id)
	wantRefusal(t, "deleted", err, apierr.ErrResourceDoesNotExist, "INVALID_PARAMETER_VALUE")
}

// TestTaskSignsIn reads a secret within a task, as the user that it runs as.
func TestTaskSignsIn(t *testing.T) {
	p := play(t)
	const text = `
import os
from databricks.sdk import WorkspaceClient
w = WorkspaceClient()
assert not [name for name in os.environ if name.startswith("DATABRICKS")], os.environ
print(w.config.host, w.dbutils.secrets.get("scope", "key"), w.config.authenticate()["Authorization"][:11])
`
	if status, body := importFile(t, p.s, script, text, "true"); status != 200 {
		t.Fatal(body)
	}
	for _, call := range []struct{ path, body string }{
		{"scopes/create", `{"scope": "scope"}`}, {"put", `{"scope": "scope", "key": "key", "string_value": "väl ue"}`},
	} {
		if response, body := request(t, p.s, "POST", "/api/2.0/secrets/"+call.path, nil,
			strings.NewReader(call.body)); response.StatusCode != 200 {
			t.Fatal(body)
		}
	}
	run := p.run(jobs.RunNow{JobId: p.create(jobs.CreateJob{Tasks: []jobs.Task{task("a")}})})
	if got, want := p.results(run)["a"], "SUCCESS "+p.s.URL()+" väl ue Bearer dapi"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	run = p.run(jobs.RunNow{
		JobId: p.create(jobs.CreateJob{Tasks: []jobs.Task{task("a")}, RunAs: &jobs.JobRunAs{ServicePrincipalName: p.s.ClientID()}}),
	})
	if got := p.results(run)["a"]; strings.Contains(got, "dapi") || !strings.HasPrefix(got, "SUCCESS") {
		t.Errorf("as the service principal: %s", got)
	}
}

func TestJobPermissions(t *testing.T) {
	p := play(t)
	ctx := t.Context()
	id := fmt.Sprint(p.create(jobs.CreateJob{Name: "j"}))
	owner := iam.AccessControlRequest{UserName: localUser, PermissionLevel: iam.PermissionLevelIsOwner}
	view := iam.AccessControlRequest{GroupName: "users", PermissionLevel: iam.PermissionLevelCanView}
	set := func(list ...iam.AccessControlRequest) error {
		_, err := p.w.Permissions.Set(ctx, iam.SetObjectPermissions{RequestObjectType: "jobs", RequestObjectId: id, AccessControlList: list})
		return err
	}
	for name, refused := range map[string][]iam.AccessControlRequest{
		"no owner": {view}, "level": {owner, {GroupName: "users", PermissionLevel: iam.PermissionLevelCanUse}},
	} {
		err := set(refused...)
		wantRefusal(t, name, err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	}
	err := set(owner, iam.AccessControlRequest{UserName: "someone", PermissionLevel: "CAN_VIEW"})
	wantRefusal(t, "principal", err, apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	if err := set(owner); err != nil {
		t.Fatal(err)
	}
	_, err = p.w.Permissions.Update(ctx, iam.UpdateObjectPermissions{
		RequestObjectType: "jobs", RequestObjectId: id, AccessControlList: []iam.AccessControlRequest{view},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.w.Permissions.Get(ctx, iam.GetPermissionRequest{RequestObjectType: "jobs", RequestObjectId: id})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, a := range got.AccessControlList {
		list = append(list, fmt.Sprint(a.UserName, a.GroupName, a.ServicePrincipalName, " ", a.AllPermissions[0].PermissionLevel, " ",
			a.AllPermissions[0].Inherited))
	}
	want := []string{localUser + " IS_OWNER false", "users CAN_VIEW false", "admins CAN_MANAGE true"}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}
