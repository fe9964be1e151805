// Package vector holds decoded values in columns: growable slices in Arrow's
// own memory layout, so that a full batch becomes an Arrow record without a
// copy and without an allocation per value.
//
// It does not know where values come from or where records go.
package vector
