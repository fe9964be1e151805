// Package tables loads tables with unusual names, shapes or identities from a real Postgres into the local workspace: by a full
// load and by changes. Each is verified, cell by cell and by what its view shows, or refused before anything is written.
package tables
