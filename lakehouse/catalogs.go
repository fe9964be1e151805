package lakehouse

import (
	"path/filepath"

	kept "github.com/ingest-tool/ingest/lakehouse/warehouse/store"
)

// Catalogs lists the catalogs of the workspace in a directory. It does not open the
// workspace. It returns an error that is fs.ErrNotExist if there is none.
func Catalogs(dir string) ([]string, error) {
	return kept.CatalogFiles(filepath.Join(dir, "catalogs"))
}
