package sparksql

// Statement is one of the pointer types below.
type Statement interface{ isStatement() }

// ColumnDef is a column of CREATE TABLE, ADD COLUMNS or a schema string.
type ColumnDef struct {
	Name    string
	Type    Type
	NotNull bool
	Comment string
}

// Property is one 'key' = 'value'.
type Property struct{ Key, Value string }

type (
	// QueryStatement is SELECT, VALUES or WITH.
	QueryStatement struct{ Query *Query }
	// Use is USE CATALOG c (one part, Catalog) or USE [SCHEMA] [c.]s.
	Use struct {
		Name    []string
		Catalog bool
	}
	// SetOption is SET key = value, or asks for one value or, without Key, for all.
	SetOption struct {
		Key, Value string
		Ask        bool
	}
	// CreateSpace is CREATE CATALOG, SCHEMA or VOLUME.
	CreateSpace struct {
		What        string // CATALOG, SCHEMA or VOLUME
		Name        []string
		IfNotExists bool
		Comment     string
	}
	// DropSpace is DROP CATALOG, SCHEMA or VOLUME.
	DropSpace struct {
		What     string
		Name     []string
		IfExists bool
		Cascade  bool
	}
	// Show is SHOW CATALOGS, SCHEMAS, TABLES, VIEWS, VOLUMES, COLUMNS, TBLPROPERTIES, TABLE EXTENDED, GRANTS or CREATE TABLE.
	Show struct {
		What      string
		Name      []string // nil: the current one
		Pattern   string
		Key       string // of TBLPROPERTIES; the principal of GRANTS
		HasFilter bool
	}
	// Describe is DESCRIBE. What is TABLE, HISTORY, DETAIL, SCHEMA, CATALOG, VOLUME or QUERY.
	Describe struct {
		What     string
		Name     []string
		Extended bool
		AsJSON   bool
		Column   []string
		Query    *Query
		Limit    int // of HISTORY; 0 is all
	}
	// CreateTable is CREATE TABLE; Query is nil when columns are given.
	CreateTable struct {
		Name                 []string
		Replace, IfNotExists bool
		Columns              []ColumnDef
		Cluster              []string
		Comment              *string
		Properties           []Property
		Query                *Query
	}
	// CreateView is CREATE VIEW; Text is the query as written.
	CreateView struct {
		Name                 []string
		Replace, IfNotExists bool
		Temporary            bool
		Columns              []ColumnDef
		Comment              *string
		Properties           []Property
		Binding              string // WITH SCHEMA …; empty if not given
		Query                *Query
		Text                 string
	}
	// DropTable is DROP TABLE or VIEW.
	DropTable struct {
		Name           []string
		View, IfExists bool
	}
	// Truncate is TRUNCATE TABLE.
	Truncate struct{ Name []string }
	// AlterTable is ALTER TABLE; exactly one of its actions is set.
	AlterTable struct {
		Name        []string
		View        bool
		Add         []ColumnDef
		IfNotExists bool // of Add
		Retype      *ColumnDef
		NotNull     *NullRule
		Recomment   *ColumnDef
		Rename      []string // from, to
		Drop        []string
		IfExists    bool // of Drop and Unset
		RenameTo    []string
		Set         []Property
		Unset       []string
		Tags        bool      // Set and Unset are of tags, not of properties
		Policy      *Policy   // a row filter or a mask
		Constrain   *Property // ADD CONSTRAINT key CHECK (value)
		Release     string    // DROP CONSTRAINT; IfExists is of it too
		Cluster     []string
		ClusterSet  bool
		Query       *Query // of ALTER VIEW … AS
		Text        string // of Query, as written
		Binding     string // of ALTER VIEW … WITH SCHEMA
	}
	// NullRule is ALTER COLUMN … SET|DROP NOT NULL.
	NullRule struct {
		Column  string
		NotNull bool
	}
	// CommentOn is COMMENT ON TABLE, SCHEMA or COLUMN.
	CommentOn struct {
		What    string
		Name    []string
		Comment string
	}
	// Insert is INSERT INTO or OVERWRITE.
	Insert struct {
		Name      []string
		Columns   []string
		ByName    bool
		Overwrite bool
		Query     *Query
		Replace   string // the condition of REPLACE WHERE, as written; else empty
	}
	// Assignment is column = value.
	Assignment struct {
		Column []string
		Value  Expr // nil is DEFAULT
	}
	// Update is UPDATE.
	Update struct {
		Target TableRef
		Set    []Assignment
		Where  Expr
	}
	// Delete is DELETE FROM.
	Delete struct {
		Target TableRef
		Where  Expr
	}
	// Merge is MERGE INTO.
	Merge struct {
		Target TableRef
		Source Relation
		On     Expr
		Evolve bool
		Whens  []MergeWhen
	}
	// MergeWhen is one WHEN clause. Match is MATCHED, NOT MATCHED or NOT MATCHED BY
	// SOURCE; Action is UPDATE, DELETE or INSERT, All with * .
	MergeWhen struct {
		Match, Action string
		And           Expr
		All           bool
		Set           []Assignment
		Columns       []string
		Values        []Expr
	}
	// CopyInto is COPY INTO. Items is nil unless the source is a SELECT.
	CopyInto struct {
		Name       []string
		ByPosition bool
		Columns    []string
		Source     string
		Items      []Item
		Where      Expr
		Format     string
		Files      []string
		Pattern    string
		Validate   bool
		Options    map[string]string // FORMAT_OPTIONS, keys in lower case
		Copy       map[string]string // COPY_OPTIONS, keys in lower case
	}
	// Restore is RESTORE TABLE … TO VERSION AS OF n.
	Restore struct {
		Name    []string
		Version int
	}
	// Maintain is OPTIMIZE, VACUUM or ANALYZE TABLE, which have nothing to do here.
	Maintain struct {
		What string
		Name []string
	}
)

func (*QueryStatement) isStatement() {}
func (*Use) isStatement()            {}
func (*SetOption) isStatement()      {}
func (*CreateSpace) isStatement()    {}
func (*DropSpace) isStatement()      {}
func (*Show) isStatement()           {}
func (*Describe) isStatement()       {}
func (*CreateTable) isStatement()    {}
func (*CreateView) isStatement()     {}
func (*DropTable) isStatement()      {}
func (*Truncate) isStatement()       {}
func (*AlterTable) isStatement()     {}
func (*CommentOn) isStatement()      {}
func (*Insert) isStatement()         {}
func (*Update) isStatement()         {}
func (*Delete) isStatement()         {}
func (*Merge) isStatement()          {}
func (*CopyInto) isStatement()       {}
func (*Restore) isStatement()        {}
func (*Maintain) isStatement()       {}

// Parse reads one statement, with at most one semicolon after it.
func Parse(sql string) (Statement, error) {
	p, err := newParser(sql)
	if err != nil {
		return nil, err
	}
	if p.peek().Kind == End {
		return nil, Errorf("42617", "PARSE_EMPTY_STATEMENT", "Syntax error, unexpected empty statement.")
	}
	st, err := p.statement()
	if err != nil {
		return nil, err
	}
	return st, p.end()
}

func (p *parser) statement() (Statement, error) {
	t := p.peek()
	if p.startsQuery() {
		q, err := p.query()
		return &QueryStatement{q}, err
	}
	head, ok := heads[upperWord(t)]
	if !ok {
		if t.Kind == Word && knownElsewhere[upperWord(t)] {
			return nil, Unsupported("%s", upperWord(t))
		}
		return nil, p.fail("")
	}
	p.i++
	return head(p)
}

var heads map[string]func(*parser) (Statement, error)

func init() {
	heads = map[string]func(*parser) (Statement, error){
		"USE": (*parser).use, "SET": (*parser).setOption, "CREATE": (*parser).create, "DROP": (*parser).drop,
		"GRANT": (*parser).grant, "REVOKE": (*parser).revoke,
		"SHOW": (*parser).show, "DESCRIBE": (*parser).describe, "DESC": (*parser).describe, "TRUNCATE": (*parser).truncate,
		"ALTER": (*parser).alter, "COMMENT": (*parser).commentOn, "INSERT": (*parser).insert, "UPDATE": (*parser).update,
		"DELETE": (*parser).deleteFrom, "MERGE": (*parser).merge, "COPY": (*parser).copyInto, "RESTORE": (*parser).restore,
		"OPTIMIZE": (*parser).optimize, "VACUUM": (*parser).optimize, "ANALYZE": (*parser).analyze,
		"PUT": (*parser).putFile, "GET": (*parser).getFile, "REMOVE": (*parser).removeFile, "LIST": (*parser).listFiles,
		"EXPLAIN": (*parser).explain,
	}
}

// knownElsewhere are statements of Databricks that are refused by name.
var knownElsewhere = wordSet(`GRANT REVOKE CACHE UNCACHE REFRESH MSCK FSCK CALL EXECUTE DECLARE BEGIN COMMIT ROLLBACK
	UNDROP CLONE SYNC ADD CLEAR DENY REORG LOAD RESET FROM TABLE GENERATE CONVERT REPAIR APPLY PURGE`)
