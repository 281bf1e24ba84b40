// Package stixpattern reads the patterns of STIX 2.1 (and 2.0) indicators: the whole
// grammar of "STIX Patterning", into a tree.
package stixpattern

import (
	"strconv"
	"strings"
)

// What a pattern may have.
const (
	MaxDepth       = 64
	MaxComparisons = 10_000
)

// Op is a comparison operator.
type Op string

// The operators. EXISTS has no value.
const (
	Equal        Op = "="
	NotEqual     Op = "!="
	Less         Op = "<"
	Greater      Op = ">"
	LessEqual    Op = "<="
	GreaterEqual Op = ">="
	In           Op = "IN"
	Like         Op = "LIKE"
	Matches      Op = "MATCHES"
	IsSubset     Op = "ISSUBSET"
	IsSuperset   Op = "ISSUPERSET"
	Exists       Op = "EXISTS"
)

// LiteralKind is what a literal is.
type LiteralKind uint8

// The kinds of literals.
const (
	String LiteralKind = iota
	Int
	Float
	Bool
	Timestamp
	Hex
	Binary
)

// Literal is a value in a comparison: Text is the decoded content of quotes, digits,
// or true and false.
type Literal struct {
	Kind LiteralKind
	Text string
}

// Step is one component of an object path: a name, or an index (a number or *).
type Step struct {
	Name  string
	Index string
}

// Path is an object path: file:hashes.'SHA-256'.
type Path struct {
	Type  string
	Steps []Step
}

// Property is the path without the type, in one spelling: hashes.'SHA-256',
// protocols[*].
func (p *Path) Property() string {
	var b strings.Builder
	for i, s := range p.Steps {
		switch {
		case s.Index != "":
			b.WriteString("[" + s.Index + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		if plainName(s.Name) {
			b.WriteString(s.Name)
		} else {
			b.WriteString("'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s.Name) + "'")
		}
	}
	return b.String()
}

func plainName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !(i > 0 && isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

// Comparison is an expression inside of an observation: one comparison, or several
// joined by AND or OR.
type Comparison struct {
	// Join is AND or OR of Parts; empty for one comparison.
	Join  string
	Parts []*Comparison

	Path    Path
	Op      Op
	Negated bool // NOT before the operator
	Values  []Literal
}

// Observation is an observation expression: [...], or several joined by AND, OR or
// FOLLOWEDBY.
type Observation struct {
	Join  string
	Parts []*Observation

	Comparison *Comparison
	// Qualifiers follow it: WITHIN 5 SECONDS.
	Qualifiers []string
}

// Parse reads a pattern. The error is a *SyntaxError.
func Parse(pattern string) (*Observation, error) {
	p := &parser{lexer: lexer{in: pattern}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	o, err := p.observations(0, 0)
	if err != nil {
		return nil, err
	}
	if p.token.kind != end {
		return nil, p.unexpected("AND, OR, FOLLOWEDBY or the end")
	}
	return o, nil
}

type parser struct {
	lexer
	token       token
	comparisons int
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) unexpected(wanted string) error {
	if p.token.kind == end {
		return p.fail(p.token.at, "the pattern ends where %s should be", wanted)
	}
	return p.fail(p.token.at, "expected %s, found %.32q", wanted, p.token.text)
}

// is reports whether the token is a keyword (in any case) or special.
func (p *parser) is(s string) bool {
	return p.token.kind == word && strings.EqualFold(p.token.text, s) || p.token.kind == special && p.token.text == s
}

func (p *parser) accept(s string) (bool, error) {
	if !p.is(s) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(s string) error {
	ok, err := p.accept(s)
	if err == nil && !ok {
		err = p.unexpected(s)
	}
	return err
}

// joins of observations, the loosest first.
var joins = []string{"FOLLOWEDBY", "OR", "AND"}

func (p *parser) observations(level, depth int) (*Observation, error) {
	if level == len(joins) {
		return p.qualified(depth)
	}
	first, err := p.observations(level+1, depth)
	if err != nil || !p.is(joins[level]) {
		return first, err
	}
	all := &Observation{Join: joins[level], Parts: []*Observation{first}}
	for {
		if ok, err := p.accept(joins[level]); !ok || err != nil {
			return all, err
		}
		part, err := p.observations(level+1, depth)
		if err != nil {
			return nil, err
		}
		all.Parts = append(all.Parts, part)
	}
}

// qualified reads [...] or (...), and what qualifies it.
func (p *parser) qualified(depth int) (*Observation, error) {
	if depth > MaxDepth {
		return nil, p.fail(p.token.at, "brackets are nested deeper than %d levels", MaxDepth)
	}
	o, err := p.bracketed(depth)
	for err == nil {
		var q string
		if q, err = p.qualifier(); err != nil {
			break
		}
		if q == "" {
			return o, nil
		}
		o.Qualifiers = append(o.Qualifiers, q)
	}
	return nil, err
}

func (p *parser) bracketed(depth int) (*Observation, error) {
	if ok, err := p.accept("("); ok || err != nil {
		if err != nil {
			return nil, err
		}
		o, err := p.observations(0, depth+1)
		if err == nil {
			err = p.expect(")")
		}
		return o, err
	}
	if !p.is("[") {
		return nil, p.unexpected("[")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	c, err := p.comparison("OR", depth+1)
	if err == nil {
		err = p.expect("]")
	}
	return &Observation{Comparison: c}, err
}

// qualifier reads START ... STOP ..., WITHIN n SECONDS or REPEATS n TIMES.
func (p *parser) qualifier() (string, error) {
	at := p.token.at
	var err error
	switch {
	case p.is("START"):
		err = p.sequence("START", stamp, "STOP", stamp)
	case p.is("WITHIN"):
		err = p.sequence("WITHIN", number, "SECONDS", end)
	case p.is("REPEATS"):
		err = p.sequence("REPEATS", number, "TIMES", end)
	default:
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(p.in[at:p.token.at]), nil
}

// sequence reads a keyword, a literal, a keyword, and a literal if last is not end.
// STIX 2.0 writes times as plain text.
func (p *parser) sequence(first string, literal kind, second string, last kind) error {
	if err := p.expect(first); err != nil {
		return err
	}
	if err := p.literalOf(literal); err != nil {
		return err
	}
	if err := p.expect(second); err != nil || last == end {
		return err
	}
	return p.literalOf(last)
}

func (p *parser) literalOf(k kind) error {
	if p.token.kind != k && (k != stamp || p.token.kind != text) {
		if k == stamp {
			return p.unexpected("t'...'")
		}
		return p.unexpected("a number")
	}
	return p.advance()
}

// comparison reads comparisons joined by OR, or those joined by AND, which binds
// closer.
func (p *parser) comparison(join string, depth int) (*Comparison, error) {
	operand := func() (*Comparison, error) {
		if join == "OR" {
			return p.comparison("AND", depth)
		}
		return p.test(depth)
	}
	first, err := operand()
	if err != nil || !p.is(join) {
		return first, err
	}
	all := &Comparison{Join: join, Parts: []*Comparison{first}}
	for {
		if ok, err := p.accept(join); !ok || err != nil {
			return all, err
		}
		part, err := operand()
		if err != nil {
			return nil, err
		}
		all.Parts = append(all.Parts, part)
	}
}

// test reads one comparison, or those in parentheses.
func (p *parser) test(depth int) (*Comparison, error) {
	if depth > MaxDepth {
		return nil, p.fail(p.token.at, "parentheses are nested deeper than %d levels", MaxDepth)
	}
	if p.comparisons++; p.comparisons > MaxComparisons {
		return nil, p.fail(p.token.at, "there are more than %d comparisons", MaxComparisons)
	}
	if ok, err := p.accept("("); ok || err != nil {
		if err != nil {
			return nil, err
		}
		c, err := p.comparison("OR", depth+1)
		if err == nil {
			err = p.expect(")")
		}
		return c, err
	}
	c := &Comparison{}
	if negated, err := p.exists(c); err != nil || c.Op == Exists {
		c.Negated = negated
		return c, err
	}
	if err := p.path(&c.Path); err != nil {
		return nil, err
	}
	negated, err := p.accept("NOT")
	if err != nil {
		return nil, err
	}
	c.Negated = negated
	return c, p.operator(c)
}

// exists reads EXISTS path, or NOT EXISTS path.
func (p *parser) exists(c *Comparison) (negated bool, err error) {
	if p.is("NOT") {
		negated = true
		if err := p.advance(); err != nil {
			return false, err
		}
		if !p.is("EXISTS") {
			return false, p.unexpected("EXISTS")
		}
	}
	if !p.is("EXISTS") {
		return negated, nil
	}
	c.Op = Exists
	if err := p.advance(); err != nil {
		return false, err
	}
	return negated, p.path(&c.Path)
}

// operators by how they are written.
var operators = map[string]Op{
	"=": Equal, "==": Equal, "!=": NotEqual, "<>": NotEqual, "<": Less, ">": Greater, "<=": LessEqual, ">=": GreaterEqual,
	"IN": In, "LIKE": Like, "MATCHES": Matches, "ISSUBSET": IsSubset, "ISSUPERSET": IsSuperset,
}

func (p *parser) operator(c *Comparison) error {
	op, ok := operators[strings.ToUpper(p.token.text)]
	if !ok || p.token.kind != special && p.token.kind != word {
		return p.unexpected("an operator such as =")
	}
	c.Op = op
	if err := p.advance(); err != nil {
		return err
	}
	if op == In {
		return p.set(c)
	}
	v, err := p.literal()
	if err != nil {
		return err
	}
	c.Values = []Literal{v}
	switch op {
	case Like, Matches, IsSubset, IsSuperset:
		if v.Kind != String {
			return p.fail(p.token.at, "%s takes text in quotes", op)
		}
	case Less, Greater, LessEqual, GreaterEqual:
		if v.Kind == Bool {
			return p.fail(p.token.at, "%s does not take a boolean", op)
		}
	}
	return nil
}

func (p *parser) set(c *Comparison) error {
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		v, err := p.literal()
		if err != nil {
			return err
		}
		if p.comparisons++; p.comparisons > MaxComparisons {
			return p.fail(p.token.at, "there are more than %d values", MaxComparisons)
		}
		c.Values = append(c.Values, v)
		if more, err := p.accept(","); err != nil || !more {
			if err == nil {
				err = p.expect(")")
			}
			return err
		}
	}
}

func (p *parser) literal() (v Literal, err error) {
	v.Text = p.token.text
	switch p.token.kind {
	case text:
		v.Kind = String
	case number:
		v.Kind = Int
		if strings.Contains(v.Text, ".") {
			v.Kind = Float
		} else if _, err := strconv.ParseInt(v.Text, 10, 64); err != nil {
			return v, p.fail(p.token.at, "the number %.32s is too large", v.Text)
		}
	case stamp:
		v.Kind = Timestamp
	case hexed:
		v.Kind = Hex
	case based:
		v.Kind = Binary
	default:
		if !p.is("true") && !p.is("false") {
			return v, p.unexpected("a value")
		}
		v.Kind, v.Text = Bool, strings.ToLower(v.Text)
	}
	return v, p.advance()
}

// path reads type:name.'name'[0].
func (p *parser) path(path *Path) error {
	if p.token.kind != word {
		return p.unexpected("an object path such as ipv4-addr:value")
	}
	path.Type = p.token.text
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.expect(":"); err != nil {
		return err
	}
	for {
		if p.token.kind != word && p.token.kind != text {
			return p.unexpected("the name of a property")
		}
		path.Steps = append(path.Steps, Step{Name: p.token.text})
		if err := p.advance(); err != nil {
			return err
		}
		for p.is("[") {
			if err := p.index(path); err != nil {
				return err
			}
		}
		if more, err := p.accept("."); err != nil || !more {
			return err
		}
	}
}

func (p *parser) index(path *Path) error {
	if err := p.advance(); err != nil {
		return err
	}
	if !p.is("*") && (p.token.kind != number || strings.Contains(p.token.text, ".")) {
		return p.unexpected("an index or *")
	}
	path.Steps = append(path.Steps, Step{Index: p.token.text})
	if err := p.advance(); err != nil {
		return err
	}
	return p.expect("]")
}
