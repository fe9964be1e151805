//go:build cgo

package lakehouse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	jobsFile = "jobs.json"
	// The sizes of pages of jobs and runs.
	defaultJobsPage = 20
	maxJobsPage     = 100
)

// job is a job as jobs.json keeps it.
type job struct {
	ID       int64          `json:"job_id"`
	Created  int64          `json:"created_time"` // Unix milliseconds
	Creator  string         `json:"creator_user_name"`
	Settings map[string]any `json:"settings"`
}

// jobBoard keeps the jobs of a workspace and runs them. Jobs outlive a restart;
// runs, and their output, do not. Its methods may be called from any goroutine.
type jobBoard struct {
	store  *store
	now    func() time.Time
	log    *slog.Logger
	dir    string                        // the workspace's directory
	url    func() string                 // where the workspace listens
	token  func(principal string) string // a task's own sign-in
	exists func(principal string) bool   // whether a user or service principal with that name exists
	forget func(key string)              // drops what other parts store about a job
	ends   context.Context               //nolint:containedctx // it is the life of all runs
	end    context.CancelCauseFunc       // ends them
	active sync.WaitGroup                // one for each active run

	mu       sync.Mutex
	jobs     map[int64]*job
	runs     map[int64]*jobRun
	attempts map[int64]*taskRun // the runs of tasks, by their own ids
	starts   map[string]int64   // idempotency tokens → runs
	closed   bool
}

// jobsAPI is the jobs as the Jobs API serves them.
type jobsAPI struct{ *jobBoard }

// taskRunner runs the tasks of runs, as processes of this machine.
type taskRunner struct{ *jobBoard }

// openJobs reads the jobs and removes the runs of an earlier process.
func openJobs(b *jobBoard) (*jobBoard, error) {
	b.jobs, b.runs, b.attempts, b.starts = map[int64]*job{}, map[int64]*jobRun{}, map[int64]*taskRun{}, map[string]int64{}
	var kept []*job
	if err := b.store.load(jobsFile, &kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, j := range kept {
		b.jobs[j.ID] = j
	}
	b.ends, b.end = context.WithCancelCause(context.Background())
	return b, b.prepareRuns()
}

// save keeps the jobs; the caller holds mu.
func (b *jobBoard) save() error {
	list := slices.SortedFunc(maps.Values(b.jobs), func(x, y *job) int { return cmp.Compare(x.ID, y.ID) })
	return b.store.save(jobsFile, list)
}

// newID gives an id of 15 digits, as Databricks' are; the caller holds mu.
func (b *jobBoard) newID() int64 {
	for {
		id := 1e14 + rand.Int64N(9e14) //nolint:gosec // an id and no secret
		if b.jobs[id] == nil && b.runs[id] == nil && b.attempts[id] == nil {
			return id
		}
	}
}

// job finds a job; the caller holds mu.
func (b *jobBoard) job(id int64) (*job, error) {
	if j := b.jobs[id]; j != nil {
		return j, nil
	}
	return nil, refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Job %d does not exist.", id)
}

// withJob calls f with the job of that id, under the lock.
func (b *jobBoard) withJob(id int64, f func(*job) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	j, err := b.job(id)
	if err != nil {
		return err
	}
	return f(j)
}

// checkSettings refuses settings that no workspace accepts, and principals that do not exist.
func (b *jobBoard) checkSettings(raw map[string]any) error {
	s, err := readSettings(raw)
	if err != nil {
		return err
	}
	for _, name := range []string{s.RunAs.User, s.RunAs.ServicePrincipal} {
		if name != "" && !b.exists(name) {
			return badParameter("run_as: the principal %s does not exist.", name)
		}
	}
	return nil
}

func (b jobsAPI) create(w http.ResponseWriter, r *http.Request) error {
	raw := map[string]any{}
	if err := readNumbers(r, &raw); err != nil {
		return err
	}
	if err := b.checkSettings(raw); err != nil {
		return err
	}
	acl := raw["access_control_list"]
	delete(raw, "access_control_list")
	delete(raw, "idempotency_token")
	if acl != nil {
		return badParameter("access_control_list: set permissions by /api/2.0/permissions/jobs/ID in the local workspace.")
	}
	withDefaults(raw)
	b.mu.Lock()
	defer b.mu.Unlock()
	j := &job{ID: b.newID(), Created: b.now().UnixMilli(), Creator: caller(r), Settings: raw}
	b.jobs[j.ID] = j
	if err := b.save(); err != nil {
		delete(b.jobs, j.ID)
		return err
	}
	writeJSON(w, http.StatusOK, map[string]int64{"job_id": j.ID})
	return nil
}

// readNumbers is readJSON that keeps whole numbers as they are.
func readNumbers(r *http.Request, into *map[string]any) error {
	var text json.RawMessage
	if err := readJSON(r, &text); err != nil {
		return err
	}
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the request's body is not the expected JSON: %v", err)
	}
	return nil
}

// runAs is who a job's tasks sign in as.
func (j *job) runAs() string {
	s, err := readSettings(j.Settings)
	if err != nil {
		return j.Creator
	}
	return cmp.Or(s.RunAs.ServicePrincipal, s.RunAs.User, j.Creator)
}

// show is a job as the API shows it.
func (j *job) show() map[string]any {
	return map[string]any{
		"job_id": j.ID, "created_time": j.Created, "creator_user_name": j.Creator, "run_as_user_name": j.runAs(), "settings": j.Settings,
	}
}

func (b jobsAPI) get(w http.ResponseWriter, r *http.Request) error {
	id, err := idParameter(r.URL.Query(), "job_id")
	if err != nil {
		return err
	}
	return b.withJob(id, func(j *job) error {
		writeJSON(w, http.StatusOK, j.show())
		return nil
	})
}

func idParameter(q url.Values, name string) (int64, error) {
	id, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil {
		return 0, badParameter("%s=%s is not an id.", name, q.Get(name))
	}
	return id, nil
}

func (b jobsAPI) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.SortedFunc(maps.Values(b.jobs), func(x, y *job) int {
		return cmp.Or(cmp.Compare(y.Created, x.Created), cmp.Compare(y.ID, x.ID))
	})
	var shown []map[string]any
	for _, j := range all {
		if name := q.Get("name"); name != "" && !strings.EqualFold(name, j.name()) {
			continue
		}
		one := j.show()
		if q.Get("expand_tasks") != "true" {
			settings := maps.Clone(j.Settings)
			for _, long := range []string{"tasks", "job_clusters", "environments", "parameters"} {
				delete(settings, long)
			}
			one["settings"] = settings
		}
		shown = append(shown, one)
	}
	return writeNumberedPage(w, "jobs", shown, q)
}

func (j *job) name() string {
	name, _ := j.Settings["name"].(string)
	return name
}

// writeNumberedPage answers with one page of a list. Its token is the place
// where the next page begins.
func writeNumberedPage(w http.ResponseWriter, key string, all []map[string]any, q url.Values) error {
	limit := defaultJobsPage
	if text := q.Get("limit"); text != "" && text != "0" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxJobsPage {
			return badParameter("limit=%s is not a number from 1 to %d.", text, maxJobsPage)
		}
		limit = n
	}
	start := 0
	for _, name := range []string{"offset", "page_token"} {
		if text := q.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return badParameter("%s=%s is not one of this listing.", name, text)
			}
			start = n
		}
	}
	start = min(start, len(all))
	end := min(start+limit, len(all))
	answer := map[string]any{"has_more": end < len(all)}
	if end > start {
		answer[key] = all[start:end]
	}
	if end < len(all) {
		answer["next_page_token"] = strconv.Itoa(end)
	}
	if start > 0 {
		answer["prev_page_token"] = strconv.Itoa(max(0, start-limit))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// reset replaces a job's settings.
func (b jobsAPI) reset(w http.ResponseWriter, r *http.Request) error {
	return b.change(w, r, func(_, given map[string]any, _ []string) map[string]any {
		return given
	})
}

// update replaces some fields of a job's settings.
func (b jobsAPI) update(w http.ResponseWriter, r *http.Request) error {
	return b.change(w, r, func(old, given map[string]any, remove []string) map[string]any {
		merged := maps.Clone(old)
		mergeSettings(merged, given)
		for _, path := range remove {
			removeField(merged, path)
		}
		return merged
	})
}

// removeField removes a field, or the entry of a list that a path such as
// tasks/one names by its key.
func removeField(settings map[string]any, path string) {
	field, entry, nested := strings.Cut(path, "/")
	key, keyed := keyedLists[field]
	list, _ := settings[field].([]any)
	if nested && keyed {
		settings[field] = slices.DeleteFunc(slices.Clone(list), func(e any) bool { return entryKey(e, key) == entry })
		return
	}
	delete(settings, field)
}

func (b jobsAPI) change(w http.ResponseWriter, r *http.Request,
	change func(old, given map[string]any, remove []string) map[string]any) error {
	body := map[string]any{}
	if err := readNumbers(r, &body); err != nil {
		return err
	}
	given, _ := body["new_settings"].(map[string]any)
	if given == nil {
		given = map[string]any{}
	}
	var remove []string
	list, _ := body["fields_to_remove"].([]any)
	for _, field := range list {
		if name, ok := field.(string); ok {
			remove = append(remove, name)
		}
	}
	id, err := idOf(body["job_id"])
	if err != nil {
		return err
	}
	err = b.withJob(id, func(j *job) error {
		settings := change(j.Settings, given, remove)
		if err := b.checkSettings(settings); err != nil {
			return err
		}
		withDefaults(settings)
		old := j.Settings
		j.Settings = settings
		err := b.save()
		if err != nil {
			j.Settings = old
		}
		return err
	})
	if err == nil {
		writeJSON(w, http.StatusOK, struct{}{})
	}
	return err
}

func idOf(v any) (int64, error) {
	n, _ := v.(json.Number)
	id, err := n.Int64()
	if err != nil {
		return 0, badParameter("job_id is not an id: %v", v)
	}
	return id, nil
}

// remove deletes a job. Its runs continue.
func (b jobsAPI) remove(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID int64 `json:"job_id"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := b.drop(in.ID); err != nil {
		return err
	}
	b.forget("jobs/" + strconv.FormatInt(in.ID, 10)) // without the lock: permissions ask for jobs under theirs
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (b *jobBoard) drop(id int64) error {
	return b.withJob(id, func(j *job) error {
		delete(b.jobs, id)
		err := b.save()
		if err != nil {
			b.jobs[id] = j
		}
		return err
	})
}

// routes are the calls of the Jobs API, in the two versions that clients use.
func (b jobsAPI) routes() map[string]endpoint {
	out := map[string]endpoint{}
	for _, version := range []string{"2.1", "2.2"} {
		for call, e := range map[string]endpoint{
			"POST create": b.create, "GET get": b.get, "GET list": b.list, "POST reset": b.reset, "POST update": b.update, "POST delete": b.remove,
			"POST run-now": b.runNow, "GET runs/get": b.getRun, "GET runs/list": b.listRuns, "GET runs/get-output": b.runOutput,
			"POST runs/cancel": b.cancelRun, "POST runs/cancel-all": b.cancelAll, "POST runs/delete": b.removeRun,
		} {
			method, name, _ := strings.Cut(call, " ")
			out[method+" /api/"+version+"/jobs/"+name] = e
		}
	}
	return out
}
