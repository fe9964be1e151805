//go:build cgo

package lakehouse

import (
	"context"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	workspaceNumber = 1000000000000001
	workspaceID     = "1000000000000001"
	httpPath        = "/sql/1.0/warehouses/" + warehouseID
)

// ServeHTTP counts a request, applies a test's fault, and handles it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.gate.enter() {
		writeRefusal(w, refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "The workspace is closing."))
		return
	}
	defer s.gate.leave()
	mark(r)
	n := s.requests.Add(1)
	started := time.Now()
	defer func() {
		s.log.Debug("request", "n", n, "method", r.Method, "path", r.URL.Path, "duration", time.Since(started))
	}()
	if s.options.Intercept != nil {
		if f := s.options.Intercept(n, r); f != nil {
			f.apply(s.handle, w, r)
			return
		}
	}
	s.handle(w, r)
}

type callerKey struct{}

// caller is who sent an authenticated request.
func caller(r *http.Request) string {
	name, _ := r.Context().Value(callerKey{}).(string)
	return name
}

// handle serves the discovery of sign-in to all, and everything else only with a token.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/databricks-config":
		serveHostMetadata(base(r))(w, r)
		return
	case "/oidc/.well-known/oauth-authorization-server":
		serveDiscovery(base(r))(w, r)
		return
	case "/oidc/v1/token":
		s.auth.serveToken(w, r)
		return
	case "/":
		if r.Header.Get("Authorization") == "" {
			endpoint(s.servePage).serve(s.log, w, r)
			return
		}
	}
	name, failure := s.auth.caller(r)
	if failure != nil {
		drain(r)
		failure.write(w)
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, name))
	if strings.HasPrefix(r.URL.Path, "//sql/") {
		r.URL.Path = r.URL.Path[1:] // the JDBC driver writes it so
	}
	switch {
	case strings.HasPrefix(r.URL.EscapedPath(), "/api/2.0/fs/"):
		endpoint(s.files.serveFiles).serve(s.log, w, r)
	case path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/"):
		endpoint(endpointNotFound).serve(s.log, w, r) // the mux would redirect it
	default:
		s.mux.ServeHTTP(w, r)
	}
}

func endpointNotFound(_ http.ResponseWriter, r *http.Request) error {
	return refuse(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "No API found for '%s %s'", r.Method, r.URL.Path)
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	u := unity{warehouse: s.warehouse, store: s.store, withheld: s.options.Withheld, grants: s.grants}
	api := warehouseAPI{s}
	acls := scopeACLs{secrets: s.secrets, grants: s.grants}
	const uc, secrets, sql = "/api/2.1/unity-catalog", "/api/2.0/secrets", "/api/2.0/sql/warehouses"
	for pattern, e := range map[string]endpoint{
		"GET /api/2.0/preview/scim/v2/Me": serveMe,

		"GET " + uc + "/catalogs":                            u.listCatalogs,
		"POST " + uc + "/catalogs":                           u.createCatalog,
		"GET " + uc + "/catalogs/{name}":                     u.describeCatalog,
		"GET " + uc + "/schemas":                             u.listSchemas,
		"POST " + uc + "/schemas":                            u.createSchema,
		"GET " + uc + "/schemas/{name}":                      u.describeSchema,
		"PATCH " + uc + "/schemas/{name}":                    u.updateSchema,
		"DELETE " + uc + "/schemas/{name}":                   u.deleteSchema,
		"GET " + uc + "/volumes":                             u.listVolumes,
		"POST " + uc + "/volumes":                            u.createVolume,
		"GET " + uc + "/volumes/{name}":                      u.describeVolume,
		"PATCH " + uc + "/volumes/{name}":                    u.updateVolume,
		"DELETE " + uc + "/volumes/{name}":                   u.deleteVolume,
		"GET " + uc + "/tables":                              u.listTables,
		"GET " + uc + "/tables/{name}":                       u.describeTable,
		"GET " + uc + "/tables/{name}/exists":                u.tableExists,
		"DELETE " + uc + "/tables/{name}":                    u.deleteTable,
		"GET " + uc + "/permissions/{type}/{name}":           u.permissions,
		"PATCH " + uc + "/permissions/{type}/{name}":         u.changePermissions,
		"GET " + uc + "/effective-permissions/{type}/{name}": u.effectivePermissions,
		"GET " + uc + "/metastore_summary":                   u.metastoreSummary,
		"GET " + uc + "/current-metastore-assignment":        u.metastoreAssignment,

		"GET " + secrets + "/get":            s.secrets.get,
		"GET " + secrets + "/list":           s.secrets.list,
		"POST " + secrets + "/put":           s.secrets.put,
		"POST " + secrets + "/delete":        s.secrets.remove,
		"GET " + secrets + "/scopes/list":    s.secrets.listScopes,
		"POST " + secrets + "/scopes/create": s.secrets.createScope,
		"POST " + secrets + "/scopes/delete": s.secrets.deleteScope,
		"GET " + secrets + "/acls/list":      acls.list,
		"GET " + secrets + "/acls/get":       acls.get,
		"POST " + secrets + "/acls/put":      acls.put,
		"POST " + secrets + "/acls/delete":   acls.remove,

		"GET " + sql:                  api.listWarehouses,
		"GET " + sql + "/{id}":        api.describeWarehouse,
		"POST " + sql + "/{id}/start": api.startWarehouse,
		"POST " + sql + "/{id}/stop":  api.stopWarehouse,
		"POST /sql/1.0/{kind}/{id}":   api.runThrift,

		"POST /api/2.0/sql/statements":                       s.results.execute,
		"POST /api/2.0/sql/statements/{$}":                   s.results.execute,
		"GET /api/2.0/sql/statements/{id}":                   s.results.get,
		"POST /api/2.0/sql/statements/{id}/cancel":           s.results.cancel,
		"GET /api/2.0/sql/statements/{id}/result/chunks/{n}": s.results.chunk,

		"GET /api/2.0/permissions/warehouses/{id}":   api.warehousePermissions,
		"PUT /api/2.0/permissions/warehouses/{id}":   api.grantWarehouse,
		"PATCH /api/2.0/permissions/warehouses/{id}": api.grantWarehouse,

		"GET /api/2.0/permissions/{type}/{id}":                  s.grants.get,
		"PUT /api/2.0/permissions/{type}/{id}":                  s.grants.set,
		"PATCH /api/2.0/permissions/{type}/{id}":                s.grants.update,
		"GET /api/2.0/permissions/{type}/{id}/permissionLevels": s.grants.levelsOf,

		"POST /api/2.0/workspace-files/import-file/{path...}": s.own.importFile,
		"GET /api/2.0/workspace/get-status":                   s.own.getStatus,
		"GET /api/2.0/workspace/list":                         s.own.list,
		"GET /api/2.0/workspace/export":                       s.own.export,
		"POST /api/2.0/workspace/mkdirs":                      s.own.mkdirs,
		"POST /api/2.0/workspace/import":                      s.own.importObject,
		"POST /api/2.0/workspace/delete":                      s.own.remove,

		"/": endpointNotFound,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { e.serve(s.log, w, r) })
	}
	for pattern, e := range s.dashboards.routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { e.serve(s.log, w, r) })
	}
	for pattern, e := range (jobsAPI{s.jobs}).routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { e.serve(s.log, w, r) })
	}
	return mux
}

// serveMe describes the caller as SCIM does (RFC 7643, 4.1).
func serveMe(w http.ResponseWriter, r *http.Request) error {
	name := caller(r)
	writeJSON(w, http.StatusOK, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
		"id":      workspaceID, "userName": name, "displayName": name, "active": true,
		"emails": []map[string]any{{"value": localUser, "type": "work", "primary": true}},
	})
	return nil
}

// warehouseAPI is the SQL warehouse as REST and SQL drivers reach it.
type warehouseAPI struct{ *Server }

// address is where the server listens, as host and port.
func (s warehouseAPI) address() (host string, port int) {
	host, text, _ := net.SplitHostPort(s.listener.Addr().String())
	port, _ = strconv.Atoi(text)
	return host, port
}

func (s warehouseAPI) listWarehouses(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{"warehouses": []any{s.sql.describe(s.address())}})
	return nil
}

func knownWarehouse(r *http.Request) error {
	if id := r.PathValue("id"); id != warehouseID {
		return noWarehouse(id)
	}
	return nil
}

func noWarehouse(id string) error {
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST",
		"SQL warehouse %s does not exist; the local workspace has one, %s.", id, warehouseID)
}

func (s warehouseAPI) describeWarehouse(w http.ResponseWriter, r *http.Request) error {
	if err := knownWarehouse(r); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, s.sql.describe(s.address()))
	return nil
}

func (s warehouseAPI) startWarehouse(w http.ResponseWriter, r *http.Request) error {
	return s.switchWarehouse(w, r, s.sql.start)
}

func (s warehouseAPI) stopWarehouse(w http.ResponseWriter, r *http.Request) error {
	return s.switchWarehouse(w, r, s.sql.stop)
}

func (s warehouseAPI) switchWarehouse(w http.ResponseWriter, r *http.Request, do func()) error {
	if err := knownWarehouse(r); err != nil {
		return err
	}
	do()
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// runThrift serves the calls of SQL drivers, on the current path and on the older one ("endpoints").
func (s warehouseAPI) runThrift(w http.ResponseWriter, r *http.Request) error {
	if kind := r.PathValue("kind"); kind != "warehouses" && kind != "endpoints" {
		return endpointNotFound(w, r)
	}
	if err := knownWarehouse(r); err != nil {
		return err
	}
	return s.sql.serveThrift(s.warehouse, w, r)
}
