//go:build cgo && unix

package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/lakehouse"
)

// synced waits until the standby has a persistent copy of the pipeline's slot. The slot on the primary must advance meanwhile,
// without new transactions.
func (p *pair) synced(w *world) {
	p.t.Helper()
	// Not before: the longer there is nothing to do, the less often it looks.
	p.exec(p.standby, `ALTER SYSTEM SET sync_replication_slots = on`, `SELECT pg_reload_conf()`)
	w.eventually("the slot on the standby", func() bool {
		w.exec(`CHECKPOINT`)
		w.must("cdc", "--stage-only")
		return p.ask(p.standby,
			`SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = $1 AND synced AND NOT temporary AND confirmed_flush_lsn IS NOT NULL`,
			w.slot()) == "1"
	})
}

// cutOff ends the standby's stream from the primary, for good.
func (p *pair) cutOff(w *world) {
	p.t.Helper()
	p.exec(p.standby, `ALTER SYSTEM SET primary_conninfo = ''`, `SELECT pg_reload_conf()`)
	w.eventually("that the standby receives nothing", func() bool {
		return p.ask(p.standby, `SELECT count(*)::text FROM pg_stat_wal_receiver`) == "0"
	})
}

// TestFailover: with source.failover the slot is on the standby too. After a promotion, cdc continues there without a gap,
// although the slot is behind the ledger. The old primary is refused when it comes back.
func TestFailover(t *testing.T) {
	t.Parallel()
	// The primary sends nothing to the pipeline that the standby does not have.
	p := newPair(t, map[string]string{"synchronized_standby_slots": standbySlot})
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.env = append(w.env, "INGEST_SOURCE_FAILOVER=true", "INGEST_STAGING_IDLE_ADVANCE=1")
	w.must("full-load")
	if got := w.ask(`SELECT failover::text FROM pg_replication_slots WHERE slot_name = $1`, w.slot()); got != "true" {
		t.Fatalf("the slot's failover is %s, want true", got)
	}
	w.write(1, 20)
	w.must("cdc")
	p.synced(w)
	w.write(2, 20)
	w.must("cdc")
	aside := []string{fmt.Sprintf("INGEST_SOURCE_STANDBY=127.0.0.1:%d", p.standby.Port()), "INGEST_SOURCE_FAILOVER=false"}
	if r := w.startWith(aside, "cdc").wait(); r.code != 12 || !strings.Contains(r.stderr, "is the copy of the primary's for a failover") ||
		!strings.Contains(r.stderr, "leave source.standby out") {
		t.Errorf("%s\nwant 12: a standby's copy is not read", r)
	}
	w.write(3, 20)
	p.replayed(w)
	head := len(w.entries())
	p.stop(p.primary)
	p.promote()
	behind := p.ask(p.standby, `SELECT (confirmed_flush_lsn <= $2::text::pg_lsn)::text FROM pg_replication_slots WHERE slot_name = $1`,
		w.slot(), w.position().String())
	if behind != "true" {
		t.Fatal("the slot is ahead of the ledger")
	}

	w.connectTo(p.standby.URL(pairDatabase))
	w.must("status", "--exit-code")
	w.must("check")
	w.must("cdc")
	w.write(4, 20)
	w.must("cdc")
	w.same()
	for _, e := range w.entries()[head:] {
		if e.Kind != ledger.KindChanges {
			t.Errorf("entry %d is %s: want changes and nothing else", e.Number, e.Kind)
		}
	}
	w.must("full-load", "--tables", "item")
	w.write(5, 10)
	w.must("cdc")
	w.same()

	p.startPrimary()
	w.connectTo(p.primary.URL(pairDatabase))
	w.exec(`ALTER SYSTEM SET synchronized_standby_slots = ''`, `SELECT pg_reload_conf()`)
	w.write(6, 5)
	w.refuses("connect to the server that took over", readers...)
	w.connectTo(p.standby.URL(pairDatabase))
	w.must("cdc")
	w.same()
}

// TestFailoverThatLosesWhatIsStaged: a promoted standby that had not received all staged changes is refused: the tables have
// changes that it never had.
func TestFailoverThatLosesWhatIsStaged(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.env = append(w.env, "INGEST_SOURCE_FAILOVER=true", "INGEST_STAGING_IDLE_ADVANCE=1")
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	p.synced(w)
	p.replayed(w)
	p.cutOff(w)
	w.write(2, 20)
	w.must("cdc")
	p.stop(p.primary)
	p.promote()
	w.connectTo(p.standby.URL(pairDatabase))
	w.slotRepairedBy(w.named("a failover or a restore lost what was committed between"))
}
