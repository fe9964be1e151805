// Package probe tests how a workspace behaves. It asks for behaviour that no
// documentation guarantees and that this program depends on. It works in a
// schema of its own, which it creates and removes. The only other thing that it
// writes is its verdict: see Keep.
//
// Each question is one function and one row of the table in questions.go. If an
// answer is one that the program does not support, the pipeline does not start.
//
// The package knows nothing of a ledger or a source.
package probe
