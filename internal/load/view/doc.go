// Package view makes the views that users read, and keeps them as they should be:
// over a log, or over a table beside it. It alters a view and never replaces it,
// so that grants stay.
package view
