//go:build cgo

package lakehouse

import (
	"encoding/json"
	"net/http"
	"slices"
)

// jobSettings are the settings that the runner reads. All settings that a client sends are stored separately, and returned.
type jobSettings struct {
	Name       string `json:"name"`
	MaxRuns    int    `json:"max_concurrent_runs"`
	Timeout    int64  `json:"timeout_seconds"`
	Queue      queueSettings
	Parameters []jobParameter `json:"parameters"`
	Tasks      []taskSettings `json:"tasks"`
	RunAs      struct {
		User             string `json:"user_name"`
		ServicePrincipal string `json:"service_principal_name"`
	} `json:"run_as"`
	Environments []struct {
		Key  string `json:"environment_key"`
		Spec struct {
			Dependencies []string `json:"dependencies"`
		} `json:"spec"`
	} `json:"environments"`
}

type queueSettings struct {
	Enabled bool `json:"enabled"`
}

type jobParameter struct {
	Name    string `json:"name"`
	Default string `json:"default"`
}

type taskSettings struct {
	Key       string `json:"task_key"`
	DependsOn []struct {
		Key string `json:"task_key"`
	} `json:"depends_on"`
	RunIf          string           `json:"run_if"`
	Environment    string           `json:"environment_key"`
	Timeout        int64            `json:"timeout_seconds"`
	Retries        int              `json:"max_retries"`
	RetryInterval  int64            `json:"min_retry_interval_millis"`
	RetryOnTimeout bool             `json:"retry_on_timeout"`
	Python         *pythonSettings  `json:"spark_python_task"`
	ForEach        *forEachSettings `json:"for_each_task"`
}

type pythonSettings struct {
	File       string   `json:"python_file"`
	Source     string   `json:"source"`
	Parameters []string `json:"parameters"`
}

type forEachSettings struct {
	Inputs      string       `json:"inputs"`
	Concurrency int          `json:"concurrency"`
	Task        taskSettings `json:"task"`
}

// readSettings reads a job's settings, and refuses those that cannot be run in
// any workspace. Task types that are not served here are refused at run time.
func readSettings(raw map[string]any) (jobSettings, error) {
	var s jobSettings
	text, err := json.Marshal(raw)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the job's settings are not the expected JSON: %v", err)
	}
	if s.MaxRuns == 0 {
		s.MaxRuns = 1
	}
	seen := map[string]bool{}
	for _, t := range s.Tasks {
		if t.Key == "" || seen[t.Key] {
			return s, badParameter("Task keys must be there and differ: %q.", t.Key)
		}
		seen[t.Key] = true
	}
	for _, t := range s.Tasks {
		for _, d := range t.DependsOn {
			if !seen[d.Key] {
				return s, badParameter("Task '%s' depends on the task '%s', which is not there.", t.Key, d.Key)
			}
		}
		if err := s.checkEnvironment(t); err != nil {
			return s, err
		}
	}
	return s, s.checkOrder()
}

// checkEnvironment makes sure that a task's environment is one of the job's.
func (s *jobSettings) checkEnvironment(t taskSettings) error {
	if t.ForEach != nil {
		return s.checkEnvironment(t.ForEach.Task)
	}
	for _, e := range s.Environments {
		if e.Key == t.Environment {
			return nil
		}
	}
	if t.Environment != "" {
		return badParameter("Task '%s' has the environment_key '%s', which is not there.", t.Key, t.Environment)
	}
	return nil
}

// checkOrder refuses tasks that wait for each other.
func (s *jobSettings) checkOrder() error {
	done := map[string]bool{}
	for range s.Tasks {
		for _, t := range s.Tasks {
			waits := slices.ContainsFunc(t.DependsOn, func(d struct {
				Key string `json:"task_key"`
			}) bool {
				return !done[d.Key]
			})
			if !waits {
				done[t.Key] = true
			}
		}
	}
	for _, t := range s.Tasks {
		if !done[t.Key] {
			return badParameter("The tasks' dependencies have a cycle at '%s'.", t.Key)
		}
	}
	return nil
}

// withDefaults adds the default values that a workspace shows for missing settings.
func withDefaults(raw map[string]any) {
	for key, value := range map[string]any{
		"name": "Untitled", "max_concurrent_runs": 1, "timeout_seconds": 0, "format": "MULTI_TASK", "email_notifications": map[string]any{},
	} {
		if _, ok := raw[key]; !ok {
			raw[key] = value
		}
	}
	tasks, _ := raw["tasks"].([]any)
	for _, t := range tasks {
		task, _ := t.(map[string]any)
		if _, ok := task["run_if"]; !ok && task != nil {
			task["run_if"] = "ALL_SUCCESS"
		}
	}
}

// keyedLists are the lists that an update merges, by the key of their entries.
var keyedLists = map[string]string{
	"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key", "parameters": "name",
}

// mergeSettings lays an update over settings: fields as a whole, the keyed
// lists entry by entry.
func mergeSettings(raw, update map[string]any) {
	for field, value := range update {
		key, keyed := keyedLists[field]
		old, _ := raw[field].([]any)
		list, isList := value.([]any)
		if !keyed || !isList {
			raw[field] = value
			continue
		}
		merged := slices.Clone(old)
		for _, entry := range list {
			at := slices.IndexFunc(merged, func(o any) bool { return entryKey(o, key) == entryKey(entry, key) })
			if at >= 0 {
				merged[at] = entry
			} else {
				merged = append(merged, entry)
			}
		}
		raw[field] = merged
	}
}

func entryKey(entry any, key string) any {
	m, _ := entry.(map[string]any)
	return m[key]
}
