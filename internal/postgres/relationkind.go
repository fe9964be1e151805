package postgres

// RelationKind is what a relation is: pg_class.relkind.
type RelationKind string

// The kinds that the catalog is read for.
const (
	KindTable            RelationKind = "r"
	KindPartitionedTable RelationKind = "p"
	KindView             RelationKind = "v"
	KindMaterializedView RelationKind = "m"
	KindForeignTable     RelationKind = "f"
)

// Persistence is where a relation's changes go: pg_class.relpersistence.
type Persistence string

// The WAL contains only the changes of permanent relations.
const (
	Permanent Persistence = "p"
	Unlogged  Persistence = "u"
	Temporary Persistence = "t"
)
