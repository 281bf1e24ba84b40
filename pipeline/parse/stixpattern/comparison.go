package stixpattern

import (
	"strconv"
	"strings"
)

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
