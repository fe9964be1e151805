// Package result is what a statement answers: its rows, read page by page in the form
// that the client reads, which is Arrow or columns of Thrift, and values as texts.
package result
