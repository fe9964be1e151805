package report

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/page/browsertest"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// written is a file for the page of TestAWeek: scripts/docs-images takes its pictures from it.
var written = flag.String("page", "", "write the page of TestAWeek to this `file`")

const (
	retyped   = `column "price" changed its type from integer to text`
	otherRows = "the table in the target has other rows than were loaded"
)

// aWeek is a pipeline of a shop, which is quiet at night.
func aWeek() *replicate.Report {
	now := time.Date(2026, 3, 11, 9, 30, 0, 0, time.UTC)
	since := now.Add(-7 * 24 * time.Hour)
	safe := int64(18 << 30)
	r := &replicate.Report{
		Pipeline: "shop", Target: "prod_shop_lakehouse.bronze", Version: "1.0.0", Time: now, Since: since, AllLoads: 2113,
		Status: &replicate.Status{
			Ledger: "5f0c3c1e-8a4f-4c61-9d2e-0123456789ab", Entries: 4217, Position: "16/B374D848", Staged: &now,
			Slot: &replicate.SlotStatus{Name: "ingest_shop", KeptBytes: 56 << 20, SafeBytes: &safe, WALStatus: "reserved"},
		},
	}
	for i := range 7 * 48 {
		at := since.Add(time.Duration(i) * 30 * time.Minute)
		busy := 1.0
		if h := at.Hour(); h < 6 {
			busy = 0.08
		} else if h < 9 || h > 20 {
			busy = 0.4
		}
		wave := busy * float64(700+(i*37)%400)
		lag, loaded := 2+busy*float64(i*13%17), 35+busy*float64(i*29%60)
		r.Entries = append(r.Entries, replicate.EntryReport{
			Entry: int64(3800 + i), Kind: "changes", Time: at, Transactions: int64(wave / 3), Bytes: int64(wave * 190), Lag: &lag,
			Rows: map[string]int64{"insert": int64(wave), "update": int64(wave * 0.6), "delete": int64(wave * 0.1)},
		})
		if i == 100 {
			r.Entries[i].SnapshotRows, r.Entries[i].SnapshotBytes = 48_200, 11<<20
		}
		r.Loads = append(r.Loads, replicate.LoadReport{Lag: &loaded, Past: loads.Past{First: at, Last: at.Add(30 * time.Second), Loads: 1,
			Entry: int64(3800 + i), Rows: int64(wave * 1.7), Changed: 2 + i%3}})
	}
	r.Loads[101].Snapshots = 1
	quarantined := now.Add(-5 * time.Hour)
	for i, name := range []string{"customers", "invoices", "invoice_lines", "payments", "shipments", "products"} {
		rows := int64(1_240_000 * (i + 1))
		t := replicate.TableStatus{Table: "public." + name, State: "loaded", Loaded: rows, Staged: rows}
		last := now.Add(-time.Duration(i*i) * time.Minute)
		in := replicate.TableReport{Table: t.Table, Bytes: int64(9_000_000 * (6 - i)), LastChange: &last,
			Rows: map[string]int64{"insert": int64(41_000 * (6 - i)), "update": int64(25_000 * (6 - i))}}
		switch name {
		case "products":
			t.State, t.Reload, t.Remedy = "reload needed", retyped, "ingest full-load --tables products"
			in.Reloads, in.Rescued, t.Rescued = 1, 14, map[string]int64{"price": 14}
		case "payments":
			t.State, t.Quarantine, t.Since, t.WaitingRows = "quarantined", otherRows, &quarantined, 1840
			t.Remedy = "ingest load --repair --tables payments"
		case "shipments":
			in.Schema, in.Snapshots = 2, 1
		}
		r.Status.Tables, r.Tables = append(r.Status.Tables, t), append(r.Tables, in)
	}
	event := func(hours int, entry int64, kind, table, what string) {
		at := now.Add(-time.Duration(hours) * time.Hour)
		r.Events = append(r.Events, replicate.Event{Time: at, Entry: entry, Kind: kind, Table: "public." + table, What: what})
	}
	event(5, 0, replicate.EventQuarantine, "payments", otherRows)
	event(20, 4098, replicate.EventReload, "products", retyped)
	event(20, 4098, replicate.EventRescued, "products", "14 values of column price went into _rescued")
	event(50, 4040, replicate.EventSchema, "shipments", "column carrier was renamed to shipped_by")
	event(118, 3900, replicate.EventSnapshot, "shipments", "48200 rows staged by a full load")
	return r
}

func html(t *testing.T, r *replicate.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAWeek: a week of a pipeline reads well in each window, with all kinds of states.
func TestAWeek(t *testing.T) {
	page := html(t, aWeek())
	if *written != "" {
		if err := os.WriteFile(*written, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range browsertest.Look(t, page) {
		for _, want := range []string{"Pipeline shop", "4 of 6", "2 tables to look at", "26,040,000", "quarantined",
			"ingest load --repair --tables payments", "column carrier was renamed to shipped_by", "59 MB", "2,113 loads in all"} {
			if !strings.Contains(s.Text, want) {
				t.Errorf("width %d: no %q in\n%s", s.Width, want, s.Text)
			}
		}
		if s.Charts != 4 || !slices.Contains(s.Labels, "Mar 9 08:00") || !slices.Contains(s.Labels, "when staged") {
			t.Errorf("width %d: %d charts with %q", s.Width, s.Charts, s.Labels)
		}
	}
}

// TestTextIsNotMarkup: what users and databases name stays text.
func TestTextIsNotMarkup(t *testing.T) {
	r := aWeek()
	const evil = `<script>alert(1)</script>"'&`
	r.Pipeline, r.Target, r.Unreachable = evil, evil, evil
	r.Status.Problem, r.Status.Hint = evil, evil
	r.Status.Tables[0].Table, r.Tables[0].Table, r.Events[0].Table, r.Events[0].What = evil, evil, evil, evil
	if page := html(t, r); strings.Contains(page, "<script") || strings.Count(page, "&lt;script&gt;") < 7 {
		t.Error(page)
	}
}

// TestAxis: points stand for lengths that read well, from the first entry on, and a clock that is ahead counts for the last one.
func TestAxis(t *testing.T) {
	now := time.Date(2026, 3, 11, 9, 30, 10, 0, time.UTC)
	for _, c := range []struct {
		span, step time.Duration
		label      string
	}{
		{10 * time.Second, time.Second, "09:30:00"}, {time.Hour, 5 * time.Minute, "08:30"}, {24 * time.Hour, 30 * time.Minute, "09:30"},
		{7 * 24 * time.Hour, 4 * time.Hour, "Mar 4 08:00"}, {60 * 24 * time.Hour, 7 * 24 * time.Hour, "Jan 5"},
		{30 * 365 * 24 * time.Hour, 5475 * time.Hour, ""},
	} {
		v := &view{Report: &replicate.Report{Time: now, Since: now.Add(-100 * 365 * 24 * time.Hour)}}
		v.Entries = []replicate.EntryReport{{Time: now.Add(-c.span)}}
		a := v.axis()
		if a.step != c.step || a.n > mostSteps+2 || c.label != "" && a.labels()[0] != c.label {
			t.Errorf("%s: steps of %s, %d of them, from %q", c.span, a.step, a.n, a.labels()[0])
		}
		if a.at(now) != a.n-1 || a.at(now.Add(time.Hour)) != a.n-1 || a.at(now.Add(-c.span)) != 0 || a.at(time.Time{}) != 0 {
			t.Errorf("%s: now is point %d of %d", c.span, a.at(now), a.n)
		}
	}
	for d, want := range map[time.Duration]string{
		7*24*time.Hour + 40*time.Millisecond: "7 days", time.Hour: "1 hour", 90 * time.Minute: "90 minutes", 4 * time.Second: "4 seconds",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := strings.Join([]string{countText(999), countText(12_300), countText(4_500_000)}, " "); got != "999 12.3k 4.5M" {
		t.Error(got)
	}
}
