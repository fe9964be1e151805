//go:build !cgo

package main

// localWorkspace says whether this build has the local workspace, whose DuckDB
// needs cgo.
const localWorkspace = false
