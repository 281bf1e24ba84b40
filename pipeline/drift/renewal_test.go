package drift_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
)

// One name in nine is none by the usual rules, and the first payload happens to have
// none of these. Records stay for a while, so that each is seen many times.
func TestAFirstPayloadThatIsBetterThanOthersIsNoMeasure(t *testing.T) {
	l := lensOf(t, `
input: {csv: {header: None, columns: [user]}}
mapping:
- {field: email, from: [user], required: true}
constants: {category: cnc}
`)
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		next := 0
		user := func(zones ...string) string {
			next++
			return fmt.Sprintf("user%d@%s\n", next, zones[rng.IntN(len(zones))])
		}
		var records []string
		for range 14 {
			records = append(records, user("example.org"))
		}
		var base *drift.Profile
		for n := range 500 {
			now := learn(t, l, strings.Join(records, ""))
			if findings := drift.Compare(base, now); len(findings) > 0 {
				t.Fatalf("seed %d, payload %d: %s", seed, n, sentences(findings))
			}
			base = drift.Merge(base, now)
			records[rng.IntN(len(records))] = user(append([]string{"test"}, strings.Fields(strings.Repeat("example.org ", 8))...)...)
		}
	}
}
