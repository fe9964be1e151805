//go:build cgo

package lakehouse

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

// maxTablesPage is the most tables that one page holds.
const maxTablesPage = 50

type columnInfo struct {
	Name          string `json:"name"`
	Position      int    `json:"position"`
	TypeName      string `json:"type_name"`
	TypeText      string `json:"type_text"`
	TypePrecision int    `json:"type_precision,omitempty"`
	TypeScale     int    `json:"type_scale,omitempty"`
	Nullable      bool   `json:"nullable"`
	Comment       string `json:"comment,omitempty"`
}

type tableInfo struct {
	securable
	CatalogName      string            `json:"catalog_name"`
	SchemaName       string            `json:"schema_name"`
	TableID          string            `json:"table_id"`
	TableType        string            `json:"table_type"`
	DataSourceFormat string            `json:"data_source_format,omitempty"`
	Comment          string            `json:"comment,omitempty"`
	Columns          []columnInfo      `json:"columns,omitempty"`
	Properties       map[string]string `json:"properties,omitempty"`
	ViewDefinition   string            `json:"view_definition,omitempty"`
	CreatedAt        int64             `json:"created_at,omitempty"`
	UpdatedAt        int64             `json:"updated_at,omitempty"`
	CreatedBy        string            `json:"created_by"`
}

func newTableInfo(t warehouse.Table) tableInfo {
	info := tableInfo{
		securable: newSecurable(t.Catalog, t.Schema, t.Name), CatalogName: t.Catalog, SchemaName: t.Schema,
		TableID: stableID(t.Catalog, t.Schema, t.Name), TableType: t.Kind, Comment: t.Comment, Properties: t.Properties, ViewDefinition: t.Query,
		CreatedAt: unixMillis(t.Created), UpdatedAt: unixMillis(t.Updated), CreatedBy: localUser,
	}
	if t.Kind == "MANAGED" {
		info.DataSourceFormat = "DELTA"
	}
	for _, c := range t.Columns {
		info.Columns = append(info.Columns, newColumnInfo(c))
	}
	return info
}

func unixMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// typeNames are the SQL types that have another name in this API.
var typeNames = map[string]string{"BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE", "VOID": "NULL"}

// newColumnInfo describes a column. The text of a type is in lower case, but
// for the names of a struct's fields.
func newColumnInfo(c warehouse.Column) columnInfo {
	head, rest := c.Type, ""
	if at := strings.IndexAny(head, "(<"); at >= 0 {
		head, rest = head[:at], head[at:]
	}
	name := strings.ToUpper(strings.TrimSpace(head))
	info := columnInfo{
		Name: c.Name, Position: c.Position, TypeName: name, TypeText: strings.ToLower(head) + rest, Nullable: c.Nullable, Comment: c.Comment,
	}
	if other, ok := typeNames[name]; ok {
		info.TypeName = other
	}
	if strings.HasPrefix(name, "INTERVAL") {
		info.TypeName = "INTERVAL"
	}
	if name == "DECIMAL" {
		precision, scale, _ := strings.Cut(strings.Trim(rest, "()"), ",")
		info.TypePrecision, _ = strconv.Atoi(strings.TrimSpace(precision))
		info.TypeScale, _ = strconv.Atoi(strings.TrimSpace(scale))
	}
	return info
}

func (u unity) listTables(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	catalog, schema := strings.ToLower(q.Get("catalog_name")), strings.ToLower(q.Get("schema_name"))
	if err := u.hasSchema(r.Context(), catalog, schema); err != nil {
		return err
	}
	all, err := u.warehouse.Tables(r.Context(), catalog, schema)
	if err != nil {
		return unityError(err)
	}
	tables, next, err := onePage(all, func(t warehouse.Table) string { return t.Name }, q, maxTablesPage)
	if err != nil {
		return err
	}
	var page []tableInfo
	for _, t := range tables {
		info := newTableInfo(t)
		if q.Get("omit_columns") == "true" {
			info.Columns = nil
		}
		if q.Get("omit_properties") == "true" {
			info.Properties = nil
		}
		page = append(page, info)
	}
	writePage(w, "tables", page, next)
	return nil
}

func (u unity) table(r *http.Request) (warehouse.Table, error) {
	names, err := splitName(r.PathValue("name"), 3)
	if err != nil {
		return warehouse.Table{}, err
	}
	if err := u.hasSchema(r.Context(), names[0], names[1]); err != nil {
		return warehouse.Table{}, err
	}
	t, err := u.warehouse.Table(r.Context(), names[0], names[1], names[2])
	if err != nil {
		return warehouse.Table{}, unityError(err)
	}
	return t, nil
}

func (u unity) describeTable(w http.ResponseWriter, r *http.Request) error {
	t, err := u.table(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newTableInfo(t))
	return nil
}

// tableExists answers 200 in both cases; a schema that is missing is an error.
func (u unity) tableExists(w http.ResponseWriter, r *http.Request) error {
	_, err := u.table(r)
	var refusal *apiError
	missing := errors.As(err, &refusal) && refusal.code == "TABLE_DOES_NOT_EXIST"
	if err != nil && !missing {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"table_exists": !missing})
	return nil
}

func (u unity) deleteTable(w http.ResponseWriter, r *http.Request) error {
	t, err := u.table(r)
	if err != nil {
		return err
	}
	if err := u.warehouse.DropTable(r.Context(), t.Catalog, t.Schema, t.Name); err != nil {
		return unityError(err)
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}
