// Package tables moves tables that are unlike the usual ones, by what they are
// called, how they are made, or what identifies their rows, from a real
// Postgres into the local workspace: by a full load and by changes. Each is
// verified, cell by cell and by what its view shows, or refused before anything
// is written.
package tables
