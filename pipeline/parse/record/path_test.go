package record

import (
	"reflect"
	"strings"
	"testing"
)

func TestPathsAreRead(t *testing.T) {
	key := func(k string) Segment { return Segment{Kind: Key, Key: k} }
	for text, want := range map[string]Path{
		"":              {},
		"$":             {},
		"a":             {key("a")},
		"a.b":           {key("a"), key("b")},
		"$.a":           {key("a")},
		"$[1].a":        {{Kind: Index, Index: 1}, key("a")},
		"a[0].b":        {key("a"), {Kind: Index}, key("b")},
		"[2]":           {{Kind: Index, Index: 2}},
		`["a.b"].c`:     {key("a.b"), key("c")},
		`x["q\"uote"]`:  {key("x"), key(`q"uote`)},
		"data.*":        {key("data"), {Kind: Any}},
		"*":             {{Kind: Any}},
		"a[*].b":        {key("a"), {Kind: Any}, key("b")},
		"$key":          {{Kind: Name}},
		"first name.x":  {key("first name"), key("x")},
		"żółć":          {key("żółć")},
		"a-b_c:d/e@f#g": {key("a-b_c:d/e@f#g")},
	} {
		got, err := ParsePath(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
			continue
		}
		again, err := ParsePath(got.String())
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%q: written as %q it is %v, %v", text, got, again, err)
		}
	}
}

func TestBadPathsAreRefusedWithAReason(t *testing.T) {
	for text, want := range map[string]string{
		"a.":                           "a name is missing",
		".a":                           "a name is missing",
		"a..b":                         "a name is missing",
		"a[":                           "no closing ]",
		"a[x]":                         `[x] is no index; a name is written ["name"]`,
		"a[-1]":                        "is no index",
		"a[99999999]":                  "is no index",
		`a["x`:                         "no closing",
		"a]":                           "is written",
		`a"b`:                          "is written",
		"a[0]b":                        `expected "." or "["`,
		strings.Repeat("a.", 70) + "a": "more than 64 steps",
	} {
		if _, err := ParsePath(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a.b[0]", `["x.y"]`, "$.a", "$key", "*", "a[*]", "[", "a.\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%q is %v; written as %q it is %v, %v", s, p, p, again, err)
		}
	})
}
