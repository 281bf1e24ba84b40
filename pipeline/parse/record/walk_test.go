package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func treeOf(t testing.TB, paths ...string) *Tree {
	t.Helper()
	tree := NewTree()
	for i, text := range paths {
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		tree.Add(p, i)
	}
	return tree
}

func TestValuesAreTakenFromTheirPaths(t *testing.T) {
	paths := []string{"a", "a.b", "a.b[1]", "c", "d[0].e", "$", `["x.y"]`, "n", "miss"}
	tests := map[string][]Value{
		`{"a":1}`: {{"1", Number}, {}, {}, {}, {}, {`{"a":1}`, Object}},
		` { "a" : { "b" : [ 1 , "two" ] } , "c" : "x" } `: {
			{`{ "b" : [ 1 , "two" ] }`, Object}, {`[ 1 , "two" ]`, Array}, {"two", String}, {"x", String}, {},
			{`{ "a" : { "b" : [ 1 , "two" ] } , "c" : "x" }`, Object}},
		`{"c":null,"d":[{"e":true}],"x.y":-1.5e3,"n":""}`: {
			{}, {}, {}, {"null", Null}, {"true", Bool}, {`{"c":null,"d":[{"e":true}],"x.y":-1.5e3,"n":""}`, Object},
			{"-1.5e3", Number}, {"", String}},
		`{"c":"a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\ud800","\u0061":2}`: {
			{"2", Number}, {}, {}, {"a\"\\/\b\f\n\r\tA😀\uFFFD", String}, {},
			{`{"c":"a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\ud800","\u0061":2}`, Object}},
		`{"c":1,"c":2}`:          {{}, {}, {}, {"2", Number}, {}, {`{"c":1,"c":2}`, Object}},
		`"just text"`:            {{}, {}, {}, {}, {}, {"just text", String}},
		`[{"a":1}]`:              {{}, {}, {}, {}, {}, {`[{"a":1}]`, Array}},
		`{"a":{},"d":[],"c":[]}`: {{"{}", Object}, {}, {}, {"[]", Array}, {}, {`{"a":{},"d":[],"c":[]}`, Object}},
	}
	w := NewWalker(treeOf(t, paths...))
	for range 2 { // the second time the walker knows the members
		for text, want := range tests {
			out := make([]Value, len(paths))
			if err := w.Extract([]byte(text), out); err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			want = append(want, make([]Value, len(paths)-len(want))...)
			if !reflect.DeepEqual(out, want) {
				t.Errorf("%s:\n got %v\nwant %v", text, out, want)
			}
		}
	}
}

func TestMalformedJSONIsRefusedWithItsPlace(t *testing.T) {
	w := NewWalker(treeOf(t, "a.b", "c[1]"))
	for text, want := range map[string]string{
		``:                     "unexpected end of JSON at byte 0",
		`{`:                    "unexpected end",
		`{"a"`:                 "unexpected end",
		`{"a":`:                "unexpected end",
		`{"a":1`:               "unexpected end",
		`{"a":1,}`:             "expected a member name in quotes at byte 7",
		`{"a" 1}`:              `expected ":" after a member name at byte 5`,
		`{"a":1 "b":2}`:        `expected "," or "}" at byte 7`,
		`[1 2]`:                `expected "," or "]" at byte 3`,
		`[1,]`:                 "no JSON value at byte 3",
		`{"a":tru}`:            "no JSON value at byte 5",
		`{"a":01}`:             "no JSON value",
		`{"a":1.}`:             "no JSON value",
		`{"a":-}`:              "no JSON value",
		`{"a":1e}`:             "no JSON value",
		`{"a":1}x`:             "more text after the value at byte 7",
		`{a:1}`:                "expected a member name",
		`{"a":{"b":"\x"}}`:     "bad \\ escape",
		`{"a":{"b":"\u12g4"}}`: "bad \\ escape",
		`{"a":"abc\"}`:         "unexpected end",
		`{"a":NaN}`:            "no JSON value",
		strings.Repeat("[", 65) + strings.Repeat("]", 65): "nested deeper than 64 levels",
	} {
		out := make([]Value, 2)
		if err := w.Extract([]byte(text), out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	if err := w.Extract([]byte(deep), make([]Value, 2)); err != nil {
		t.Errorf("64 levels: %v", err)
	}
}

func TestLeavesNameEveryValueWithoutValuesInside(t *testing.T) {
	var got []string
	buf := Leaves(`{"a":{"b":[1,{"c":null}],"e":{}},"tags":[],"x.y":"s","t":true,"z":[[2]]}`, nil, func(path string, k Kind) bool {
		got = append(got, path+" "+k.String())
		return true
	})
	want := []string{"a.b[] number", "a.b[].c null", "a.e object", "tags array", `["x.y"] string`, "t boolean", "z[][] number"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = nil
	Leaves(`{"a":1,"b":2}`, buf, func(path string, _ Kind) bool {
		got = append(got, path)
		return false
	})
	if len(got) != 1 {
		t.Errorf("going on after the end: %q", got)
	}
}

func TestElementsMembersAndNativeAgreeWithEncodingJSON(t *testing.T) {
	text := ` {"a": [1, "x\n", null, true, {"b": 2.5}], "": {"c": []}, "big": 18446744073709551615, "neg": -3, "e": 1e3} `
	v, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a":   []any{int64(1), "x\n", nil, true, map[string]any{"b": 2.5}},
		"":    map[string]any{"c": []any{}},
		"big": uint64(18446744073709551615), "neg": int64(-3), "e": 1000.0,
	}
	if got := Native(v); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	if _, err := Parse(`{"a":`); err == nil {
		t.Error("malformed JSON was accepted")
	}
}

// Whatever the pieces in which text arrives, a value ends in the same place.
func TestScannerFindsTheEndAcrossPieces(t *testing.T) {
	values := []string{
		`{"a":"}\"]","b":[1,{"c":"\\"}]}`, `[]`, `{}`, `"a\\\"b"`, `"\\"`, `12.5`, `true`, `[[["x"]]]`, `""`,
	}
	for _, value := range values {
		text := []byte(value + ",next")
		for cut1 := range len(text) {
			for cut2 := cut1; cut2 <= len(text); cut2++ {
				var s Scanner
				at, end, done := 0, 0, false
				for _, limit := range []int{cut1, cut2, len(text)} {
					if end, done = s.Scan(text[:limit], at); done {
						break
					}
					at = end
				}
				if !done || end != len(value) {
					t.Fatalf("%s in pieces of %d and %d: ends at %d (%v), want %d", value, cut1, cut2, end, done, len(value))
				}
			}
		}
	}
}

// randomJSON writes a random document with the members a to d.
func randomJSON(r *rand.Rand, depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth < 5:
		var parts []string
		for range r.IntN(4) {
			parts = append(parts, fmt.Sprintf("%q:%s", string(rune('a'+r.IntN(4))), randomJSON(r, depth+1)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n < 4 && depth < 5:
		var parts []string
		for range r.IntN(4) {
			parts = append(parts, randomJSON(r, depth+1))
		}
		return "[" + strings.Join(parts, " ,") + "]"
	default:
		return []string{"1", "-2.5", "true", "false", "null", `"x"`, `"\u00e9\n"`, `""`}[r.IntN(8)]
	}
}

// lookup finds a path the slow way.
func lookup(v any, p Path) (any, bool) {
	for _, s := range p {
		switch x := v.(type) {
		case map[string]any:
			member, ok := x[s.Key]
			if s.Kind != Key || !ok {
				return nil, false
			}
			v = member
		case []any:
			if s.Kind != Index || s.Index >= len(x) {
				return nil, false
			}
			v = x[s.Index]
		default:
			return nil, false
		}
	}
	return v, true
}

func TestExtractAgreesWithEncodingJSON(t *testing.T) {
	paths := []string{"a", "b", "a.b", "a.c[0]", "b[1]", "b[0].a", "c.d.a", "[1]", "[0].b"}
	tree := treeOf(t, paths...)
	w := NewWalker(tree)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		checkExtract(t, w, paths, randomJSON(r, 0))
	}
}

func checkExtract(t *testing.T, w *Walker, paths []string, text string) {
	t.Helper()
	out := make([]Value, len(paths))
	err := w.Extract([]byte(text), out)
	var whole any
	wantErr := json.Unmarshal([]byte(text), &whole)
	if err != nil {
		if wantErr == nil && !strings.Contains(err.Error(), "levels") {
			t.Errorf("%s: %v, but it is JSON", text, err)
		}
		return
	}
	if wantErr != nil {
		return // control characters in strings are let through
	}
	for i, text := range paths {
		p, _ := ParsePath(text)
		want, ok := lookup(whole, p)
		if ok != (out[i].Kind != Absent) {
			// Of members of equal name encoding/json merges nothing either, but an
			// object that is replaced may have left values behind.
			continue
		}
		if !ok {
			continue
		}
		if s, isText := want.(string); isText != (out[i].Kind == String) || isText && s != out[i].Text {
			t.Errorf("%s at %s: got %v, want %v", text, paths[i], out[i], want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	paths := []string{"a", "a.b", "b[0].c", "$", `["x.y"]`}
	for _, s := range []string{`{"a":{"b":"\u00e9"},"b":[{"c":1}]}`, `[1,2`, `{"a":"\ud83d\ude00"}`, `{"x.y":[[]]}`, "\"\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := NewWalker(treeOf(t, paths...))
		out := make([]Value, len(paths))
		kept := bytes.Clone(data)
		err := w.Extract(data, out)
		if !bytes.Equal(kept, data) {
			t.Fatal("the record was written to")
		}
		if json.Valid(data) && err != nil && !strings.Contains(err.Error(), "levels") {
			t.Fatalf("%s: %v, but it is JSON", data, err)
		}
		if err == nil && utf8.Valid(data) && !json.Valid(data) && !hasControl(data) && !bytes.Contains(data, []byte(`\`)) {
			t.Fatalf("%q is accepted, but it is no JSON", data)
		}
		// These must cope with anything.
		Leaves(string(data), nil, func(string, Kind) bool { return true })
		for _, v := range out {
			Native(v)
		}
		Elements(string(data), func(Value) bool { return true })
		Members(string(data), func(string, Value) bool { return true })
		var s Scanner
		for i, at := 0, 0; i <= len(data); i += 7 {
			end, ok := s.Scan(data[:i], at)
			if ok {
				break
			}
			at = end
		}
	})
}

func hasControl(b []byte) bool { return bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' }) }

func TestExtractDoesNotAllocateOnceWarm(t *testing.T) {
	w := NewWalker(treeOf(t, "a.b", "c", "d[1]"))
	out := make([]Value, 3)
	text := []byte(`{"x":1,"a":{"b":"\u0041"},"c":"text","d":[1,2],"y":{"z":[1,2,3]}}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := w.Extract(text, out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExtract(b *testing.B) {
	w := NewWalker(treeOf(b, "date", "ip", "port", "malware", "url"))
	out := make([]Value, 5)
	text := []byte(`{"date":"2024-05-01 07:08:09","id":12345,"ip":"198.51.100.7","port":443,"malware":"emotet","url":"http://bad.example/dir/file.exe","status":"online","owner":{"asn":64496,"name":"Example Hosting"}}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Extract(text, out); err != nil {
			b.Fatal(err)
		}
	}
}
