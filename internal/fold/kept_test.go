package fold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

var (
	mirror  = databricks.Table{Catalog: "dev", Schema: "bronze", Name: "items_mirror"}
	periods = databricks.Table{Catalog: "dev", Schema: "bronze", Name: "items_periods"}
	loaded  = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
)

// load is a log that is loaded in pieces. It has the two tables that are kept
// beside it, and their expected contents.
type load struct {
	t        failer
	s        *source
	loaded   int // rows of s.log
	seen     int // transactions of s.states
	current  fold.Kept
	history  fold.Kept
	position fold.Position
	// The model of the history: ended periods, and open periods by key.
	ended []string
	lasts map[string]period
}

type period struct {
	row        row
	op         string
	entry, lsn int64
}

func (p period) text(end string) string {
	return fmt.Sprintf("%s|%s|%d|%d|%s", strings.Join(p.row[:], "|"), p.op, p.entry, p.lsn, end)
}

const lasting = `\N|\N`

func newLoad(t failer, s *source, except ...string) *load {
	l := &load{t: t, s: s, lasts: map[string]period{}}
	l.current = fold.Kept{Log: bronze, Data: mirror, Table: keyed}
	l.history = fold.Kept{Log: bronze, Data: periods, Table: keyed, Except: except}
	b := open(t)
	b.exec(t, databricks.CreateTableAs(periods, l.history.HistoryColumns(), l.history.StartHistory(), databricks.TableOptions{}))
	return l
}

// fullLoad restarts the log with the newest snapshot. It corrects rows that
// changed without a log row.
func (l *load) fullLoad() {
	l.s.snapshot()
	fill(l.t, l.s.log[l.s.since:])
	l.loaded, l.seen = len(l.s.log), len(l.s.states)
	snapshot := fold.Snapshot{Directory: fmt.Sprintf("segments/%d", l.s.from), Begin: l.s.from, Rows: int64(len(l.s.rows))}
	from := l.position
	l.current.Snapshot, l.history.Snapshot, l.position = snapshot, snapshot, fold.Position{Snapshot: snapshot.Directory, Entry: l.s.from}
	b := open(l.t)
	whole := fold.Batch{From: fold.Position{Entry: l.s.from - 1}, To: l.s.from, Truncates: true, Moves: 4, Loaded: loaded}
	b.exec(l.t, databricks.CreateTableAs(mirror, l.current.CurrentColumns(), l.current.ReplaceCurrent(whole, nil), databricks.TableOptions{}))
	b.exec(l.t, l.history.CorrectHistory(fold.Correction{From: from, Entry: l.s.from, LSN: l.s.lsn, Taken: loaded, Truncates: true, Moves: 4}))

	now := map[string]row{}
	for _, r := range l.s.rows {
		now[r.key()] = r
	}
	end := fmt.Sprintf("%d|%d", l.s.from, l.s.lsn)
	for key, p := range l.lasts {
		switch r, there := now[key]; {
		case !there || !l.same(r, p.row):
			l.ended = append(l.ended, p.text(end))
			delete(l.lasts, key)
		default:
			p.row = r
			l.lasts[key] = p
		}
	}
	for key, r := range now {
		if _, there := l.lasts[key]; !there {
			l.lasts[key] = period{r, "snapshot", l.s.from, l.s.lsn}
		}
	}
}

// same compares rows without the columns that begin no period.
func (l *load) same(x, y row) bool {
	for i, c := range columns {
		if x[i] != y[i] && !slices.Contains(l.history.Except, c.Name) {
			return false
		}
	}
	return true
}

// take loads the log up to an entry and advances the tables. again sends each
// statement twice.
func (l *load) take(entry int64, again bool) {
	b := open(l.t)
	rows := strings.Join(l.s.log[l.loaded:], ",\n")
	if rows != "" {
		b.exec(l.t, "INSERT INTO "+bronze.String()+" VALUES\n"+rows)
	}
	l.loaded = len(l.s.log)
	truncates := strings.Contains(rows, "'"+string(schema.OpTruncate)+"'") || again // a batch that may hold a truncate need not
	batch := fold.Batch{From: l.position, To: entry, Truncates: truncates, Moves: 6, Loaded: loaded}
	for _, sql := range []string{l.current.MergeCurrent(batch), l.history.MergeHistory(batch)} {
		b.exec(l.t, sql)
		if again {
			b.exec(l.t, sql)
		}
	}
	l.position.Entry = entry
	for _, s := range l.s.states[l.seen:] {
		l.follow(s)
	}
	l.seen = len(l.s.states)
}

// follow applies a transaction to the model.
func (l *load) follow(s state) {
	now := map[string]row{}
	for _, r := range s.rows {
		now[r.key()] = r
	}
	end := fmt.Sprintf("%d|%d", s.entry, s.lsn)
	had := map[string]bool{}
	for key, p := range l.lasts {
		had[key] = true
		r, there := now[key]
		if there && l.same(r, p.row) && !s.moved[key] {
			p.row = r
			l.lasts[key] = p
			continue
		}
		l.ended = append(l.ended, p.text(end))
		delete(l.lasts, key)
	}
	for key, r := range now {
		if _, there := l.lasts[key]; there {
			continue
		}
		op := "insert"
		if had[key] {
			op = "update"
		}
		l.lasts[key] = period{r, op, s.entry, s.lsn}
	}
}

// printed selects the columns of the source as reference prints them.
func printed() string {
	var fields []string
	for _, c := range columns {
		fields = append(fields, "coalesce(CAST("+databricks.Quote(c.Target())+" AS STRING), "+databricks.RescuedText(c.Target())+")")
	}
	return strings.Join(fields, ", ")
}

func (l *load) check() {
	b := open(l.t)
	got := b.rows(l.t, "SELECT "+printed()+" FROM ("+l.current.CurrentView(false)+") x")
	slices.Sort(got)
	if diff := cmp.Diff(reference(l.s.rows), got); diff != "" {
		l.t.Fatalf("current (-source +table):\n%s\nlog:\n%s", diff, strings.Join(l.s.log, "\n"))
	}
	// The rows that are gone depend only on the log, not on how it was cut.
	const all = "`_deleted_ts`, `_op`, `_commit_ts`, `_entry`, `_commit_lsn`, `_rescued`"
	whole := l.current.ReplaceCurrent(
		fold.Batch{From: fold.Position{Entry: l.s.from - 1}, To: l.position.Entry, Truncates: true, Moves: 9, Loaded: loaded}, nil)
	want := b.rows(l.t, "SELECT "+printed()+", "+all+" FROM ("+whole+") x")
	got = b.rows(l.t, "SELECT "+printed()+", "+all+" FROM "+mirror.String())
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Fatalf("current in pieces (-whole +pieces):\n%s\nlog:\n%s", diff, strings.Join(l.s.log, "\n"))
	}
	want = slices.Clone(l.ended)
	for _, p := range l.lasts {
		want = append(want, p.text(lasting))
	}
	slices.Sort(want)
	got = b.rows(l.t, "SELECT "+printed()+", `_op`, `_entry`, `_commit_lsn`, `_end_entry`, `_end_lsn` FROM ("+l.history.HistoryView()+") x")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Fatalf("history (-model +table):\n%s\nlog:\n%s", diff, strings.Join(l.s.log, "\n"))
	}
	for _, sql := range l.checks() {
		if got := b.rows(l.t, sql); len(got) != 1 || !strings.HasSuffix(got[0], lasting+`|\N|\N|\N|\N`) {
			l.t.Fatalf("a check finds %q\nlog:\n%s", got, strings.Join(l.s.log, "\n"))
		}
	}
}

// checks are the statements that verify the two tables.
func (l *load) checks() []string {
	whole := fold.Batch{From: fold.Position{Entry: l.s.from - 1}, To: l.position.Entry, Truncates: true, Moves: 9}
	return []string{l.current.CheckCurrent(whole, 20), l.history.CheckHistory(l.s.from, 0, whole, 20)}
}

func TestKeptTablesFollowAnyLogInAnyPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t, true, false)
		var except []string
		if rapid.Bool().Draw(t, "except") {
			except = []string{"my note"}
		}
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			if r := s.drawRow(); !slices.ContainsFunc(s.rows, func(o row) bool { return o.key() == r.key() }) {
				s.rows = append(s.rows, r)
			}
		}
		l := newLoad(t, s, except...)
		l.fullLoad()
		for range rapid.IntRange(1, 4).Draw(t, "pieces") {
			if rapid.IntRange(0, 5).Draw(t, "reload") == 0 {
				l.unseen()
				l.fullLoad()
			}
			for range rapid.IntRange(1, 4).Draw(t, "transactions") {
				s.transaction()
			}
			l.take(s.entry, rapid.Bool().Draw(t, "again"))
			s.entry++ // an entry is loaded whole
		}
		l.check()
	})
}

// unseen changes, removes or adds a row without a log row.
func (l *load) unseen() {
	t := l.s.t
	if len(l.s.rows) > 0 && rapid.Bool().Draw(t, "unseen") {
		i := rapid.IntRange(0, len(l.s.rows)-1).Draw(t, "row")
		if rapid.Bool().Draw(t, "gone") {
			l.s.rows = slices.Delete(slices.Clone(l.s.rows), i, i+1)
		} else {
			l.s.rows = slices.Clone(l.s.rows)
			l.s.rows[i][2] = "unseen"
		}
	}
}

var _ = schema.OpInsert
