// Package extensions moves the types of real extensions: those of PostgreSQL's
// own contrib, PostGIS and pgvector. Like tests/alltypes it compares what
// arrives with what Postgres prints; unlike there nothing stands in for an
// extension, so it needs servers that have them: scripts/need-postgis and
// scripts/need-pgvector bring these.
package extensions
