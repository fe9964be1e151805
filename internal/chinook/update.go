package chinook

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// edit is a kind of update: a column and its next value.
type edit struct {
	table, column string
	next          func(rng *rand.Rand, old *string) *string // other than the old one
}

var edits = []edit{
	{"track", "unit_price", nextPrice},
	{"customer", "phone", nextPhone},
	{"customer", "fax", nextFax},
	{"customer", "company", nextOf(companies)},
	{"employee", "phone", nextPhone},
	{"track", "composer", nextComposer},
	{"album", "title", nextTitle},
	{"artist", "name", nextArtist},
	{"playlist", "name", nextOf(playlistNames)},
}

func other(rng *rand.Rand, old *string, choose func(*rand.Rand) string) *string {
	for {
		if value := choose(rng); old == nil || value != *old {
			return &value
		}
	}
}

func nextOf(list []string) func(*rand.Rand, *string) *string {
	return func(rng *rand.Rand, old *string) *string {
		return other(rng, old, func(rng *rand.Rand) string { return pick(rng, list) })
	}
}

func nextPrice(rng *rand.Rand, old *string) *string {
	return nextOf([]string{"0.69", "0.89", "0.99", "1.29", "1.99", "2.49"})(rng, old)
}

func nextPhone(rng *rand.Rand, old *string) *string {
	return other(rng, old, func(rng *rand.Rand) string { return fill(rng, "+1 (555) 555-####") })
}

// nextFax: a fax machine comes or goes.
func nextFax(rng *rand.Rand, old *string) *string {
	if old != nil {
		return nil
	}
	return nextPhone(rng, old)
}

func nextComposer(rng *rand.Rand, old *string) *string { return other(rng, old, composers) }

func nextArtist(rng *rand.Rand, old *string) *string { return other(rng, old, artistName) }

// nextTitle adds or removes a remark; a title that has no room for it is replaced.
func nextTitle(rng *rand.Rand, old *string) *string {
	const remark, room = " (Remastered)", 160
	if old == nil || len(*old)+len(remark) > room {
		return other(rng, old, songName)
	}
	title, had := strings.CutSuffix(*old, remark)
	if !had {
		title += remark
	}
	return &title
}

// updateOne updates one row that was there before and that this simulation hasn't updated yet; where there is
// none left in any table, any row.
func (s *simulation) updateOne() error {
	first := s.rng.IntN(len(edits))
	return s.commit(func(tx pgx.Tx) ([]Change, error) {
		for _, fresh := range []bool{true, false} {
			for n := range edits {
				e := edits[(first+n)%len(edits)]
				id, ok, err := s.rowToUpdate(tx, e.table, fresh)
				if err != nil {
					return nil, err
				}
				if ok {
					change, err := s.apply(tx, e, id)
					return []Change{change}, err
				}
			}
		}
		return nil, errors.New("update: there is no row in album, artist, customer, employee, playlist or track")
	})
}

func (s *simulation) rowToUpdate(tx pgx.Tx, table string, fresh bool) (int64, bool, error) {
	if fresh {
		return s.untouchedID(tx, table, "true")
	}
	ids, err := s.idsOf(tx, table)
	if err != nil {
		return 0, false, err
	}
	return s.someID(tx, table, ids, "true")
}

// untouchedID is the id of a row that was there before and that this simulation hasn't updated.
func (s *simulation) untouchedID(tx pgx.Tx, table, condition string) (int64, bool, error) {
	// Almost always the first look finds one: sending the list of all that are not wanted would be the exception's cost.
	id, ok, err := s.someID(tx, table, s.before[table], condition)
	if err != nil || !ok || !slices.Contains(s.updated[table], id) {
		return id, ok, err
	}
	return s.someID(tx, table, s.before[table], condition, s.updated[table]...)
}

func (s *simulation) apply(tx pgx.Tx, e edit, id int64) (Change, error) {
	key := idColumn(e.table)
	var old, stored *string
	err := tx.QueryRow(s.ctx, fmt.Sprintf("select %s::text from %s where %s = $1 for no key update", e.column, e.table, key), id).Scan(&old)
	if err != nil {
		return Change{}, fmt.Errorf("read %s %d: %w", e.table, id, firstOf(noRowsMoved(err), err))
	}
	sql := fmt.Sprintf("update %[1]s set %[2]s = $1 where %[3]s = $2 and %[2]s is distinct from $1 returning %[2]s::text",
		e.table, e.column, key)
	err = tx.QueryRow(s.ctx, sql, e.next(s.rng, old), id).Scan(&stored)
	if err != nil {
		return Change{}, fmt.Errorf("update %s %d: %w", e.table, id, firstOf(noRowsMoved(err), err))
	}
	s.updated[e.table] = append(s.updated[e.table], id)
	return Change{
		Op: Update, Table: e.table,
		Key:    []Value{{Column: key, Value: textOf(id)}},
		Values: []Value{{Column: e.column, Value: stored, Old: old}},
	}, nil
}

// noRowsMoved is errMoved where the error says that there was no row, else nil.
func noRowsMoved(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errMoved
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
