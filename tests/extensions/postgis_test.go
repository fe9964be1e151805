//go:build cgo && unix

package extensions

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/tests/roundtrip"
)

const postgisSetup = `
CREATE SCHEMA gis;
CREATE EXTENSION postgis SCHEMA gis;
CREATE DOMAIN place AS gis.geometry(Point,4326);
CREATE DOMAIN spot AS gis.geography;
CREATE DOMAIN track AS gis.geometry[];
CREATE TYPE stop AS (name text, at gis.geometry, around gis.box2d);`

// postgis is a database of a server that has PostGIS.
func postgis(t *testing.T) string {
	t.Helper()
	url := pgtest.NewDatabase(t)
	need(t, url, "run scripts/need-postgis, or install postgresql-15-postgis-3 for PostgreSQL 15", "postgis")
	return url
}

func geometries() []string {
	return []string{
		"POINT(1 -2.5)", "POINT(-0 1.7976931348623157e308)", "SRID=999999;POINT(5e-324 0.1)", "POINT EMPTY",
		"SRID=4326;POINT EMPTY", "POINT ZM EMPTY",
		"0101000000000000000000f87f000000000000f07f", // NaN, infinity
		"SRID=4326;POINT Z (1 2 3)", "POINT M (1 2 3)", "SRID=3857;POINT ZM (1 2 3 4)",
		"LINESTRING(0 0,1 1,2 0)", "LINESTRING EMPTY", "LINESTRING M (0 0 1,1 1 2)",
		"SRID=4326;POLYGON((0 0,10 0,10 10,0 10,0 0),(1 1,2 1,2 2,1 2,1 1))", "POLYGON EMPTY", "POLYGON ZM ((0 0 1 2,1 0 1 2,1 1 1 2,0 0 1 2))",
		"MULTIPOINT((0 0),EMPTY,(1 1))", "MULTILINESTRING((0 0,1 1),(2 2,3 3))", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
		"GEOMETRYCOLLECTION EMPTY", "SRID=4326;GEOMETRYCOLLECTION Z (POINT Z (1 2 3),LINESTRING Z (0 0 0,1 1 1),GEOMETRYCOLLECTION Z EMPTY)",
		"CIRCULARSTRING(0 0,1 1,2 0)", "COMPOUNDCURVE(CIRCULARSTRING(0 0,1 1,2 0),(2 0,3 0))",
		"CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))",
		"MULTICURVE((0 0,5 5),CIRCULARSTRING(4 0,4 4,8 4))", "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0)))",
		"TRIANGLE((0 0,1 0,1 1,0 0))", "TIN(((0 0,1 0,1 1,0 0)))", "POLYHEDRALSURFACE Z (((0 0 0,0 1 0,1 1 0,0 0 0)))",
		"=(SELECT gis.ST_SetSRID(gis.ST_MakeLine(gis.ST_MakePoint(sin(i), cos(i), i)), 4326) FROM generate_series(1, 10000) i)",
	}
}

func postgisColumns() []roundtrip.Column {
	return append(withArrays([]roundtrip.Column{
		{SQL: "gis.geometry", Want: "string", Values: geometries()},
		{SQL: "gis.geometry(Point,4326)", Want: "string", Values: []string{"SRID=4326;POINT(13.4 52.5)", "SRID=4326;POINT EMPTY"}},
		{
			SQL: "gis.geometry(GeometryCollectionZM,3857)", Want: "string", Values: []string{"SRID=3857;GEOMETRYCOLLECTION ZM (POINT ZM (1 2 3 4))"},
		},
		{SQL: "gis.geography", Want: "string",
			Values: []string{"POINT(13.4 52.5)", "POINT(-180 90)", "POINT EMPTY", "POINT ZM (1 2 3 4)", "SRID=4267;POINT(1 2)",
				"POLYGON((0 0,10 0,10 10,0 10,0 0))", "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))", "MULTIPOINT(0 0,1 1)"}},
		{SQL: "gis.geography(LineStringZ,4326)", Want: "string", Values: []string{"LINESTRING Z (0 0 1,179.9 89.9 -1)"}},
		{SQL: "gis.box2d", Want: "string", Values: []string{"BOX(1 2,3 4)", "BOX(-0 -1e300,1e300 0.1)"}},
		{SQL: "gis.box3d", Want: "string", Values: []string{"BOX3D(1 2 3,4 5 6)"}},
		{SQL: "gis.spheroid", Want: "string", Values: []string{`SPHEROID["WGS 84",6378137,298.257223563]`}},
		{SQL: "gis.geometry_dump", Want: "string", Values: []string{`("{1,2}",0101000000000000000000F03F00000000000000C0)`, "(,)"}},
		{SQL: "place", Want: "string", Values: []string{"SRID=4326;POINT(1 2)", "SRID=4326;POINT EMPTY"}},
		{SQL: "spot", Want: "string", Values: []string{"POINT(1 2)"}},
		{SQL: "stop", Want: "string", Values: []string{`("a ""b"", c","POINT(1 2)","BOX(1 2,3 4)")`, "(,,)"}},
	}), roundtrip.Column{SQL: "track", Want: "array<string>", Values: []string{"{}",
		"{POINT(1 2):NULL:POINT EMPTY}"}, Rescued: []string{"{{POINT(1 2)}:{POINT(3 4)}}"}})
}

func TestPostGIS(t *testing.T) {
	t.Run("with a key", func(t *testing.T) { moved(t, postgis(t), postgisSetup, postgisColumns()) })
	t.Run("without a key", func(t *testing.T) { keyless(t, postgis(t), postgisSetup, postgisColumns()) })
}

func TestPostGISKeys(t *testing.T) {
	for _, c := range []roundtrip.Column{
		{SQL: "gis.geometry", Values: []string{"SRID=4326;POINT(1 2)", "POINT(1 2)", "POINT EMPTY", "LINESTRING(0 0,1 1)"}},
		{SQL: "gis.geography", Values: []string{"POINT(1 2)", "POINT(-180 0)", "POINT EMPTY", "LINESTRING(0 0,1 1)"}},
	} {
		t.Run(c.SQL, func(t *testing.T) {
			keyed(t, postgis(t), postgisSetup, c, 4, keyChanges(c)...)
		})
	}
}
