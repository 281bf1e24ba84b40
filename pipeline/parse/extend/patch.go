package extend

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Patch turns a JSON merge patch (RFC 7386) of Spec(child, base) into one of the
// child alone, after which Spec gives what was wanted. Where the child cannot say
// that on top of the base, it stands alone then: the patch removes spec.base and
// says all that the base said.
func Patch(child, base *v1alpha1.ParserSpec, patch string) (own string, alone bool, err error) {
	is := Spec(child, base)
	want, err := Merge(is, patch)
	if err != nil {
		return "", false, err
	}
	next := *child
	next.Input, next.Explode, next.Emit = changed(child, is, want)
	if !equality.Semantic.DeepEqual(Spec(&next, base), want) {
		next, alone = *want, true
		next.Base, next.Examples = nil, child.Examples
	}
	own, err = Diff(child, &next)
	return own, alone, err
}

// changed are the parts of a child that take the place of those of the base, where
// they have to be others than they are.
func changed(child, is, want *v1alpha1.ParserSpec) (v1alpha1.InputSpec, []v1alpha1.ExplodeRule, []v1alpha1.EmitRule) {
	in, explode, emit := child.Input, child.Explode, child.Emit
	if !equality.Semantic.DeepEqual(is.Input, want.Input) {
		in = want.Input
	}
	if !equality.Semantic.DeepEqual(is.Explode, want.Explode) {
		explode = want.Explode
	}
	if !equality.Semantic.DeepEqual(is.Emit, want.Emit) {
		emit = want.Emit
	}
	return in, explode, emit
}

// Merge applies a JSON merge patch (RFC 7386) to a spec, which stays as it is.
func Merge(spec *v1alpha1.ParserSpec, patch string) (*v1alpha1.ParserSpec, error) {
	is, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if is, err = jsonpatch.MergePatch(is, []byte(patch)); err != nil {
		return nil, fmt.Errorf("patch of a Parser: %w", err)
	}
	out := &v1alpha1.ParserSpec{}
	if err := json.Unmarshal(is, out); err != nil {
		return nil, fmt.Errorf("patch of a Parser: %w", err)
	}
	return out, nil
}

// Diff is the JSON merge patch (RFC 7386) that makes one spec the other; "" if they
// are the same.
func Diff(from, to *v1alpha1.ParserSpec) (string, error) {
	a, err := json.Marshal(from)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(to)
	if err != nil {
		return "", err
	}
	out, err := jsonpatch.CreateMergePatch(a, b)
	if err != nil || string(out) == "{}" {
		return "", err
	}
	return string(out), nil
}
