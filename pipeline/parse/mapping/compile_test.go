package mapping

import (
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
)

func specOf(t testing.TB, text string) *v1alpha1.ParserSpec {
	t.Helper()
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	return &spec
}

func TestMistakesAreNamedWithPlaceAndMend(t *testing.T) {
	const category = "constants: {category: bots}\n"
	table := Options{Columns: []string{"ip", "port"}, ColumnsAt: "spec.input.csv.columns"}
	document := Options{JSON: true}
	for _, x := range []struct {
		name, spec string
		opts       Options
		want       string
	}{
		{"a field that is none", category + "mapping: [{field: adresss, from: [ip]}]", table,
			`spec.mapping[0].field: "adresss" is no field of an event; did you mean "`},
		{"a field of no likeness", category + "mapping: [{field: qwertyuiop, from: [ip]}]", table,
			`"qwertyuiop" is no field of an event; what has no field goes to extra.<key>, such as extra.qwertyuiop`},
		{"a field of the platform", category + "mapping: [{field: source, from: [ip]}]", table,
			`"source" is no field of an event that a Parser may fill; the platform sets it`},
		{"a column that is not there", category + "mapping: [{field: ip, from: [port, adr]}]", table,
			`spec.mapping[0].from[1]: "adr" is not in spec.input.csv.columns (has: ip, port)`},
		{"a bad path", category + "mapping: [{field: ip, from: ['a[']}]", document,
			`spec.mapping[0].from[0]: path "a[": [ has no closing ]`},
		{"a wildcard in the mapping", category + "mapping: [{field: ip, from: ['a[*]']}]", document,
			`* is only for spec.input.json.records; explode`},
		{"no value", category + "mapping: [{field: ip}]", table, `spec.mapping[0]: needs exactly one of from, value and expr`},
		{"two values", category + "mapping: [{field: ip, from: [ip], expr: record.ip}]", table, `exactly one of`},
		{"no category", "mapping: [{field: ip, from: [ip]}]", table, `spec.constants: nothing sets category`},
		{"a constant that does not fit", "constants: {category: botts}\nmapping: [{field: ip, from: [ip]}]", table,
			`spec.constants.category: "botts" `},
		{"a constant for no field", category + "mapping: [{field: ip, from: [ip]}]\n", table, ``},
		{"a rule's constant that does not fit", category + "mapping: [{field: proto, value: tpc}]", table,
			`spec.mapping[0].value: "tpc" `},
		{"a translation that does not fit", category + "mapping: [{field: proto, from: [port], values: {entries: {a: tcp, b: upd}}}]", table,
			`spec.mapping[0].values.entries["b"]: "upd" `},
		{"a default that does not fit", category + "mapping: [{field: proto, from: [port], values: {entries: {a: tcp}, default: x}}]", table,
			`spec.mapping[0].values.default: "x" `},
		{"entries that differ in case only", category + "mapping: [{field: proto, from: [port], values: {ignoreCase: true, entries: {a: tcp, A: udp}}}]", table,
			`spec.mapping[0].values.entries: "a" is there twice`},
		{"a bad extract", category + "mapping: [{field: ip, from: [ip], extract: '('}]", table, `spec.mapping[0].extract: error parsing regexp`},
		{"split of one value", category + "mapping: [{field: name, from: [ip], split: ','}]", table,
			`spec.mapping[0].split: name takes one value; use spec.explode`},
		{"time of no time", category + "mapping: [{field: name, from: [ip], time: {layouts: [unix]}}]", table,
			`spec.mapping[0].time: name is no time`},
		{"a bad layout", category + "mapping: [{field: time, from: [ip], time: {layouts: [YYYY]}}]", table,
			`spec.mapping[0].time.layouts[0]: "YYYY": is neither`},
		{"a misspelt variable", category + "mapping: [{field: name, expr: recrod.ip}]", table,
			`spec.mapping[0].expr: undeclared reference to 'recrod' (did you mean 'record'?) (line 1, column 1); an expression knows record and meta`},
		{"a number from a column", category + "mapping: [{field: name, from: [ip], when: record.port > 80}]", table,
			`columns are text: write int(record.port)`},
		{"a condition that is none", category + "mapping: [{field: name, from: [ip], when: record.port}]", table,
			`spec.mapping[0].when: is a string, not a condition`},
		{"an expression without a value", category + "mapping: [{field: name, expr: 'duration(\"1s\")'}]", table,
			`spec.mapping[0].expr: is a google.protobuf.Duration; a field takes text`},
		{"a column in an expression that is not there", category + "mapping: [{field: name, expr: record.nam}]", table,
			`spec.mapping[0].expr: "nam" is not in spec.input.csv.columns`},
		{"a syntax error", category + "mapping: [{field: ip, from: [ip]}]\nskip: [{when: 'record.ip ==', reason: x}]", table,
			`spec.skip[0].when: Syntax error`},
		{"a bad pattern in an expression", category + "mapping: [{field: ip, from: [ip]}]\nskip: [{when: 'record.ip.matches(\"(\")', reason: x}]", table,
			`spec.skip[0].when: invalid matches argument`},
		{"exploding twice", category + "mapping: [{field: ip, from: [ip]}]\nexplode: [{from: ip, separator: ','}, {from: ip, separator: ';'}]", table,
			`spec.explode[1].from: "ip" is exploded by spec.explode[0] already`},
		{"exploding what holds another", category + "mapping: [{field: ip, from: [a.b]}]\nexplode: [{from: a.b}, {from: a}]", document,
			`spec.explode[1].from: "a" holds "a.b" of spec.explode[0]; exchange the two`},
		{"exploding the name", category + "mapping: [{field: ip, from: [$key]}]\nexplode: [{from: $key}]", document,
			`spec.explode[0].from: $key is one name`},
		{"two ways to explode", category + "mapping: [{field: ip, from: [ip]}]\nexplode: [{from: ip, separator: ',', addresses: 4}]", table,
			`spec.explode[0]: has several of separator, pattern and addresses`},
		{"a bad pattern to explode", category + "mapping: [{field: ip, from: [ip]}]\nexplode: [{from: ip, pattern: '('}]", table,
			`spec.explode[0].pattern: error parsing regexp`},
		{"a position", category + "mapping: [{field: ip, from: ['[7]']}]", table, ``},
		{"something unknown of the payload", category + "mapping: [{field: ip, from: [$meta.updated]}]", table,
			`spec.mapping[0].from[0]: "$meta.updated": nothing is known by this name; there are url, filename, basename, collected`},
		{"something that is captured", category + "mapping: [{field: time, from: [$meta.updated]}]", Options{Meta: []string{"updated"}}, ``},
		{"something unknown of the payload in an expression", category + "mapping: [{field: name, expr: meta.updated}]", table,
			`spec.mapping[0].expr: meta has no "updated"; it has: url, filename`},
		{"a derive without groups", category + "derive: [{from: [ip], pattern: 'a(.)'}]\nmapping: [{field: ip, from: [ip]}]", table,
			`spec.derive[0].pattern: has no named group`},
		{"a derived name that is a column", category + "derive: [{from: [ip], pattern: '(?P<port>.)'}]\nmapping: [{field: ip, from: [ip]}]", table,
			`spec.derive[0].pattern: "port" is a column already`},
		{"a derive from nothing", category + "derive: [{from: [adr], pattern: '(?P<a>.)'}]\nmapping: [{field: ip, from: [a]}]", table,
			`spec.derive[0].from[0]: "adr" is not in spec.input.csv.columns`},
		{"unpacking without a name", category + "derive: [{from: [ip], as: JSON}]\nmapping: [{field: ip, from: [ip]}]", table,
			`spec.derive[0]: as needs name`},
		{"an emit rule that is wrong", category + "mapping: [{field: ip, from: [ip]}]\nemit: [{when: record.port, mapping: [{field: nam, from: [ip]}]}]", table,
			`spec.emit[0].mapping[0].field: "nam" is no field of an event`},
		{"a condition of an emit rule", category + "mapping: [{field: ip, from: [ip]}]\nemit: [{when: record.port}]", table,
			`spec.emit[0].when: is a string, not a condition`},
		{"a lookup that does not fit", category + "mapping: [{field: ip, from: [ip]}]\nlookups: [{from: [port], entries: {'22': {proto: tpc}}}]", table,
			`spec.lookups[0].entries["22"].proto: "tpc" `},
		{"category by a lookup alone", "mapping: [{field: ip, from: [ip]}]\nlookups: [{from: [port], entries: {'22': {category: bots}}}]", table, ``},
		{"a type of what is no extra", category + "mapping: [{field: name, from: [ip], type: Integer}]", table,
			`spec.mapping[0].type: is for extras`},
		{"a list without an end", category + "kind: Blacklist\nmapping: [{field: ip, from: [ip]}]", table,
			`spec.blacklist: is missing; kind: Blacklist needs blacklist.expiresAfter`},
	} {
		_, err := Compile(specOf(t, x.spec), x.opts)
		switch {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)):
			t.Errorf("%s: got %v\nwant %s", x.name, err, x.want)
		}
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := Compile(specOf(t, `
mapping: [{field: adresss, from: [ip]}, {field: ip, from: [nope]}, {field: catgory, value: bots}]
constants: {proto: x}
`), Options{Columns: []string{"ip"}, ColumnsAt: "spec.input.csv.columns"})
	if err == nil {
		t.Fatal("compiles")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 {
		t.Errorf("want four mistakes, and none about category, which is only misspelt; got:\n%v", err)
	}
}

func TestInputsAreListedWithWhatTheyFill(t *testing.T) {
	p, err := Compile(specOf(t, `
mapping:
- {field: ip, from: [$.host.ip], required: true}
- {field: name, from: [family, host.ip]}
- {field: name, expr: record.variant + "x", when: has(record.kind)}
- {field: dport, from: [port], required: true}
- {field: dport, value: "80"}
- {field: extra.all, expr: 'record.map(k, k).join(",")'}
constants: {category: bots}
skip: [{when: '"test" in record && record["a.b"] == 1', reason: x}]
explode: [{from: tags}]
`), Options{JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	type input struct {
		Name     string
		Fields   []string
		Required bool
	}
	var got []input
	for _, in := range p.Inputs() {
		got = append(got, input{in.Name, in.Fields, in.Required})
	}
	want := []input{
		{"$.host.ip", []string{"ip", "name"}, true}, {"family", []string{"name"}, false},
		{"variant", []string{"name"}, false}, {"kind", nil, false}, {"port", []string{"dport"}, false},
		{"test", nil, false}, {`["a.b"]`, nil, false}, {"tags", nil, false},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
