// Package stixpattern reads the patterns of STIX 2.1 (and 2.0) indicators: the whole
// grammar of "STIX Patterning", into a tree.
package stixpattern

import "strings"

// What a pattern may have.
const (
	MaxDepth       = 64
	MaxComparisons = 10_000
)

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
