package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// Verdict is the meaning of an answer for this program.
type Verdict string

// The verdicts.
const (
	// Fits is the expected answer.
	Fits Verdict = "fits"
	// Other is a different answer that the program supports as well.
	Other Verdict = "other"
	// Wrong is an answer that the program does not support. No run may start.
	Wrong Verdict = "wrong"
	// Unasked means that there is no answer, because the question could not be
	// asked.
	Unasked Verdict = "unasked"
)

// Answer is one row of the probe's table.
type Answer struct {
	ID       string  `json:"id"`
	Question string  `json:"question"`
	Expected string  `json:"expected"`
	Seen     string  `json:"seen"`
	Verdict  Verdict `json:"verdict"`
	Means    string  `json:"means"` // meaning for this pipeline
	Seconds  float64 `json:"seconds"`
	// Essential says that runs depend on the answer.
	Essential bool `json:"essential,omitempty"`
}

// question is a row of the table of questions.
type question struct {
	id       string
	asks     string
	expected string
	means    string // meaning of the expected answer for this pipeline
	other    string // meaning of any other answer for this pipeline; empty: means
	// essential says that the program does not support a workspace that refuses
	// the statements of the question.
	essential bool
	ask       func(context.Context, *scratch) (seen, error)
}

// seen is the result of a question.
type seen struct {
	text    string
	verdict Verdict
}

func fits(format string, args ...any) (seen, error) {
	return seen{fmt.Sprintf(format, args...), Fits}, nil
}

func other(format string, args ...any) (seen, error) {
	return seen{fmt.Sprintf(format, args...), Other}, nil
}

func wrong(format string, args ...any) (seen, error) {
	return seen{fmt.Sprintf(format, args...), Wrong}, nil
}

func unasked(format string, args ...any) (seen, error) {
	return seen{fmt.Sprintf(format, args...), Unasked}, nil
}

// attempts is how often a question is asked if its answer is lost in transit.
const attempts = 3

// answer asks the question. It returns an error only if the context ends.
func (q *question) answer(ctx context.Context, s *scratch) (Answer, error) {
	a := Answer{ID: q.id, Question: q.asks, Expected: q.expected, Means: q.means, Essential: q.essential}
	began := time.Now()
	var found seen
	var err error
	for try := range attempts {
		found, err = q.ask(ctx, s.attempt(q.id, try))
		if err == nil || ctx.Err() != nil || !passing(err) {
			break
		}
	}
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	if err != nil {
		found = q.failed(err)
	}
	a.Seen, a.Verdict, a.Seconds = found.text, found.verdict, time.Since(began).Round(time.Millisecond).Seconds()
	if a.Verdict != Fits && q.other != "" {
		a.Means = q.other
	}
	return a, nil
}

// failed converts an error of the question's statements to a result.
func (q *question) failed(err error) seen {
	text := s1(err)
	switch {
	case databricks.Denied(err):
		return seen{"a privilege is missing: " + text, Unasked}
	case passing(err):
		return seen{"no answer: " + text, Unasked}
	case q.essential:
		return seen{"refused: " + text, Wrong}
	}
	return seen{"refused: " + text, Other}
}

// passing reports whether the same question may be answered later.
func passing(err error) bool {
	return databricks.Passing(err) || databricks.Retryable(err)
}

// s1 is an error's text on one line, shortened, because some errors contain a
// whole query plan.
func s1(err error) string {
	text := err.Error()
	if statement, ok := errors.AsType[*databricks.StatementError](err); ok {
		text = statement.Message
		if statement.Class != "" {
			text = "[" + statement.Class + "] " + text
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 200
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
