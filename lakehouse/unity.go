//go:build cgo

package lakehouse

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

const metastoreID = "10ca1da7-a000-4000-8000-000000000001"

// unity answers the Unity Catalog interface. Catalogs, schemas and tables come from the SQL warehouse; a volume is a directory.
type unity struct {
	warehouse *warehouse.Warehouse
	store     *store
	withheld  []string // Options.Withheld
	grants    *objectPermissions
}

// securable is the part of an answer that every catalog object has.
type securable struct {
	Name        string `json:"name"`
	FullName    string `json:"full_name"`
	Owner       string `json:"owner"`
	MetastoreID string `json:"metastore_id"`
}

func newSecurable(names ...string) securable {
	return securable{Name: names[len(names)-1], FullName: strings.Join(names, "."), Owner: localUser, MetastoreID: metastoreID}
}

// stableID is an identifier that the same names always have.
func stableID(names ...string) string {
	h := sha256.Sum256([]byte(strings.Join(names, ".")))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// splitName takes a full name of that many parts, in lower case as Unity
// Catalog keeps them.
func splitName(full string, parts int) ([]string, error) {
	names := strings.Split(strings.ToLower(full), ".")
	if len(names) != parts || slices.Contains(names, "") {
		return nil, badParameter("%q is not a name of %d parts.", full, parts)
	}
	return names, nil
}

// checkName refuses what Unity Catalog does not accept as a new object's name.
func checkName(field, name string) error {
	if name == "" {
		return badParameter("Missing required field: %s", field)
	}
	bad := strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '.' || r == '/' })
	if bad >= 0 || len(name) > maxNameBytes || nameFault(name) != "" {
		return badParameter("%s %q is not a valid name: no period, slash, space or control character, and at most 255 bytes.", field, name)
	}
	return nil
}

// unityError translates a refusal of the SQL warehouse to an error of this API.
func unityError(err error) error {
	var e *warehouse.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Class {
	case "NO_SUCH_CATALOG_EXCEPTION":
		return refuse(http.StatusNotFound, "CATALOG_DOES_NOT_EXIST", "%s", e.Message)
	case "SCHEMA_NOT_FOUND":
		return refuse(http.StatusNotFound, "SCHEMA_DOES_NOT_EXIST", "%s", e.Message)
	case "TABLE_OR_VIEW_NOT_FOUND":
		return refuse(http.StatusNotFound, "TABLE_DOES_NOT_EXIST", "%s", e.Message)
	case "SCHEMA_ALREADY_EXISTS":
		return refuse(http.StatusBadRequest, "SCHEMA_ALREADY_EXISTS", "%s", e.Message)
	case "SCHEMA_NOT_EMPTY":
		return refuse(http.StatusBadRequest, "INVALID_STATE", "%s", e.Message)
	}
	return refuse(http.StatusBadRequest, "BAD_REQUEST", "%s", e.Error())
}

func (u unity) hasCatalog(catalog string) error {
	if !slices.Contains(u.warehouse.Catalogs(), catalog) {
		return refuse(http.StatusNotFound, "CATALOG_DOES_NOT_EXIST", "Catalog '%s' does not exist.", catalog)
	}
	return nil
}

func (u unity) hasSchema(ctx context.Context, catalog, schema string) error {
	if err := u.hasCatalog(catalog); err != nil {
		return err
	}
	schemas, err := u.warehouse.Schemas(ctx, catalog)
	if err != nil {
		return unityError(err)
	}
	if !slices.Contains(schemas, schema) {
		return refuse(http.StatusNotFound, "SCHEMA_DOES_NOT_EXIST", "Schema '%s.%s' does not exist.", catalog, schema)
	}
	return nil
}

// onePage returns the page of a sorted list for max_results and page_token, and the token of the next page. As at Databricks,
// everything is one page without max_results.
func onePage[T any](all []T, name func(T) string, q url.Values, most int) ([]T, string, error) {
	after, err := base64.RawURLEncoding.DecodeString(q.Get("page_token"))
	if err != nil {
		return nil, "", badParameter("The page token is not one of this listing.")
	}
	start := 0
	for len(after) > 0 && start < len(all) && name(all[start]) <= string(after) {
		start++
	}
	all = all[start:]
	if !q.Has("max_results") {
		return all, "", nil
	}
	limit, err := pageLimit(q.Get("max_results"), most)
	if err != nil {
		return nil, "", err
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], base64.RawURLEncoding.EncodeToString([]byte(name(all[limit-1]))), nil
}

// writePage answers with one page of a list.
func writePage[T any](w http.ResponseWriter, key string, page []T, next string) {
	answer := map[string]any{key: page}
	if len(page) == 0 {
		delete(answer, key)
	}
	if next != "" {
		answer["next_page_token"] = next
	}
	writeJSON(w, http.StatusOK, answer)
}

func itself(name string) string { return name }

type catalogInfo struct {
	securable
	CatalogType   string `json:"catalog_type"`
	SecurableType string `json:"securable_type"`
	CreatedBy     string `json:"created_by"`
}

func newCatalogInfo(name string) catalogInfo {
	return catalogInfo{newSecurable(name), "MANAGED_CATALOG", "CATALOG", localUser}
}

func (u unity) listCatalogs(w http.ResponseWriter, r *http.Request) error {
	names, next, err := onePage(u.warehouse.Catalogs(), itself, r.URL.Query(), maxPageEntries)
	if err != nil {
		return err
	}
	var page []catalogInfo
	for _, name := range names {
		page = append(page, newCatalogInfo(name))
	}
	writePage(w, "catalogs", page, next)
	return nil
}

// createCatalog refuses: catalogs are set when the server starts.
func (u unity) createCatalog(http.ResponseWriter, *http.Request) error {
	return refuse(http.StatusForbidden, "PERMISSION_DENIED",
		"User does not have CREATE CATALOG on the metastore: name the catalog where the local workspace is started.")
}

func (u unity) describeCatalog(w http.ResponseWriter, r *http.Request) error {
	name := strings.ToLower(r.PathValue("name"))
	if err := u.hasCatalog(name); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newCatalogInfo(name))
	return nil
}

type schemaInfo struct {
	securable
	CatalogName string `json:"catalog_name"`
	CatalogType string `json:"catalog_type"`
	SchemaID    string `json:"schema_id"`
	CreatedBy   string `json:"created_by"`
	Comment     string `json:"comment,omitempty"`
}

func (u unity) schemaInfo(ctx context.Context, catalog, schema string) (schemaInfo, error) {
	comment, err := u.warehouse.SchemaComment(ctx, catalog, schema)
	return schemaInfo{newSecurable(catalog, schema), catalog, "MANAGED_CATALOG", stableID(catalog, schema), localUser, comment}, err
}

// writeSchema answers with one schema.
func (u unity) writeSchema(w http.ResponseWriter, r *http.Request, catalog, schema string) error {
	info, err := u.schemaInfo(r.Context(), catalog, schema)
	if err == nil {
		writeJSON(w, http.StatusOK, info)
	}
	return err
}

func (u unity) listSchemas(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	catalog := strings.ToLower(q.Get("catalog_name"))
	if err := u.hasCatalog(catalog); err != nil {
		return err
	}
	all, err := u.warehouse.Schemas(r.Context(), catalog)
	if err != nil {
		return unityError(err)
	}
	names, next, err := onePage(all, itself, q, maxPageEntries)
	if err != nil {
		return err
	}
	var page []schemaInfo
	for _, name := range names {
		info, err := u.schemaInfo(r.Context(), catalog, name)
		if err != nil {
			return err
		}
		page = append(page, info)
	}
	writePage(w, "schemas", page, next)
	return nil
}

func (u unity) createSchema(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Catalog string `json:"catalog_name"`
		Name    string `json:"name"`
		Comment string `json:"comment"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	catalog, name := strings.ToLower(in.Catalog), strings.ToLower(in.Name)
	if err := checkName("name", name); err != nil {
		return err
	}
	if err := u.hasCatalog(catalog); err != nil {
		return err
	}
	if err := u.mayCreate(r, "CREATE_SCHEMA", "Catalog '"+catalog+"'"); err != nil {
		return err
	}
	if err := u.warehouse.CreateSchema(r.Context(), catalog, name); err != nil {
		return unityError(err)
	}
	if in.Comment != "" {
		if err := u.warehouse.CommentOnSchema(r.Context(), catalog, name, in.Comment); err != nil {
			return unityError(err)
		}
	}
	return u.writeSchema(w, r, catalog, name)
}

func (u unity) describeSchema(w http.ResponseWriter, r *http.Request) error {
	names, err := splitName(r.PathValue("name"), 2)
	if err != nil {
		return err
	}
	if err := u.hasSchema(r.Context(), names[0], names[1]); err != nil {
		return err
	}
	return u.writeSchema(w, r, names[0], names[1])
}

// objectUpdate is what can be changed of a schema or a volume.
type objectUpdate struct {
	Comment *string `json:"comment"`
	NewName string  `json:"new_name"`
}

// readUpdate accepts the supported changes: comments. A request may also have the owner, which is always the same.
func readUpdate(r *http.Request) (in objectUpdate, err error) {
	if err = readJSON(r, &in); err == nil && in.NewName != "" {
		err = badParameter("new_name: the local workspace renames no schema and no volume.")
	}
	return in, err
}

// updateSchema replaces a schema's comment.
func (u unity) updateSchema(w http.ResponseWriter, r *http.Request) error {
	names, err := splitName(r.PathValue("name"), 2)
	if err != nil {
		return err
	}
	in, err := readUpdate(r)
	if err != nil {
		return err
	}
	if err := u.hasSchema(r.Context(), names[0], names[1]); err != nil {
		return err
	}
	if in.Comment != nil {
		if err := u.warehouse.CommentOnSchema(r.Context(), names[0], names[1], *in.Comment); err != nil {
			return unityError(err)
		}
	}
	return u.writeSchema(w, r, names[0], names[1])
}

// deleteSchema drops a schema; with force, its tables and volumes too.
func (u unity) deleteSchema(w http.ResponseWriter, r *http.Request) error {
	names, err := splitName(r.PathValue("name"), 2)
	if err != nil {
		return err
	}
	force := false
	if text := r.URL.Query().Get("force"); text != "" {
		if force, err = strconv.ParseBool(text); err != nil {
			return badParameter("force=%s is neither true nor false.", text)
		}
	}
	if err := u.hasSchema(r.Context(), names[0], names[1]); err != nil {
		return err
	}
	volumes, err := u.volumes(names[0], names[1])
	if err != nil {
		return err
	}
	if len(volumes) > 0 && !force {
		return refuse(http.StatusBadRequest, "INVALID_STATE", "Schema '%s' is not empty. The schema has %d volume(s).",
			strings.Join(names, "."), len(volumes))
	}
	if err := u.warehouse.DropSchema(r.Context(), names[0], names[1], force); err != nil {
		return unityError(err)
	}
	if err := u.removeTree("Volumes/" + names[0] + "/" + names[1]); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}
