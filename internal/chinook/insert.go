package chinook

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// story is a transaction that inserts between one row and as many as are left to insert.
type story struct {
	chance  int // of a hundred
	minRows int
	needs   []string // tables that must have rows
	tell    func(s *simulation, tx pgx.Tx, left int) ([]Change, error)
}

var stories = []story{
	{50, 2, []string{"customer", "track"}, (*simulation).sale},
	{20, 1, nil, (*simulation).newCustomer},
	{15, 3, []string{"media_type"}, (*simulation).release},
	{15, 2, []string{"track"}, (*simulation).newPlaylist},
}

// insertSome inserts up to left rows in one transaction. A new customer, who needs no other row, can always
// be told of.
func (s *simulation) insertSome(left int) error {
	for {
		dice := s.rng.IntN(100)
		chosen := stories[0]
		for _, candidate := range stories {
			chosen = candidate
			if dice -= candidate.chance; dice < 0 {
				break
			}
		}
		if chosen.minRows > left || !s.have(chosen.needs) {
			continue
		}
		return s.commit(func(tx pgx.Tx) ([]Change, error) { return chosen.tell(s, tx, left) })
	}
}

func (s *simulation) have(tables []string) bool {
	for _, table := range tables {
		if s.before[table].empty() {
			return false
		}
	}
	return true
}

// insertRow inserts a row whose id is the table's next one, and returns the id with the change.
func (s *simulation) insertRow(tx pgx.Tx, table, columns string, values ...any) (int64, Change, error) {
	id, names := idColumn(table), strings.Fields(columns)
	places := make([]string, len(names))
	for i := range names {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	returning := make([]string, len(names))
	for i, name := range names {
		returning[i] = name + "::text"
	}
	// The key columns have no sequence.
	sql := fmt.Sprintf(
		"insert into %[1]s (%[2]s, %[3]s) values ((select coalesce(max(%[2]s), 0) + 1 from %[1]s), %[4]s) returning %[2]s, %[5]s",
		table, id, strings.Join(names, ", "), strings.Join(places, ", "), strings.Join(returning, ", "))
	var key int64
	stored := make([]*string, len(names))
	into := []any{&key}
	for i := range stored {
		into = append(into, &stored[i])
	}
	if err := tx.QueryRow(s.ctx, sql, values...).Scan(into...); err != nil {
		return 0, Change{}, fmt.Errorf("insert into %s: %w", table, err)
	}
	change := Change{Op: Insert, Table: table, Key: []Value{{Column: id, Value: textOf(key)}}}
	for i, name := range names {
		change.Values = append(change.Values, Value{Column: name, Value: stored[i]})
	}
	return key, change, nil
}

// sale is an invoice with one to six lines, billed to the customer's address of today.
func (s *simulation) sale(tx pgx.Tx, left int) ([]Change, error) {
	customer, ok, err := s.someID(tx, "customer", s.before["customer"], "true")
	if err != nil || !ok {
		return nil, firstOf(err, errMoved)
	}
	tracks, err := s.someTracks(tx, 1+s.rng.IntN(min(6, left-1)))
	if err != nil {
		return nil, err
	}
	billing := make([]any, 5)
	into := make([]any, 5)
	for i := range billing {
		into[i] = &billing[i]
	}
	err = tx.QueryRow(s.ctx, "select address, city, state, country, postal_code from customer where customer_id = $1",
		customer).Scan(into...)
	if err != nil {
		return nil, fmt.Errorf("read customer %d: %w", customer, firstOf(noRowsMoved(err), err))
	}
	prices, total, err := s.prices(tx, tracks)
	if err != nil {
		return nil, err
	}
	now, err := s.now(tx)
	if err != nil {
		return nil, err
	}
	invoice, change, err := s.insertRow(tx, "invoice",
		"customer_id invoice_date billing_address billing_city billing_state billing_country billing_postal_code total",
		append(append([]any{customer, now}, billing...), total)...)
	if err != nil {
		return nil, err
	}
	changes := []Change{change}
	for i, track := range tracks {
		_, change, err := s.insertRow(tx, "invoice_line", "invoice_id track_id unit_price quantity", invoice, track, prices[i], 1)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (s *simulation) now(tx pgx.Tx) (text string, err error) {
	if err := tx.QueryRow(s.ctx, "select localtimestamp(0)::text").Scan(&text); err != nil {
		return "", fmt.Errorf("read server's time: %w", err)
	}
	return text, nil
}

// prices are those of the tracks, in their order, and what they come to.
func (s *simulation) prices(tx pgx.Tx, tracks []int64) (prices []string, total string, err error) {
	err = tx.QueryRow(s.ctx, `select array_agg(unit_price::text order by n), sum(unit_price)::text
		from unnest($1::bigint[]) with ordinality chosen (id, n) join track on track_id = id`, tracks).Scan(&prices, &total)
	if err != nil {
		return nil, "", fmt.Errorf("read prices: %w", err)
	}
	if len(prices) != len(tracks) {
		return nil, "", errMoved
	}
	return prices, total, nil
}

// someTracks are up to n different tracks, at least one.
func (s *simulation) someTracks(tx pgx.Tx, n int) ([]int64, error) {
	var tracks []int64
	seen := map[int64]bool{}
	for range n {
		track, ok, err := s.someID(tx, "track", s.before["track"], "true")
		if err != nil || !ok {
			return nil, firstOf(err, errMoved)
		}
		if !seen[track] {
			seen[track] = true
			tracks = append(tracks, track)
		}
	}
	return tracks, nil
}

func (s *simulation) newCustomer(tx pgx.Tx, _ int) ([]Change, error) {
	var agent any
	if id, ok, err := s.someID(tx, "employee", s.before["employee"], "title like 'Sales Support%'"); err != nil {
		return nil, err
	} else if ok {
		agent = id
	}
	p := newPerson(s.rng, 1000+s.rng.IntN(9000))
	_, change, err := s.insertRow(tx, "customer",
		"first_name last_name company address city state country postal_code phone fax email support_rep_id",
		p.first, p.last, p.company, p.address, p.city, p.state, p.country, p.postal, p.phone, p.fax, p.email, agent)
	return []Change{change}, err
}

// release is a new artist with an album of one to ten tracks.
func (s *simulation) release(tx pgx.Tx, left int) ([]Change, error) {
	artist, newArtist, err := s.insertRow(tx, "artist", "name", artistName(s.rng))
	if err != nil {
		return nil, err
	}
	album, newAlbum, err := s.insertRow(tx, "album", "title artist_id", songName(s.rng), artist)
	if err != nil {
		return nil, err
	}
	media, ok, err := s.someID(tx, "media_type", s.before["media_type"], "true")
	if err != nil || !ok {
		return nil, firstOf(err, errMoved)
	}
	var genre any
	if id, ok, err := s.someID(tx, "genre", s.before["genre"], "true"); err != nil {
		return nil, err
	} else if ok {
		genre = id
	}
	changes := []Change{newArtist, newAlbum}
	for range 1 + s.rng.IntN(min(10, left-2)) {
		milliseconds := 90_000 + s.rng.IntN(400_000)
		_, track, err := s.insertRow(tx, "track", "name album_id media_type_id genre_id composer milliseconds bytes unit_price",
			songName(s.rng), album, media, genre, maybe(s.rng, 0.3, composers(s.rng)), milliseconds, milliseconds*32, "0.99")
		if err != nil {
			return nil, err
		}
		changes = append(changes, track)
	}
	return changes, nil
}

// newPlaylist is a playlist of one to eight tracks.
func (s *simulation) newPlaylist(tx pgx.Tx, left int) ([]Change, error) {
	tracks, err := s.someTracks(tx, 1+s.rng.IntN(min(8, left-1)))
	if err != nil {
		return nil, err
	}
	playlist, change, err := s.insertRow(tx, "playlist", "name", pick(s.rng, adjectives)+" "+pick(s.rng, nouns)+" Mix")
	if err != nil {
		return nil, err
	}
	changes := []Change{change}
	for _, track := range tracks {
		if _, err := tx.Exec(s.ctx, "insert into playlist_track (playlist_id, track_id) values ($1, $2)", playlist, track); err != nil {
			return nil, fmt.Errorf("insert into playlist_track: %w", err)
		}
		changes = append(changes, Change{Op: Insert, Table: "playlist_track", Key: playlistTrackKey(playlist, track)})
	}
	return changes, nil
}

func playlistTrackKey(playlist, track int64) []Value {
	return []Value{{Column: "playlist_id", Value: textOf(playlist)}, {Column: "track_id", Value: textOf(track)}}
}
