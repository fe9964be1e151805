package sparksql

import "strings"

// maxDepth bounds how deep expressions, types and queries nest, so that no text
// can exhaust the stack.
const maxDepth = 200

type parser struct {
	sql      string
	toks     []Token
	i        int
	depth    int
	params   int       // number of ? so far
	attempts int       // see parenthesisedQuery
	windows  []*Window // of the query that is being read, which name another (OVER w)
}

func newParser(sql string) (*parser, error) {
	toks, err := Lex(sql)
	if err != nil {
		return nil, err
	}
	return &parser{sql: sql, toks: toks}, nil
}

func (p *parser) peek() Token { return p.toks[p.i] }

func (p *parser) peekAt(n int) Token {
	if p.i+n < len(p.toks) {
		return p.toks[p.i+n]
	}
	return p.toks[len(p.toks)-1]
}

func (p *parser) take() Token {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) fail(hint string) error { return syntaxError(p.peek(), p.sql, hint) }

// is looks for a sequence of keywords and symbols without taking them.
func (p *parser) is(words ...string) bool {
	for n, w := range words {
		t := p.peekAt(n)
		if t.Kind == Symbol && t.Value == w || t.Is(w) {
			continue
		}
		return false
	}
	return true
}

func (p *parser) accept(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) expect(words ...string) error {
	for _, w := range words {
		if !p.accept(w) {
			return p.fail("expected " + w)
		}
	}
	return nil
}

// end takes a last semicolon and wants nothing after it.
func (p *parser) end() error {
	semicolon := p.accept(";")
	if p.peek().Kind == End {
		return nil
	}
	if semicolon {
		return p.fail("one statement at a time")
	}
	return p.fail("")
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return Errorf("54000", "PARSE_NESTING_TOO_DEEP", "The statement nests more than %d levels deep.", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// identifier takes a name, quoted or not.
func (p *parser) identifier() (string, error) {
	if t := p.peek(); t.Kind == Word || t.Kind == Quoted {
		p.i++
		return t.Value, nil
	}
	return "", p.fail("expected an identifier")
}

// name takes a name of up to most parts.
func (p *parser) name(most int) ([]string, error) {
	first, err := p.identifier()
	if err != nil {
		return nil, err
	}
	parts := []string{first}
	for p.accept(".") {
		part, err := p.identifier()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) > most {
		return nil, Errorf("42601", "IDENTIFIER_TOO_MANY_NAME_PARTS",
			"%s is not a valid identifier as it has more than %d name parts.", QuoteName(parts), most)
	}
	return parts, nil
}

// QuoteName writes a name of several parts with backticks.
func QuoteName(parts []string) string {
	quoted := make([]string, len(parts))
	for i, s := range parts {
		quoted[i] = QuoteSpark(s)
	}
	return strings.Join(quoted, ".")
}

// nameList takes (a, b, c).
func (p *parser) nameList() ([]string, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []string
	for {
		s, err := p.identifier()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		if !p.accept(",") {
			return out, p.expect(")")
		}
	}
}

// text takes string literals; adjacent ones are one.
func (p *parser) text() (string, error) {
	if p.peek().Kind != Text {
		return "", p.fail("expected a string literal")
	}
	var b strings.Builder
	for p.peek().Kind == Text {
		b.WriteString(p.take().Value)
	}
	return b.String(), nil
}

func (p *parser) integer() (int, error) {
	t := p.peek()
	if t.Kind != Integer || t.Suffix != "" || len(t.Value) > 9 {
		return 0, p.fail("expected a whole number")
	}
	p.i++
	n := 0
	for _, c := range t.Value {
		n = n*10 + int(c-'0')
	}
	return n, nil
}

// dataType takes a type.
func (p *parser) dataType() (Type, error) {
	if err := p.enter(); err != nil {
		return Type{}, err
	}
	defer p.leave()
	start := p.peek()
	if start.Kind != Word {
		return Type{}, p.fail("expected a data type")
	}
	p.i++
	word := strings.ToUpper(start.Value)
	if t, ok := plainTypes[word]; ok {
		return t, nil
	}
	switch word {
	case "DECIMAL", "DEC", "NUMERIC":
		return p.decimalType()
	case "VARCHAR", "CHAR", "CHARACTER":
		return p.lengthType(word)
	case "ARRAY":
		elem, err := p.inAngles(1)
		if err != nil {
			return Type{}, err
		}
		return ArrayOf(elem[0]), nil
	case "MAP":
		kv, err := p.inAngles(2)
		if err != nil {
			return Type{}, err
		}
		return MapOf(kv[0], kv[1]), nil
	case "STRUCT":
		return p.structType()
	}
	return Type{}, Errorf("0A000", "UNSUPPORTED_DATATYPE", "Unsupported data type \"%s\".", word)
}

var plainTypes = map[string]Type{
	"BOOLEAN": Boolean, "TINYINT": Byte, "BYTE": Byte, "SMALLINT": Short, "SHORT": Short, "INT": Int, "INTEGER": Int,
	"BIGINT": Long, "LONG": Long, "FLOAT": FloatOf, "REAL": FloatOf, "DOUBLE": DoubleOf, "STRING": String,
	"BINARY": Binary, "DATE": Date, "TIMESTAMP": Timestamp, "TIMESTAMP_LTZ": Timestamp, "TIMESTAMP_NTZ": TimestampNTZ,
	"VARIANT": Variant, "VOID": Void,
}

func (p *parser) decimalType() (Type, error) {
	t := Type{Kind: DecimalType, Precision: 10}
	if !p.accept("(") {
		return t, nil
	}
	var err error
	if t.Precision, err = p.integer(); err != nil {
		return t, err
	}
	if p.accept(",") {
		if t.Scale, err = p.integer(); err != nil {
			return t, err
		}
	}
	if err := p.expect(")"); err != nil {
		return t, err
	}
	if t.Precision > 38 || t.Precision < 1 {
		return t, Errorf("22003", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "Decimal precision %d exceeds max precision 38.", t.Precision)
	}
	if t.Scale > t.Precision {
		return t, Errorf("42K0B", "DATATYPE_INVALID_SCALE", "Decimal scale %d cannot be greater than precision %d.", t.Scale, t.Precision)
	}
	return t, nil
}

func (p *parser) lengthType(word string) (Type, error) {
	if !p.accept("(") {
		return Type{}, Errorf("42K01", "DATATYPE_MISSING_SIZE",
			"DataType \"%s\" requires a length parameter, for example \"%s\"(10).", word, word)
	}
	n, err := p.integer()
	if err != nil {
		return Type{}, err
	}
	return Type{Kind: StringType, Length: max(n, 1), Fixed: word != "VARCHAR"}, p.expect(")")
}

func (p *parser) inAngles(n int) ([]Type, error) {
	if err := p.expect("<"); err != nil {
		return nil, err
	}
	var out []Type
	for i := range n {
		if i > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		t, err := p.dataType()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, p.expect(">")
}

func (p *parser) structType() (Type, error) {
	t := Type{Kind: StructType}
	if err := p.expect("<"); err != nil {
		return t, err
	}
	for {
		name, err := p.identifier()
		if err != nil {
			return t, err
		}
		p.accept(":")
		ft, err := p.dataType()
		if err != nil {
			return t, err
		}
		if p.accept("NOT", "NULL") {
			return t, Unsupported("NOT NULL inside a STRUCT")
		}
		if p.accept("COMMENT") {
			if _, err := p.text(); err != nil {
				return t, err
			}
		}
		t.Fields = append(t.Fields, Field{name, ft})
		if !p.accept(",") {
			return t, p.expect(">")
		}
	}
}
