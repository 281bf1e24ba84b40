package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/export/format"
)

// columns reads "name=field name=field"; the field is the name where it is absent.
func columns(list string) []format.Column {
	var out []format.Column
	for _, c := range strings.Fields(list) {
		name, field, ok := strings.Cut(c, "=")
		if !ok {
			field = name
		}
		out = append(out, format.Column{Name: name, Field: field})
	}
	return out
}

func compare(t *testing.T, was, is format.Shape) Change {
	t.Helper()
	c, err := Compare(t.Context(), Render(was), Render(is))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheLevelOfAChange(t *testing.T) {
	const base = "id time ip host=fqdn port=dport name"
	for name, tc := range map[string]struct {
		is   string
		want Level
		code string // one of the findings
		json Level  // where it differs: in json, order does not matter
	}{
		"the same":                  {base, 0, "", 0},
		"a column is removed":       {"id time ip host=fqdn port=dport", Major, "", Major},
		"a required one":            {"id ip host=fqdn port=dport name", Major, "", Major},
		"a column is renamed":       {"id time ip hostname=fqdn port=dport name", Major, "", Major},
		"to a name that is alike":   {"id time src_ip=ip host=fqdn port=dport name", Major, "", Major},
		"a column has another kind": {"id time ip host=url port=dport name", Major, "", Major},
		"a number is another":       {"id time ip host=fqdn port=count name", Major, "", Major},
		"the key is another":        {"id=md5 time ip host=fqdn port=dport name", Major, "", Major},
		"another time":              {"id time=modified ip host=fqdn port=dport name", Major, "", Major},
		"the order is another":      {"time id ip host=fqdn port=dport name", Patch, drift.CodeHeaderReordered, Patch},
		"a column is added":         {base + " cc", Minor, drift.CodeColumnAdded, Minor},
		"in between":                {"id time ip asn host=fqdn port=dport name", Minor, drift.CodeColumnAdded, Minor},
		"a text is another":         {"id time ip host=fqdn port=dport name=target", Major, "", Major},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range format.Names {
				want := tc.want
				if f != format.CSV {
					want = tc.json
				}
				c := compare(t, format.Shape{Format: f, Columns: columns(base)}, format.Shape{Format: f, Columns: columns(tc.is)})
				if c.Level != want {
					t.Errorf("%s: %v, want %v: %+v", f, c.Level, want, c.Findings)
				}
				if tc.code != "" && f == format.CSV && !slices.ContainsFunc(c.Findings, func(x Finding) bool { return x.Code == tc.code }) {
					t.Errorf("%s: no %s in %+v", f, tc.code, c.Findings)
				}
				for _, x := range c.Findings {
					if x.Code == "" || x.Sentence == "" {
						t.Errorf("%s: %+v", f, x)
					}
				}
			}
		})
	}
}

func TestTheLevelOfAChangeWithoutHeader(t *testing.T) {
	const base = "id time ip host=fqdn port=dport name target"
	for name, tc := range map[string]struct {
		is   string
		want Level
	}{
		"the same":                  {base, 0},
		"a name that nobody sees":   {"id time ip hostname=fqdn port=dport name target", 0},
		"two change places":         {"id time host=fqdn ip port=dport name target", Major},
		"two texts change places":   {"id time ip host=fqdn port=dport target name", Major},
		"the last is removed":       {"id time ip host=fqdn port=dport name", Major},
		"one in between is removed": {"id time host=fqdn port=dport name target", Major},
		"one is appended":           {base + " cc", Minor},
		"one is inserted":           {"id time cc ip host=fqdn port=dport name target", Major},
		"another kind":              {"id time ip host=url port=dport name target", Major},
	} {
		t.Run(name, func(t *testing.T) {
			c := compare(t, format.Shape{Format: format.CSV, Columns: columns(base), NoHeader: true},
				format.Shape{Format: format.CSV, Columns: columns(tc.is), NoHeader: true})
			if c.Level != tc.want {
				t.Errorf("%v, want %v: %+v", c.Level, tc.want, c.Findings)
			}
		})
	}
}

func TestAHeaderThatComesOrGoesBreaks(t *testing.T) {
	with := format.Shape{Format: format.CSV, Columns: columns("id time ip")}
	without := with
	without.NoHeader = true
	for _, pair := range [][2]format.Shape{{with, without}, {without, with}} {
		if c := compare(t, pair[0], pair[1]); c.Level != Major {
			t.Errorf("%+v", c)
		}
	}
}

func TestN6AndColumnsOfItsNamesAreTheSameInCSV(t *testing.T) {
	n6 := format.Shape{Format: format.CSV}
	if c := compare(t, n6, format.Shape{Format: format.CSV, Columns: columns("time id source category name md5 ip url fqdn asn cc details")}); c.Level != 0 {
		t.Errorf("%+v", c)
	}
	if c := compare(t, n6, format.Shape{Format: format.CSV, Columns: columns("time id source category name md5 ip url fqdn asn cc details sha256")}); c.Level != Minor {
		t.Errorf("%+v", c)
	}
	if c := compare(t, format.Shape{Format: format.SJSON}, format.Shape{Format: format.SJSON, Columns: columns("id time ip")}); c.Level != Major {
		t.Errorf("%+v", c)
	}
}

// What a release could do to a format by mistake.
func TestWhatIsWrittenOtherwiseIsNoticed(t *testing.T) {
	for name, tc := range map[string]struct {
		format, old, new string
		want             Level
	}{
		"seconds instead of RFC 3339": {format.CSV, `"2026-01-02T`, `"02.01.2026 `, Major},
		"a category has another name": {format.SJSON, `"category": "bots"`, `"category": "botnet"`, Major},
		"a key in JSON has another":   {format.JSON, `"fqdn":`, `"domain":`, Major},
		"a key is nested":             {format.SJSON, `"fqdn": "c2-`, `"host": {"name": "c2-`, Major},
		"a number becomes a string":   {format.SJSON, `"dport": 80`, `"dport": "port 80`, Major},
		"another delimiter":           {format.CSV, `","`, `";"`, Major},
		"a word of the details":       {format.CSV, `tcp from port`, `tcp, from port`, Patch},
		"white space between tokens":  {format.SJSON, `, "`, `,  "`, Patch},
		"line ends":                   {format.CSV, "\r\n", "\n", Patch},
	} {
		t.Run(name, func(t *testing.T) {
			was := Render(format.Shape{Format: tc.format})
			is := was
			is.Payload = []byte(strings.ReplaceAll(string(was.Payload), tc.old, tc.new))
			switch name {
			case "a key is nested":
				is.Payload = []byte(strings.ReplaceAll(string(is.Payload), `.example.com", "url"`, `.example.com"}, "url"`))
			case "a number becomes a string":
				is.Payload = []byte(strings.ReplaceAll(string(is.Payload), `, "dip"`, `", "dip"`))
			case "another delimiter":
				is.Payload = []byte(strings.ReplaceAll(string(is.Payload), `,`, `;`))
			}
			if string(is.Payload) == string(was.Payload) {
				t.Fatal("the case changes nothing")
			}
			c, err := Compare(t.Context(), was, is)
			if err != nil {
				t.Fatal(err)
			}
			if c.Level != tc.want {
				t.Errorf("%v, want %v: %+v", c.Level, tc.want, c.Findings)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for s, want := range map[string]string{"1": "1.0.0", "2.1": "2.1.0", "10.0.7": "10.0.7"} {
		if v, err := ParseVersion(s); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v", s, v, err)
		}
	}
	for _, s := range []string{"", "1.", "v1", "1.2.3.4", "01", "-1", "+1", "1.+2", "99999", "1..2"} {
		if v, err := ParseVersion(s); err == nil {
			t.Errorf("%q became %v", s, v)
		}
	}
	v := Version{1, 2, 3}
	for l, want := range map[Level]string{Major: "2.0.0", Minor: "1.3.0", Patch: "1.2.4", 0: "1.2.3"} {
		if got := v.Next(l); got.String() != want || Step(v, got) != l {
			t.Errorf("%v: %v, step %v", l, got, Step(v, got))
		}
	}
}
