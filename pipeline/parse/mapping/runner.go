package mapping

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Meta is what is known about a payload.
type Meta struct {
	Source      string
	URL         string
	Filename    string
	Collected   time.Time
	TLP         event.TLP
	Restriction event.Restriction
}

// Runner runs a Program on one record at a time.
type Runner struct {
	p     *Program
	meta  Meta
	scope *scope
	// set says for each target whether it is set, and if so, whether its value
	// may be dropped.
	set []state
	// explode has a walker for each rule of a JSON Program.
	walkers []*record.Walker
	// unpackers has a walker for each derive rule that unpacks.
	unpackers []*record.Walker
	// known is what is known of the payload, by name.
	known   map[string]string
	missing func(slot int) string
	// quoted holds the JSON of extras of one record.
	quoted []byte
	// parts are the values that one has been taken apart into.
	parts []record.Value
	// Fill sets fields that no rule has set, before lookups and constants do; nil: nothing
	// does.
	Fill func(rec *Record, e *event.Event) *Failure
}

type state uint8

const (
	unset state = iota
	isSet
	isDroppable
)

// NewRunner makes a Runner for one payload. missing says why an input cannot have
// a value in this payload; "" if it can. It may be nil.
func (p *Program) NewRunner(m Meta, missing func(slot int) string) *Runner {
	r := &Runner{p: p, meta: m, set: make([]state, len(p.targets)), missing: missing, known: knownOf(m)}
	r.scope = &scope{
		record: &celRecord{program: p, runner: r, made: make([]ref.Val, len(p.inputs)+len(p.derived))},
		meta:   types.NewStringStringMap(types.DefaultTypeAdapter, r.known),
	}
	for _, d := range p.derive {
		var w *record.Walker
		if d.tree != nil {
			w = record.NewWalker(d.tree)
		}
		r.unpackers = append(r.unpackers, w)
	}
	for _, e := range p.explode {
		var w *record.Walker
		if e.tree != nil {
			w = record.NewWalker(e.tree)
		}
		r.walkers = append(r.walkers, w)
	}
	return r
}

// knownOf is what is known of a payload before it is read.
func knownOf(m Meta) map[string]string {
	known := map[string]string{
		"url": m.URL, "filename": m.Filename, "basename": path.Base(m.Filename),
		"collected": m.Collected.UTC().Format(time.RFC3339Nano),
	}
	if u, err := url.Parse(m.URL); err == nil && u.Path != "" && u.Path != "/" {
		known["basename"] = path.Base(u.Path)
	}
	if known["basename"] == "." || known["basename"] == "/" {
		known["basename"] = ""
	}
	return known
}

// Know notes a value that the input has captured. It is copied.
func (r *Runner) Know(name, value string) { r.known[name] = strings.Clone(value) }

// Skip reports whether a skip rule drops the record, and its reason.
func (r *Runner) Skip(rec *Record) (reason string, skip bool, fail *Failure) {
	r.scope.record.reset(rec)
	for i := range r.p.skip {
		rule := &r.p.skip[i]
		holds, err := rule.when.holds(r.scope)
		if err != nil {
			return "", false, &Failure{Reason: fmt.Sprintf("skip rule %q: %v", rule.reason, err)}
		}
		if holds {
			return rule.reason, true, nil
		}
	}
	return "", false, nil
}

// Map fills e, which must be empty, as the i-th of the events that the record may
// become, and validates it. Skip must have been called for the record. The text of
// e aliases that of the record.
func (r *Runner) Map(i int, rec *Record, e *event.Event) *Failure {
	clear(r.set)
	r.quoted = r.quoted[:0]
	v := &r.p.variants[i]
	for i := range v.rules {
		rule := &v.rules[i]
		if r.set[rule.target] != unset {
			continue
		}
		if fail := r.apply(rule, rec, e); fail != nil {
			return fail
		}
	}
	if fail := r.fill(v.constants, e); fail != nil {
		return fail
	}
	if r.Fill != nil {
		if fail := r.complete(rec, e); fail != nil {
			return fail
		}
	}
	for _, l := range r.p.lookups {
		if fail := r.fill(l.fields(r, rec), e); fail != nil {
			return fail
		}
	}
	if fail := r.fill(r.p.constants, e); fail != nil {
		return fail
	}
	for _, t := range v.required {
		if r.set[t] == unset {
			return r.lacking(t)
		}
	}
	r.defaults(e)
	return r.validate(v, e)
}

// complete lets Fill set fields, and marks those as set.
func (r *Runner) complete(rec *Record, e *event.Event) *Failure {
	if fail := r.Fill(rec, e); fail != nil {
		return fail
	}
	for i := range r.p.targets {
		if t := &r.p.targets[i]; r.set[i] == unset && t.name != observable && t.field.Has(e) {
			r.set[i] = isSet
		}
	}
	return nil
}

// defaults fills what the record does not say from what is known of the payload.
// A record may narrow its audience, never widen it.
func (r *Runner) defaults(e *event.Event) {
	e.Source = r.meta.Source
	if e.Time.IsZero() {
		e.Time, e.Undated = r.meta.Collected, true
	}
	e.TLP = max(e.TLP, r.meta.TLP)
	e.Restriction = max(e.Restriction, r.meta.Restriction)
	if r.meta.Restriction == 0 {
		e.Restriction = max(e.Restriction, event.RestrictionNeedToKnow)
	}
	r.expire(e)
}

// validate drops values that do not go together with others, where the rule
// allows it, and then validates again.
func (r *Runner) validate(v *variant, e *event.Event) *Failure {
	for {
		err := event.Validate(e)
		if err == nil {
			return nil
		}
		fail := failure(err)
		name, _, _ := strings.Cut(fail.Field, "[")
		t := slices.IndexFunc(r.p.targets, func(t target) bool { return t.name == name })
		if t < 0 || r.set[t] != isDroppable || slices.Contains(v.required, t) {
			return fail
		}
		r.set[t] = isSet
		r.p.targets[t].field.Clear(e)
	}
}

func failure(err error) *Failure {
	var fe *event.FieldError
	if !errors.As(err, &fe) {
		return &Failure{Reason: err.Error()}
	}
	if fe.Value == "" {
		return &Failure{fe.Field, fe.Reason}
	}
	return &Failure{fe.Field, fmt.Sprintf("%s (got %q)", fe.Reason, fe.Value)}
}

// lacking says why a required field has no value.
func (r *Runner) lacking(t int) *Failure {
	tgt := &r.p.targets[t]
	var names []string
	for _, slot := range tgt.inputs {
		if slot < 0 {
			continue
		}
		names = append(names, fmt.Sprintf("%q", r.p.inputs[slot].Name))
		if r.missing != nil && len(tgt.inputs) == 1 {
			if why := r.missing(slot); why != "" {
				return &Failure{tgt.name, why}
			}
		}
	}
	switch len(names) {
	case 0:
		return &Failure{tgt.name, "is required, but no rule gives a value"}
	case 1:
		return &Failure{tgt.name, "is required, but " + names[0] + " has no value"}
	}
	return &Failure{tgt.name, "is required, but none of " + strings.Join(names, ", ") + " has a value"}
}

// apply runs one rule. Where it yields a value it marks the target as set.
func (r *Runner) apply(rule *rule, rec *Record, e *event.Event) *Failure {
	if rule.when != nil {
		holds, err := rule.when.holds(r.scope)
		if err != nil {
			return &Failure{rule.name(), "condition: " + err.Error()}
		}
		if !holds {
			return nil
		}
	}
	switch {
	case rule.expr != nil:
		return r.applyExpression(rule, e)
	case rule.constant != nil:
		return r.value(rule, e, record.Value{Text: *rule.constant, Kind: record.String})
	}
	for _, from := range rule.from {
		v := r.get(rec, from)
		if v.Present() && !rule.isNull(v.Text) {
			return r.value(rule, e, v)
		}
	}
	return nil
}

func (r *Runner) applyExpression(rule *rule, e *event.Event) *Failure {
	res, err := rule.expr.eval(r.scope)
	if err != nil {
		return r.invalid(rule, &Failure{rule.name(), err.Error()})
	}
	switch {
	case res.isTime && !rule.observable && (rule.extra || rule.field.Kind() == event.KindTime):
		return r.outcome(rule, rule.field.SetTime(e, res.time))
	case res.isTime:
		return r.value(rule, e, record.Value{Text: res.time.UTC().Format(time.RFC3339Nano), Kind: record.String})
	case res.isList:
		return r.several(rule, e, res.list)
	}
	if !res.value.Present() || rule.isNull(res.value.Text) {
		return nil
	}
	return r.value(rule, e, res.value)
}

// name is the field that the rule fills, for reasons.
func (r *rule) name() string {
	if r.observable {
		return observable
	}
	return r.field.Name()
}

func (r *rule) isNull(s string) bool {
	if s == "" {
		return true
	}
	for _, n := range r.null {
		if s == n {
			return true
		}
	}
	return false
}
