package stage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Covers mismatches of ledger, server and slot, and slots that are not the
// pipeline's.
func TestWhatCheckSlotRefuses(t *testing.T) {
	idle := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	type given struct {
		state *ledger.State
		slot  *postgres.Slot
		facts *postgres.Facts
		at    *Server
	}
	for name, c := range map[string]struct {
		change     func(given)
		slot       string // as configured; "" for s
		want, hint string
	}{
		"as it should be":    {func(given) {}, "", "", ""},
		"an empty ledger":    {func(g given) { g.state.Origin = nil }, "", "nothing was loaded yet", "full-load"},
		"a dropped pipeline": {func(g given) { g.state.Ended = true }, "", "was dropped", "full-load"},
		"another cluster":    {func(g given) { g.facts.System = "8" }, "", "8", ""},
		"its database under another name, which holds its slot": {func(g given) { g.facts.Database, g.slot.Database = "new", "new" }, "", "", ""},
		"its database under another name, as another look found": {
			func(g given) { g.facts.Database, g.slot.Database, g.at.Renamed = "new", "new", true },
			"", "", ""},
		"its database under another name, and the slot is elsewhere": {func(g given) { g.facts.Database, g.at.Renamed = "new", true }, "",
			`slot s belongs to database "db"`, `set source.url to it`},
		"another database": {func(g given) { g.facts.Database = "new" }, "", `the ledger belongs to database "db", not "new"`, "--pipeline"},
		"another database, with another's slot": {func(g given) { g.facts.Database, g.slot.Database, g.slot.Name = "new", "new", "t" }, "",
			`the ledger belongs to database "db", not "new"`, "--pipeline"},
		"a cluster that hides its id": {func(g given) { g.facts.System, g.facts.Timeline = "", 0 }, "", "", ""},
		"another slot's name":         {func(given) {}, "other", `the ledger belongs to slot "s"`, "source.slot"},
		"an older server": {func(g given) { g.state.Timeline = 3 }, "", "from before a failover",
			"connect to the server that took over"},
		"one restored from elsewhere": {func(g given) { g.facts.Timeline, g.facts.Ended = 2, nil }, "",
			"not in its history", "full-load --repair"},
		"a table of a timeline that ended, of an older origin": {func(g given) {
			g.facts.Timeline, g.facts.Ended, g.state.OriginNumber = 2, map[int32]pglogrepl.LSN{1: 400}, 5
			orders := schema.TableName{Schema: "public", Name: "orders"}
			g.state.Tables[orders] = &ledger.TableState{Table: orders, Snapshot: &ledger.Done{Begin: 2}, Begin: &ledger.Begin{Fence: 450}}
			g.state.Open[3] = &ledger.OpenBegin{Number: 3, Begin: ledger.Begin{Fence: 450}}
		}, "", "", ""},
		"a snapshot that shows what the server has not done yet": {func(g given) {
			g.at.XID = 800
			orders := schema.TableName{Schema: "public", Name: "orders"}
			g.state.Tables[orders] = &ledger.TableState{
				Table: orders, Snapshot: &ledger.Done{Begin: 2}, Begin: &ledger.Begin{Fence: 450, Snapshot: schema.Snapshot{Xmax: 801}},
			}
		}, "", "shows transactions up to 800, and the next one of the server is 800", "full-load --repair"},
		"a snapshot that shows all but the next": {func(g given) {
			g.at.XID = 800
			g.state.Open[3] = &ledger.OpenBegin{Number: 3, Begin: ledger.Begin{Fence: 450, Snapshot: schema.Snapshot{Xmax: 800}}}
		}, "", "", ""},
		"the standby's copy for a failover": {func(g given) { g.slot.Synced, g.at.Standby = true, true }, "",
			"the copy of the primary's for a failover", "source.standby"},
		"a copy that went on after one": {func(g given) { g.slot.Synced = true }, "", "", ""},
		"a slot of the standby's own":   {func(g given) { g.at.Standby = true }, "", "", ""},
		"a lost copy on the standby": {func(g given) { g.slot.Synced, g.at.Standby, g.slot.WALStatus = true, true, "lost" }, "",
			"is invalidated", "full-load --repair"},
		"a temporary slot":         {func(g given) { g.slot.Temporary = true }, "", "temporary one of pid 42", "full-load --repair"},
		"a physical slot":          {func(g given) { g.slot.Type = "physical" }, "", "is a physical slot", "drops it"},
		"a slot of another plugin": {func(g given) { g.slot.Plugin = "wal2json" }, "", `plugin "wal2json"`, "drops it"},
		"a slot of two phases":     {func(g given) { g.slot.TwoPhase = true }, "", "two_phase", "drops it"},
		"such a slot that is read": {func(g given) { g.slot.TwoPhase, g.slot.Active = true, true }, "", "two_phase", "pg_terminate_backend(42)"},
		"a lost slot": {func(g given) { g.slot.WALStatus = "lost" }, "",
			"invalidated (wal_status = lost):", "max_slot_wal_keep_size"},
		"a slot that was idle": {func(g given) { g.slot.WALStatus, g.slot.Reason, g.slot.IdleSince = "lost", "idle_timeout", &idle }, "",
			"(wal_status = lost, reason idle_timeout, idle since 2026-03-04T05:06:07Z)", "idle_replication_slot_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			state := ledger.NewState()
			state.Origin, state.OriginNumber = &ledger.Origin{System: "7", Database: "db", Slot: "s"}, 1
			state.Position, state.Timeline = 400, 1
			slot := &postgres.Slot{
				Name: "s", Type: "logical", Plugin: postgres.Plugin, Database: "db", WALStatus: "reserved", Confirmed: 400, ActivePID: 42,
			}
			facts := &postgres.Facts{System: "7", Database: "db", Timeline: 1}
			at := Server{Facts: facts, Flush: 500}
			c.change(given{state, slot, facts, &at})
			if c.slot == "" {
				c.slot = "s"
			}
			err := CheckSlot(state, slot, at, c.slot)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || failure.KindOf(err) != failure.Conflict) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if hint := failure.HintOf(err); !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q, want %q", hint, c.hint)
			}
		})
	}
	state := ledger.NewState()
	state.Origin, state.Position, state.Timeline = &ledger.Origin{System: "7", Database: "db", Slot: "s"}, 400, 1
	at := Server{Facts: &postgres.Facts{System: "7", Database: "db", Timeline: 1}, Flush: 500}
	if err := CheckSlot(state, nil, at, "s"); err == nil || !strings.Contains(err.Error(), "slot s is missing") {
		t.Errorf("no slot: %v", err)
	}
}

// Covers whether a cast keeps the text or the number of every value. Both types
// must be checked, because each alone would accept too much.
func TestWhatACastKeeps(t *testing.T) {
	int2, int4, int8 := postgresType(schema.OIDInt2, -1), postgresType(schema.OIDInt4, -1), postgresType(schema.OIDInt8, -1)
	float4, float8 := postgresType(schema.OIDFloat4, -1), postgresType(schema.OIDFloat8, -1)
	text, varchar5, date := postgresType(schema.OIDText, -1), postgresType(schema.OIDVarchar, 9), postgresType(schema.OIDDate, -1)
	domain := int4
	domain.OID = 90000
	unlimited := postgresType(schema.OIDNumeric, -1)
	for _, c := range []struct {
		name         string
		from, to     schema.PostgresType
		text, number bool
	}{
		{"a domain of the same", domain, int4, true, false},
		{"date of the same", date, date, true, false},
		{"date to text", date, text, false, false},
		{"text to date", text, date, false, false},
		{"int to text", int4, text, false, false},
		{"varchar to text", varchar5, text, true, false},
		{"numeric of one scale", numeric(10, 2), numeric(8, 2), true, true},
		{"numeric of a larger scale", numeric(10, 2), numeric(12, 3), false, true},
		{"numeric of a smaller scale", numeric(10, 2), numeric(12, 1), false, false},
		{"numeric to one without a scale", numeric(10, 0), unlimited, false, false},
		{"numeric without a scale to one of none", unlimited, numeric(10, 0), false, false},
		{"date to numeric", date, numeric(10, 0), false, false},
		{"real to numeric", float4, numeric(10, 0), false, false},
		{"int to numeric", int4, numeric(10, 0), false, true},
		{"int to numeric of a negative scale", int4, numeric(10, -1), false, false},
		{"smallint to double", int2, float8, false, true},
		{"int to double", int4, float8, false, true},
		{"bigint to double", int8, float8, false, false},
		{"real to double", float4, float8, false, true},
		{"smallint to real", int2, float4, false, false},
		{"date to double", date, float8, false, false},
	} {
		if got := keepsText(c.from, c.to); got != c.text {
			t.Errorf("%s: keeps the text: %t", c.name, got)
		}
		if got := keepsNumber(c.from, c.to); got != c.number {
			t.Errorf("%s: keeps the number: %t", c.name, got)
		}
	}
}

// A column that the configuration casts or masks keeps its type. Its rows are
// kept if the cast keeps what the column was made of.
func TestRetypedColumnOfTheConfiguration(t *testing.T) {
	int4, int8, text := postgresType(schema.OIDInt4, -1), postgresType(schema.OIDInt8, -1), postgresType(schema.OIDText, -1)
	long, str := schema.Type{Kind: schema.Int64}, schema.Type{Kind: schema.String}
	masked := &schema.Mask{Kind: schema.MaskFixed}
	for _, c := range []struct {
		name   string
		column schema.Column
		to     schema.PostgresType
		kept   bool
	}{
		{"cast, same text", schema.Column{Postgres: int4, Type: schema.Type{Kind: schema.Int32}, Cast: true}, int8, true},
		{"masked, same text", schema.Column{Postgres: int4, Type: schema.Type{Kind: schema.Int32}, Mask: masked}, int8, true},
		{"cast to a number, same number", schema.Column{Postgres: int4, Type: long, Cast: true}, numeric(12, 2), true},
		{"cast to text, same number", schema.Column{Postgres: int4, Type: str, Cast: true}, numeric(12, 2), false},
		{"masked as text, same number", schema.Column{Postgres: int4, Type: str, Mask: masked}, numeric(12, 2), false},
		{"cast to a number, another text", schema.Column{Postgres: int4, Type: long, Cast: true}, text, false},
		{"cast to text, another text", schema.Column{Postgres: int4, Type: str, Cast: true}, text, false},
	} {
		if target, kept := retyped(c.column, c.to); kept != c.kept || !target.Equal(c.column.Type) {
			t.Errorf("%s: %s, kept %t", c.name, target, kept)
		}
	}
}

// A source is identified by its cluster and its database, whatever the
// database's current name.
func TestSourcesThatAreNotTheLedgers(t *testing.T) {
	state := ledger.NewState()
	state.Origin = &ledger.Origin{System: "7", Database: "db"}
	for name, c := range map[string]struct{ system, database, where, want, hint string }{
		"its own":                     {"7", "db", "db", "", ""},
		"its own, under another name": {"7", "new", "new", "", ""},
		"a cluster that hides its id": {"", "db", "db", "", ""},
		"another cluster": {"8", "db", "db", "another cluster (system identifier 8, the ledger has 7)",
			`database "db" of the ledger's cluster`},
		"another database": {"7", "shop", "db", `belongs to database "db", not "shop"`, `set source.url to "db"`},
		"another than the one under its name": {"7", "db", "new", `belongs to database "db", which is called "new" now, and not to "db"`,
			`set source.url to "new"`},
	} {
		err := CheckSource(state, c.system, c.database, c.where)
		if checkError(t, err, c.want); !strings.Contains(failure.HintOf(err), c.hint) {
			t.Errorf("%s: hint %q, want %q", name, failure.HintOf(err), c.hint)
		}
	}
}

// Covers what the entry of a snapshot records about a table before it is read:
// comments of the staged columns, and the leaves of a partitioned table.
func TestWhatASnapshotReportsOfATable(t *testing.T) {
	column := func(name string, number int16) schema.Column {
		return schema.Column{Name: name, Number: number, Postgres: postgresType(schema.OIDInt4, -1), Type: schema.Type{Kind: schema.Int32}}
	}
	r := &postgres.Relation{
		Table:  schema.Table{Name: tableT, OID: 7, Columns: []schema.Column{column("a", 1), column("b", 2), column("c", 3)}},
		Leaves: []postgres.Leaf{{OID: 9}, {OID: 8}}, Comments: map[string]string{"a": "first", "b": "", "gone": "of a column that is not there"},
	}
	done := Describe(&shape.Rules{}, r)
	if diff := cmp.Diff(map[string]string{"a": "first", "b": ""}, done.Comments); diff != "" || done.Partitions != nil {
		t.Errorf("partitions %v, comments:\n%s", done.Partitions, diff)
	}
	r.Partitioned, r.Comments = true, nil
	if done = Describe(&shape.Rules{}, r); done.Comments != nil || !cmp.Equal(done.Partitions, []uint32{8, 9}) {
		t.Errorf("partitions %v, comments %v", done.Partitions, done.Comments)
	}
}
