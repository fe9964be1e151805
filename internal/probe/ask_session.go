package probe

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/wait"
)

// askSession checks the settings that affect values.
func askSession(ctx context.Context, s *scratch) (seen, error) {
	zone, err := s.text(ctx, "SELECT current_timezone() AS v")
	if err != nil {
		return seen{}, err
	}
	micros, err := s.number(ctx, "SELECT unix_micros(CAST('2001-02-03 04:05:06' AS TIMESTAMP)) AS n")
	if err != nil {
		return seen{}, err
	}
	if want := micro("2001-02-03T04:05:06"); micros != want {
		return wrong("the time zone is %s: a timestamp reads %d, want %d", zone, micros, want)
	}
	_, err = s.warehouse().Query(ctx, "SELECT CAST('no number' AS INT) AS n")
	if err == nil {
		return wrong("a cast of a text that is no number is no error: ANSI mode is off")
	}
	if !databricks.Refused(err) {
		return seen{}, err
	}
	return fits("the time zone is %s, and ANSI mode is on", zone)
}

// hostile is a text with characters that literals must escape.
const hostile = "'\"`\\ \\n ${x} ${env:HOME} $x :p ? -- /* */ ; \t\n\r ü 😀 %s {{x}}"

// askLiterals sends a text as a literal and reads it back.
func askLiterals(ctx context.Context, s *scratch) (seen, error) {
	got, err := s.text(ctx, "SELECT "+databricks.Literal(hostile)+" AS v")
	if err != nil {
		return seen{}, err
	}
	if got != hostile {
		return wrong("%q reads %q", hostile, got)
	}
	return fits("a text with quotes, backslashes, ${…} and control characters arrives as it is")
}

// askVariables uses a name that variable substitution would change.
func askVariables(ctx context.Context, s *scratch) (seen, error) {
	r, err := s.warehouse().Query(ctx, "SELECT 1 AS "+databricks.Quote("a ${x} b"))
	if databricks.Refused(err) {
		return other("refused: %s", s1(err))
	}
	if err != nil {
		return seen{}, err
	}
	if name := r.Columns[0].Name; name != "a ${x} b" {
		return other("the name reads %q", name)
	}
	return fits("the name stays as it is")
}

// askTags reads a session's query tags.
func askTags(ctx context.Context, s *scratch) (seen, error) {
	r, err := s.warehouse().Query(databricks.Tag(ctx, "entry", "1"), "SET QUERY_TAGS")
	if databricks.Refused(err) {
		return other("the tags are taken, and cannot be asked for: %s", s1(err))
	}
	if err != nil {
		return seen{}, err
	}
	var all []string
	for _, row := range r.Rows {
		all = append(all, strings.Trim(fmt.Sprint(row...), "[]"))
	}
	text := strings.Join(all, "; ")
	if strings.Contains(text, "run_id") && strings.Contains(text, "pipeline") {
		return fits("%d tags", len(r.Rows))
	}
	return other("the session has the tags %q", text)
}

// slowSQL is a statement whose duration grows with the number of pairs of rows.
func slowSQL(rows int64) string {
	return fmt.Sprintf("SELECT CAST(count_if(xxhash64(a.id, b.id) = 0) AS BIGINT) AS n FROM range(%d) a CROSS JOIN range(%d) b", rows, rows)
}

// calibrated is the number of rows for which slowSQL takes about the wanted
// time.
func (s *scratch) calibrated(ctx context.Context, wanted time.Duration) (int64, error) {
	for rows := int64(1000); ; rows *= 2 {
		began := time.Now()
		if _, err := s.number(ctx, slowSQL(rows)); err != nil {
			return 0, err
		}
		if took := time.Since(began); took >= wanted/3 {
			return int64(float64(rows) * max(1, math.Sqrt(float64(wanted)/float64(took)))), nil
		}
	}
}

// askLeft abandons a running statement, and checks later whether it committed.
func askLeft(leave func(cancel, cut func())) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		rows, err := s.calibrated(ctx, s.slow)
		if err != nil {
			return seen{}, err
		}
		for try := range attempts {
			t := s.table(fmt.Sprint(try))
			if err := s.make(ctx, t); err != nil {
				return seen{}, err
			}
			early, err := s.left(ctx, "INSERT INTO "+t.String()+" "+slowSQL(rows), leave)
			if err != nil {
				return seen{}, err
			}
			if !early {
				return s.watched(ctx, t)
			}
			rows *= 2 // four times as many pairs
		}
		return unasked("the statement ended before it was left alone")
	}
}

// left sends a statement from a separate client and abandons it after a while.
// early reports that the statement ended before that.
func (s *scratch) left(ctx context.Context, sql string, leave func(cancel, cut func())) (early bool, err error) {
	apart, cut := s.warehouse().Apart()
	defer cut()
	if _, err := apart.Query(ctx, "SELECT 1 AS n"); err != nil { // opens its session
		apart.Close()
		return false, err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = apart.Exec(running, sql)
	}()
	select {
	case <-ended:
		early, err = true, failed
	case <-time.After(s.slow / 3):
		leave(cancel, cut)
		cut()
		cancel()
		<-ended // an error, because the statement was abandoned
	}
	apart.Close()
	return early, err
}

// watched waits for a row that may appear.
func (s *scratch) watched(ctx context.Context, t databricks.Table) (seen, error) {
	began := time.Now()
	for {
		n, err := s.count(ctx, t)
		if err != nil {
			return seen{}, err
		}
		after := time.Since(began).Round(100 * time.Millisecond)
		if n > 0 {
			return other("it committed %v after its client was gone", after)
		}
		if after > s.watch {
			return fits("it did not commit within %v", after)
		}
		if err := wait.For(ctx, s.slow/10); err != nil {
			return seen{}, err
		}
	}
}

var (
	askCancelled = askLeft(func(cancel, _ func()) { cancel() })
	askGone      = askLeft(func(_, cut func()) { cut() })
)

// askToken checks the lifetime of the sign-in's token.
func askToken(ctx context.Context, s *scratch) (seen, error) {
	method := s.w.AuthMethod()
	at, ok := s.w.TokenExpiry(ctx)
	if !ok {
		return fits("%s: the token does not say when it ends", method)
	}
	left := at.Sub(s.w.Time()).Round(time.Minute)
	if renewed(method) {
		return fits("%s: the token ends in %v and is renewed", method, left)
	}
	return other("%s: the token ends in %v and is not renewed", method, left)
}

// renewed reports whether the SDK renews the token before it expires.
func renewed(method string) bool {
	return method != "pat" && method != "runtime" && method != "basic"
}

// askLimits reports the limits that answers have announced so far.
func askLimits(_ context.Context, s *scratch) (seen, error) {
	refused, headers := s.w.RateLimits()
	var said []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		said = append(said, name+": "+headers[name])
	}
	text := "no header has a limit"
	if len(said) > 0 {
		text = strings.Join(said, ", ")
	}
	if refused > 0 {
		return other("%d requests were refused as too many; %s", refused, text)
	}
	return fits("no request was refused as too many; %s", text)
}
