package drift_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
)

// What rules read inside of a list that they take apart is known, and missed, as what
// stands in the record itself is.
func TestWhatIsInsideOfAnExplodedListIsCompared(t *testing.T) {
	for _, tc := range []struct {
		name, parser  string
		old, new      string
		path, without string
	}{
		{"the record is the list", `
input: {json: {records: "*"}}
explode: [{from: $}]
mapping:
- {field: ip, from: [ioc], required: true}
- {field: name, from: [malware]}
constants: {category: cnc}
`, `"$i": [{"ioc": "$a", "malware": "$m"}]`, `"$i": [{"ioc_value": "$a", "malware": "$m"}]`, "ioc", `{%s}`},
		{"the list is a member", `
input: {json: {}}
explode: [{from: indicators}]
mapping:
- {field: ip, from: [indicators.indicator], required: true}
- {field: name, from: [name]}
constants: {category: cnc}
`, `{"name": "$m", "indicators": [{"indicator": "$a"}, {"indicator": "$a"}]}`,
			`{"name": "$m", "indicators": [{"value": "$a"}, {"value": "$a"}]}`, "indicators.indicator", `[%s]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lensOf(t, tc.parser)
			payload := func(record string) string {
				var all []string
				for i := range 30 {
					all = append(all, strings.NewReplacer("$i", fmt.Sprint(i), "$a", fmt.Sprintf("192.0.2.%d", i+1), "$m", "family").Replace(record))
				}
				return fmt.Sprintf(tc.without, strings.Join(all, ","))
			}
			first := learn(t, l, payload(tc.old))
			if found := drift.Compare(nil, first); len(found) > 0 {
				t.Errorf("the first payload: %s", sentences(found))
			}
			found := drift.Compare(drift.Merge(nil, first), learn(t, l, payload(tc.new)))
			if len(found) == 0 || !found[0].Breaking || found[0].Path != tc.path {
				t.Errorf("got %s, want that %s is gone", sentences(found), tc.path)
			}
		})
	}
}
