package extend

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

func TestARepairOfAChildLeavesTheBaseAlone(t *testing.T) {
	const base = `
input: {csv: {delimiter: ";"}}
mapping: [{field: ip, from: [a]}, {field: time, from: [t], time: {layouts: ["2006-01-02"]}}]
constants: {category: bots}
examples: [{name: of the base, input: "1"}]
`
	const child = `
base: {name: b}
mapping: [{field: name, from: [nn]}]
constants: {confidence: high}
examples: [{name: its own, input: "2"}]
`
	for name, x := range map[string]struct {
		child, patch, want string
		alone              bool
	}{
		"another dialect": {child, `{"input":{"csv":{"delimiter":"|"}}}`, `
base: {name: b}
input: {csv: {delimiter: "|"}}
mapping: [{field: name, from: [nn]}]
constants: {confidence: high}
examples: [{name: its own, input: "2"}]
`, false},
		"a format of its own": {`{base: {name: b}, input: {csv: {delimiter: ",", quote: "'"}}}`, `{"input":{"csv":{"quote":null}}}`,
			`{base: {name: b}, input: {csv: {delimiter: ","}}}`, false},
		"another format": {child, `{"input":{"csv":null,"jsonLines":{}}}`, `
base: {name: b}
input: {jsonLines: {}}
mapping: [{field: name, from: [nn]}]
constants: {confidence: high}
examples: [{name: its own, input: "2"}]
`, false},
		"a column of the base has another name": {child,
			`{"mapping":[{"field":"name","from":["nn"]},{"field":"ip","from":["address"]},{"field":"time","from":["t"],"time":{"layouts":["2006-01-02"]}}]}`, `
input: {csv: {delimiter: ";"}}
mapping: [{field: name, from: [nn]}, {field: ip, from: [address]}, {field: time, from: [t], time: {layouts: ["2006-01-02"]}}]
constants: {category: bots, confidence: high}
examples: [{name: its own, input: "2"}]
`, true},
	} {
		t.Run(name, func(t *testing.T) {
			is := specOf(t, x.child)
			own, alone, err := Patch(is, specOf(t, base), x.patch)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Merge(is, own)
			if err != nil {
				t.Fatal(err)
			}
			if want := specOf(t, x.want); alone != x.alone || !equality.Semantic.DeepEqual(got, want) {
				text, _ := yaml.Marshal(got)
				t.Errorf("alone %v, patch %s gives\n%s", alone, own, text)
			}
			whole, err := Merge(Spec(is, specOf(t, base)), x.patch)
			if err != nil {
				t.Fatal(err)
			}
			if got.Base != nil {
				got = Spec(got, specOf(t, base))
			}
			if !equality.Semantic.DeepEqual(got, whole) {
				t.Error("the child does not mean what was wanted")
			}
		})
	}
}

func TestAPatchThatIsNoneIsAnError(t *testing.T) {
	for _, patch := range []string{``, `[`, `{"mapping": 3}`} {
		if _, _, err := Patch(specOf(t, `{base: {name: b}}`), specOf(t, `{input: {csv: {}}}`), patch); err == nil || !strings.Contains(err.Error(), "patch") {
			t.Errorf("%s: %v", patch, err)
		}
	}
}
