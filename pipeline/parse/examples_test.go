package parse

import (
	"strings"
	"testing"
)

func TestExamplesTellEachDifference(t *testing.T) {
	spec := specOf(t, `
input: {csv: {}}
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [name]}
- {field: time, from: [t]}
- {field: extra.num, from: [num]}
constants: {category: bots}
skip: [{when: record.name == "skip", reason: told}]
examples:
- name: right
  input: |
    ip,name,t,num
    192.0.2.1,a,2026-01-01T00:00:00+01:00,1
    x,b,,
    192.0.2.1,skip,,
  events: [{address: [{ip: 192.0.2.1}], name: a, time: "2025-12-31T23:00:00Z", undated: null, extra: {num: "1"}}]
  rejected: ["not an IP address"]
  skipped: 1
- name: wrong
  meta: {collected: "2026-03-01T00:00:00Z", url: "https://feeds.example/"}
  input: |
    ip,name,t,num
    192.0.2.1,a,,
    192.0.2.2,b,,
    x,c,,
  events:
  - {name: z, target: bank, undated: null, address: [{ip: 192.0.2.1, asn: 5}], time: "2026-01-01T00:00:00Z"}
- name: too few
  input: "ip,name,t,num\n"
  events: [{name: a}]
  rejected: [nothing]
  skipped: 2
- name: unknown meta
  input: "ip,name,t,num\n"
  meta: {color: red}
`)
	want := []struct {
		ok   bool
		diff []string
	}{
		{true, nil},
		{false, []string{
			`events: expected 1, got 2`, `event 1: address[0].asn: expected 5, got nothing`,
			`event 1: name: expected "z", got "a"`, `event 1: target: expected "bank", got nothing`,
			`event 1: time: expected "2026-01-01T00:00:00Z", got "2026-03-01T00:00:00Z"`,
			`event 1: undated: expected to be absent, got true`, `event 2: not expected: {`, `rejected: expected 0, got 1`,
			`rejected 1: not expected: ip: is not an IP address (got "x") (record "x,c,,")`,
		}},
		{false, []string{
			`events: expected 1, got 0`, `event 1: expected {"name":"a"}, got none`, `rejected: expected 1, got 0`,
			`skipped: expected 2, got 0`,
		}},
		{false, []string{`meta.color: is not known`}},
	}
	for i, got := range RunExamples(spec) {
		if got.OK != want[i].ok {
			t.Errorf("%s: ok is %v: %s", got.Name, got.OK, got.Diff)
		}
		for _, line := range want[i].diff {
			if !strings.Contains(got.Diff, line) {
				t.Errorf("%s: the difference lacks %s:\n%s", got.Name, line, got.Diff)
			}
		}
	}
}

func TestExamplesOfAnInvalidParserFailWithTheReason(t *testing.T) {
	spec := specOf(t, `
input: {csv: {}}
mapping: [{field: urll, from: [ip]}]
constants: {category: bots}
examples: [{name: any, input: "ip\n"}]
`)
	got := RunExamples(spec)
	if len(got) != 1 || got[0].OK || !strings.Contains(got[0].Diff, `"urll" is no field of an event; did you mean "url"?`) {
		t.Errorf("got %+v", got)
	}
}

func TestExamplesAreWrittenInTheCharsetOfTheParser(t *testing.T) {
	spec := specOf(t, `
input: {charset: windows-1250, csv: {}}
mapping: [{field: name, from: [num]}]
constants: {category: bots}
examples:
- {name: letters, input: "num\nżółć\n", events: [{name: żółć}]}
- {name: none, input: "num\nж\n"}
`)
	got := RunExamples(spec)
	if !got[0].OK {
		t.Error(got[0].Diff)
	}
	if got[1].OK || !strings.Contains(got[1].Diff, "windows-1250 does not have") {
		t.Error(got[1].Diff)
	}
}
