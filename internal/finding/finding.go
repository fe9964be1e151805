// Package finding defines what a look at one end found, and how bad it is. A check lists findings; a
// run takes the problems of a table, or the first problem of an end, as its error. So each rule has one
// sentence.
//
// It imports failure alone and knows no domain.
package finding

import "github.com/ingest-tool/ingest/internal/failure"

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Problem Level = "problem" // a full load or cdc would fail
)

// Finding is the result for one thing that was checked.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	What    string `json:"what"`
	Why     string `json:"why,omitempty"`
	Remedy  string `json:"remedy,omitempty"` // SQL or a command

	Kind failure.Kind `json:"-"` // of a problem
	// Shared means that another finding has the remedy, once for all subjects.
	Shared bool `json:"-"`
}

// Of turns an error into a finding.
func Of(subject string, err error) Finding {
	return Finding{Level: Problem, Subject: subject, What: err.Error(), Remedy: failure.HintOf(err), Kind: failure.KindOf(err)}
}

// Err turns a problem into a run's error. It leaves out the subject.
func (f *Finding) Err() error {
	what := f.What
	if f.Why != "" {
		what += ": " + f.Why
	}
	return failure.New(f.Kind, "%s", what).WithHint("%s", f.Remedy)
}

// First returns the first problem as an error; nil if there is none.
func First(findings []Finding) error {
	for i := range findings {
		if findings[i].Level == Problem {
			return findings[i].Err()
		}
	}
	return nil
}

// All makes one error of all problems, with the text and the remedy of each. It returns nil if there
// are none.
func All(findings []Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Level == Problem {
			errs = append(errs, failure.New(f.Kind, "%s", f.What).WithHint("%s", f.Remedy))
		}
	}
	return failure.All(errs)
}

// Err counts the problems of a check. Its kind and its hint are the first problem's.
func Err(findings []Finding) error {
	n := 0
	var first *Finding
	for i := range findings {
		if findings[i].Level != Problem {
			continue
		}
		if n++; first == nil {
			first = &findings[i]
		}
	}
	if n == 0 {
		return nil
	}
	return failure.New(first.Kind, "%d of %d checks failed: %s: %s", n, len(findings), first.Subject, first.What).WithHint("%s", first.Remedy)
}
