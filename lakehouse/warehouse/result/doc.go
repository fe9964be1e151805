// Package result is the result of a statement: its rows, page by page, in Arrow or in columns of Thrift, and values as text.
package result
