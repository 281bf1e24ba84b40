package mapping

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// maxPairs bounds what KeyValue takes apart.
const maxPairs = 256

// deriveRule adds values to a record.
type deriveRule struct {
	at        string
	from      []operand
	transform transforms
	pattern   *regexp.Regexp
	// groups of the pattern, with the derived value of each.
	groups []derivedGroup
	as     v1alpha1.DeriveAs
	name   string
	// tree has the paths that rules read inside, with their derived values.
	tree *record.Tree
}

type derivedGroup struct{ group, derived int }

func (c *compiler) deriveRule(spec *v1alpha1.DeriveRule, at string) {
	d := &deriveRule{at: at, transform: spec.Transform, as: spec.As, name: spec.Name}
	d.from = c.operands(spec.From, at+".from")
	c.derive = append(c.derive, d)
	if spec.As != "" {
		if spec.Name == "" || spec.Pattern != "" {
			c.fail("%s: as needs name, and no pattern", at)
			return
		}
		d.tree = record.NewTree()
		c.makes(spec.Name, at+".name")
		return
	}
	re, err := regexp.Compile(spec.Pattern)
	if err != nil {
		c.fail("%s.pattern: %w", at, err)
		return
	}
	d.pattern = re
	for group, name := range re.SubexpNames() {
		if name != "" {
			d.groups = append(d.groups, derivedGroup{group, c.makes(name, at+".pattern")})
		}
	}
	if len(d.groups) == 0 {
		c.fail("%s.pattern: has no named group; write (?P<name>...) for each new column", at)
	}
}

// makes adds a derived value.
func (c *compiler) makes(name, at string) int {
	if slices.Contains(c.derived, name) || slices.Contains(c.opts.Columns, name) {
		c.fail("%s: %q is a column already", at, name)
	}
	c.derived = append(c.derived, name)
	return len(c.derived) - 1
}

// derivedNamed finds a derived value by its name, or by a path below the name of
// what a rule unpacks.
func (c *compiler) derivedNamed(name string) (operand, bool) {
	if i := slices.Index(c.derived, name); i >= 0 {
		c.whole(name, i)
		return operand{inDerived, i}, true
	}
	p, err := record.ParsePath(name)
	if err != nil || len(p) < 2 || p[0].Kind != record.Key || p.Has(record.Any) || p.Has(record.Name) {
		return operand{}, false
	}
	for _, d := range c.derive {
		if d.tree != nil && d.name == p[0].Key {
			c.derived = append(c.derived, name)
			d.tree.Add(p[1:], len(c.derived)-1)
			return operand{inDerived, len(c.derived) - 1}, true
		}
	}
	return operand{}, false
}

// whole makes the value of a rule that unpacks available as a whole.
func (c *compiler) whole(name string, i int) {
	for _, d := range c.derive {
		if d.tree != nil && d.name == name && !d.tree.Has(i) {
			d.tree.Add(nil, i)
		}
	}
}

// derivedFills notes that a derived value fills a field, for its sources.
func (c *compiler) derivedFills(derived int, field string) {
	if c.derivedFields == nil {
		c.derivedFields = map[int][]string{}
	}
	c.derivedFields[derived] = append(c.derivedFields[derived], field)
}

// deriveSources tells the inputs of derive rules which fields they fill.
func (c *compiler) deriveSources() {
	for i := len(c.derive) - 1; i >= 0; i-- {
		d := c.derive[i]
		for derived, fields := range c.derivedFields {
			if !d.yields(derived) {
				continue
			}
			for _, field := range fields {
				c.lookupFills(d.from, field)
			}
		}
	}
}

func (d *deriveRule) yields(derived int) bool {
	if d.tree != nil {
		return d.tree.Has(derived)
	}
	return slices.ContainsFunc(d.groups, func(g derivedGroup) bool { return g.derived == derived })
}

// Derive makes the values of derive rules. It is called for each of the records
// that Explode yields, before Skip.
func (r *Runner) Derive(rec *Record) *Failure {
	if len(r.p.derive) == 0 {
		return nil
	}
	if len(rec.derived) != len(r.p.derived) {
		rec.derived = make([]record.Value, len(r.p.derived))
	}
	clear(rec.derived)
	for i, d := range r.p.derive {
		v, ok := r.first(rec, d.from, nil)
		if !ok {
			continue
		}
		text, reason := d.transform.apply(v.Text)
		if reason != "" {
			return &Failure{Reason: fmt.Sprintf("%s: %.128q %s", d.at, v.Text, reason)}
		}
		if d.pattern != nil {
			d.match(rec, text)
		} else if reason := d.unpack(r.unpackers[i], rec, text); reason != "" {
			return &Failure{Reason: fmt.Sprintf("%s: %.128q %s", d.at, v.Text, reason)}
		}
	}
	return nil
}

func (d *deriveRule) match(rec *Record, text string) {
	m := d.pattern.FindStringSubmatchIndex(text)
	if m == nil {
		return
	}
	for _, g := range d.groups {
		if m[2*g.group] >= 0 {
			rec.derived[g.derived] = record.Value{Text: strings.TrimSpace(text[m[2*g.group]:m[2*g.group+1]]), Kind: record.String}
		}
	}
}

func (d *deriveRule) unpack(w *record.Walker, rec *Record, text string) (reason string) {
	switch d.as {
	case v1alpha1.DeriveKeyValue:
		text = pairsJSON(text)
	case v1alpha1.DeriveURL:
		if text = urlJSON(text); text == "" {
			return "is no URL"
		}
	}
	if err := w.ExtractText(text, rec.derived); err != nil {
		d.tree.Clear(rec.derived)
		return "is no JSON: " + err.Error()
	}
	return ""
}

// pairsJSON makes an object of pairs such as a=1; b=2.
func pairsJSON(text string) string {
	out := []byte{'{'}
	for i, part := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(";,& \t\r\n", c) }) {
		if i == maxPairs {
			break
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			key, value, ok = strings.Cut(part, ":")
		}
		if !ok || key == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(record.AppendString(out, key), ':')
		out = record.AppendString(out, strings.Trim(value, `"'`))
	}
	return record.Text(append(out, '}'))
}

func urlJSON(text string) string {
	u, err := url.Parse(refang(strings.TrimSpace(text)))
	if err != nil || u.Host == "" {
		return ""
	}
	out := []byte{'{'}
	put := func(key, value string) {
		if value == "" {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(record.AppendString(out, key), ':')
		out = record.AppendString(out, value)
	}
	put("scheme", u.Scheme)
	put("host", u.Hostname())
	put("port", u.Port())
	put("path", u.Path)
	if file := path.Base(u.Path); file != "." && file != "/" {
		put("file", file)
	}
	put("query", u.RawQuery)
	return record.Text(append(out, '}'))
}
