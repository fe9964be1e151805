// Package chinook makes data of the shape of the Chinook sample database (a music shop: 11 tables), all of
// it generated and always the same, and simulates such a shop's business in any Chinook-shaped source.
//
// It speaks plain SQL to a connection that it is handed; it must not know what replicates the database, nor
// import any other package of this module.
package chinook

import (
	"context"
	_ "embed" // the statements that make the tables
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed tables.sql
var tablesSQL string

//go:embed keys.sql
var keysSQL string

// maxScale keeps the track ids below the limit of int.
const maxScale = 500_000

// Tables are the names of the eleven tables, in alphabetical order.
func Tables() []string {
	return []string{"album", "artist", "customer", "employee", "genre", "invoice", "invoice_line",
		"media_type", "playlist", "playlist_track", "track"}
}

// generated is one table's rows.
type generated struct {
	table   string
	columns string
	rows    int
	row     func(i int) []any
}

func (c *catalogue) tables() []generated {
	playlistTracks := 0
	for _, size := range playlistSizes {
		playlistTracks += size
	}
	return []generated{
		{"genre", "genre_id name", len(genres), c.genre},
		{"media_type", "media_type_id name", len(mediaTypes), c.mediaType},
		{"artist", "artist_id name", c.scale * unitArtists, c.artist},
		{"album", "album_id title artist_id", c.scale * unitAlbums, c.album},
		{"track", "track_id name album_id media_type_id genre_id composer milliseconds bytes unit_price",
			c.scale * unitTracks, c.track},
		{"employee", "employee_id last_name first_name title reports_to birth_date hire_date address city state " +
			"country postal_code phone fax email", employeeCount, c.employee},
		{"customer", "customer_id first_name last_name company address city state country postal_code phone fax " +
			"email support_rep_id", c.scale * unitCustomers, c.customer},
		{"invoice", "invoice_id customer_id invoice_date billing_address billing_city billing_state billing_country " +
			"billing_postal_code total", c.scale * unitInvoices, c.invoice},
		{"invoice_line", "invoice_line_id invoice_id track_id unit_price quantity", c.scale * unitLines, c.invoiceLine},
		{"playlist", "playlist_id name", len(playlistNames), c.playlist},
		{"playlist_track", "playlist_id track_id", c.scale * playlistTracks, c.playlistTrack},
	}
}

// Create makes the tables in the first schema of the connection's search path and fills them, all in one
// transaction. Scale 1 is the size of the public sample database (15,607 rows); artists, albums, tracks,
// customers, invoices and playlists' contents grow with the scale. Tables of these names must not exist.
func Create(ctx context.Context, conn *pgx.Conn, scale int) error {
	if scale < 1 || scale > maxScale {
		return fmt.Errorf("create chinook: scale %d: must be from 1 to %d", scale, maxScale)
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, tablesSQL); err != nil {
			return tableError(err)
		}
		for _, g := range newCatalogue(scale).tables() {
			rows := pgx.CopyFromSlice(g.rows, func(i int) ([]any, error) { return g.row(i), nil })
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{g.table}, strings.Fields(g.columns), rows); err != nil {
				return fmt.Errorf("fill %s: %w", g.table, err)
			}
		}
		if _, err := tx.Exec(ctx, keysSQL); err != nil {
			return fmt.Errorf("make foreign keys: %w", err)
		}
		// Row estimates are there from the start, without waiting for autovacuum.
		if _, err := tx.Exec(ctx, "analyze "+strings.Join(Tables(), ", ")); err != nil {
			return fmt.Errorf("analyze tables: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("create chinook: %w", err)
	}
	return nil
}

func tableError(err error) error {
	if hasCode(err, pgerrcode.DuplicateTable) {
		return fmt.Errorf("make tables: %w; use an empty database or schema", err)
	}
	return fmt.Errorf("make tables: %w", err)
}

func hasCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}
