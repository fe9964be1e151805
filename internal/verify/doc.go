// Package verify compares tables of the source with what their bronze tables
// fold into, as of one point: a snapshot of the source, and at the other end the
// log restricted to the transactions that the snapshot shows.
//
// It reads the source as Postgres's own text and renders the target by code of
// its own, so that a mistake of the loader's decoding is not made twice. It must
// not know how rows are staged or loaded, and it never writes to either end. To
// stage and load up to the point's fence is the caller's job.
package verify
