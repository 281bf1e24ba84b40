package format

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestStylesAreThoseOfPython(t *testing.T) {
	const in = `{"id":"a,b:{c}","n":[],"o":{},"t":"ż\"\\𝄞","address":[{"ip":"192.0.2.1","asn":64496},{"ip":"2001:db8::1"}],"x":-1.5e3,"f":false}`
	const indented = `{
    "id": "a,b:{c}",
    "n": [],
    "o": {},
    "t": "\u017c\"\\\ud834\udd1e",
    "address": [
        {
            "ip": "192.0.2.1",
            "asn": 64496
        },
        {
            "ip": "2001:db8::1"
        }
    ],
    "x": -1.5e3,
    "f": false
}`
	const spaced = `{"id": "a,b:{c}", "n": [], "o": {}, "t": "\u017c\"\\\ud834\udd1e", "address": [{"ip": "192.0.2.1", "asn": 64496}, {"ip": "2001:db8::1"}], "x": -1.5e3, "f": false}`
	if got := string(appendIndented(nil, []byte(in))); got != indented {
		t.Errorf("indented: %s", got)
	}
	if got := string(appendSpaced(nil, []byte(in))); got != spaced {
		t.Errorf("spaced: %s", got)
	}
}

func FuzzStylesKeepTheValue(f *testing.F) {
	f.Add([]byte(`{"a":[1,"ż\u00e9\\",{}],"b":{"c":null}}`))
	f.Add([]byte(`[[[[[[[[[[[[1]]]]]]]]]]]]`))
	f.Add([]byte("\"\xff\""))
	f.Fuzz(func(t *testing.T, in []byte) {
		appendSpaced(appendIndented(nil, in), in) // no panic on anything
		var compact bytes.Buffer
		if json.Compact(&compact, in) != nil || !json.Valid(in) {
			return
		}
		indented, spaced := appendIndented(nil, compact.Bytes()), appendSpaced(nil, compact.Bytes())
		for _, styled := range [][]byte{indented, spaced} {
			var want, got any
			if json.Unmarshal(in, &want) != nil {
				return
			}
			if err := json.Unmarshal(styled, &got); err != nil {
				t.Fatalf("%s became %s: %v", in, styled, err)
			}
			a, _ := json.Marshal(want)
			b, _ := json.Marshal(got)
			if !bytes.Equal(a, b) {
				t.Fatalf("%s became %s", a, b)
			}
			for _, c := range styled {
				if c >= 0x80 {
					t.Fatalf("%s is not ASCII", styled)
				}
			}
		}
	})
}
