// Package ingest holds the example of the configuration, which the program prints and takes the
// descriptions of keys from.
package ingest

import _ "embed"

// Example is ingest.example.toml: every key with its default.
//
//go:embed ingest.example.toml
var Example string
