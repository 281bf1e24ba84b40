package infer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// identify says which field a record must have to be an event, and passes over
// records that are of another kind.
func (d *drafting) identify() {
	if d.format.vocabulary {
		return
	}
	var ids []*planned
	for i := range d.rules {
		if isIdentity(d.rules[i].rule.Field) && d.rules[i].rule.Transform == nil || d.rules[i].rule.Field == "ip" {
			ids = append(ids, &d.rules[i])
		}
	}
	slices.SortStableFunc(ids, func(a, b *planned) int {
		return slices.Index(identities, a.rule.Field) - slices.Index(identities, b.rule.Field)
	})
	if len(ids) == 0 {
		d.requireName()
		return
	}
	main := d.mainOf(ids)
	if main == nil && len(ids) == 1 {
		if ids[0].rule.Field == "cves" {
			// An advisory may have no CVE id yet.
			ids[0].rule.OnInvalid = v1alpha1.InvalidDrop
			d.requireName()
			return
		}
		main = ids[0]
		d.skipWithout(main)
	}
	for _, p := range ids {
		if p == main {
			p.rule.Required = true
		} else {
			p.rule.OnInvalid = v1alpha1.InvalidDrop
		}
	}
}

// mainOf is the rule that fits all records and is surest; nil if none fits all.
func (d *drafting) mainOf(ids []*planned) *planned {
	var main *planned
	for _, p := range ids {
		if d.filled(p) == 1 && (main == nil || p.choice.Confidence > main.choice.Confidence+0.1) {
			main = p
		}
	}
	return main
}

// requireName is for records without anything to identify them.
func (d *drafting) requireName() {
	for _, field := range []string{"target", "name", "extra"} {
		for i := range d.rules {
			p := &d.rules[i]
			if strings.HasPrefix(p.rule.Field, field) && len(p.rule.From) == 1 && d.filled(p) == 1 {
				p.rule.Required = true
				if field == "extra" && d.fields["cves"] == nil {
					d.choose(Choice{About: p.choice.About, Field: p.rule.Field, Chosen: "required", Confidence: 0.3,
						Reason: "no column has an address, URL, name or hash: what is an event about?"})
				}
				return
			}
		}
	}
}

// filled is the share of records that have a value for the rule.
func (d *drafting) filled(p *planned) float64 {
	var from []*column
	for _, name := range append([]string{p.choice.About}, p.rule.From...) {
		if c := d.column(name); c != nil {
			from = append(from, c)
		}
	}
	if len(from) == 0 || len(from[0].values) == 0 {
		return 0
	}
	n := 0
	for i := range from[0].values {
		if slices.ContainsFunc(from, func(c *column) bool { return c.has(i) }) {
			n++
		}
	}
	return float64(n) / float64(len(from[0].values))
}

func (d *drafting) column(name string) *column {
	for _, c := range d.columns {
		if c.name == name {
			return c
		}
	}
	return nil
}

// skipWithout passes over records that are of another kind than the others: they
// do not have the member at all.
func (d *drafting) skipWithout(p *planned) {
	c := d.column(p.choice.About)
	if c == nil || !d.format.records.json || !celIdent.MatchString(c.name) {
		return
	}
	member, _, _ := strings.Cut(c.name, ".")
	without := 0
	for i, row := range d.format.records.rows {
		if len(d.spec.Explode) == 0 && (i >= len(c.values) || c.values[i] != "") {
			continue
		}
		v, err := decodeRecord(row[0])
		o, ok := v.(*object)
		switch {
		case err != nil || !ok:
			return
		case !o.has(member):
			without++
		case len(d.spec.Explode) == 0:
			return
		}
	}
	if without == 0 {
		return
	}
	d.spec.Skip = append(d.spec.Skip, v1alpha1.SkipRule{When: "!has(record." + member + ")", Reason: "no-" + slug(member)})
	d.choose(Choice{About: "records", Chosen: "skip records without " + c.name, Confidence: 0.7, Reason: "they are of another kind than the others"})
}

func (d *drafting) compile() (*parse.Parser, error) {
	d.spec.Mapping = nil
	for _, p := range d.rules {
		d.spec.Mapping = append(d.spec.Mapping, p.rule)
	}
	return parse.Compile(&d.spec)
}

// outcome is what a Parser makes of a payload.
type outcome struct {
	events      []string // JSON
	rejected    []string // reasons
	rejectedFor map[string]int
	stats       parse.Stats
	broken      error
	most        int
}

func (o *outcome) Event(e *event.Event) error {
	if len(o.events) < o.most {
		o.events = append(o.events, string(event.AppendJSON(nil, e)))
	}
	return nil
}

func (o *outcome) Reject(r *parse.Rejection) error {
	o.rejectedFor[r.Field]++
	if len(o.rejected) < o.most {
		o.rejected = append(o.rejected, r.Reason)
	}
	return nil
}

func (d *drafting) run() (*outcome, error) { return d.runOn(d.text.sample.Data, maxRecords) }

func (d *drafting) runOn(payload []byte, most int) (*outcome, error) {
	p, err := d.compile()
	if err != nil {
		return nil, err
	}
	o := &outcome{rejectedFor: map[string]int{}, most: most}
	o.stats, o.broken = p.Parse(context.Background(), bytes.NewReader(payload), d.text.sample.meta(), o, nil)
	return o, nil
}

// settle runs the draft on the sample and mends what rejects records for the
// sake of a field that is not what they are about.
func (d *drafting) settle() error {
	var o *outcome
	for range 6 {
		var err error
		if o, err = d.run(); err != nil {
			return err
		}
		if !d.mend(o) {
			break
		}
	}
	skipped := int64(0)
	for _, n := range o.stats.Skipped {
		skipped += n
	}
	d.draft.Records, d.draft.Events, d.draft.Rejected, d.draft.Skipped = o.stats.Records, o.stats.Events, o.stats.Rejected, skipped
	if o.stats.Rejected > 0 {
		d.choose(Choice{About: "records", Chosen: "reject", Confidence: 0.55, Reason: fmt.Sprintf("%d of %d records become no event: %s",
			o.stats.Rejected, o.stats.Records, strings.Join(o.rejected[:min(len(o.rejected), 2)], "; ")), Alternatives: []string{"skip", "take required away"}})
	}
	for _, r := range d.rules {
		d.draft.Choices = append(d.draft.Choices, *r.choice)
	}
	if len(d.empty) > 0 {
		d.choose(Choice{About: strings.Join(d.empty[:min(len(d.empty), 12)], ", "), Chosen: "not mapped", Confidence: 0.65, Reason: "the sample has no values of them"})
	}
	return nil
}

func (d *drafting) mend(o *outcome) (changed bool) {
	for i := range d.rules {
		r := &d.rules[i].rule
		if n := o.rejectedFor[r.Field]; n > 0 && r.OnInvalid != v1alpha1.InvalidDrop && (!r.Required || !isIdentity(r.Field)) {
			r.OnInvalid, changed = v1alpha1.InvalidDrop, true
			d.rules[i].choice.Reason += fmt.Sprintf("; %d values do not fit", n)
		}
	}
	return changed
}
