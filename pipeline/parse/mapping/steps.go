package mapping

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// value takes one value through the steps of the rule.
func (r *Runner) value(rule *rule, e *event.Event, v record.Value) *Failure {
	if v.Kind == record.Array && (rule.list || !rule.plain) {
		r.parts = r.parts[:0]
		record.Elements(v.Text, func(v record.Value) bool {
			r.parts = append(r.parts, v)
			return true
		})
		return r.several(rule, e, r.parts)
	}
	if rule.extra && rule.plain {
		return r.extra(rule, e, v)
	}
	if v.Kind >= record.Object {
		return r.invalid(rule, &Failure{rule.name(), "takes one value, not an " + v.Kind.String() +
			"; name a path inside it, or explode it"})
	}
	return r.text(rule, e, v.Text)
}

// extra keeps the JSON type of the value. Text that needs no escapes is quoted in
// the memory of the Runner; Field.Set would allocate for each.
func (r *Runner) extra(rule *rule, e *event.Event, v record.Value) *Failure {
	if v.Kind != record.String {
		return r.outcome(rule, rule.field.SetJSON(e, json.RawMessage(v.Text)))
	}
	if !plainText(v.Text) {
		return r.outcome(rule, rule.field.Set(e, v.Text))
	}
	start := len(r.quoted)
	r.quoted = append(append(append(r.quoted, '"'), v.Text...), '"')
	return r.outcome(rule, rule.field.SetJSON(e, r.quoted[start:len(r.quoted):len(r.quoted)]))
}

// plainText reports whether s is the body of a JSON string as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= event.MaxExtraBytes
}

// text takes text through extract and split.
func (r *Runner) text(rule *rule, e *event.Event, s string) *Failure {
	s = strings.TrimSpace(s)
	if rule.extract != nil {
		// FindStringSubmatchIndex allocates; most extracts run on few rules.
		m := rule.extract.FindStringSubmatchIndex(s)
		if m == nil || m[2*rule.group] < 0 {
			return nil
		}
		s = s[m[2*rule.group]:m[2*rule.group+1]]
	}
	if rule.isNull(s) {
		return nil
	}
	if rule.split == "" {
		return r.single(rule, e, s)
	}
	r.parts = r.parts[:0]
	for part := range strings.SplitSeq(s, rule.split) {
		r.parts = append(r.parts, record.Value{Text: strings.TrimSpace(part), Kind: record.String})
	}
	return r.several(rule, e, r.parts)
}

// several sets a list field, or an extra to an array.
func (r *Runner) several(rule *rule, e *event.Event, parts []record.Value) *Failure {
	if rule.extra {
		return r.array(rule, e, parts)
	}
	count := 0
	for _, v := range parts {
		if !v.Present() || rule.isNull(v.Text) {
			continue
		}
		if count++; count > 1 && !rule.list {
			r.unset(rule, e)
			return r.invalid(rule, &Failure{rule.name(), "takes one value, not several; explode the record"})
		}
		fail := r.element(rule, e, v)
		if fail != nil {
			return fail
		}
	}
	return nil
}

// unset takes back what the first of several values has set.
func (r *Runner) unset(rule *rule, e *event.Event) {
	r.set[rule.target] = unset
	if !rule.observable {
		rule.field.Clear(e)
		return
	}
	for _, name := range observableFields {
		if t := r.p.targetOf[name]; r.set[t] == isDroppable {
			r.set[t] = unset
			r.p.targets[t].field.Clear(e)
		}
	}
}

func (r *Runner) element(rule *rule, e *event.Event, v record.Value) *Failure {
	if v.Kind >= record.Object {
		return r.invalid(rule, &Failure{rule.name(), "takes text, not an " + v.Kind.String()})
	}
	return r.part(rule, e, v.Text)
}

// part is one of several values; only text that has not been split is extracted
// from.
func (r *Runner) part(rule *rule, e *event.Event, s string) *Failure {
	if rule.split == "" && rule.extract != nil {
		m := rule.extract.FindStringSubmatch(s)
		if m == nil {
			return nil
		}
		s = m[rule.group]
	}
	if s = strings.TrimSpace(s); rule.isNull(s) {
		return nil
	}
	return r.single(rule, e, s)
}

// array makes a JSON array of the parts.
func (r *Runner) array(rule *rule, e *event.Event, parts []record.Value) *Failure {
	var list []json.RawMessage
	for _, v := range parts {
		switch {
		case !v.Present() || rule.isNull(v.Text):
			continue
		case v.Kind != record.String && rule.plain:
			list = append(list, json.RawMessage(v.Text))
			continue
		}
		var scratch event.Event
		fail := r.part(rule, &scratch, v.Text)
		r.set[rule.target] = unset
		if fail != nil {
			return fail
		}
		if len(scratch.Extra) > 0 {
			list = append(list, scratch.Extra[0].Value)
		}
	}
	if len(list) == 0 {
		return nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return r.invalid(rule, &Failure{rule.name(), err.Error()})
	}
	return r.outcome(rule, rule.field.SetJSON(e, raw))
}

// single transforms and translates one text, reads it as a time if it is one, and
// sets it.
func (r *Runner) single(rule *rule, e *event.Event, s string) *Failure {
	if len(rule.transform) > 0 {
		changed, reason := rule.transform.apply(s)
		if reason != "" {
			return r.invalid(rule, &Failure{rule.name(), fmt.Sprintf("%.128q %s", s, reason)})
		}
		if s = strings.TrimSpace(changed); rule.isNull(s) {
			return nil
		}
	}
	if rule.values != nil {
		to, ok := rule.values.translate(s)
		if !ok {
			return r.invalid(rule, &Failure{rule.name(), fmt.Sprintf("%.128q %s", s, rule.values.missing)})
		}
		if to == "" {
			return nil
		}
		s = to
	}
	switch {
	case rule.observable:
		return r.observe(rule, e, s)
	case rule.typ != "":
		return r.typed(rule, e, s)
	case rule.times == nil:
		return r.outcome(rule, rule.field.Set(e, s))
	}
	t, ok := rule.times.read(s)
	if !ok {
		return r.invalid(rule, &Failure{rule.name(), fmt.Sprintf("%.128q is no time of the form %s", s, rule.times.names)})
	}
	return r.outcome(rule, rule.field.SetTime(e, t))
}

// outcome marks the target as set, unless the field refused the value.
func (r *Runner) outcome(rule *rule, err error) *Failure {
	if err != nil {
		return r.invalid(rule, failure(err))
	}
	r.set[rule.target] = isSet
	if rule.drop {
		r.set[rule.target] = isDroppable
	}
	return nil
}

// invalid is what becomes of a value that does not fit.
func (r *Runner) invalid(rule *rule, fail *Failure) *Failure {
	if rule.drop {
		return nil
	}
	return fail
}

// typed gives an extra the JSON type that its rule says.
func (r *Runner) typed(rule *rule, e *event.Event, s string) *Failure {
	raw, ok := typedJSON(rule.typ, s)
	if !ok {
		return r.invalid(rule, &Failure{rule.name(), fmt.Sprintf("%.128q is no %s", s, strings.ToLower(string(rule.typ)))})
	}
	return r.outcome(rule, rule.field.SetJSON(e, raw))
}

func typedJSON(typ v1alpha1.ExtraType, s string) (json.RawMessage, bool) {
	switch typ {
	case v1alpha1.ExtraInteger:
		n, err := strconv.ParseInt(strings.TrimPrefix(s, "+"), 10, 64)
		return strconv.AppendInt(nil, n, 10), err == nil
	case v1alpha1.ExtraNumber:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f-f != 0 {
			return nil, false
		}
		return strconv.AppendFloat(nil, f, 'f', -1, 64), true
	case v1alpha1.ExtraBoolean:
		switch strings.ToLower(s) {
		case "true", "yes", "y", "t", "1", "on":
			return json.RawMessage("true"), true
		case "false", "no", "n", "f", "0", "off":
			return json.RawMessage("false"), true
		}
		return nil, false
	case v1alpha1.ExtraJSON:
		v, err := record.Parse(s)
		if err != nil || v.Kind == record.String {
			return json.RawMessage(s), err == nil
		}
		return json.RawMessage(v.Text), true
	}
	return record.AppendString(nil, s), true
}
