package replicate

import (
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// TableSummary is what a run did with one table.
type TableSummary struct {
	Table       string           `json:"table"`
	Target      string           `json:"target"`
	Staged      int64            `json:"staged_rows"`
	Segments    int              `json:"segments"`
	Bytes       int64            `json:"bytes"`
	Loaded      int64            `json:"loaded_rows"`
	Total       int64            `json:"total_rows"`
	Replaced    int64            `json:"replaced_rows,omitempty"` // rows that a new snapshot replaced, log included
	Changes     map[string]int64 `json:"changes,omitempty"`       // staged, by operation
	Rescued     map[string]int64 `json:"rescued,omitempty"`       // column → values
	Added       []string         `json:"added_columns,omitempty"`
	Widened     []string         `json:"widened_columns,omitempty"` // with their new types
	Reload      string           `json:"reload_needed,omitempty"`
	Error       string           `json:"error,omitempty"`
	Hint        string           `json:"hint,omitempty"`
	Quarantined bool             `json:"quarantined,omitempty"`
	Kept        []KeptSummary    `json:"kept,omitempty"` // beside the log

	name      schema.TableName
	undecoded string // the error of a change that could not be decoded; "" for none
}

// Summary is what a run did.
type Summary struct {
	Run          string          `json:"run"`
	Tables       []*TableSummary `json:"tables"`
	Entries      int             `json:"entries"`
	Transactions int64           `json:"transactions"`
	Position     string          `json:"position"`
	Statements   int             `json:"statements"`         // sent to the SQL warehouse
	Repaired     []string        `json:"repaired,omitempty"` // what --repair found and did
	Seconds      float64         `json:"seconds"`
	Error        string          `json:"error,omitempty"` // what ended the run early
	Hint         string          `json:"hint,omitempty"`

	started time.Time
	before  int // statements sent before
	byName  map[schema.TableName]*TableSummary
}

func (p *Pipeline) newSummary() *Summary {
	return &Summary{Run: p.opt.Run, Tables: []*TableSummary{}, started: p.opt.Now(), before: p.workspace.Warehouse().Statements(),
		byName: map[schema.TableName]*TableSummary{}}
}

// table finds or begins a table's summary.
func (s *Summary) table(p *Pipeline, name schema.TableName) *TableSummary {
	if t := s.byName[name]; t != nil {
		return t
	}
	t := &TableSummary{Table: name.String(), Target: p.Target(name).Display(), name: name}
	s.Tables = append(s.Tables, t)
	s.byName[name] = t
	return t
}

func (t *TableSummary) fail(err error) {
	if err != nil {
		t.Error, t.Hint = err.Error(), failure.HintOf(err)
	}
}

// end completes the summary of a run that ended with err or without an error. It returns the error
// that sets the exit code.
func (s *Summary) end(p *Pipeline, err error) error {
	s.Statements = p.workspace.Warehouse().Statements() - s.before
	s.Seconds = p.opt.Now().Sub(s.started).Seconds()
	s.Position = p.ledger.State().Position.String()
	slices.SortFunc(s.Tables, func(a, b *TableSummary) int { return a.name.Compare(b.name) })
	if err == nil {
		err = s.failing()
		p.reports.failed(err)
		return err
	}
	p.reports.failed(err)
	s.Error, s.Hint = err.Error(), failure.HintOf(err)
	return err
}

// failing returns an error if a table failed.
func (s *Summary) failing() error {
	failed, first, hint := 0, "", ""
	for _, t := range s.Tables {
		if reason, remedy := t.failure(); reason != "" {
			if failed++; failed == 1 {
				first, hint = reason, remedy
			}
		}
	}
	if failed == 0 {
		return nil
	}
	e := failure.New(failure.Tables, "%d of %d tables failed, the first: %s", failed, len(s.Tables), first)
	if hint != "" {
		return e.WithHint("%s", hint)
	}
	return e.WithHint("`ingest status` shows each table; the others were processed")
}

// add adds what a run staged.
func (s *Summary) add(p *Pipeline, r stage.DrainResult) {
	s.Entries += r.Entries
	s.Transactions += r.Transactions
	for table, ops := range r.Tables {
		t := s.table(p, table)
		if t.Changes == nil {
			t.Changes = map[string]int64{}
		}
		for op, n := range ops {
			t.Changes[string(op)] += n
			t.Staged += n
		}
	}
	for table, files := range r.Files {
		t := s.table(p, table)
		t.Segments += files.Segments
		t.Bytes += files.Bytes
	}
	for _, m := range r.Reload {
		s.table(p, m.Table).Reload = m.Reason
	}
	for table, err := range r.Failed {
		t := s.table(p, table)
		t.fail(err)
		t.undecoded = t.Error
	}
}

// repeat runs something again and adds the results. For a table that failed before, the newest result
// counts.
func (s *Summary) repeat(p *Pipeline, do func(one *Summary) error) error {
	one := p.newSummary()
	err := do(one)
	s.renew(p, one, err == nil)
	return err
}

// renew adds the results of a repetition. If it was complete, what is still quarantined is among them.
func (s *Summary) renew(p *Pipeline, one *Summary, complete bool) {
	for _, t := range s.Tables {
		if !complete {
			break
		}
		if t.Quarantined {
			t.Error, t.Hint, t.Quarantined = "", "", false
		}
		for i := range t.Kept {
			t.Kept[i].Error, t.Kept[i].Hint = "", ""
		}
	}
	for _, from := range one.Tables {
		t := s.table(p, from.name)
		t.Error, t.Hint, t.Quarantined, t.Total = "", "", false, 0
	}
	s.merge(p, one)
}

// merge adds another summary's tables.
func (s *Summary) merge(p *Pipeline, o *Summary) {
	s.Entries += o.Entries
	for _, from := range o.Tables {
		t := s.table(p, from.name)
		t.Staged += from.Staged
		t.Segments += from.Segments
		t.Bytes += from.Bytes
		t.Loaded += from.Loaded
		t.Replaced += from.Replaced
		t.Total = max(t.Total, from.Total)
		t.Quarantined = t.Quarantined || from.Quarantined
		t.Added = append(t.Added, from.Added...)
		t.Widened = append(t.Widened, from.Widened...)
		t.mergeKept(from.Kept)
		if from.Error != "" {
			t.Error, t.Hint = from.Error, from.Hint
		}
	}
}

// reloaded removes what the summary reports about tables that were marked in this run and fully loaded
// since.
func (s *Summary) reloaded(state *ledger.State) {
	for _, t := range s.Tables {
		now := state.Tables[t.name]
		if t.Reload == "" || now == nil || now.Reload != nil {
			continue
		}
		t.Reload = ""
		if t.Error == t.undecoded {
			t.Error, t.Hint = "", ""
		}
	}
}
