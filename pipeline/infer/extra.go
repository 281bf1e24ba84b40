package infer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// hostOfURL fills the host out of the URL where no column has it.
func (d *drafting) hostOfURL() {
	u := d.fields["url"]
	if o := d.fields["observable"]; u == nil && o != nil && o.share(drift.URL|bareURL) > 0 {
		u = o
	}
	if u == nil || u.array || d.fields["fqdn"] != nil && d.fields["ip"] != nil && d.allHave(d.fields["ip"]) {
		return
	}
	fields := []string{"observable"}
	if u == d.fields["observable"] {
		fields = []string{"fqdn", "ip"}
	}
	for _, f := range fields {
		rule := v1alpha1.MappingRule{Field: f, From: []string{u.name}, Transform: []v1alpha1.Transform{v1alpha1.TransformURLHost}, OnInvalid: v1alpha1.InvalidDrop}
		if u == d.fields["observable"] {
			rule.When = pick(d.allHave(u), "", d.celHas(u)+" && ") + d.celName(u) + `.contains("/")`
		}
		sure := 0.85
		if d.unsureOf("url", u) {
			sure = 0.5
		}
		d.plan(rule, Choice{About: u.name, Field: f, Chosen: "the host of the URL", Confidence: sure, Reason: "no other column has it"})
	}
}

// unsureOf reports whether it is a question that a column is a field.
func (d *drafting) unsureOf(field string, c *column) bool {
	return slices.ContainsFunc(d.rules, func(r planned) bool { return r.rule.Field == field && r.choice.About == c.name && r.choice.Question() })
}

// addExtra keeps a column in extra.
func (d *drafting) addExtra(c *column, p *proposal) {
	if len(d.rules) >= maxRules {
		d.choose(Choice{About: c.name, Chosen: "not mapped", Confidence: 0.65, Reason: "a Parser has so many rules at the most"})
		return
	}
	key := d.extraKey(c)
	rule := v1alpha1.MappingRule{Field: "extra." + key, From: []string{c.name}}
	if len(c.nulls) > 0 {
		rule.Nulls = slices.DeleteFunc(slices.Clone(c.nulls), func(n string) bool { return len(n) > 64 })
		rule.Nulls = rule.Nulls[:min(len(rule.Nulls), 32)]
	}
	if !d.format.records.json {
		rule.Type = c.extraType()
		if rule.Type != "" {
			rule.OnInvalid = v1alpha1.InvalidDrop
		}
	}
	rule.Split = c.split
	choice := Choice{About: c.name, Field: rule.Field, Chosen: rule.Field, Confidence: 0.7, Reason: "the event has no field for it"}
	if p != nil && p.field == "extra" {
		choice.Confidence, choice.Reason, choice.Alternatives = p.confidence, p.reason, p.others
	} else if p != nil {
		choice.Reason, choice.Confidence = "the value as it was", 0.9
	}
	d.plan(rule, choice)
}

// extraKey is a key that no other column has.
func (d *drafting) extraKey(c *column) string {
	key := cleanKey(c.words, c.parents)
	if c.unnamed {
		key = cleanKey(tokens(c.name), nil)
	}
	taken := func(k string) bool {
		return slices.ContainsFunc(d.rules, func(r planned) bool { return r.rule.Field == "extra."+k })
	}
	if taken(key) && len(c.parents) > 0 {
		key = cleanKey(append(slices.Clone(c.parents), c.words...), nil)
	}
	base := key
	for n := 2; taken(key); n++ {
		key = fmt.Sprintf("%s_%d", base, n)
	}
	return key
}

// extraType is the JSON type of the text of a table.
func (c *column) extraType() v1alpha1.ExtraType {
	switch {
	case c.nonNull == 0 || c.array:
		return ""
	case c.share(drift.Int) == 1 && !c.leadingZero() && c.maxLength() <= 15:
		return v1alpha1.ExtraInteger
	case c.share(drift.Int|drift.Float) == 1 && !c.leadingZero() && c.maxLength() <= 15:
		return v1alpha1.ExtraNumber
	}
	for v := range c.distinct {
		switch strings.ToLower(v) {
		case "true", "false":
		default:
			return ""
		}
	}
	return v1alpha1.ExtraBoolean
}

func (c *column) leadingZero() bool {
	for v := range c.distinct {
		if len(v) > 1 && v[0] == '0' && v[1] != '.' || v[0] == '+' {
			return true
		}
	}
	return false
}
