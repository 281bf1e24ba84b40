package drift_test

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
)

func TestAPublisherIsQuotedInItsOwnWords(t *testing.T) {
	const item = `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i}`
	l := lensOf(t, jsonRecords)
	base := drift.Merge(nil, learn(t, l, items(40, item)))
	moved := strings.Replace(items(60, `{"seen":"$t","text":"Authentication is discontinued, not found, deprecated"}`), `"data"`, `"vulnerabilities"`, 1)
	for _, tc := range []struct{ name, payload, code, sentence string }{
		{"the message of an error", `{"error": {"code": 401, "message": "Unauthorized"}}`, drift.CodeErrorBody,
			`There is an error message instead of data: "Unauthorized".`},
		{"a word for the state", `{"query_status": "no_api_key"}`, drift.CodeErrorBody, `There is an error message instead of data: "no_api_key".`},
		{"the detail of a tombstone", `{"errors": [{"status": 410, "detail": "This API was discontinued. See https://example.com/v2"}]}`, drift.CodeRetired,
			`The feed has no records any more; the publisher says "This API was discontinued. See https://example.com/v2".`},
		{"a word for nothing today", `{"query_status": "no_results"}`, drift.CodeEmpty, `There are no records; the publisher says "no_results".`},
		{"a page with a title", "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Wait</body></html>", drift.CodeContainer,
			`The payload is HTML ("Just a moment...") instead of JSON.`},
		{"a page without one", "<html><body><script>x()</script><h1>503 Service  Unavailable</h1>\nNo server</body></html>", drift.CodeContainer,
			`The payload is HTML ("503 Service Unavailable") instead of JSON.`},
		{"words of records that are elsewhere are none", moved, drift.CodeUnreadable, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := drift.Compare(base, learn(t, l, tc.payload))
			if len(found) == 0 || found[0].Code != tc.code || tc.sentence != "" && found[0].Sentence != tc.sentence {
				t.Errorf("got %s, want %s: %s", sentences(found), tc.code, tc.sentence)
			}
		})
	}
}

func TestAPageToSignInIsAPageAlsoWhereXMLIsExpected(t *testing.T) {
	l := lensOf(t, `
input: {xml: {records: //item}}
mapping: [{field: url, from: [link], required: true}]
constants: {category: malurl}
`)
	base := drift.Merge(nil, learn(t, l, "<rss>"+rows(30, "<item><link>http://example.com/$i</link></item>")+"</rss>"))
	found := drift.Compare(base, learn(t, l, "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in - Example</title></head><body><form></form></body></html>"))
	if want := `There is a web page instead of data: "Sign in - Example".`; len(found) == 0 || found[0].Sentence != want {
		t.Errorf("got %s, want %s", sentences(found), want)
	}
}

// How JSON is printed is no value, and the name of an event is no vocabulary.
func TestWhatIsNoVocabularyIsNotComparedAsOne(t *testing.T) {
	l := lensOf(t, `
input: {json: {records: data}}
mapping:
- {field: ip, from: [ip], required: true}
- {field: extra.cwes, from: [cwes]}
- {field: extra.info, from: [info]}
constants: {category: vulnerable}
`)
	payload := func(cwes, info string) string {
		return items(60, `{"ip":"$a","cwes":`+cwes+`,"info":"`+info+`"}`)
	}
	base := baselineOf(t, l, payload(`["CWE-77","CWE-79"]`, "OSINT - campaign 1"), payload(`["CWE-77","CWE-79"]`, "OSINT - campaign 2"))
	if found := drift.Compare(base, learn(t, l, payload("[ \"CWE-77\",\t\"CWE-79\" ]", "OSINT - campaign 3"))); len(found) > 0 {
		t.Errorf("got %s, want nothing", sentences(found))
	}
}
