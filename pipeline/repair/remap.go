package repair

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// remap has the rules of a Parser read other columns. Where keep is set, the old name
// stays beside the new one, so that the Parser reads both formats; first are names
// that must be tried before the old ones.
func remap(spec *v1alpha1.ParserSpec, renames map[string]string, keep bool, first map[string]bool) {
	from := func(names []string) []string {
		var out []string
		put := func(n string) {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		for _, name := range names {
			switch to, ok := renames[name]; {
			case !ok:
				put(name)
			case first[name]:
				put(to)
				put(name)
			case keep:
				put(name)
				put(to)
			default:
				put(to)
			}
		}
		return out
	}
	one := func(name string) string {
		if to, ok := renames[name]; ok {
			return to
		}
		return name
	}
	expr := func(e string) string { return renameIn(e, renames) }
	rules := func(rules []v1alpha1.MappingRule) {
		for i := range rules {
			r := &rules[i]
			if r.From != nil {
				r.From = from(r.From)
			}
			r.Expr, r.When = expr(r.Expr), expr(r.When)
		}
	}
	rules(spec.Mapping)
	for i := range spec.Emit {
		rules(spec.Emit[i].Mapping)
		spec.Emit[i].When = expr(spec.Emit[i].When)
	}
	for i := range spec.Derive {
		spec.Derive[i].From = from(spec.Derive[i].From)
	}
	for i := range spec.Lookups {
		spec.Lookups[i].From = from(spec.Lookups[i].From)
	}
	for i := range spec.Explode {
		spec.Explode[i].From = one(spec.Explode[i].From)
	}
	for i := range spec.Skip {
		spec.Skip[i].When = expr(spec.Skip[i].When)
	}
}

// celIdent are the names that an expression can have after a dot.
var celIdent = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// renameIn renames columns in an expression.
func renameIn(e string, renames map[string]string) string {
	if e == "" {
		return e
	}
	for _, old := range slices.Sorted(maps.Keys(renames)) {
		now := renames[old]
		to := fmt.Sprintf("record[%q]", now)
		if celIdent.MatchString(now) {
			to = "record." + now
		}
		e = strings.ReplaceAll(e, fmt.Sprintf("record[%q]", old), to)
		if celIdent.MatchString(old) {
			e = regexp.MustCompile(`\brecord\.`+regexp.QuoteMeta(old)+`\b`).ReplaceAllLiteralString(e, to)
		}
	}
	return e
}

// forget takes the rules out that read nothing but columns which are gone. It returns
// the fields that nothing fills any more, and which rules are left; false if a field
// is required.
func forget(spec *v1alpha1.ParserSpec, gone map[string]bool) (fields []string, kept []int, ok bool) {
	if len(gone) == 0 {
		return nil, nil, true
	}
	ok = true
	rules := spec.Mapping
	spec.Mapping = nil
	for i := range rules {
		r := &rules[i]
		if !needs(r, gone) {
			spec.Mapping, kept = append(spec.Mapping, *r), append(kept, i)
			continue
		}
		ok = ok && !r.Required
		fields = append(fields, r.Field)
	}
	for i := range spec.Mapping {
		if r := &spec.Mapping[i]; len(r.From) > 1 {
			r.From = slices.DeleteFunc(r.From, func(n string) bool { return gone[n] })
		}
	}
	for n := range gone {
		for i := range spec.Skip {
			ok = ok && !mentions(spec.Skip[i].When, n)
		}
		for i := range spec.Explode {
			ok = ok && spec.Explode[i].From != n
		}
	}
	return fields, kept, ok
}

// needs tells whether a rule yields nothing without columns.
func needs(r *v1alpha1.MappingRule, gone map[string]bool) bool {
	if len(r.From) > 0 && !slices.ContainsFunc(r.From, func(n string) bool { return !gone[n] }) {
		return true
	}
	for n := range gone {
		if mentions(r.Expr, n) || mentions(r.When, n) {
			return true
		}
	}
	return false
}

func mentions(e, name string) bool {
	return e != "" && renameIn(e, map[string]string{name: name + "_"}) != e
}
