// Package exec runs statements: it resolves their names, has queries translated, and changes the store. A statement resolves
// names in its transaction. Each job on top of it is a type: definer, alterer, changer, copier, inspector and informer.
//
// It knows of a session only what statements share. Clients, the wire protocol and operations belong to package warehouse.
package exec
