// Package copybinary takes the stream of COPY … TO STDOUT (FORMAT binary) apart
// into tuples and fields, whatever chunks it comes in, without an allocation per
// tuple. It follows the PostgreSQL manual's page on COPY, section "Binary
// Format".
//
// It does no I/O, and must not know what a field means.
package copybinary
