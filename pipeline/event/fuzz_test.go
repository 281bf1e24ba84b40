package event

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzDecodeJSON(f *testing.F) {
	f.Add(AppendJSON(nil, full(f)))
	f.Add(AppendJSON(nil, typical()))
	for _, s := range []string{
		`{}`, ` { "name" : "\ud83d\ude00\u2028" } `, `{"extra":{"b":[1, 2.5e-3],"a":null}}`, `{"address":[{"ip":"::ffff:192.0.2.1"},{}]}`,
		`{"dport":0,"count":1}`, `{"time":"2024-05-01T12:30:05.1Z"}`, `{"classification":{"type":"spam"},"cves":["x"],"client":[""]}`,
		`{"name":"\u0000"}`, `{"name":"\ud800"}`, `{"extra":{"a":[[[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var e Event
		if err := DecodeJSON(line, &e); err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("accepted what is no JSON: %q", line)
		}
		canonical := AppendJSON(nil, &e)
		if !json.Valid(canonical) || bytes.ContainsAny(canonical, "\n\r\u2028\u2029") {
			t.Fatalf("encoded to %q", canonical)
		}
		var back Event
		if err := DecodeJSON(canonical, &back); err != nil {
			t.Fatalf("%s: %v", canonical, err)
		}
		if again := AppendJSON(nil, &back); !bytes.Equal(again, canonical) {
			t.Fatalf("first %q\nthen  %q", canonical, again)
		}
	})
}

func FuzzValidate(f *testing.F) {
	f.Add(AppendJSON(nil, full(f)))
	f.Add(AppendJSON(nil, typical()))
	for _, s := range []string{
		`"url":"hxxp[://]Evil[.]example[/]a[.]b"`, `"url":"http:[:]//a[[.]]b"`, `"fqdn":"PŘÍKLAD.example."`, `"email":"a[at]b[[dot]]c"`, `"iban":"gb82 west 1234 5698 7654 32"`,
		`"adip":"X.X.1.2"`, `"cves":["cve-2021-44228"," ","CVE-2021-44228"]`, `"classification":{"type":"Phishing"}`, `"extra":{"a":" "}`, `"target":"  x "`,
		`"address":[{"ip":"192.0.2.1","cc":"pl"},{"ip":"::ffff:192.0.2.1","asn":1}]`, `"md5":"D4:1D"`,
	} {
		f.Add([]byte(`{"source":"a.b","restriction":"public","confidence":"low","category":"cnc","time":"2024-05-01T12:30:05Z",` + s + `}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var e Event
		if DecodeJSON(line, &e) != nil {
			return
		}
		if err := Validate(&e); err != nil {
			return
		}
		once, id := AppendJSON(nil, &e), ComputeID(&e)
		if !utf8.Valid(once) {
			t.Fatalf("no UTF-8: %q", once)
		}
		if err := Validate(&e); err != nil {
			t.Fatalf("%s: valid once, then: %v", once, err)
		}
		if twice := AppendJSON(nil, &e); !bytes.Equal(once, twice) {
			t.Fatalf("once  %s\ntwice %s", once, twice)
		}
		var back Event
		if err := DecodeJSON(once, &back); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if ComputeID(&back) != id {
			t.Fatalf("%s: another id after decoding", once)
		}
	})
}

// FuzzSet feeds text to every field.
func FuzzSet(f *testing.F) {
	names := Fields()
	for i, s := range []string{
		"2024-W18-3T12:30:05,5+02:00", "hxxp://a[.]b", "192[.]0.2.1/32", "AS1.10", "[2001:db8::1]", "TLP:WHITE", "CVE-2021-44228", "１９２.0.2.1", "a\nb\x00", "X.x.1.2",
	} {
		f.Add(uint8(i*5), s)
	}
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		name := names[int(i)%len(names)]
		if name == extraAny {
			name = "extra.k"
		}
		field := mustLookup(t, name)
		e := typical()
		field.Clear(e)
		if field.Set(e, value) != nil {
			return
		}
		got, ok := field.Get(e)
		if !ok {
			return
		}
		field.Clear(e)
		if err := field.Set(e, got); err != nil {
			t.Fatalf("%s = %q gives %q, which is refused: %v", name, value, got, err)
		}
		if again, _ := field.Get(e); again != got {
			t.Fatalf("%s = %q gives %q, then %q", name, value, got, again)
		}
	})
}
