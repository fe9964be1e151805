//go:build cgo

package lakehouse

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxNameBytes = 255
	// reasonBadPath is the reason for every path that is not inside a volume.
	reasonBadPath = "FILES_API_INVALID_PATH"
)

// volumePath is a place in a volume: the volume's three names, in lower case
// as Unity Catalog keeps them, and the segments below it, as they are.
type volumePath struct {
	catalog, schema, volume string
	below                   []string
}

// parseVolumePath reads /Volumes/<catalog>/<schema>/<volume>/… in the percent encoding of a request's path. Each segment is
// decoded separately, so an encoded slash stays part of a name and is refused. "." and "..", empty segments and NUL are refused
// too. A single slash at the end is ignored.
func parseVolumePath(encoded string) (volumePath, error) {
	rest, ok := strings.CutPrefix(encoded, "/")
	if !ok {
		return volumePath{}, badPath(encoded, "it does not begin with a slash")
	}
	var names []string
	for i, segment := range strings.Split(strings.TrimSuffix(rest, "/"), "/") {
		name, err := url.PathUnescape(segment)
		if err != nil || !utf8.ValidString(name) {
			return volumePath{}, badPath(encoded, "its percent encoding is broken, or not of UTF-8")
		}
		if 1 <= i && i <= 3 { // catalog, schema and volume
			name = strings.ToLower(name)
		}
		if fault := nameFault(name); fault != "" {
			return volumePath{}, badPath(encoded, fault)
		}
		names = append(names, name)
	}
	if names[0] != "Volumes" {
		return volumePath{}, badPath(encoded, "only paths below /Volumes are served")
	}
	if len(names) < 4 {
		return volumePath{}, badPath(encoded, "it names no volume: /Volumes/<catalog>/<schema>/<volume>/… is expected")
	}
	return volumePath{catalog: names[1], schema: names[2], volume: names[3], below: names[4:]}, nil
}

// nameFault returns why a decoded segment is not a valid name, or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "it has an empty segment"
	case name == "." || name == "..":
		return "it has a segment that is " + name
	case strings.ContainsAny(name, "/\x00"):
		return "a name in it has a slash or a NUL"
	case !utf8.ValidString(name):
		return "a name in it is not UTF-8"
	case len(name) > maxNameBytes:
		return "a name in it is longer than 255 bytes"
	}
	return ""
}

func badPath(encoded, fault string) error {
	return badParameter("The path %q is not valid: %s.", encoded, fault).because(reasonBadPath)
}

// root is the volume's own directory, relative to the workspace's.
func (p volumePath) root() string {
	return path.Join("Volumes", p.catalog, p.schema, p.volume)
}

// local is the file or directory, relative to the workspace's directory.
func (p volumePath) local() string {
	return path.Join(append([]string{p.root()}, p.below...)...)
}

// String is the path as clients write it.
func (p volumePath) String() string { return "/" + p.local() }

func (p volumePath) isRoot() bool { return len(p.below) == 0 }

func (p volumePath) child(name string) volumePath {
	p.below = append(slices.Clip(p.below), name)
	return p
}
