// Package wait is waiting: for a time, unless a context ends it, and for longer
// and longer times between attempts at something that fails.
//
// It imports nothing of this project and knows no domain.
package wait
