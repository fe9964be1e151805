// Package probe asks a workspace what no document says of it, and what this
// program rests on. It works in a schema of its own, which it makes and removes,
// and writes nowhere else, but for its verdict: see Keep.
//
// Each question is one function and one row of the table in questions.go. An
// answer that the program is not built for keeps the pipeline from starting.
//
// It knows nothing of a ledger or a source.
package probe
