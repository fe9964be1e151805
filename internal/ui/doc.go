// Package ui is how the program talks: results on standard output; logs,
// progress and errors on standard error; text and tables for people, JSON for
// programs.
//
// It knows no domain: it must not know what a table of Postgres, a segment or
// a ledger is. It reads no environment and opens no file.
package ui
