//go:build unix

package replicate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
)

// A plan lists what the command would do, and what only the command finds out.
func TestTextOfAPlan(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY, v int)`, `INSERT INTO u VALUES (1, 2)`)
	says := func(what string, plan *Plan, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range plan.Tables {
			line := x.name.Name
			for word, holds := range map[string]bool{"snapshot": x.Snapshot, "statements": len(x.Statements) > 0, "reload": x.Reload != "",
				"staged": x.StagedRows > 0} {
				if holds {
					line += " " + word
				}
			}
			words := strings.Fields(line)
			slices.Sort(words[1:])
			got = append(got, strings.Join(words, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	unknown := func(what string, plan *Plan, want string, is bool) {
		t.Helper()
		if strings.Contains(strings.Join(plan.Unknown, "; "), want) != is {
			t.Errorf("%s: unknown are %q; %q among them: want %v", what, plan.Unknown, want, is)
		}
	}
	const (
		appended = "changes that are staged while the snapshots are read"
		wal      = "bytes of WAL"
		asked    = "whether the tables hold what loads/ says"
	)
	plan, err := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{StageOnly: true})
	says("a full load that only stages", plan, err, "t snapshot", "u snapshot")
	unknown("a full load that only stages", plan, appended, false)
	unknown("a full load that only stages", plan, "where the slot begins", true)
	plan, err = b.open(nil).PlanFullLoad(ctx, FullLoadOptions{})
	says("a full load", plan, err, "t snapshot statements", "u snapshot statements")
	unknown("a full load", plan, appended, true)
	b.loaded(b.open(nil))
	plan, err = b.open(nil).PlanCDC(ctx, CDCOptions{SnapshotNew: true})
	says("no new table", plan, err)
	unknown("no new table", plan, "the exact number of rows", false)
	plan, err = b.open(nil).PlanLoad(ctx, nil, false)
	says("a load of nothing", plan, err)
	unknown("a load of nothing", plan, asked, false)

	b.exec(`INSERT INTO t VALUES (1)`, `ALTER TABLE u ALTER v TYPE text`, `CREATE TABLE fresh (id int PRIMARY KEY)`)
	cdc := func(what string, o CDCOptions, want ...string) *Plan {
		t.Helper()
		plan, err := b.open(nil).PlanCDC(ctx, o)
		says(what, plan, err, want...)
		return plan
	}
	plan = cdc("changes that are not staged", CDCOptions{}, "u reload")
	unknown("changes that are not staged", plan, wal, true)
	if len(plan.Source.Statements) > 0 {
		t.Errorf("nothing is to be spared: %q", plan.Source.Statements)
	}
	cdc("with new tables", CDCOptions{SnapshotNew: true}, "fresh snapshot statements", "u reload")
	b.config.Load.Reload = config.ReloadAuto
	cdc("with reloads", CDCOptions{}, "u reload snapshot statements")
	b.config.Load.Reload = config.ReloadReport
	if _, err := b.open(nil).CDC(ctx, ctx, CDCOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	plan = cdc("changes that are staged", CDCOptions{}, "t staged statements")
	unknown("changes that are staged", plan, asked, true)
	cdc("staged only", CDCOptions{StageOnly: true})
	b.config.Load.Reload = config.ReloadAuto
	cdc("with reloads of what is marked", CDCOptions{}, "t staged statements", "u snapshot statements")
	b.exec(`ALTER TABLE t DROP CONSTRAINT t_pkey`)
	plan = cdc("what the application cannot do any more", CDCOptions{}, "t reload snapshot statements", "u snapshot statements")
	if text := fmt.Sprint(plan.Source.Statements); !strings.Contains(text, "ALTER PUBLICATION") {
		t.Errorf("what is to be spared: %s", text)
	}
}

// A view is made if it is asked for, is printed otherwise, and stays if it is what it should be.
func TestViewsThatAreAskedFor(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	if _, err := b.open(nil).FullLoad(ctx, FullLoadOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	_, err := b.open(nil).Views(ctx, nil, false)
	failuretest.Reason(t, "of a table that is not loaded", said(err), "table dev."+b.config.Pipeline+".t is not loaded yet")
	p := b.open(nil)
	if _, err := p.Load(ctx, nil, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		printOnly bool
		change    string
		there     int // views afterwards
	}{{"printed", true, "created", 0}, {"made", false, "created", 1}, {"made again", false, "unchanged", 1}} {
		views, err := b.open(nil).Views(ctx, nil, c.printOnly)
		if err != nil || len(views) != 1 || string(views[0].Change) != c.change || views[0].Statement == "" || views[0].Outgrown != "" {
			t.Errorf("%s: %+v, %v", c.what, views, err)
		}
		if got := b.present(p, "t_current"); len(got) != c.there {
			t.Errorf("%s: there are %q", c.what, got)
		}
	}
	if err := p.workspace.Warehouse().Exec(ctx, fmt.Sprintf("CREATE OR REPLACE TABLE %s (other INT)", p.Target(public("t")))); err != nil {
		t.Fatal(err)
	}
	_, err = b.open(nil).Views(ctx, nil, false)
	failuretest.Reason(t, "of a table without its key", said(err), "lacks a column of its key")
}
