// Package vector holds decoded values in columns. A column is a growable slice
// in Arrow's memory layout, so a full batch becomes an Arrow record without a
// copy and without an allocation per value.
//
// The package does not know where values come from or where records go.
package vector
