package infer

import (
	"fmt"
	"regexp"
	"strings"
)

var celIdent = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// celName is how an expression names the column.
func (d *drafting) celName(c *column) string {
	if !d.format.records.json || d.derived(c) {
		return celColumn(c.name)
	}
	name := "record"
	for _, s := range pathSteps(c.name) {
		name += s.cel()
	}
	return name
}

// derived reports whether a rule of derive makes the column.
func (d *drafting) derived(c *column) bool {
	for _, r := range d.spec.Derive {
		if strings.Contains(r.Pattern, "(?P<"+c.name+">") {
			return true
		}
	}
	return false
}

// step is a part of a path: a member, or the first element.
type step struct {
	name  string
	first bool
}

func (s step) cel() string {
	switch {
	case s.first:
		return "[0]"
	case celIdent.MatchString(s.name) && !strings.Contains(s.name, "."):
		return "." + s.name
	}
	return fmt.Sprintf("[%q]", s.name)
}

var pathStep = regexp.MustCompile(`\[0\]|\["((?:[^"\\]|\\.)*)"\]|[^.\[\]]+`)

// pathSteps takes a path apart: a.b[0]["c.d"].
func pathSteps(path string) []step {
	var out []step
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		switch {
		case m[0] == "[0]":
			out = append(out, step{first: true})
		case strings.HasPrefix(m[0], `["`):
			out = append(out, step{name: strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[1])})
		case m[0] != "$":
			out = append(out, step{name: m[0]})
		}
	}
	return out
}

// celHas is a condition that the column has a value. Each object on the way is
// asked for, since it may be absent or null.
func (d *drafting) celHas(c *column) string {
	if !d.format.records.json {
		return celColumn(c.name) + ` != ""`
	}
	at := "record"
	var conditions []string
	for _, s := range pathSteps(c.name) {
		switch {
		case s.first:
			conditions = append(conditions, fmt.Sprintf("size(%s) > 0", at))
		case strings.HasPrefix(s.cel(), "."):
			conditions = append(conditions, fmt.Sprintf("has(%s%s)", at, s.cel()))
		default:
			conditions = append(conditions, fmt.Sprintf("%q in %s", s.name, at))
		}
		at += s.cel()
		conditions = append(conditions, at+" != null")
	}
	if len(conditions) == 0 { // the record is the value
		return "record != null"
	}
	return strings.Join(conditions, " && ")
}
