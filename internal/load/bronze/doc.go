// Package bronze is what all tables that a load writes have in common: the
// properties that say whose a table is, its columns and their types, its
// comments and tags, and the statements that change it.
package bronze
