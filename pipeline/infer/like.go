package infer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// chooseLike picks the Parser that has most columns in common with the sample.
func (d *drafting) chooseLike() {
	best := 0
	for i := range d.opts.Like {
		p := &d.opts.Like[i]
		n := 0
		for _, name := range inputsOf(&p.Spec) {
			if d.named(name) != nil {
				n++
			}
		}
		if sameFormat(&p.Spec.Input, &d.spec.Input) {
			n = 2*n + 1
		}
		if n > best {
			d.like, best = p, n
		}
	}
}

func sameFormat(a, b *v1alpha1.InputSpec) bool {
	return (a.CSV != nil) == (b.CSV != nil) && (a.JSON != nil) == (b.JSON != nil) && (a.JSONLines != nil) == (b.JSONLines != nil) &&
		(a.Text != nil) == (b.Text != nil) && (a.XML != nil) == (b.XML != nil) && (a.HTML != nil) == (b.HTML != nil) &&
		(a.KeyValue != nil) == (b.KeyValue != nil)
}

// inputsOf are the columns that the rules of a Parser use.
func inputsOf(spec *v1alpha1.ParserSpec) []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, r := range spec.Mapping {
		add(r.From...)
		add(columnsIn(r.Expr)...)
	}
	return out
}

var recordColumn = regexp.MustCompile(`\brecord(?:\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|\["([^"]+)"\])`)

// calls are the functions that an expression may call on a column.
var calls = regexp.MustCompile(`\.(?:startsWith|endsWith|contains|matches|split|trim|replace|lowerAscii|upperAscii|substring|size|map|filter|indexOf|lastIndexOf|join|exists|all)$`)

// columnsIn are the columns that an expression names.
func columnsIn(expr string) []string {
	var out []string
	for _, m := range recordColumn.FindAllStringSubmatch(expr, -1) {
		out = append(out, calls.ReplaceAllString(m[1]+m[2], ""))
	}
	return out
}

// named is the column of a name, also if it is written otherwise: first_seen,
// FirstSeen.
func (d *drafting) named(name string) *column {
	if c := d.column(name); c != nil {
		return c
	}
	words, _ := nameWords(name)
	key := strings.Join(words, "")
	for _, c := range d.columns {
		if key != "" && strings.Join(c.words, "") == key {
			return c
		}
	}
	return nil
}

// followLike takes over the rules of a similar Parser for columns that are here
// too, its constants, and its skip rules; it says what differs.
func (d *drafting) followLike(planned map[*column]bool) {
	d.chooseLike()
	if d.like == nil {
		if len(d.opts.Like) > 0 {
			d.choose(Choice{About: "like", Chosen: "nothing", Confidence: 0.5, Reason: "it has no column in common with the sample"})
		}
		return
	}
	name := d.like.Name
	for i := range d.like.Spec.Mapping {
		d.likeRule(d.like.Spec.Mapping[i], name, planned)
	}
	for _, s := range d.like.Spec.Skip {
		if d.allNamed(columnsIn(s.When)) && !slices.ContainsFunc(d.spec.Skip, func(o v1alpha1.SkipRule) bool { return o.Reason == s.Reason }) {
			d.spec.Skip = append(d.spec.Skip, s)
		}
	}
	for k, v := range d.like.Spec.Constants {
		d.spec.Constants[k] = v
		d.choose(Choice{About: k, Field: k, Chosen: v, Confidence: 0.85, Reason: "as in " + name})
	}
	d.differences(name, planned)
}

func (d *drafting) likeRule(r v1alpha1.MappingRule, name string, planned map[*column]bool) {
	rule := *r.DeepCopy()
	if rule.OnInvalid == v1alpha1.InvalidReject {
		rule.OnInvalid = "" // the default
	}
	var used []*column
	if len(rule.From) > 0 {
		rule.From = nil
		for _, f := range r.From {
			if strings.HasPrefix(f, "$meta.") {
				rule.From = append(rule.From, f)
			} else if c := d.named(f); c != nil && !slices.Contains(used, c) {
				rule.From = append(rule.From, c.name)
				used = append(used, c)
			}
		}
		if len(rule.From) == 0 {
			return
		}
	}
	for _, f := range slices.Concat(columnsIn(rule.Expr), columnsIn(rule.When)) {
		c := d.column(f)
		if c == nil {
			return
		}
		used = append(used, c)
	}
	choice := Choice{About: rule.Field, Field: rule.Field, Chosen: rule.Field, Confidence: 0.95, Reason: "as in " + name}
	for _, c := range used {
		planned[c] = true
		choice.About = used[0].name
		d.ownTimes(c, &rule)
		if d.fields[rule.Field] == nil {
			d.fields[rule.Field] = c
		}
	}
	// What a record must have is judged anew.
	rule.Required = rule.Required && len(used) == 1 && used[0].nonNull == len(used[0].values)
	d.plan(rule, choice)
}

// ownTimes adds the layouts of this sample to those of the other Parser.
func (d *drafting) ownTimes(c *column, rule *v1alpha1.MappingRule) {
	if !slices.Contains([]string{"time", "first_seen", "last_seen", "until", "expires"}, rule.Field) {
		return
	}
	t := timesOf(c)
	if t == nil || rule.Time == nil && t.plain {
		return
	}
	if rule.Time == nil {
		rule.Time = &v1alpha1.TimeSpec{}
	}
	for _, l := range t.layouts {
		if !slices.Contains(rule.Time.Layouts, l) {
			rule.Time.Layouts = append(rule.Time.Layouts, l)
		}
	}
}

func (d *drafting) allNamed(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return d.column(n) == nil })
}

// differences tells what the two do not have in common.
func (d *drafting) differences(name string, planned map[*column]bool) {
	var gone, added []string
	for _, n := range inputsOf(&d.like.Spec) {
		if d.named(n) == nil && !strings.HasPrefix(n, "$") {
			gone = append(gone, n)
		}
	}
	for _, c := range d.columns {
		if !planned[c] && c.nonNull > 0 {
			added = append(added, c.name)
		}
	}
	if len(gone) > 0 {
		d.choose(Choice{About: "like", Chosen: name, Confidence: 0.8, Reason: "not in this sample: " + strings.Join(gone, ", ")})
	}
	if len(added) > 0 {
		d.choose(Choice{About: "like", Chosen: name, Confidence: 0.8, Reason: "it does not use: " + strings.Join(added, ", ")})
	}
	if len(gone)+len(added) == 0 && sameFormat(&d.like.Spec.Input, &d.spec.Input) {
		d.choose(Choice{About: "like", Chosen: name, Confidence: 0.9, Reason: "all columns agree: spec.base: {name: " + name + "} would do instead of a mapping"})
	}
}
