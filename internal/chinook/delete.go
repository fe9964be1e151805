package chinook

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// unreferenced has the tables in the order in which their rows are deleted when there is nothing better, and
// the condition under which no foreign key of Chinook holds the row t.
var unreferenced = []struct{ table, condition string }{
	{"playlist_track", "true"},
	{"invoice_line", "true"},
	{"invoice", "not exists (select from invoice_line l where l.invoice_id = t.invoice_id)"},
	{"playlist", "not exists (select from playlist_track p where p.playlist_id = t.playlist_id)"},
	{"customer", "not exists (select from invoice i where i.customer_id = t.customer_id)"},
	{"track", "not exists (select from invoice_line l where l.track_id = t.track_id)" +
		" and not exists (select from playlist_track p where p.track_id = t.track_id)"},
	{"album", "not exists (select from track x where x.album_id = t.album_id)"},
	{"artist", "not exists (select from album a where a.artist_id = t.artist_id)"},
	{"genre", "not exists (select from track x where x.genre_id = t.genre_id)"},
	{"media_type", "not exists (select from track x where x.media_type_id = t.media_type_id)"},
	{"employee", "not exists (select from customer c where c.support_rep_id = t.employee_id)" +
		" and not exists (select from employee e where e.reports_to = t.employee_id)"},
}

// deleteOne deletes a row that no foreign key holds: one that was there before and that this simulation hasn't
// updated, and only where there is none left, any other. Mostly a playlist or an invoice gets shorter.
func (s *simulation) deleteOne() error {
	first := s.rng.IntN(2)
	return s.commit(func(tx pgx.Tx) ([]Change, error) {
		for _, fresh := range []bool{true, false} {
			for n := range unreferenced {
				if n < 2 {
					n = (n + first) % 2
				}
				change, ok, err := s.deleteFrom(tx, unreferenced[n].table, unreferenced[n].condition, fresh)
				if err != nil || ok {
					return []Change{change}, err
				}
			}
		}
		return nil, errors.New("delete: there is no row left that no foreign key refers to")
	})
}

func (s *simulation) deleteFrom(tx pgx.Tx, table, condition string, fresh bool) (Change, bool, error) {
	var id int64
	var ok bool
	var err error
	if fresh {
		id, ok, err = s.untouchedID(tx, table, condition)
	} else {
		var ids span
		if ids, err = s.idsOf(tx, table); err == nil {
			id, ok, err = s.someID(tx, table, ids, condition)
		}
	}
	if err != nil || !ok {
		return Change{}, false, err
	}
	if table == "playlist_track" {
		change, err := s.deletePlaylistTrack(tx, id)
		return change, err == nil, err
	}
	column := idColumn(table)
	tag, err := tx.Exec(s.ctx, fmt.Sprintf("delete from %s where %s = $1", table, column), id)
	if err != nil {
		return Change{}, false, fmt.Errorf("delete from %s: %w", table, err)
	}
	if tag.RowsAffected() != 1 {
		return Change{}, false, errMoved
	}
	return Change{Op: Delete, Table: table, Key: []Value{{Column: column, Value: textOf(id)}}}, true, nil
}

// deletePlaylistTrack takes a random track from the playlist.
func (s *simulation) deletePlaylistTrack(tx pgx.Tx, playlist int64) (Change, error) {
	ids, err := s.idsOf(tx, "track")
	if err != nil {
		return Change{}, err
	}
	for _, from := range []int64{ids.pick(s.rng), ids.first} {
		var track int64
		err = tx.QueryRow(s.ctx, `delete from playlist_track where playlist_id = $1 and track_id = (select track_id
			from playlist_track where playlist_id = $1 and track_id >= $2 order by track_id limit 1) returning track_id`,
			playlist, from).Scan(&track)
		if err == nil {
			return Change{Op: Delete, Table: "playlist_track", Key: playlistTrackKey(playlist, track)}, nil
		}
		if noRowsMoved(err) == nil {
			break
		}
	}
	return Change{}, fmt.Errorf("delete from playlist_track: %w", firstOf(noRowsMoved(err), err))
}
