package repair

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/extend"
)

// describe tells what the changed Parser does otherwise, and whether all of it may be
// done without asking. It looks at the Parsers alone, so that a change that was left
// out is told nowhere.
func (t *trial) describe() (changes []string, safe bool) {
	old := t.search.spec
	safe = !t.risky && !t.partial()
	if t.foreign {
		safe = false
		if !reflect.DeepEqual(inputTree(&old.Input), inputTree(&t.spec.Input)) {
			changes = append(changes, fmt.Sprintf("The payload is read as %s.", t.is.Name))
		}
	} else {
		told, harmless := inputChanges(&old.Input, &t.spec.Input)
		changes, safe = append(changes, told...), safe && harmless
	}
	for _, skip := range t.spec.Skip[len(old.Skip):] {
		changes = append(changes, fmt.Sprintf("Records for which %s are passed over.", skip.When))
	}
	for _, c := range t.old {
		if now, ok := t.renames[c.name]; ok && mentioned(t.spec, now) {
			changes, safe = append(changes, fmt.Sprintf("%q is read from %q.", c.name, now)), false
		}
	}
	if t.partial() {
		changes = append(changes, fmt.Sprintf("Nothing fills %s any more: there is no column for it.", joined(t.lostFields)))
	}
	for i := range t.spec.Mapping[:min(len(t.spec.Mapping), len(t.of))] {
		changes = append(changes, t.ruleChanges(&t.of[i], &t.spec.Mapping[i])...)
	}
	told := map[string]bool{}
	return slices.DeleteFunc(changes, func(c string) bool {
		again := told[c]
		told[c] = true
		return again
	}), safe
}

// ruleChanges tells how a rule reads values otherwise.
func (t *trial) ruleChanges(old, now *v1alpha1.MappingRule) (changes []string) {
	say := func(format string, args ...any) { changes = append(changes, fmt.Sprintf(format, args...)) }
	if now.Time != nil {
		was := old.Time
		if was == nil {
			was = &v1alpha1.TimeSpec{}
		}
		if more := layoutsBeyond(was, now.Time); len(more) > 0 {
			say("The times of %q are written as %s.", name(now), strings.Join(more, ", "))
		}
	}
	for _, word := range now.Nulls {
		if !slices.Contains(old.Nulls, word) {
			say("%q has %s where there is no value.", cmp.Or(t.wordsIn[now.Field+" "+word], name(now)), word)
		}
	}
	if old.Split != now.Split {
		say("Values of %q are separated by %q.", name(now), now.Split)
	}
	return changes
}

// name is what a rule reads first.
func name(r *v1alpha1.MappingRule) string {
	if len(r.From) == 0 {
		return r.Field
	}
	return r.From[0]
}

// mentioned tells whether a Parser reads a column.
func mentioned(spec *v1alpha1.ParserSpec, column string) bool {
	changed := spec.DeepCopy()
	remap(changed, map[string]string{column: column + "_"}, false, nil)
	patch, err := extend.Diff(spec, changed)
	return err != nil || patch != ""
}
