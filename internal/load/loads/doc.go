// Package loads reads and writes the files in loads/: what the newest load saw in
// the tables. They are a cache, and prove nothing: the tables themselves have the
// same information.
package loads
