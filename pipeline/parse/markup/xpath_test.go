package markup

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func rootOf(t testing.TB, doc string) *Node {
	t.Helper()
	r := NewReader(strings.NewReader(doc), 1<<20, func([]Open) bool { return true })
	rec, err := r.Next()
	if err != nil || rec.Err != nil {
		t.Fatal(err, rec)
	}
	root := rec.Root
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return root
}

func TestXPathFindsWhatTheStandardSays(t *testing.T) {
	root := rootOf(t, `<p:e id="7"><a k="x">1</a><a k="y"> 2 </a><b><a>3</a>text<c/></b><n>10</n><n>20</n></p:e>`)
	for expr, want := range map[string]string{
		"a":                                   `["1","2"]`,
		"a[1]":                                `"1"`,
		"a[last()]":                           `"2"`,
		"a[@k='y']":                           `"2"`,
		"a[@k='y']/@k":                        `"y"`,
		"a/@k":                                `["x","y"]`,
		"@id":                                 `"7"`,
		"@*":                                  `"7"`,
		".//a":                                `["1","2","3"]`,
		"//a[not(@k)]":                        `"3"`,
		"/e/b/a":                              `"3"`,
		"b/text()":                            `"text"`,
		"b":                                   `"3text"`,
		"b/a/..":                              `"3text"`,
		"b/a/ancestor::e/@id":                 `"7"`,
		"a[1]/following-sibling::a":           `"2"`,
		"n[1]/preceding-sibling::a[1]/@k":     `"y"`,
		"count(a)":                            `2`,
		"sum(n)":                              `30`,
		"sum(n) div count(n)":                 `15`,
		"count(a) = 2 and @id > 6":            `true`,
		"not(zzz)":                            `true`,
		"concat(a, '-', n[2])":                `"1-20"`,
		"substring-before('a:b', ':')":        `"a"`,
		"substring-after(concat(n,':x'),':')": `"x"`,
		"normalize-space(a[2])":               `"2"`,
		"contains(b, 'tex')":                  `true`,
		"starts-with(@id, '7')":               `true`,
		"string-length(b)":                    `5`,
		"name(*[1])":                          `"a"`,
		"local-name()":                        `"e"`,
		"a | n":                               `["1","2","10","20"]`,
		"translate(b, 'tex', 'TEX')":          `"3TEXT"`,
		"zzz":                                 ``,
		"number('x')":                         ``,
		"n[1] div 5  mod  2":                  `0`,
		"a and b":                             `true`,
		"a [ 1 ] / @k":                        `"x"`,
		"a[contains('[', '[')][1]":            `"1"`,
	} {
		e, err := CompileXPath(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		for range 2 {
			got, found, err := e.Append(nil, root)
			if err != nil || string(got) != want || found != (want != "") {
				t.Errorf("%s: got %s, %t, %v; want %s", expr, got, found, err, want)
			}
		}
	}
}

// What the library would get wrong is refused.
func TestXPathIsRefusedWithAReason(t *testing.T) {
	for expr, want := range map[string]string{
		"a[":                           "",
		"a b":                          `no operator before "b"`,
		"a[1] @b":                      `no operator before "@b"`,
		"a div b c":                    `no operator before "c"`,
		"x:a":                          "write a",
		"$x":                           "no variables",
		"unknown(a)":                   "",
		"concat(a[1], n)":              "concat() has a condition in [] in an argument before the last one",
		"concat(string(a[1]), n)":      "concat() has a condition",
		"b[contains(a[1], 'x')]":       "contains() has a condition",
		strings.Repeat("(", 300) + "a": "",
	} {
		if _, err := CompileXPath(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", expr, err, want)
		}
	}
}

func FuzzXPath(f *testing.F) {
	for _, s := range []string{"a[1]/@b", "concat(a,'x')", "//*[position()=last()]", "a|b", "sum(a) div 0", "..//.", "-a", "a[b[c]]"} {
		f.Add(s)
	}
	root := rootOf(f, `<e id="7"><a k="x">1</a><b><a>3</a>text<c/></b></e>`)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 200 {
			return
		}
		if e, err := CompileXPath(s); err == nil {
			_, _, _ = e.Append(nil, root)
		}
	})
}
