package repair

import (
	"context"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
)

// A rule takes what its field can hold.
func TestTakes(t *testing.T) {
	for rule, values := range map[string]map[string]bool{
		"{field: dport, from: [a]}":                                                  {"443": true, "-": false},
		"{field: extra.status, from: [a]}":                                           {"unknown": true, "online": true},
		"{field: extra.n, from: [a], type: Integer}":                                 {"4": true, "N/A": false},
		"{field: name, from: [a]}":                                                   {"unknown": true},
		"{field: ip, from: [a], required: true}":                                     {"192.0.2.1": true, "NULL": false},
		"{field: fqdn, from: [a]}":                                                   {"www.example.org": true, "not a name": false},
		"{field: time, from: [a]}":                                                   {"2026-01-01T00:00:00Z": true, "-": false},
		"{field: last_seen, from: [a]}":                                              {"2026-01-01T00:00:00Z": true, "unknown": false},
		"{field: category, from: [a], values: {default: other, entries: {x: spam}}}": {"unknown": true},
		"{field: name, from: [a], when: 'record.b == \"x\"'}":                        {"NULL": true},
	} {
		var r v1alpha1.MappingRule
		if err := yaml.UnmarshalStrict([]byte(rule), &r); err != nil {
			t.Fatal(err)
		}
		for value, want := range values {
			if got, err := takes(context.Background(), &r, value); err != nil || got != want {
				t.Errorf("%s takes %q: %v, %v", rule, value, got, err)
			}
		}
	}
}
