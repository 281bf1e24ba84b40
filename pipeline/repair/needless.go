package repair

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

const (
	// maxLeftOut bounds the changes that are tried without, and maxLeftOutBytes what is
	// parsed for it.
	maxLeftOut      = 64
	maxLeftOutBytes = 64 << 20
)

// undo takes one change back.
type undo func(spec *v1alpha1.ParserSpec)

// leaveOut takes back what the payload does not need: without it, the Parser makes the
// same of it.
func (t *trial) leaveOut(ctx context.Context, run *outcome) error {
	changes, bytes := t.undos(), 0
	for _, back := range changes[:min(len(changes), maxLeftOut)] {
		if bytes += len(t.bad); bytes > maxLeftOutBytes {
			break
		}
		without := t.spec.DeepCopy()
		back(without)
		lens, err := drift.NewLens(without)
		if err != nil {
			continue // the rest needs it
		}
		other, err := outcomeOf(ctx, lens, t.bad, t.meta)
		switch {
		case err != nil:
			return err
		case run.same(other):
			t.spec = without
		}
	}
	for i := len(t.spec.Mapping) - 1; i >= t.own; i-- { // rules of the format that were changed for nothing
		if reflect.DeepEqual(t.spec.Mapping[i], t.of[i]) {
			t.spec.Mapping, t.of = slices.Delete(t.spec.Mapping, i, i+1), slices.Delete(t.of, i, i+1)
		}
	}
	if len(t.spec.Mapping) == 0 {
		t.spec.Mapping = t.search.spec.Mapping // none, as it was written
	}
	return nil
}

// undos are the changes that can be taken back one by one.
func (t *trial) undos() []undo {
	var out []undo
	old := t.search.spec
	if reflect.DeepEqual(formats(&old.Input), formats(&t.spec.Input)) {
		out = append(out, inputUndos(&old.Input, &t.spec.Input)...)
	}
	for i := range t.spec.Mapping[:min(len(t.spec.Mapping), len(t.of))] {
		out = append(out, ruleUndos(i, &t.of[i], &t.spec.Mapping[i])...)
	}
	for i := len(old.Skip); i < len(t.spec.Skip); i++ {
		skip := t.spec.Skip[i]
		out = append(out, func(spec *v1alpha1.ParserSpec) {
			spec.Skip = slices.DeleteFunc(spec.Skip, func(s v1alpha1.SkipRule) bool { return s == skip })
		})
	}
	return out
}

// formats are the members of an input that are set.
func formats(in *v1alpha1.InputSpec) []string {
	tree := inputTree(in)
	for _, setting := range []string{"charset", "maxRecordBytes", "capture"} {
		delete(tree, setting)
	}
	return slices.Sorted(maps.Keys(tree))
}

func inputTree(in *v1alpha1.InputSpec) map[string]any {
	var tree map[string]any
	if b, err := json.Marshal(in); err != nil || json.Unmarshal(b, &tree) != nil {
		return nil
	}
	return tree
}

// inputUndos take each setting of an input back that is not as it was.
func inputUndos(old, now *v1alpha1.InputSpec) []undo {
	var out []undo
	was, is := inputTree(old), inputTree(now)
	both := maps.Clone(was)
	maps.Copy(both, is)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		a, inA := was[name].(map[string]any)
		b, inB := is[name].(map[string]any)
		switch {
		case reflect.DeepEqual(was[name], is[name]):
		case inA && inB:
			settings := maps.Clone(a)
			maps.Copy(settings, b)
			for _, setting := range slices.Sorted(maps.Keys(settings)) {
				if !reflect.DeepEqual(a[setting], b[setting]) {
					out = append(out, setInput(name, setting, a[setting]))
				}
			}
		default:
			out = append(out, setInput(name, "", was[name]))
		}
	}
	return out
}

// setInput gives a member of an input, or a setting of the member, its value back; nil
// for none.
func setInput(name, setting string, value any) undo {
	return func(spec *v1alpha1.ParserSpec) {
		tree := inputTree(&spec.Input)
		at := tree
		if setting != "" {
			at, _ = tree[name].(map[string]any)
			name := setting
			put(at, name, value)
		} else {
			put(at, name, value)
		}
		var in v1alpha1.InputSpec
		if b, err := json.Marshal(tree); err == nil && json.Unmarshal(b, &in) == nil {
			spec.Input = in
		}
	}
}

func put(tree map[string]any, name string, value any) {
	switch {
	case tree == nil:
	case value == nil:
		delete(tree, name)
	default:
		tree[name] = value
	}
}

// ruleUndos take back what was changed in rule i.
func ruleUndos(i int, old, now *v1alpha1.MappingRule) []undo {
	var out []undo
	if !slices.Equal(old.From, now.From) {
		out = append(out, func(spec *v1alpha1.ParserSpec) { spec.Mapping[i].From = old.From })
	}
	if !reflect.DeepEqual(old.Time, now.Time) {
		out = append(out, func(spec *v1alpha1.ParserSpec) { spec.Mapping[i].Time = old.Time.DeepCopy() })
	}
	if old.Split != now.Split {
		out = append(out, func(spec *v1alpha1.ParserSpec) { spec.Mapping[i].Split = old.Split })
	}
	if old.Type != now.Type {
		out = append(out, func(spec *v1alpha1.ParserSpec) { spec.Mapping[i].Type = old.Type })
	}
	for _, word := range now.Nulls {
		if !slices.Contains(old.Nulls, word) {
			out = append(out, func(spec *v1alpha1.ParserSpec) {
				spec.Mapping[i].Nulls = slices.DeleteFunc(slices.Clone(spec.Mapping[i].Nulls), func(w string) bool { return w == word })
			})
		}
	}
	return out
}
