package main

import (
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/ui"
)

// showing shows how a run goes on: what it does now, and the tables at work. It also
// knows what an interrupt leaves.
type showing struct {
	progress *ui.Progress
	starting func() bool // whether statements wait for the warehouse

	mu      sync.Mutex
	opening *ui.Phase // until the first part begins
	reading part      // a snapshot
	staging part      // changes
	loading part
	compare part

	follows  bool
	from, at pglogrepl.LSN // of the drain; at is 0 when it has ended
	left     remains
}

// part is a phase with its tables.
type part struct {
	*ui.Phase
	items map[schema.TableName]*ui.Item
}

// newShowing begins to show a run. follows and stageOnly are the run's options.
func (a *app) newShowing(follows, stageOnly bool) *showing {
	s := &showing{progress: a.ui.Progress(a.log), follows: follows}
	if stageOnly {
		s.left.only = " --stage-only"
	}
	s.starting = func() bool { return a.target != nil && a.target.Warehouse().Starting() }
	s.opening = s.progress.Phase(ui.Titled("preparing"))
	a.shows.Store(s)
	return s
}

// watch is what a pipeline calls; nothing on a nil showing.
func (s *showing) watch() replicate.Watch {
	if s == nil {
		return replicate.Watch{}
	}
	return replicate.Watch{
		Snapshot: s.snapshot,
		Copied:   func(t schema.TableName, rows, bytes int64) { s.add(&s.reading, t, rows, bytes) },
		Snapshotted: func(t schema.TableName, complete bool) {
			s.ended(&s.reading, t)
			s.note(func(r *remains) { r.snapshotted(t, complete) })
		},
		Stage:   s.stage,
		Reached: s.reached,
		Changed: func(t schema.TableName, rows, bytes int64) { s.add(&s.staging, t, rows, bytes) },
		Staged:  s.staged,
		Load:    s.load,
		Loaded:  func(t schema.TableName, rows int64) { s.add(&s.loading, t, rows, 0) },
		Brought: func(t schema.TableName) {
			s.ended(&s.loading, t)
			s.note(func(r *remains) { r.brought++ })
		},
		Finished: s.finished,
		Verify:   s.verify,
		Read:     func(t schema.TableName, rows int64) { s.add(&s.compare, t, rows, 0) },
		Verified: func(t schema.TableName) { s.ended(&s.compare, t) },
	}
}

func (s *showing) note(change func(*remains)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.left)
}

// begin begins a part with its tables. The function that it returns ends the part.
func (s *showing) begin(p *part, title func() string, tables []replicate.Work, weight func(replicate.Work) int64) (end func()) {
	expected := make([]ui.Expected, len(tables))
	for i, t := range tables {
		expected[i] = ui.Expected{Name: t.Table.String(), Rows: t.Rows, Weight: weight(t)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening.Done()
	p.Phase, p.items = s.progress.Phase(title), map[schema.TableName]*ui.Item{}
	p.Expect(expected)
	phase := p.Phase
	return func() {
		phase.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.Phase == phase {
			p.Phase, p.items = nil, nil
		}
	}
}

// add counts rows of a table. The first ones begin its line.
func (s *showing) add(p *part, table schema.TableName, rows, bytes int64) {
	s.mu.Lock()
	item := p.items[table]
	if item == nil && p.items != nil {
		item = p.Start(table.String(), 0)
		p.items[table] = item
	}
	s.mu.Unlock()
	item.Add(rows, bytes)
}

// ended ends the line of a table.
func (s *showing) ended(p *part, table schema.TableName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if item := p.items[table]; item != nil {
		item.Done()
		return
	}
	p.Passed(table.String())
}

func (s *showing) snapshot(tables []replicate.Work) (end func()) {
	s.note(func(r *remains) { r.snapshot(tables) })
	return s.begin(&s.reading, ui.Titled("snapshot"), tables, func(t replicate.Work) int64 { return t.Bytes })
}

func (s *showing) load(tables []replicate.Work) (end func()) {
	s.note(func(r *remains) { r.load(len(tables)) })
	return s.begin(&s.loading, s.orStarting("loading"), tables, func(t replicate.Work) int64 { return t.Rows })
}

func (s *showing) verify(tables []replicate.Work) (end func()) {
	return s.begin(&s.compare, s.orStarting("verifying"), tables, func(t replicate.Work) int64 { return t.Bytes })
}

// orStarting is a title that gives way while the warehouse starts.
func (s *showing) orStarting(title string) func() string {
	return func() string {
		if s.starting() {
			return "starting the warehouse"
		}
		return title
	}
}

func (s *showing) stage() (end func()) {
	end = s.begin(&s.staging, s.stagingTitle, nil, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follows {
		s.staging.Unending()
	}
	return end
}

func (s *showing) stagingTitle() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follows && s.at == 0 {
		return "following"
	}
	return "staging"
}

// reached shows how much WAL of a drain is left to read.
func (s *showing) reached(at, target pglogrepl.LSN) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == 0 {
		s.from = at
	}
	s.at = at
	if at >= target {
		s.at = 0
	}
	whole := int64(target) - int64(s.from)
	if s.at == 0 || whole <= 0 {
		s.staging.Reach(0, 0)
		return
	}
	s.staging.Reach(int64(at-s.from), whole)
}

// staged ends the lines of all tables with changes: the next entry begins.
func (s *showing) staged(entry int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.staging.items {
		item.Done()
	}
	clear(s.staging.items)
	s.left.staged = entry
}

// finished notes that all is loaded that the load found.
func (s *showing) finished(entry int64, lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left.finished(entry)
	if s.follows && lag >= 0 {
		s.staging.Note("lag " + ui.Duration(lag).String())
	}
}

func (s *showing) close() { s.progress.Close() }
