//go:build unix

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// kind is what is done to a condition. Each still evaluates all of it, so that
// the mutant compiles, and what the condition does beside its value still happens.
type kind string

const (
	drop   kind = "drop"   // a guard never holds: an if whose body leaves, or a case
	negate kind = "negate" // a condition is reversed
	left   kind = "left"   // the left side of && or || does not count
	right  kind = "right"  // … the right side
	errs   kind = "error"  // any of these with err != nil or err == nil: that an error is passed on has few tests
)

var (
	allKinds     = []kind{drop, negate, left, right, errs}
	defaultKinds = allKinds[:4]
)

func joinKinds(kinds []kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ",")
}

func parseKinds(list string) ([]kind, error) {
	var kinds []kind
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(allKinds, kind(name)) {
			return nil, fmt.Errorf("%q is none of %s", name, joinKinds(allKinds))
		}
		kinds = append(kinds, kind(name))
	}
	return kinds, nil
}

// mutant is one change of one file.
type mutant struct {
	file       string // as the tree names it: internal/ledger/walk.go
	line       int
	function   string // that it is in, without its receiver
	kind       kind
	text       string // of the condition, or of the operand that no longer counts, in one line
	and        bool   // an operand of &&, not of ||
	start, end int    // of the text in the file
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s: %s", m.file, m.line, m.kind, m.text) }

// id is how the mutant is named in a list that outlives changes of the lines above it.
func (m mutant) id() string { return fmt.Sprintf("%s %s %s: %s", m.file, m.function, m.kind, m.text) }

// around is what stands before and behind the text so that the mutant can be
// switched on. Where the condition has the value that the mutant would not
// change, the switch is not even asked for.
func (m mutant) around(number int) (before, behind string) {
	on := fmt.Sprintf("mutantIsOn(%d)", number)
	switch {
	case m.kind == negate:
		return "((", ") != " + on + ")"
	case m.and: // an operand that does not count is true of &&, false of ||
		return "((", ") || " + on + ")"
	}
	return "((", ") && !" + on + ")"
}

// instrument gives a file with switches for all its mutants; numbers has theirs.
func instrument(source []byte, mutants []mutant, numbers []int) []byte {
	type insertion struct {
		at, order int
		text      string
	}
	var insertions []insertion
	for i, m := range mutants {
		before, behind := m.around(numbers[i])
		// At one place, what is longer begins first, and ends last.
		insertions = append(insertions, insertion{m.start, -m.end, before}, insertion{m.end, -m.start, behind})
	}
	slices.SortStableFunc(insertions, func(a, b insertion) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
	var out []byte
	from := 0
	for _, i := range insertions {
		out = append(append(out, source[from:i.at]...), i.text...)
		from = i.at
	}
	return append(out, source[from:]...)
}

// finder collects the mutants of one file.
type finder struct {
	name     string
	source   []byte
	files    *token.FileSet
	function string
	found    []mutant
}

// findMutants parses a file; name is how its mutants call it.
func findMutants(name string, source []byte) ([]mutant, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Base(name), source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &finder{name: name, source: source, files: files}
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok {
			f.function = "-"
		} else {
			f.function = function.Name.Name
		}
		ast.Inspect(decl, f.visit)
	}
	slices.SortStableFunc(f.found, func(a, b mutant) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.kind, b.kind))
	})
	return f.found, nil
}

func (f *finder) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IfStmt:
		f.condition(n.Cond, n.Else == nil && leaves(n.Body.List))
	case *ast.ForStmt:
		if n.Cond != nil {
			f.add(n.Cond, negate)
		}
	case *ast.SwitchStmt:
		if n.Tag != nil {
			return true
		}
		for _, clause := range n.Body.List {
			for _, cond := range clause.(*ast.CaseClause).List {
				f.condition(cond, true)
			}
		}
	case *ast.BinaryExpr:
		if n.Op == token.LAND || n.Op == token.LOR {
			f.operand(n, n.X, left)
			f.operand(n, n.Y, right)
		}
	}
	return true
}

// condition mutates an if's. Where a guard's dropping is noticed, its reversal
// would be too.
func (f *finder) condition(cond ast.Expr, guard bool) {
	switch {
	case guard && isError(cond):
		f.add(cond, errs)
	case guard:
		f.add(cond, drop)
	default:
		f.add(cond, negate)
	}
}

// operand mutates one side of && or ||. One that is such an expression itself,
// of the same operator, is mutated by its own sides.
func (f *finder) operand(of *ast.BinaryExpr, side ast.Expr, k kind) {
	if b, ok := side.(*ast.BinaryExpr); ok && b.Op == of.Op {
		return
	}
	if isError(side) {
		k = errs
	}
	f.add(side, k)
	f.found[len(f.found)-1].and = of.Op == token.LAND
}

func (f *finder) add(expr ast.Expr, k kind) {
	start, end := f.files.Position(expr.Pos()), f.files.Position(expr.End())
	f.found = append(f.found, mutant{
		file: f.name, line: start.Line, function: f.function, kind: k, start: start.Offset, end: end.Offset,
		text: strings.Join(strings.Fields(string(f.source[start.Offset:end.Offset])), " "),
	})
}

// isError says whether the condition is that an error is there, or that none is.
func isError(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ && b.Op != token.EQL {
		return false
	}
	x, ok := b.X.(*ast.Ident)
	y, nilOK := b.Y.(*ast.Ident)
	return ok && nilOK && y.Name == "nil" && strings.HasSuffix(strings.ToLower(x.Name), "err")
}

// leaves says whether the statements end by leaving what they are in.
func leaves(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch last := body[len(body)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := last.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		return ok && name.Name == "panic"
	}
	return false
}
