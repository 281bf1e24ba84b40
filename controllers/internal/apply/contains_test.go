package apply

import (
	"encoding/json"
	"testing"

	kjson "k8s.io/apimachinery/pkg/util/json"
)

func TestContains(t *testing.T) {
	for name, tc := range map[string]struct {
		have, want string
		same       bool
	}{
		"equal":                           {`{"a":1,"b":"x"}`, `{"a":1,"b":"x"}`, true},
		"a default that nobody asked for": {`{"a":1,"policy":"Always"}`, `{"a":1}`, true},
		"another value":                   {`{"a":2}`, `{"a":1}`, false},
		"a value that is gone":            {`{}`, `{"a":1}`, false},
		"another type":                    {`{"a":"1"}`, `{"a":1}`, false},
		"a number as a float":             {`{"a":1.0}`, `{"a":1}`, true},
		"an object where a list is":       {`{"a":[]}`, `{"a":{"b":1}}`, false},

		"false that is dropped":   {`{}`, `{"a":false}`, true},
		"zero that is dropped":    {`{}`, `{"a":0}`, true},
		"false where true is":     {`{"a":true}`, `{"a":false}`, false},
		"an empty list, absent":   {`{}`, `{"a":[]}`, true},
		"an empty object, absent": {`{}`, `{"a":{}}`, true},
		"a list where none":       {`{"a":["x"]}`, `{"a":[]}`, false},
		"null is not wanted":      {`{"a":1}`, `{"a":null}`, true},

		"an injected sidecar":        {`{"c":[{"name":"proxy","image":"p"},{"name":"main","image":"m","pull":"Always"}]}`, `{"c":[{"name":"main","image":"m"}]}`, true},
		"a container that changed":   {`{"c":[{"name":"main","image":"other"}]}`, `{"c":[{"name":"main","image":"m"}]}`, false},
		"a container that is gone":   {`{"c":[{"name":"proxy","image":"p"}]}`, `{"c":[{"name":"main","image":"m"}]}`, false},
		"an injected variable":       {`{"e":[{"name":"A","value":"1"},{"name":"B","value":"2"}]}`, `{"e":[{"name":"A","value":"1"}]}`, true},
		"one more rule of a policy":  {`{"ingress":[{"from":[{"x":"1"}]},{}]}`, `{"ingress":[{"from":[{"x":"1"}]}]}`, false},
		"a rule that became wider":   {`{"ingress":[{}]}`, `{"ingress":[{"from":[{"x":"1"}]}]}`, false},
		"one more peer":              {`{"ingress":[{"from":[{"x":"1"},{"y":"2"}]}]}`, `{"ingress":[{"from":[{"x":"1"}]}]}`, false},
		"arguments in another order": {`{"args":["b","a"]}`, `{"args":["a","b"]}`, false},
		"one more argument":          {`{"args":["a","b"]}`, `{"args":["a"]}`, false},
		"one argument less":          {`{"args":["a"]}`, `{"args":["a","b"]}`, false},
		"labels of others":           {`{"labels":{"a":"1","team":"x"}}`, `{"labels":{"a":"1"}}`, true},
		"a label of ours, changed":   {`{"labels":{"a":"2"}}`, `{"labels":{"a":"1"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := contains(decode(t, tc.have), decode(t, tc.want)); got != tc.same {
				t.Errorf("%t, wanted %t", got, tc.same)
			}
		})
	}
}

// decode as an apply configuration is decoded: whole numbers are integers.
func decode(t *testing.T, s string) any {
	t.Helper()
	if !json.Valid([]byte(s)) {
		t.Fatalf("no JSON: %s", s)
	}
	var v any
	if err := kjson.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
