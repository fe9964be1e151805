package chinook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// attempts is how often a change is retried when another session was in its way.
const attempts = 10

// Simulate makes exactly that many inserted, updated and deleted rows in the Chinook-shaped tables on the
// connection's search path: first the inserts, in transactions such as a shop has (a sale is an invoice and its
// lines), then each update and each delete in one of its own. Updates change a value for another, and updates
// and deletes are of different rows that were there before, as long as there are enough.
//
// Other sessions may write at the same time. The same seed does the same to the same data, but for the
// invoices' dates, which are the server's. After an error the Summary says what was committed before it.
func Simulate(ctx context.Context, conn *pgx.Conn, inserts, updates, deletes int, seed uint64) (Summary, error) {
	s := &simulation{
		ctx: ctx, conn: conn, rng: rand.New(rand.NewPCG(seed, 0)),
		before: map[string]span{}, updated: map[string][]int64{},
	}
	if err := s.run(inserts, updates, deletes); err != nil {
		return s.summary, fmt.Errorf("simulate: %w", err)
	}
	return s.summary, nil
}

type simulation struct {
	ctx     context.Context // of the one call to Simulate that this lives for
	conn    *pgx.Conn
	rng     *rand.Rand
	before  map[string]span    // the ids that were there before
	updated map[string][]int64 // ids of rows that were updated, by table
	summary Summary
}

// span is the ids of a table from its least to its greatest, both included; with no rows, empty.
type span struct{ first, last int64 }

func (s span) empty() bool { return s.first > s.last }

// pick is any number in the span, which is not empty.
func (s span) pick(rng *rand.Rand) int64 { return s.first + rng.Int64N(s.last-s.first+1) }

func (s *simulation) run(inserts, updates, deletes int) error {
	for _, count := range []struct {
		n    int
		what string
	}{{inserts, "inserts"}, {updates, "updates"}, {deletes, "deletes"}} {
		if count.n < 0 {
			return fmt.Errorf("%d %s: must be 0 or more", count.n, count.what)
		}
	}
	if err := s.checkTables(); err != nil {
		return err
	}
	for _, table := range Tables() {
		ids, err := s.idsOf(s.conn, table)
		if err != nil {
			return err
		}
		s.before[table] = ids
	}
	for s.summary.Inserted < inserts {
		if err := s.insertSome(inserts - s.summary.Inserted); err != nil {
			return err
		}
	}
	for s.summary.Updated < updates {
		if err := s.updateOne(); err != nil {
			return err
		}
	}
	for s.summary.Deleted < deletes {
		if err := s.deleteOne(); err != nil {
			return err
		}
	}
	return nil
}

// checkTables names the missing tables before anything is changed.
func (s *simulation) checkTables() error {
	rows, err := s.conn.Query(s.ctx, "select name from unnest($1::text[]) name where to_regclass(name) is null", Tables())
	if err != nil {
		return fmt.Errorf("look for tables: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for tables: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	what := fmt.Sprintf("relation %q does not exist", missing[0])
	if len(missing) > 1 {
		what = fmt.Sprintf("relations %s do not exist", strings.Join(missing, ", "))
	}
	return fmt.Errorf("%s: load Chinook into this database first or run `ingest demo`", what)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *simulation) idsOf(db querier, table string) (span, error) {
	var ids span
	sql := fmt.Sprintf("select coalesce(min(%[1]s), 1), coalesce(max(%[1]s), 0) from %[2]s", idColumn(table), table)
	if err := db.QueryRow(s.ctx, sql).Scan(&ids.first, &ids.last); err != nil {
		return span{}, fmt.Errorf("read ids of %s: %w", table, err)
	}
	return ids, nil
}

// idColumn is the first (in ten of the tables the only) column of the primary key.
func idColumn(table string) string {
	if table == "playlist_track" {
		return "playlist_id"
	}
	return table + "_id"
}

// errMoved says that a row isn't any more what it was when it was chosen.
var errMoved = errors.New("the row was changed by another session meanwhile")

// commit runs do in a transaction and adds its changes to the summary once they are committed; where another
// session was in the way, it runs do again.
func (s *simulation) commit(do func(tx pgx.Tx) ([]Change, error)) error {
	var err error
	for range attempts {
		var changes []Change
		err = pgx.BeginFunc(s.ctx, s.conn, func(tx pgx.Tx) (err error) {
			changes, err = do(tx)
			return err
		})
		if err == nil {
			s.summary.add(changes...)
			return nil
		}
		if !inTheWay(err) {
			return err
		}
	}
	return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

// inTheWay tells what another session's writing causes: the same next id, a row or a row referred to that is
// gone, a serialization failure or a deadlock.
func inTheWay(err error) bool {
	return errors.Is(err, errMoved) || hasCode(err, pgerrcode.UniqueViolation) || hasCode(err, pgerrcode.ForeignKeyViolation) ||
		hasCode(err, pgerrcode.SerializationFailure) || hasCode(err, pgerrcode.DeadlockDetected)
}

// someID is the id of a random row of the table within the span that meets the condition and is none of the
// unwanted ones, or false if there is none.
func (s *simulation) someID(tx pgx.Tx, table string, within span, condition string, unwanted ...int64) (int64, bool, error) {
	if within.empty() {
		return 0, false, nil
	}
	sql := fmt.Sprintf(`select %[1]s from %[2]s t where %[1]s between $1 and $2 and %[1]s <> all ($3::bigint[]) and %[3]s
		order by %[1]s limit 1`, idColumn(table), table, condition)
	if unwanted == nil {
		unwanted = []int64{} // an array without elements, not a NULL
	}
	from := within.pick(s.rng)
	for _, part := range []span{{from, within.last}, {within.first, from}} {
		var id int64
		err := tx.QueryRow(s.ctx, sql, part.first, part.last, unwanted).Scan(&id)
		if err == nil {
			return id, true, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return 0, false, fmt.Errorf("choose row of %s: %w", table, err)
		}
	}
	return 0, false, nil
}
