package contract

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/export/format"
)

func api(t *testing.T, versions string) *v1alpha1.APIExport {
	t.Helper()
	a := &v1alpha1.APIExport{}
	if err := yaml.UnmarshalStrict([]byte(versions), &a.Versions); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestVersionsWhoseNumberGrewTooLittleAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		versions string
		want     []string // parts of the problems, in order; "field: message"
	}{
		"one":                       {`[{version: "1"}]`, nil},
		"a renamed column is major": {`[{version: "2", formats: [csv], columns: [{name: host, field: fqdn}]}, {version: "1", formats: [csv], columns: [{name: fqdn, field: fqdn}]}]`, nil},
		"a renamed column is no minor change": {`[{version: "1.1", formats: [csv], columns: [{name: host, field: fqdn}]}, {version: "1", formats: [csv], columns: [{name: fqdn, field: fqdn}]}]`,
			[]string{`versions[0].version: 1.1 is a minor change of 1, but of the csv it is a major one: "fqdn" is called "host" now; write version "2.0.0"`}},
		"an added column is minor": {`[{version: "1", columns: [{name: ip, field: ip}]}, {version: "1.1", columns: [{name: ip, field: ip}, {name: cc, field: cc}]}]`, nil},
		"an added column is no patch": {`[{version: "1", formats: [csv], columns: [{name: ip, field: ip}]}, {version: "1.0.1", formats: [csv], columns: [{name: ip, field: ip}, {name: cc, field: cc}]}]`,
			[]string{`write version "1.1.0"`}},
		"every format is looked at": {`[{version: "1", columns: [{name: ip, field: ip}, {name: cc, field: cc}]}, {version: "1.1", columns: [{name: cc, field: cc}, {name: address, field: ip}]}]`,
			[]string{"of the json it is a major one", "of the sjson it is a major one", "of the csv it is a major one"}},
		"a format is dropped": {`[{version: "1", columns: [{name: ip, field: ip}]}, {version: "1.1", formats: [csv], columns: [{name: ip, field: ip}]}]`,
			[]string{"versions[1].formats: 1.1 has not the format json", "versions[1].formats: 1.1 has not the format sjson"}},
		"a format comes": {`[{version: "1", formats: [csv], columns: [{name: ip, field: ip}]}, {version: "1.1", columns: [{name: ip, field: ip}]}]`, nil},
		"from n6's columns": {`[{version: "1", formats: [csv]}, {version: "1.1", formats: [csv], columns: [{name: ip, field: ip}]}]`,
			[]string{"versions[1].version"}},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := Check(t.Context(), api(t, tc.versions))
			if err != nil || len(problems) != len(tc.want) {
				t.Fatalf("%+v, %v", problems, err)
			}
			for i, p := range problems {
				if got := p.Field + ": " + p.Message; !strings.Contains(got, tc.want[i]) {
					t.Errorf("%s\nwant %s", got, tc.want[i])
				}
			}
		})
	}
}

func TestTheCurrentVersionAndTheOneOfAnAddress(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	a := api(t, `
- {version: "1", deprecated: "2025-01-01T00:00:00Z", sunset: "2026-01-01T00:00:00Z", successor: "2"}
- {version: "2.1"}
- {version: "2", formats: [csv], deprecated: "2026-06-01T00:00:00Z", successor: "2.1"}
- {version: "2.2", from: "2026-05-01T00:00:01Z"}
- {version: "3", preview: true}
- {version: "4", formats: [json], deprecated: "2025-01-01T00:00:00Z", sunset: "2026-01-01T00:00:00Z", successor: "2"}
`)
	l := LineOf(a, format.CSV)
	for text, want := range map[string]string{"1": "1", "1.0.0": "1", "2": "2.1", "2.0": "2", "2.2": "2.2", "3": "3", "4": "", "2.3": "", "x": "", "": ""} {
		got := ""
		if e := l.Find(text, now); e != nil {
			got = e.Text
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if e := l.Current(now); e.Text != "2.1" || l.Current(now.Add(time.Second)).Text != "2.2" {
		t.Errorf("current: %s", e.Text)
	}
	for i, want := range []Status{Retired, Supported, Current, Preview, Preview} {
		if got := l.Status(l.Editions[i], now); got != want {
			t.Errorf("%s is %s, want %s", l.Editions[i].Text, got, want)
		}
	}
	if e := LineOf(a, format.JSON).Current(now); e.Text != "2.1" {
		t.Errorf("json: %s", e.Text)
	}
	if e := LineOf(api(t, `[{version: "1", formats: [csv]}, {version: "2", preview: true}]`), format.JSON).Current(now); e != nil {
		t.Errorf("a preview is current: %+v", e)
	}
	ended := LineOf(api(t, `[{version: "1", deprecated: "2025-01-01T00:00:00Z", sunset: "2026-01-01T00:00:00Z", successor: "2"}, {version: "2", formats: [csv]}]`), format.JSON)
	if e := ended.Current(now); e == nil || ended.Status(e, now) != Retired {
		t.Errorf("a format that ended: %+v", e)
	}
	if l := LineOf(api(t, `[{version: "1", formats: [csv]}]`), format.JSON); l != nil {
		t.Errorf("%+v", l)
	}
	if l := LineOf(a, format.Stream); len(l.Editions) != 1 || l.Editions[0].Text != format.Builtin[format.Stream] {
		t.Errorf("%+v", l)
	}
}

func TestDurationsAreISO8601(t *testing.T) {
	for in, want := range map[string]string{"0s": "", "720h": "P30D", "36h": "PT36H", "90m": "PT90M", "1m30s": "PT90S", "1500ms": "PT1.5S"} {
		d, err := time.ParseDuration(in)
		if got := isoDuration(d); got != want || err != nil {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	a := &v1alpha1.APIExport{}
	if err := yaml.UnmarshalStrict([]byte(`[{version: "1"}, {version: "2", columns: [{name: ip, field: ip}, {name: host, field: fqdn}]}]`), &a.Versions); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Check(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}
