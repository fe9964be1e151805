package sparksql

// Expr is an expression: one of the pointer types below.
type Expr interface{ isExpr() }

type (
	// Literal is a constant. Text is a number's digits (with sign none), a string's
	// or a binary's value, "true" or "false", or a date's or timestamp's text.
	Literal struct {
		Type Type
		Text string
	}
	// Name is a column reference of one or more parts.
	Name struct{ Parts []string }
	// Star is * or t.*, with the columns of EXCEPT left out.
	Star struct{ Qualifier, Except []string }
	// Call is a function call. Name is in lower case unless it was in backticks.
	Call struct {
		Name        string
		Args        []Expr
		Named       map[string]Expr // name => value, names in lower case
		Distinct    bool
		Star        bool // count(*)
		Filter      Expr
		Over        *Window
		IgnoreNulls bool
	}
	// Window is an OVER clause; Frame is canonical text made only of keywords and numbers.
	Window struct {
		name      string // OVER name, until the WINDOW clause is read
		Partition []Expr
		Order     []OrderItem
		Frame     string
	}
	// OrderItem is one item of ORDER BY. NullsFirst is nil when nothing is said.
	OrderItem struct {
		X          Expr
		Desc       bool
		NullsFirst *bool
	}
	// Unary is -, +, ~ or NOT.
	Unary struct {
		Op string
		X  Expr
	}
	// Operation is an operator between two operands, in upper case (AND, OR, DIV, <=>).
	Operation struct {
		Op   string
		L, R Expr
	}
	// Cast is CAST, TRY_CAST or ::.
	Cast struct {
		X   Expr
		To  Type
		Try bool
	}
	// Case is CASE; Operand is nil for a searched one.
	Case struct {
		Operand Expr
		Whens   [][2]Expr
		Else    Expr
	}
	// In is IN with a list or a query.
	In struct {
		X     Expr
		List  []Expr
		Query *Query
		Not   bool
	}
	// Between is BETWEEN.
	Between struct {
		X, Low, High Expr
		Not          bool
	}
	// Like is LIKE, ILIKE or RLIKE.
	Like struct {
		Op         string
		X, Pattern Expr
		Escape     string
		Not        bool
	}
	// Is is IS [NOT] NULL, TRUE, FALSE or DISTINCT FROM Other.
	Is struct {
		X, Other Expr
		What     string
		Not      bool
	}
	// Exists is EXISTS (query).
	Exists struct{ Query *Query }
	// Subquery is a scalar subquery.
	Subquery struct{ Query *Query }
	// Index is x[i].
	Index struct{ X, I Expr }
	// Member is x.f where x is not a plain name.
	Member struct {
		X    Expr
		Name string
	}
	// Lambda is x -> … or (x, y) -> ….
	Lambda struct {
		Params []string
		Body   Expr
	}
	// Param is :name, or ? counted from 0.
	Param struct {
		Name  string
		Index int
	}
	// IntervalOf is INTERVAL n unit.
	IntervalOf struct {
		N    Expr
		Unit string
	}
)

func (*Literal) isExpr()    {}
func (*Name) isExpr()       {}
func (*Star) isExpr()       {}
func (*Call) isExpr()       {}
func (*Unary) isExpr()      {}
func (*Operation) isExpr()  {}
func (*Cast) isExpr()       {}
func (*Case) isExpr()       {}
func (*In) isExpr()         {}
func (*Between) isExpr()    {}
func (*Like) isExpr()       {}
func (*Is) isExpr()         {}
func (*Exists) isExpr()     {}
func (*Subquery) isExpr()   {}
func (*Index) isExpr()      {}
func (*Member) isExpr()     {}
func (*Lambda) isExpr()     {}
func (*Param) isExpr()      {}
func (*IntervalOf) isExpr() {}

// Query is WITH … body ORDER BY … LIMIT … OFFSET ….
type Query struct {
	With          []CTE
	Body          Body
	Order         []OrderItem
	Limit, Offset Expr
}

// CTE is one name of WITH.
type CTE struct {
	Name    string
	Columns []string
	Query   *Query
}

// Body is *Select, *SetOp, *Values or *Nested.
type Body interface{ isBody() }

type (
	// Select is one SELECT.
	Select struct {
		Distinct bool
		Items    []Item
		From     []Relation // comma-separated
		Where    Expr
		Group    []Expr
		GroupAll bool
		Having   Expr
		Qualify  Expr

		windows map[string]*Window // of the WINDOW clause
	}
	// Item is one of a SELECT's; Alias is empty when none is given.
	Item struct {
		X     Expr
		Alias string
	}
	// SetOp is UNION, EXCEPT or INTERSECT.
	SetOp struct {
		Op   string
		All  bool
		L, R Body
	}
	// Values is an inline table.
	Values struct{ Rows [][]Expr }
	// Nested is a query in parentheses.
	Nested struct{ Query *Query }
)

func (*Select) isBody() {}
func (*SetOp) isBody()  {}
func (*Values) isBody() {}
func (*Nested) isBody() {}

// Relation is *TableRef, *FunctionRef, *QueryRef or *Join.
type Relation interface{ isRelation() }

type (
	// TableRef is a table, view or CTE, possibly as of a version.
	TableRef struct {
		Name    []string
		Version Expr // VERSION AS OF
		Alias
	}
	// FunctionRef is a table function.
	FunctionRef struct {
		Call *Call
		Alias
	}
	// QueryRef is a subquery or VALUES.
	QueryRef struct {
		Query *Query
		Alias
	}
	// Join is a join. Kind is INNER, LEFT, RIGHT, FULL, CROSS, SEMI or ANTI.
	Join struct {
		Kind    string
		Natural bool
		L, R    Relation
		On      Expr
		Using   []string
	}
	// Alias is AS name (columns).
	Alias struct {
		As      string
		Columns []string
	}
)

func (*TableRef) isRelation()    {}
func (*FunctionRef) isRelation() {}
func (*QueryRef) isRelation()    {}
func (*Join) isRelation()        {}
