package catalog

import (
	"strings"
	"testing"
	"testing/fstest"
)

const testHead = "# A list.\n#\n# About: https://example.org/\n# Terms: https://example.org/\n# Updates: daily\n# Auth: none\n"

const testSource = `apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: example-a}
spec:
  provider: example
  channel: a
  exchangeRef: {name: main}
  parserRef: {name: example-a}
  http: {url: https://example.org/a.txt}
`

const testParser = `apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: example-a}
spec:
  input: {text: {}}
  mapping: [{field: ip, from: [line]}]
  constants: {category: scanning, confidence: low}
`

func testFile(head string, docs ...string) fstest.MapFS {
	return fstest.MapFS{"example/a.yaml": {Data: []byte(head + strings.Join(docs, "---\n"))}}
}

func TestMistakesOfTheCatalogueAreFound(t *testing.T) {
	based := strings.Replace(testParser, "  input: {text: {}}\n", "  base: {name: example-b}\n", 1)
	other := strings.Replace(testParser, "name: example-a", "name: example-b", 1)
	files := strings.Replace(testSource, "http: {url: https://example.org/a.txt}", "file: {path: a/*.txt}", 1)
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string // empty: none
	}{
		{"nothing wrong", testFile(testHead, testSource, testParser), ""},
		{"a key that the FeedSource does not have", testFile(testHead, testSource+"  chanel: b\n", testParser), "chanel"},
		{"a key that the Parser does not have", testFile(testHead, testSource, testParser+"  mappings: []\n"), "mappings"},
		{"no such Parser", testFile(testHead, testSource), `no Parser "example-a"`},
		{"no such base", testFile(testHead, testSource, based), `spec.base: there is no Parser "example-b"`},
		{"a base", testFile(testHead, testSource, based, other), ""},
		{"a Parser that nothing uses", testFile(testHead, testSource, testParser, other), `no FeedSource uses the Parser "example-b"`},
		{"a Parser that is there twice", testFile(testHead, testSource, testParser, testParser), "already"},
		{"another kind", testFile(testHead, testSource, testParser, "kind: Secret\n"), `"Secret" has no place`},
		{"no comment", testFile("", testSource, testParser), "begins with no comment"},
		{"no terms", testFile(strings.Replace(testHead, "# Terms: https://example.org/\n", "", 1), testSource, testParser), "# Terms: ..."},
		{"no word of authentication", testFile(strings.Replace(testHead, "# Auth: none\n", "", 1), testSource, testParser), "# Auth: ..."},
		{"files that come from nowhere", testFile(testHead, files, testParser), "# Transport: ..."},
		{"files", testFile(testHead+"# Transport: mail; save what is attached to a/\n", files, testParser), ""},
		{"a transport of what is fetched", testFile(testHead+"# Transport: mail\n", testSource, testParser), "# Transport: ..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(tt.files)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("expected an error with %q, got %v", tt.want, err)
			}
		})
	}
}

func TestFeedsTellWhatTheirParserInherits(t *testing.T) {
	child := `apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: example-a}
spec:
  base: {name: example-b}
  constants: {category: spam}
`
	base := strings.Replace(testParser, "name: example-a", "name: example-b", 1)
	feeds, err := load(testFile(testHead, testSource, child, base))
	if err != nil {
		t.Fatal(err)
	}
	f := &feeds[0]
	if f.Format() != "text" || f.Categories()[0] != "spam" || f.Confidences()[0] != "low" || len(f.Bases) != 1 {
		t.Errorf("format %s, categories %v, confidences %v, %d bases", f.Format(), f.Categories(), f.Confidences(), len(f.Bases))
	}
}

func TestLinesOfMappingAreCounted(t *testing.T) {
	parser := `kind: Parser
spec:
  kind: Blacklist
  input:
    text: {}
  mapping:
    # a remark

    - {field: ip, from: [line]}
    - field: name
      from: [line]
  constants: {category: spam}
  examples:
    - name: x
`
	if n := MappingLines(parser); n != 5 {
		t.Errorf("%d lines", n)
	}
}
