package bronze

import (
	"context"
	"log/slog"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/wait"
)

// AskedTogether is the maximum number of tables in one statement that asks each
// of them something.
const AskedTogether = 100

// Attempts is how often a transient statement is tried.
const Attempts = 6

// Pause is the time before the next attempt, after the given number of attempts.
func Pause(tries int) time.Duration { return time.Duration(tries) * 500 * time.Millisecond }

// Retry repeats a statement that changes nothing, or that can be repeated.
func Retry(ctx context.Context, log *slog.Logger, do func() error) error {
	for i := 1; ; i++ {
		err := do()
		if err == nil || i == Attempts || ctx.Err() != nil || !databricks.Retryable(err) && !databricks.OutcomeUnknown(err) {
			return err
		}
		log.Info("trying again", "attempt", i+1, "after", err)
		if err := wait.For(ctx, Pause(i)); err != nil {
			return err
		}
	}
}

// AskTogether asks several tables by one statement. If the warehouse refuses it,
// one table may make it fail for all: then the tables are asked one by one, and
// refused gets each table that is refused alone. unanswered is the error of the
// common statement if no table has an answer.
func AskTogether[T any](tables []T, ask func([]T) error, refused func(T, error)) (unanswered, err error) {
	together := ask(tables)
	switch {
	case together == nil || !databricks.Refused(together):
		return nil, together
	case len(tables) == 1:
		refused(tables[0], together)
		return together, nil
	}
	answered := false
	for i := range tables {
		switch alone := ask(tables[i : i+1]); {
		case alone == nil:
			answered = true
		case !databricks.Refused(alone):
			return nil, alone
		default:
			refused(tables[i], alone)
		}
	}
	if answered {
		return nil, nil
	}
	return together, nil
}
