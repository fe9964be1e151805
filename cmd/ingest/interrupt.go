package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
)

// remains is what a run has done and has not done yet. An interrupt reports it.
type remains struct {
	only string // flags of the run that the next one needs too: --stage-only

	tables   []replicate.Work // of the snapshot
	complete map[schema.TableName]bool
	ended    map[schema.TableName]bool // complete or failed
	staged   int64                     // newest entry of changes of this run
	loaded   int64                     // all up to this entry is loaded

	toLoad, brought int // tables of the load that runs
	isLoading       bool
	isLoaded        bool // the tables of the snapshot
}

func (r *remains) snapshot(tables []replicate.Work) {
	r.tables, r.isLoaded = tables, false
	r.complete, r.ended = map[schema.TableName]bool{}, map[schema.TableName]bool{}
}

func (r *remains) snapshotted(table schema.TableName, complete bool) {
	r.ended[table] = true
	if complete {
		r.complete[table] = true
	}
}

func (r *remains) load(tables int) { r.toLoad, r.brought, r.isLoading = tables, 0, true }

func (r *remains) finished(entry int64) { r.isLoading, r.isLoaded, r.loaded = false, true, entry }

// open are the tables of the snapshot that are neither complete nor failed.
func (r *remains) open() []replicate.Work {
	return slices.DeleteFunc(slices.Clone(r.tables), func(w replicate.Work) bool { return r.ended[w.Table] })
}

// state says what is done.
func (r *remains) state() string {
	switch {
	case r.isLoading:
		return "; " + fraction(r.brought, r.toLoad) + " loaded, and what is staged stays staged"
	case len(r.open()) > 0:
		return "; " + fraction(len(r.complete), len(r.tables)) + " staged, and what was read of the others is dropped"
	case len(r.tables) > 0 && !r.isLoaded, r.staged > r.loaded:
		return "; what is staged stays staged"
	}
	return ""
}

// fraction is "2 of 3 tables are".
func fraction(n, all int) string {
	if all == 1 {
		return fmt.Sprintf("%d of 1 table is", n)
	}
	return fmt.Sprintf("%d of %s are", n, countOf(all, "table"))
}

// mostNamed is how many tables a hint names.
const mostNamed = 8

// next names the commands that finish the work; "" if no other command does.
func (r *remains) next() string {
	var commands []string
	if r.isLoading || r.only == "" && (len(r.complete) > 0 && !r.isLoaded || r.staged > r.loaded) {
		commands = append(commands, "`ingest load` loads what is staged")
	}
	if open := r.open(); len(open) > 0 && len(r.complete) > 0 {
		commands = append(commands, r.copying(open))
	}
	return strings.Join(commands, "; ")
}

// copying is the command that copies these tables. --resume does not take a table
// that had a snapshot before this run.
func (r *remains) copying(open []replicate.Work) string {
	command, does := "ingest full-load", "copies the rest"
	resumes := !slices.ContainsFunc(open, func(w replicate.Work) bool { return !w.Fresh })
	switch {
	case resumes:
		command += " --resume"
	case len(open) > mostNamed:
		does = "copies all tables again"
	}
	if len(open) <= mostNamed {
		names := make([]string, len(open))
		for i, w := range open {
			names[i] = w.Table.Argument()
		}
		command += " --tables " + strings.Join(names, ",")
	}
	return "`" + command + r.only + "` " + does
}

// interrupted says what the first signal does.
func (a *app) interrupted() {
	say := a.announce.Load()
	if say != nil {
		(*say)()
	}
}

// endsByInterrupt is for a command that ends no other way: it reports no interrupt.
func (a *app) endsByInterrupt() { a.announce.Store(nil) }

// announces sets what an interrupt reports. It runs on another goroutine.
func (a *app) announces() {
	out, log, command := a.ui, a.log, a.command
	say := func() {
		what, next := command+" ends now", ""
		if s := a.shows.Load(); s != nil {
			what, next = s.interrupted(command)
		}
		if !out.Attended() {
			attrs := []any{"now", what}
			if next != "" {
				attrs = append(attrs, "next", next)
			}
			log.Info("interrupted", attrs...)
			return
		}
		out.Note("Interrupted: %s.", what)
		if next != "" {
			out.Note("Afterwards %s.", next)
		}
		out.Note("A second Ctrl-C stops at once.")
	}
	a.announce.Store(&say)
}

// interrupted says what the command does now, and which command finishes its work.
func (s *showing) interrupted(command string) (what, next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.follows && s.left.only != "":
		return "it stages up to the next commit, and ends", ""
	case s.follows:
		return "it stages up to the next commit, loads what is staged, and ends", ""
	}
	return command + " ends now" + s.left.state(), s.left.next()
}

// hinted adds the commands that finish an interrupted run's work.
func (a *app) hinted(err error) error {
	s := a.shows.Load()
	if s == nil || failure.HintOf(err) != "" {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if next := s.left.next(); next != "" {
		return failure.New(failure.Interrupted, "%w", err).WithHint("%s", next)
	}
	return err
}
