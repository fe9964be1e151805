// Package exec runs statements: it resolves their names, has queries translated, and
// does to the store what the statement says. A statement resolves names in its
// transaction; on top of it each job is a type: definer, alterer, changer, copier,
// inspector and informer.
//
// It knows sessions as far as statements share something, and no client, no wire and no
// operation: those are package warehouse's.
package exec
