package stixpattern

import "strings"

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
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
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
