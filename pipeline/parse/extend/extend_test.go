package extend

import (
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
)

func specOf(t *testing.T, text string) *v1alpha1.ParserSpec {
	t.Helper()
	spec := &v1alpha1.ParserSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestWhatAChildSaysComesFirstAndTheRestIsTheBase(t *testing.T) {
	const base = `
input: {charset: windows-1250, csv: {delimiter: ";"}}
kind: Blacklist
blacklist: {expiresAfter: 48h}
explode: [{from: tags, separator: ","}]
derive: [{from: [a], pattern: '(?P<b>.)'}]
skip: [{when: 'record.a == ""', reason: empty}, {when: 'record.a == "x"', reason: test}]
mapping: [{field: ip, from: [a]}]
lookups: [{from: [c], entries: {x: {name: y}}}]
constants: {category: bots, confidence: high}
examples: [{name: of the base, input: x}]
`
	for name, x := range map[string]struct{ child, want string }{
		"nothing of its own": {`base: {name: b}`, `
input: {charset: windows-1250, csv: {delimiter: ";"}}
kind: Blacklist
blacklist: {expiresAfter: 48h}
explode: [{from: tags, separator: ","}]
derive: [{from: [a], pattern: '(?P<b>.)'}]
skip: [{when: 'record.a == ""', reason: empty}, {when: 'record.a == "x"', reason: test}]
mapping: [{field: ip, from: [a]}]
lookups: [{from: [c], entries: {x: {name: y}}}]
constants: {category: bots, confidence: high}
`},
		"something of everything": {`
base: {name: b}
input: {jsonLines: {}}
explode: [{from: list}]
derive: [{from: [b], pattern: '(?P<c>.)'}]
skip: [{when: 'record.a == null', reason: empty}]
emit: [{constants: {category: cnc}}]
mapping: [{field: ip, from: [addr]}]
lookups: [{from: [d], entries: {x: {name: z}}}]
constants: {category: spam}
examples: [{name: its own, input: x}]
`, `
input: {jsonLines: {}}
kind: Blacklist
blacklist: {expiresAfter: 48h}
explode: [{from: list}]
derive: [{from: [a], pattern: '(?P<b>.)'}, {from: [b], pattern: '(?P<c>.)'}]
skip: [{when: 'record.a == null', reason: empty}, {when: 'record.a == "x"', reason: test}]
emit: [{constants: {category: cnc}}]
mapping: [{field: ip, from: [addr]}, {field: ip, from: [a]}]
lookups: [{from: [d], entries: {x: {name: z}}}, {from: [c], entries: {x: {name: y}}}]
constants: {category: spam, confidence: high}
examples: [{name: its own, input: x}]
`},
		"a rule with other words for nothing": {`
mapping: [{field: ip, from: [a], nulls: ["-"]}, {field: ip, from: [b], nulls: ["-"]}]
`, `
input: {charset: windows-1250, csv: {delimiter: ";"}}
kind: Blacklist
blacklist: {expiresAfter: 48h}
explode: [{from: tags, separator: ","}]
derive: [{from: [a], pattern: '(?P<b>.)'}]
skip: [{when: 'record.a == ""', reason: empty}, {when: 'record.a == "x"', reason: test}]
mapping: [{field: ip, from: [a], nulls: ["-"]}, {field: ip, from: [b], nulls: ["-"]}]
lookups: [{from: [c], entries: {x: {name: y}}}]
constants: {category: bots, confidence: high}
`},
	} {
		t.Run(name, func(t *testing.T) {
			child, b := specOf(t, x.child), specOf(t, base)
			got := Spec(child, b)
			if want := specOf(t, x.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if !reflect.DeepEqual(child, specOf(t, x.child)) || !reflect.DeepEqual(b, specOf(t, base)) {
				t.Error("an argument has changed")
			}
		})
	}
}

func TestAnInputHasAFormatIfItNamesOne(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, `{charset: utf-8, maxRecordBytes: 64, capture: [{name: a, pattern: b}]}`: false,
		`{csv: {}}`: true, `{mail: {}, charset: utf-8}`: true, `{jsonLines: {}}`: true,
	} {
		in := &v1alpha1.InputSpec{}
		if err := yaml.UnmarshalStrict([]byte(text), in); err != nil {
			t.Fatal(err)
		}
		if HasFormat(in) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}
