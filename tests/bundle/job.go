package bundle

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// Job is what is checked of a job, and needed to play one.
type Job struct {
	Name         string `yaml:"name"`
	MaxRuns      int    `yaml:"max_concurrent_runs"`
	Schedule     *Starts
	Continuous   *Starts
	Queue        struct{ Enabled bool }
	Tasks        []Task
	Parameters   []Parameter
	Environments []Environment
	Email        struct {
		OnFailure []string `yaml:"on_failure"`
	} `yaml:"email_notifications"`
}

// Environment is one of a job's serverless environments.
type Environment struct {
	Key string `yaml:"environment_key"`
}

// Starts says whether a job starts by itself.
type Starts struct {
	PauseStatus string `yaml:"pause_status"`
	Cron        string `yaml:"quartz_cron_expression"`
	Timezone    string `yaml:"timezone_id"`
}

// Parameter is one of a job, which a run may set.
type Parameter struct{ Name, Default string }

// Task is a task of a job; one with ForEach has nothing else but its own.
type Task struct {
	Key       string `yaml:"task_key"`
	DependsOn []struct {
		Key string `yaml:"task_key"`
	} `yaml:"depends_on"`
	Environment string `yaml:"environment_key"`
	Retries     *int   `yaml:"max_retries"`
	NoAutomatic bool   `yaml:"disable_auto_optimization"`
	Timeout     int    `yaml:"timeout_seconds"`
	Python      struct {
		File       string   `yaml:"python_file"`
		Parameters []string `yaml:"parameters"`
	} `yaml:"spark_python_task"`
	ForEach *struct {
		Inputs      string
		Concurrency int
		Task        Task
	} `yaml:"for_each_task"`
}

// Innermost is the task that runs something: the one inside of a for-each task.
func (t Task) Innermost() Task {
	if t.ForEach != nil {
		return t.ForEach.Task
	}
	return t
}

// Jobs gives the bundle's jobs by their keys.
func (b *Bundle) Jobs() (map[string]Job, error) {
	resources, _ := b.Root["resources"].(map[string]any)
	text, err := yaml.Marshal(resources["jobs"])
	if err != nil {
		return nil, err
	}
	var jobs map[string]Job
	if err := yaml.Unmarshal(text, &jobs); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return jobs, nil
}
