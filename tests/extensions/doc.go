// Package extensions moves the types of real extensions: those of PostgreSQL's own contrib, PostGIS and pgvector. Like
// tests/alltypes it compares the target with what Postgres prints. It uses the real extensions, so it needs servers that have
// them: scripts/need-postgis and scripts/need-pgvector install these.
package extensions
