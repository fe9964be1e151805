//go:build cgo

package lakehouse

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const dashboardsFile = "dashboards.json"

// maxDashboardBytes bounds a definition. Databricks allows 10 MB.
const maxDashboardBytes = 10 << 20

// dashboard is a dashboard as the Lakeview API describes it. It is stored, and never drawn.
type dashboard struct {
	ID         string    `json:"dashboard_id"`
	Name       string    `json:"display_name"`
	Path       string    `json:"path"`
	ParentPath string    `json:"parent_path,omitempty"`
	Warehouse  string    `json:"warehouse_id,omitempty"`
	Definition string    `json:"serialized_dashboard,omitempty"`
	Etag       string    `json:"etag"`
	State      string    `json:"lifecycle_state"`
	Created    time.Time `json:"create_time"`
	Updated    time.Time `json:"update_time"`
}

// published is the published version of a dashboard.
type published struct {
	Name      string    `json:"display_name"`
	Warehouse string    `json:"warehouse_id,omitempty"`
	Embed     bool      `json:"embed_credentials"`
	Revised   time.Time `json:"revision_create_time"`
}

// storedDashboard is a dashboard in the workspace's file.
type storedDashboard struct {
	dashboard
	Published *published `json:"published,omitempty"`
}

// dashboards stores the dashboards of a workspace. Its methods may be called from any goroutine.
type dashboards struct {
	store *store
	now   func() time.Time

	mu   sync.Mutex
	kept map[string]*storedDashboard
}

func openDashboards(s *store, now func() time.Time) (*dashboards, error) {
	d := &dashboards{store: s, now: now, kept: map[string]*storedDashboard{}}
	if err := s.load(dashboardsFile, &d.kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return d, nil
}

// routes are the calls of the Lakeview API that the Databricks CLI needs for a bundle.
func (d *dashboards) routes() map[string]endpoint {
	const all = "/api/2.0/lakeview/dashboards"
	return map[string]endpoint{
		"POST " + all:                       d.create,
		"GET " + all + "/{id}":              d.one(func(s *storedDashboard) (any, error) { return s.dashboard, nil }),
		"PATCH " + all + "/{id}":            d.update,
		"DELETE " + all + "/{id}":           d.changing((*storedDashboard).trash),
		"POST " + all + "/{id}/published":   d.changing(d.publish),
		"GET " + all + "/{id}/published":    d.one((*storedDashboard).publication),
		"DELETE " + all + "/{id}/published": d.changing((*storedDashboard).unpublish),
	}
}

// given reads what a request says of a dashboard.
func given(r *http.Request, s *storedDashboard) error {
	before := s.dashboard
	if err := readLongJSON(r, &s.dashboard, maxDashboardBytes+maxJSONBytes); err != nil {
		return err
	}
	if s.Etag != before.Etag && before.Etag != "" {
		return refuse(http.StatusConflict, "ABORTED", "The dashboard was changed: its etag is %s, not %s.", before.Etag, s.Etag)
	}
	s.ID, s.State, s.Created = before.ID, before.State, before.Created
	if s.Definition != "" && !json.Valid([]byte(s.Definition)) {
		return badParameter("serialized_dashboard is not JSON.")
	}
	if s.Name == "" {
		return badParameter("display_name is empty.")
	}
	return nil
}

func (d *dashboards) touch(s *storedDashboard) {
	number, _ := strconv.Atoi(s.Etag)
	s.Etag, s.Updated, s.Path = strconv.Itoa(number+1), d.now().UTC(), s.ParentPath+"/"+s.Name+".lvdash.json"
}

func (d *dashboards) create(w http.ResponseWriter, r *http.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := new(storedDashboard)
	if err := given(r, s); err != nil {
		return err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	s.ID, s.Etag, s.State, s.Created = hex.EncodeToString(id), "", "ACTIVE", d.now().UTC()
	d.touch(s)
	d.kept[s.ID] = s
	return d.answer(w, s.dashboard)
}

func (d *dashboards) update(w http.ResponseWriter, r *http.Request) error {
	return d.changing(func(s *storedDashboard, r *http.Request) (any, error) {
		if err := given(r, s); err != nil {
			return nil, err
		}
		d.touch(s)
		return s.dashboard, nil
	})(w, r)
}

func (d *dashboards) publish(s *storedDashboard, r *http.Request) (any, error) {
	p := &published{Warehouse: s.Warehouse}
	if err := readJSON(r, p); err != nil {
		return nil, err
	}
	p.Name, p.Revised = s.Name, d.now().UTC()
	s.Published = p
	return p, nil
}

func (s *storedDashboard) unpublish(*http.Request) (any, error) {
	s.Published = nil
	return struct{}{}, nil
}

func (s *storedDashboard) trash(*http.Request) (any, error) {
	s.State = "TRASHED"
	return struct{}{}, nil
}

func (s *storedDashboard) publication() (any, error) {
	if s.Published == nil {
		return nil, refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Dashboard %s is not published.", s.ID)
	}
	return s.Published, nil
}

// one answers with what show says of a dashboard.
func (d *dashboards) one(show func(*storedDashboard) (any, error)) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		s, err := d.find(r)
		if err != nil {
			return err
		}
		shown, err := show(s)
		if err == nil {
			writeJSON(w, http.StatusOK, shown)
		}
		return err
	}
}

// changing changes a copy of a dashboard, and stores it unless that fails.
func (d *dashboards) changing(change func(*storedDashboard, *http.Request) (any, error)) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		s, err := d.find(r)
		if err != nil {
			return err
		}
		changed := *s
		shown, err := change(&changed, r)
		if err != nil {
			return err
		}
		d.kept[s.ID] = &changed
		return d.answer(w, shown)
	}
}

func (d *dashboards) find(r *http.Request) (*storedDashboard, error) {
	id := r.PathValue("id")
	s := d.kept[id]
	if s == nil || s.State == "TRASHED" && r.Method != http.MethodGet {
		return nil, noDashboard(id)
	}
	return s, nil
}

// has returns an error if there is no dashboard of that id.
func (d *dashboards) has(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.kept[id]; s == nil || s.State == "TRASHED" {
		return noDashboard(id)
	}
	return nil
}

func noDashboard(id string) error {
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Unable to find dashboard %s.", id)
}

// answer stores the dashboards and answers. The caller holds the lock.
func (d *dashboards) answer(w http.ResponseWriter, shown any) error {
	if err := d.store.save(dashboardsFile, d.kept); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, shown)
	return nil
}
