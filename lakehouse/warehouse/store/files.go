package store

import (
	"fmt"
	"os"
	"strings"
)

// CatalogFiles lists the catalogs in a directory by the names of their database files.
func CatalogFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list catalogs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".duckdb"); ok && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}
