//go:build cgo && unix

package random

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
)

// keeping is what the test knows of the tables beside the logs.
type keeping struct {
	mu       sync.Mutex
	replaced map[string][]replacedLog // by the log's name, in the order in which new ones took their places
	unsure   map[string]string        // why a history is no longer computed, by the log's name
	types    map[string]map[string]string
	keys     map[string][]string
	excepts  map[string]map[string]bool // by the log's name and the column
	first    map[string]int64           // the entry at which a history begins
	problem  error
}

// replacedLog is what a log held when another took its place.
type replacedLog struct {
	begin int64
	rows  []logRow
}

// number is a number that a name always has in a world.
func (w *world) number(name string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", w.seed, name)
	return h.Sum64() >> 8
}

// keeps says whether the table of a name is to be kept beside its log: it is drawn,
// and both the source's table and the ledger's have a key.
func (w *world) keeps(name string) bool {
	keyed := false
	for _, t := range w.tables {
		if t.name == name && len(t.identityKey()) == 0 || t.logged == name && len(t.key) == 0 {
			return false
		}
		keyed = keyed || t.name == name || t.logged == name
	}
	return keyed && w.number(name)%4 > 0
}

// excepted says whether a column of a table begins no period: it is drawn, and is in
// no key of the tables that have the name now or had it.
func (w *world) excepted(name, column string) bool {
	return w.number(name)%3 == 0 && w.number(column)%3 == 0 && !slices.ContainsFunc(w.tables, func(t *table) bool {
		return (t.name == name || t.logged == name) &&
			(slices.Contains(t.identityKey(), column) || slices.Contains(t.key, column) || slices.Contains(t.primary, column))
	})
}

// configure says in the configuration what is kept, as the tables are now.
func (w *world) configure() {
	w.config.DerivedSections = nil
	names := map[string]bool{}
	for _, t := range w.tables {
		names[t.name], names[cmp.Or(t.logged, t.name)] = true, true
	}
	for name := range names {
		if !w.keeps(name) {
			continue
		}
		yes, except := true, []string{}
		for _, t := range w.tables {
			if t.name != name && t.logged != name {
				continue
			}
			for _, c := range t.columns {
				if w.excepted(name, c.name) {
					except = append(except, c.name)
				}
			}
		}
		deletes := config.DeletesSoft
		if w.number(name)%2 == 0 {
			deletes = config.DeletesHard
		}
		w.config.DerivedSections = append(w.config.DerivedSections, config.DerivedSection{
			Label: "tables", Matches: func(t schema.TableName) bool { return t.Name == name },
			DerivedOptions: config.DerivedOptions{Current: config.CurrentTable, History: &yes, HistoryExcept: except, Deletes: deletes},
		})
	}
}

var replacesLog = regexp.MustCompile("^CREATE OR REPLACE TABLE `dev`\\.`([^`]*)`\\.`((?:[^`]|``)*)`")

// sees gets every statement before the warehouse runs it. What a log
// holds is read before another takes its place.
func (w *world) sees(sql string) {
	m := replacesLog.FindStringSubmatch(sql)
	if m == nil || m[1] != w.schema() || strings.HasSuffix(m[2], "_data") {
		return
	}
	w.keeping.mu.Lock()
	defer w.keeping.mu.Unlock()
	if err := w.readReplaced(strings.ReplaceAll(m[2], "``", "`")); err != nil && !w.dead.Load() {
		w.keeping.problem = err
	}
}

func (w *world) readReplaced(name string) error {
	ctx := context.WithoutCancel(w.t.Context())
	table := w.target.Table(name)
	info, err := w.target.Tables().Info(ctx, table)
	if databricks.NotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	begin, err := strconv.ParseInt(info.Properties["ingest.snapshot_entry"], 10, 64)
	if err != nil {
		return err
	}
	rows, err := w.rawLog(ctx, table, info)
	if err != nil {
		return err
	}
	k := w.keeping
	for column, typ := range typesOf(info) {
		if was, is := k.types[name][column]; is && was != typ {
			k.unsure[name] = fmt.Sprintf("column %s was a %s and is a %s", column, was, typ)
		}
		if k.types[name] == nil {
			k.types[name] = map[string]string{}
		}
		k.types[name][column] = typ
	}
	if list := k.replaced[name]; len(list) > 0 && list[len(list)-1].begin == begin { // a statement that had no effect
		k.replaced[name] = list[:len(list)-1]
	}
	k.replaced[name] = append(k.replaced[name], replacedLog{begin, rows})
	return nil
}

// typesOf are the types of the columns of the source.
func typesOf(info *databricks.TableInfo) map[string]string {
	types := map[string]string{}
	for _, c := range info.Columns {
		if !schema.IsMeta(c.Name) && !strings.HasPrefix(c.Name, "__") && c.Name != "_snapshot" && c.Name != "_end_entry" && c.Name != "_end_lsn" {
			types[c.Name] = strings.ToUpper(c.Type)
		}
	}
	return types
}

// rawLog reads a log with the texts that the target has.
func (w *world) rawLog(ctx context.Context, table databricks.Table, info *databricks.TableInfo) ([]logRow, error) {
	var log []logRow
	err := w.raw(ctx, table, typesOf(info), []string{"`_op`", "`_entry`", "`_commit_lsn`", "`_seq`", "to_json(`_unchanged`)",
		"CAST(`_commit_ts` AS STRING)"}, func(own []any, values row) error {
		r := logRow{op: own[0].(string), entry: own[1].(int64), commit: own[2].(int64), seq: own[3].(int64), values: values}
		r.time, _ = own[5].(string)
		log = append(log, r)
		if list, ok := own[4].(string); ok {
			return json.Unmarshal([]byte(list), &log[len(log)-1].unchanged)
		}
		return nil
	})
	return log, err
}

// raw reads rows of a table: the columns of the source as the target prints
// them, rescued values marked, and before them the test's own.
func (w *world) raw(ctx context.Context, table databricks.Table, types map[string]string, own []string,
	each func(own []any, values row) error) error {
	fields := append(slices.Clone(own), "`_rescued`")
	var names []string
	for name := range types {
		names = append(names, name)
		fields = append(fields, expression(databricks.Quote(name), types[name]))
	}
	answer, err := w.target.Warehouse().Query(ctx, "SELECT "+strings.Join(fields, ", ")+" FROM "+table.String())
	if err != nil {
		return err
	}
	for _, v := range answer.Rows {
		values := row{}
		for i, name := range names {
			if s, ok := v[len(own)+1+i].(string); ok {
				values[name] = s
			}
		}
		if text, ok := v[len(own)].(string); ok {
			rescued := map[string]string{}
			if err := json.Unmarshal([]byte(text), &rescued); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			for name, value := range rescued {
				values[name] = "rescued " + value
			}
		}
		if err := each(v, values); err != nil {
			return err
		}
	}
	return nil
}

// done is where the ledger says that a full load was done.
type done struct {
	begin, done, commit int64
	last                *ledger.TableState // what it says before the next one
}

// full reads the full loads of all tables from the ledger, in order, and what
// it says now.
func (w *world) full() (map[string][]done, *ledger.State) {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), w.target.Files(), ledger.Options{Run: "20260101T000000Z-aaaaaa", Version: "0.0.0", Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	out, position := map[string][]done{}, int64(0)
	numbers := make([]int64, l.Head())
	for i := range numbers {
		numbers[i] = int64(i) + 1
	}
	err = l.Past(w.t.Context(), numbers, func(s *ledger.State) {
		for _, t := range s.Tables {
			if t.DoneNumber == s.Head {
				out[t.Table.Name] = append(out[t.Table.Name], done{begin: t.Snapshot.Begin, done: s.Head, commit: position})
			}
			if list := out[t.Table.Name]; len(list) > 0 {
				list[len(list)-1].last = s.Only(t.Table).Tables[t.Table]
			}
		}
		position = int64(s.Position)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out, l.State()
}

// checkKept compares what is kept beside the logs with what the logs say.
func (w *world) checkKept() {
	w.t.Helper()
	w.configure()
	if w.keeping.problem != nil {
		w.t.Fatal(w.keeping.problem)
	}
	full, state := w.full()
	w.quarantined()
	for _, t := range state.Sorted() {
		if t.Snapshot == nil || !w.keeps(t.Table.Name) {
			continue
		}
		if t.Reload != nil && len(t.Snapshot.Key()) == 0 {
			continue // another table has the name by now, and the log of the one before has no key
		}
		if len(t.Born) > 0 {
			w.tally["kept: born"]++
		}
		if problem := w.keptProblem(t, full[t.Table.Name]); problem != "" {
			w.t.Errorf("beside %s: %s", t.Table.Name, problem)
		}
	}
}

// rebuild makes what is kept again from the logs, which changes nothing.
func (w *world) rebuild() {
	w.t.Helper()
	if w.tally["kept: current"] == 0 || !slices.ContainsFunc(w.tables, func(t *table) bool { return t.logged != "" && w.keeps(t.logged) }) {
		return
	}
	w.faulty("load --rebuild", func(ctx context.Context, p *replicate.Pipeline) error {
		_, err := p.Load(ctx, nil, false, kept.Kinds...)
		return err
	})
	w.checkKept()
}

// quarantined insists that nothing beside a log is.
func (w *world) quarantined() {
	w.t.Helper()
	for _, e := range w.events {
		if strings.Contains(e, "a table beside a log is quarantined") || strings.Contains(e, "a view could not be updated") {
			w.t.Errorf("%s", e)
		}
	}
}

func (w *world) keptProblem(t *ledger.TableState, full []done) string {
	w.t.Helper()
	name, k := t.Table.Name, w.keeping
	table := w.target.Table(name)
	info, err := w.target.Tables().Info(w.t.Context(), table)
	if err != nil {
		return err.Error()
	}
	rows, err := w.rawLog(w.t.Context(), table, info)
	if err != nil {
		return err.Error()
	}
	view, err := w.target.Tables().Info(w.t.Context(), w.target.Table(name+"_current"))
	if err != nil {
		return err.Error()
	}
	var key, columns []string
	types, shown := typesOf(info), typesOf(view)
	logged := maps.Clone(types)
	for _, c := range t.Newest() {
		if born := t.Births(c.Number); types[c.Target()] == "" && len(born) > 0 && born[len(born)-1].Entry == 0 { // no row has it yet
			if types[c.Target()] = shown[c.Target()]; types[c.Target()] == "" {
				return fmt.Sprintf("the current state does not show column %s", c.Target())
			}
		}
		if types[c.Target()] != "" {
			columns = append(columns, c.Target())
		}
		if slices.Contains(t.Key(), c.Name) {
			key = append(key, c.Target())
		}
	}
	if was, is := k.keys[name]; is && !slices.Equal(was, t.Snapshot.Key()) {
		k.unsure[name] = fmt.Sprintf("the key was (%s) and is (%s)", strings.Join(was, ", "), strings.Join(t.Snapshot.Key(), ", "))
	}
	k.keys[name] = t.Snapshot.Key()
	for column, typ := range logged {
		if was, is := k.types[name][column]; is && was != typ && k.unsure[name] == "" {
			k.unsure[name] = fmt.Sprintf("column %s was a %s and is a %s", column, was, typ)
		}
	}
	if k.excepts[name] == nil {
		k.excepts[name] = map[string]bool{}
	}
	for _, column := range columns {
		now := w.excepted(name, column)
		if was, is := k.excepts[name][column]; is && was != now {
			k.unsure[name] = fmt.Sprintf("whether column %s begins periods has changed", column)
		}
		k.excepts[name][column] = now
	}
	h := newHistory(key, columns, func(c string) bool { return w.excepted(name, c) && !slices.Contains(key, c) })
	var l *lives
	first, is := k.first[name]
	if !is {
		if first, err = w.beginning(name); err != nil {
			return err.Error()
		}
		if first > 0 {
			k.first[name] = first
		} else {
			first = math.MaxInt64 // it has no rows yet
		}
	}
	born := make([]births, len(full))
	for i, f := range full {
		if f.begin == t.Snapshot.Begin {
			f.last = t
		}
		if born[i], err = w.birthsOf(f.last, columns, types); err != nil {
			w.tally["kept: born as another type"]++
			k.unsure[name] = err.Error()
			return ""
		}
	}
	for i, f := range full {
		if i+1 < len(full) && full[i+1].done <= first {
			continue // nothing was kept then
		}
		c := chapter{f.begin, f.done, f.commit, nil}
		if f.begin == t.Snapshot.Begin {
			c.rows = rows
		} else if i := slices.IndexFunc(k.replaced[name], func(r replacedLog) bool { return r.begin == f.begin }); i >= 0 {
			c.rows = k.replaced[name][i].rows
		} else {
			return fmt.Sprintf("the full load of entry %d never came into the log", f.begin)
		}
		for j, all := range born[i:] {
			c.rows = all.read(c.rows, j > 0)
		}
		if l, err = h.read(c); err != nil && f.begin != t.Snapshot.Begin {
			k.unsure[name] = err.Error()
		} else if err != nil {
			w.tally["kept: not replayed"]++
			k.unsure[name] = err.Error()
			return ""
		}
	}
	if l == nil {
		return fmt.Sprintf("the ledger has no full load of entry %d", t.Snapshot.Begin)
	}
	if problem := w.currentProblem(name, columns, types, l); problem != "" {
		return problem
	}
	return w.historyProblem(name, h, types, l)
}

// beginning is the entry at which a history begins; 0 while it has no rows. The first
// full load may not have come so far before another one.
func (w *world) beginning(name string) (int64, error) {
	answer, err := w.target.Warehouse().Query(w.t.Context(),
		"SELECT coalesce(min(`_entry`), 0) AS `entry` FROM "+w.target.Table(name+"_history").String())
	if err != nil {
		return 0, err
	}
	return answer.Int(0, "entry")
}

// currentProblem compares the table of the current state with the log's.
func (w *world) currentProblem(name string, columns []string, types map[string]string, l *lives) string {
	w.t.Helper()
	w.tally["kept: current"]++
	shown := map[string]string{}
	for _, c := range columns {
		shown[c] = types[c]
	}
	view := w.target.Table(name + "_current")
	info, err := w.target.Tables().Info(w.t.Context(), view)
	if err != nil {
		return err.Error()
	}
	soft := slices.ContainsFunc(info.Columns, func(c databricks.Column) bool { return c.Name == "_deleted_ts" })
	if want := w.number(name)%2 > 0; want != soft {
		return fmt.Sprintf("rows that are gone are shown: %t, want %t", soft, want)
	}
	deleted := "NULL"
	if soft {
		deleted = "`_deleted_ts`"
	}
	var got, want []string
	err = w.raw(w.t.Context(), view, shown, []string{"`_op`", "`_entry`", "`_commit_lsn`", "CAST(" + deleted + " AS STRING)"},
		func(own []any, values row) error {
			gone, _ := own[3].(string)
			got = append(got, fmt.Sprintf("%s %d/%X %s: %s", own[0], own[1], own[2], gone, values.of(columns)))
			return nil
		})
	if err != nil {
		return err.Error()
	}
	for _, r := range l.there {
		want = append(want, fmt.Sprintf("%s %d/%X %s: %s", r.op, r.at.entry, r.at.commit, "", r.values.of(columns)))
	}
	if soft {
		for _, r := range l.gone {
			want = append(want, fmt.Sprintf("%s %d/%X %s: %s", r.op, r.at.entry, r.at.commit, r.time, r.values.of(columns)))
		}
	}
	return apart("current", want, got)
}

// historyProblem compares the periods with the model's. Where the model cannot know, it
// is that those that last are the current state.
func (w *world) historyProblem(name string, h *history, types map[string]string, l *lives) string {
	w.t.Helper()
	view := w.target.Table(name + "_history")
	info, err := w.target.Tables().Info(w.t.Context(), view)
	if err != nil {
		return err.Error()
	}
	shown, former := map[string]string{}, false
	for _, c := range h.columns {
		shown[c] = types[c]
	}
	for column := range typesOf(info) {
		former = former || shown[column] == ""
	}
	var got []period
	err = w.raw(w.t.Context(), view, shown, []string{"`_op`", "`_entry`", "`_commit_lsn`", "`_end_entry`", "`_end_lsn`"},
		func(own []any, values row) error {
			p := period{values: values, op: own[0].(string), start: place{own[1].(int64), own[2].(int64)}}
			entry, ended := own[3].(int64)
			commit, _ := own[4].(int64)
			p.end, p.lasts = place{entry, commit}, !ended
			got = append(got, p)
			return nil
		})
	if err != nil {
		return err.Error()
	}
	var lasting, there []string
	for _, p := range got {
		if p.lasts {
			lasting = append(lasting, p.values.of(h.columns))
		}
	}
	for _, r := range l.there {
		there = append(there, r.values.of(h.columns))
	}
	if problem := apart("periods that last and rows", there, lasting); problem != "" {
		return problem
	}
	if because := w.keeping.unsure[name]; because != "" {
		w.tally["kept: history that lasts"]++
		return ""
	}
	w.tally["kept: history"]++
	return apart("history", h.texts(h.all(), former), h.texts(got, former))
}

// apart says how two lists differ.
func apart(what string, want, got []string) string {
	slices.Sort(want)
	slices.Sort(got)
	if slices.Equal(want, got) {
		return ""
	}
	var lines []string
	for _, s := range want {
		if i := slices.Index(got, s); i >= 0 {
			got = slices.Delete(slices.Clone(got), i, i+1)
		} else {
			lines = append(lines, "wanted: "+s)
		}
	}
	for _, s := range got {
		lines = append(lines, "is there: "+s)
	}
	return fmt.Sprintf("%s:\n%.6000s", what, strings.Join(lines, "\n"))
}
