//go:build cgo

package lakehouse

import (
	"errors"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

type volumeInfo struct {
	securable
	CatalogName     string `json:"catalog_name"`
	SchemaName      string `json:"schema_name"`
	VolumeID        string `json:"volume_id"`
	VolumeType      string `json:"volume_type"`
	StorageLocation string `json:"storage_location"`
	CreatedBy       string `json:"created_by"`
	Comment         string `json:"comment,omitempty"`
}

// volumeInfo describes a volume: a directory, and its comment beside it.
func (u unity) volumeInfo(catalog, schema, volume string) (volumeInfo, error) {
	id := stableID(catalog, schema, volume)
	comment, err := u.warehouse.VolumeComment(catalog, schema, volume)
	return volumeInfo{
		securable: newSecurable(catalog, schema, volume), CatalogName: catalog, SchemaName: schema, Comment: comment,
		VolumeID: id, VolumeType: "MANAGED", StorageLocation: "local://volumes/" + id, CreatedBy: localUser,
	}, err
}

// writeVolume answers with one volume.
func (u unity) writeVolume(w http.ResponseWriter, catalog, schema, volume string) error {
	info, err := u.volumeInfo(catalog, schema, volume)
	if err == nil {
		writeJSON(w, http.StatusOK, info)
	}
	return err
}

// volumes lists the volumes of a schema by name.
func (u unity) volumes(catalog, schema string) ([]string, error) {
	d, err := u.store.root.Open(path.Join("Volumes", catalog, schema))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// volume reads a full name and makes sure that there is such a volume.
func (u unity) volume(r *http.Request) ([]string, error) {
	names, err := splitName(r.PathValue("name"), 3)
	if err != nil {
		return nil, err
	}
	return names, u.hasVolume(r, names)
}

func (u unity) hasVolume(r *http.Request, names []string) error {
	if err := u.hasSchema(r.Context(), names[0], names[1]); err != nil {
		return err
	}
	volumes, err := u.volumes(names[0], names[1])
	if err != nil {
		return err
	}
	if !slices.Contains(volumes, names[2]) {
		return refuse(http.StatusNotFound, "VOLUME_DOES_NOT_EXIST", "Volume '%s' does not exist.", strings.Join(names, "."))
	}
	return nil
}

func (u unity) listVolumes(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	catalog, schema := strings.ToLower(q.Get("catalog_name")), strings.ToLower(q.Get("schema_name"))
	if err := u.hasSchema(r.Context(), catalog, schema); err != nil {
		return err
	}
	all, err := u.volumes(catalog, schema)
	if err != nil {
		return err
	}
	names, next, err := onePage(all, itself, q, maxPageEntries)
	if err != nil {
		return err
	}
	var page []volumeInfo
	for _, name := range names {
		info, err := u.volumeInfo(catalog, schema, name)
		if err != nil {
			return err
		}
		page = append(page, info)
	}
	writePage(w, "volumes", page, next)
	return nil
}

func (u unity) createVolume(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Catalog string `json:"catalog_name"`
		Schema  string `json:"schema_name"`
		Name    string `json:"name"`
		Type    string `json:"volume_type"`
		Comment string `json:"comment"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	catalog, schema, name := strings.ToLower(in.Catalog), strings.ToLower(in.Schema), strings.ToLower(in.Name)
	if err := checkName("name", name); err != nil {
		return err
	}
	if in.Type != "MANAGED" {
		return badParameter("volume_type %q: the local workspace has MANAGED volumes only.", in.Type)
	}
	if err := u.hasSchema(r.Context(), catalog, schema); err != nil {
		return err
	}
	if err := u.mayCreate(r, "CREATE_VOLUME", "Schema '"+catalog+"."+schema+"'"); err != nil {
		return err
	}
	parent := path.Join("Volumes", catalog, schema)
	err := u.store.root.MkdirAll(parent, 0o755)
	if err == nil {
		err = u.store.root.Mkdir(path.Join(parent, name), 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return refuse(http.StatusConflict, "RESOURCE_ALREADY_EXISTS", "Volume '%s.%s.%s' already exists.", catalog, schema, name)
	}
	if err != nil {
		return err
	}
	if err := u.store.syncDir(parent); err != nil {
		return err
	}
	if err := u.warehouse.CommentOnVolume(catalog, schema, name, in.Comment); err != nil {
		return err
	}
	return u.writeVolume(w, catalog, schema, name)
}

func (u unity) describeVolume(w http.ResponseWriter, r *http.Request) error {
	names, err := u.volume(r)
	if err != nil {
		return err
	}
	return u.writeVolume(w, names[0], names[1], names[2])
}

// updateVolume replaces a volume's comment.
func (u unity) updateVolume(w http.ResponseWriter, r *http.Request) error {
	names, err := u.volume(r)
	if err != nil {
		return err
	}
	in, err := readUpdate(r)
	if err != nil {
		return err
	}
	if in.Comment != nil {
		if err := u.warehouse.CommentOnVolume(names[0], names[1], names[2], *in.Comment); err != nil {
			return err
		}
	}
	return u.writeVolume(w, names[0], names[1], names[2])
}

// deleteVolume removes a volume and the files in it.
func (u unity) deleteVolume(w http.ResponseWriter, r *http.Request) error {
	names, err := u.volume(r)
	if err != nil {
		return err
	}
	if err := u.removeTree("Volumes/" + strings.Join(names, "/")); err != nil {
		return err
	}
	if err := u.warehouse.CommentOnVolume(names[0], names[1], names[2], ""); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (u unity) removeTree(name string) error { return u.store.removeTree(name) }
