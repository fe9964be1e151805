package view

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// Properties of a view that record its definition. It also has
// bronze.PropertyLedger and bronze.PropertyPipeline.
const (
	PropertyQuery = "ingest.view"       // digest of its query
	PropertyTypes = "ingest.view_types" // digest of the types that it keeps, or follows
)

// follows is the value of PropertyTypes if the view follows the types of its
// table.
const follows = "follows"

// View is the definition that a view should have.
type View struct {
	Name  databricks.Table
	Query string
	// Kept says that loads create the view if it is missing. They only update
	// other views.
	Kept  bool
	types string // of the table's columns
	// says are the statements that set its comments and tags. The view is
	// complete without them.
	says []string
}

// Of adds the columns of the view's table.
func (v View) Of(columns bronze.Types) View {
	v.types = columns.Text()
	return v
}

// Saying adds the statements that set the view's comments and tags.
func (v View) Saying(statements []string) View {
	v.says = statements
	return v
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// keptPrefix is the prefix of the key of a view that loads create.
const keptPrefix = "kept "

// IsKept reports whether a key is of a view that loads create.
func IsKept(key string) bool { return strings.HasPrefix(key, keptPrefix) }

// Key identifies the view's definition. It changes when the definition does.
func (v View) Key() string {
	is := v.Query + "\n" + v.types
	if !v.Kept {
		return digest(is)
	}
	if len(v.says) > 0 {
		is += "\n" + strings.Join(v.says, "\n")
	}
	return keptPrefix + digest(is)
}

// Change is the change that a view needs.
type Change string

// The changes.
const (
	Created   Change = "created"
	Altered   Change = "altered"
	Unchanged Change = "unchanged"
	taken     Change = "taken" // the name belongs to a table
)

// needs reports whether a load creates or alters the view, and whether it sets
// the comments and tags.
func (v View) needs(change Change, ours bool) (makes, says bool) {
	makes = ours && change == Altered || v.Kept && change != Unchanged
	return makes, len(v.says) > 0 && v.Kept && (makes || ours)
}

// Statement is the statement that gives the view its query.
func (v View) Statement(change Change) string {
	if change == Altered {
		return databricks.AlterView(v.Name, v.Query)
	}
	return databricks.CreateView(v.Name, v.Query, true, nil)
}

// CopyCommand is the command that creates a table from the view's present
// rows.
func CopyCommand(view, table databricks.Table) string {
	return bronze.SQLCommand("CREATE OR REPLACE TABLE " + table.String() + " AS SELECT * FROM " + view.String())
}
