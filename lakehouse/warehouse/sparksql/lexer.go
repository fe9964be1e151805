package sparksql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what a token is.
type Kind uint8

// The kinds of token. Word is an unquoted identifier or keyword; Quoted is one in
// backticks; Text a string literal with its escapes resolved; Bytes is X'…'.
const (
	End Kind = iota
	Word
	Quoted
	Text
	Bytes
	Integer // digits, with an optional suffix L, S or Y
	Decimal // 1.5, 1.5BD, 3BD
	Double  // 1e3, 1.5D
	Float   // 1.5F
	Named   // :name
	Symbol
)

// Token is one lexical unit. Value is the identifier, the literal's value without
// suffix, or the symbol; Suffix is a number's suffix in upper case. Start and End
// are byte offsets into the statement.
type Token struct {
	Kind          Kind
	Value, Suffix string
	Start, Stop   int
}

// Raw is the token as written.
func (t Token) Raw(sql string) string { return sql[t.Start:min(t.Stop, len(sql))] }

// Is reports whether the token is this keyword (unquoted, any case).
func (t Token) Is(word string) bool { return t.Kind == Word && strings.EqualFold(t.Value, word) }

type lexer struct {
	sql string
	pos int
	out []Token
}

// Lex splits a text into tokens, the last of kind End. Comments, hints among them,
// are dropped; '>' is always a token of its own, so that ARRAY<ARRAY<INT>> reads.
func Lex(sql string) ([]Token, error) {
	if !utf8.ValidString(sql) {
		return nil, Errorf("42601", "PARSE_SYNTAX_ERROR", "The statement is not valid UTF-8.")
	}
	l := &lexer{sql: sql}
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		if l.pos >= len(l.sql) {
			l.emit(End, "", "", l.pos)
			return l.out, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.sql) {
		return l.sql[l.pos+i]
	}
	return 0
}

func (l *lexer) emit(k Kind, value, suffix string, start int) {
	l.out = append(l.out, Token{Kind: k, Value: value, Suffix: suffix, Start: start, Stop: l.pos})
}

func (l *lexer) fail(at int, why string) error {
	line, col := position(l.sql, at)
	return Errorf("42601", "PARSE_SYNTAX_ERROR", "Syntax error: %s.(line %d, pos %d)", why, line, col)
}

// space skips white space and comments; bracketed comments nest.
func (l *lexer) space() error {
	for l.pos < len(l.sql) {
		r, n := utf8.DecodeRuneInString(l.sql[l.pos:])
		switch {
		case unicode.IsSpace(r) || r == '\uFEFF':
			l.pos += n
		case strings.HasPrefix(l.sql[l.pos:], "--"):
			if end := strings.IndexByte(l.sql[l.pos:], '\n'); end >= 0 {
				l.pos += end + 1
			} else {
				l.pos = len(l.sql)
			}
		case strings.HasPrefix(l.sql[l.pos:], "/*"):
			if err := l.bracketed(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) bracketed() error {
	start, depth := l.pos, 0
	for l.pos < len(l.sql) {
		switch {
		case strings.HasPrefix(l.sql[l.pos:], "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(l.sql[l.pos:], "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return nil
			}
		default:
			l.pos++
		}
	}
	return Errorf("42601", "UNCLOSED_BRACKETED_COMMENT", "Found an unclosed bracketed comment at offset %d. Append */ at its end.", start)
}

func (l *lexer) next() error {
	start, c := l.pos, l.at(0)
	switch {
	case c == '`':
		return l.backtick(start)
	case c == '\'' || c == '"':
		return l.text(start, false)
	case (c == 'r' || c == 'R') && (l.at(1) == '\'' || l.at(1) == '"'):
		l.pos++
		return l.text(start, true)
	case (c == 'x' || c == 'X') && (l.at(1) == '\'' || l.at(1) == '"'):
		return l.hex(start)
	case isDigit(c) || c == '.' && isDigit(l.at(1)) && !l.afterName():
		return l.number(start)
	case c == ':' && isWordStart(rune(l.at(1))) && !l.afterName(): // x:int is a field of a STRUCT
		l.pos++
		l.word()
		l.emit(Named, l.sql[start+1:l.pos], "", start)
		return nil
	}
	if r, _ := utf8.DecodeRuneInString(l.sql[l.pos:]); isWordStart(r) {
		l.word()
		l.emit(Word, l.sql[start:l.pos], "", start)
		return nil
	}
	for _, op := range [...]string{"<=>", "<=", "<>", "<<", ">=", "!=", "==", "||", "::", "->", "=>"} {
		if strings.HasPrefix(l.sql[l.pos:], op) {
			l.pos += len(op)
			l.emit(Symbol, op, "", start)
			return nil
		}
	}
	if strings.IndexByte("()[],.;+-*/%<>=!&|^~?:{}", c) >= 0 {
		l.pos++
		l.emit(Symbol, string(c), "", start)
		return nil
	}
	if n := len(l.out); c == '@' && n > 0 && (l.out[n-1].Kind == Word || l.out[n-1].Kind == Quoted) {
		return Unsupported("a version after @ (VERSION AS OF works)")
	}
	return l.fail(start, "unexpected character "+string([]rune(l.sql[start:])[0]))
}

// afterName tells "t.1" (a field) from ".5" (a number).
func (l *lexer) afterName() bool {
	if len(l.out) == 0 {
		return false
	}
	last := l.out[len(l.out)-1]
	return last.Stop == l.pos && (last.Kind == Word || last.Kind == Quoted || last.Value == ")" || last.Value == "]")
}

func (l *lexer) word() {
	for l.pos < len(l.sql) {
		r, n := utf8.DecodeRuneInString(l.sql[l.pos:])
		if !isWordStart(r) && !unicode.IsDigit(r) {
			return
		}
		l.pos += n
	}
}

func isDigit(c byte) bool     { return c >= '0' && c <= '9' }
func isWordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func (l *lexer) backtick(start int) error {
	var b strings.Builder
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		if c := l.sql[l.pos]; c != '`' {
			b.WriteByte(c)
			continue
		}
		if l.at(1) == '`' {
			b.WriteByte('`')
			l.pos++
			continue
		}
		l.pos++
		if b.Len() == 0 {
			return l.fail(start, "an identifier in backticks is empty")
		}
		l.emit(Quoted, b.String(), "", start)
		return nil
	}
	return l.fail(start, "a backtick is not closed")
}

// text reads a string literal. A doubled quote is a quote, as since Spark 4.
func (l *lexer) text(start int, raw bool) error {
	quote := l.at(0)
	var b strings.Builder
	for l.pos++; l.pos < len(l.sql); {
		c := l.sql[l.pos]
		switch {
		case c == quote && l.at(1) == quote && !raw:
			b.WriteByte(quote)
			l.pos += 2
		case c == quote:
			l.pos++
			l.emit(Text, b.String(), "", start)
			return nil
		case c == '\\' && !raw:
			l.pos++
			if err := l.escape(&b, start); err != nil {
				return err
			}
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return l.fail(start, "a string literal is not closed")
}

// escape resolves what follows a backslash, as Spark's unescapeSQLString does: an
// unknown escape is the character itself, and \% and \_ keep their backslash.
func (l *lexer) escape(b *strings.Builder, start int) error {
	if l.pos >= len(l.sql) {
		return l.fail(start, "a string literal is not closed")
	}
	c := l.sql[l.pos]
	if r, n, ok := l.codePoint(c); ok {
		b.WriteRune(r)
		l.pos += n
		return nil
	}
	if v, ok := simpleEscapes[c]; ok {
		b.WriteString(v)
		l.pos++
		return nil
	}
	_, n := utf8.DecodeRuneInString(l.sql[l.pos:])
	b.WriteString(l.sql[l.pos : l.pos+n])
	l.pos += n
	return nil
}

var simpleEscapes = map[byte]string{
	'0': "\x00", 'b': "\b", 'n': "\n", 'r': "\r", 't': "\t", 'Z': "\x1a", '%': `\%`, '_': `\_`,
}

// codePoint reads \uXXXX, \UXXXXXXXX and three octal digits.
func (l *lexer) codePoint(c byte) (r rune, length int, ok bool) {
	const base = 16
	var digits int
	switch {
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case (c == '0' || c == '1') && l.at(1) >= '0' && l.at(1) <= '7' && l.at(2) >= '0' && l.at(2) <= '7':
		return rune(c-'0')<<6 | rune(l.at(1)-'0')<<3 | rune(l.at(2)-'0'), 3, true
	default:
		return 0, 0, false
	}
	for i := 1; i <= digits; i++ {
		v := hexValue(l.at(i))
		if v < 0 {
			return 0, 0, false
		}
		r = r*base + rune(v)
	}
	if !utf8.ValidRune(r) {
		return utf8.RuneError, digits + 1, true
	}
	return r, digits + 1, true
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (l *lexer) hex(start int) error {
	quote := l.at(1)
	end := strings.IndexByte(l.sql[l.pos+2:], quote)
	if end < 0 {
		return l.fail(start, "a binary literal is not closed")
	}
	digits := l.sql[l.pos+2 : l.pos+2+end]
	l.pos += end + 3
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	value := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		hi, lo := hexValue(digits[i]), hexValue(digits[i+1])
		if hi < 0 || lo < 0 {
			return Errorf("42604", "INVALID_TYPED_LITERAL", "The value of the typed literal \"X\" is invalid: '%s'.", digits)
		}
		value = append(value, byte(hi<<4|lo))
	}
	l.emit(Bytes, string(value), "", start)
	return nil
}

func (l *lexer) number(start int) error {
	kind := Integer
	l.digits()
	if l.at(0) == '.' && !isWordStart(rune(l.at(1))) {
		kind = Decimal
		l.pos++
		l.digits()
	}
	if c := l.at(0); c == 'e' || c == 'E' {
		n := 1
		if l.at(n) == '+' || l.at(n) == '-' {
			n++
		}
		if isDigit(l.at(n)) {
			kind = Double
			l.pos += n
			l.digits()
		}
	}
	value, suffixStart := l.sql[start:l.pos], l.pos
	l.word()
	suffix := strings.ToUpper(l.sql[suffixStart:l.pos])
	switch {
	case suffix == "":
	case suffix == "BD":
		kind = Decimal
	case suffix == "D":
		kind = Double
	case suffix == "F":
		kind = Float
	case (suffix == "L" || suffix == "S" || suffix == "Y") && kind == Integer:
	default:
		return l.fail(start, "'"+l.sql[start:l.pos]+
			"' is neither a number nor an identifier; put an identifier that starts with a digit in backticks")
	}
	l.emit(kind, value, suffix, start)
	return nil
}

func (l *lexer) digits() {
	for isDigit(l.at(0)) {
		l.pos++
	}
}
