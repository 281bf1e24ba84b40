package drift

import (
	"fmt"
	"math"
	"slices"

	"github.com/weir-project/weir/pipeline/status"
)

const (
	alikeInARow = 8   // payloads with the same number of records
	leastLimit  = 100 // records
	roundTo     = 50
)

// limit notices that payloads have the same round number of records again and again
// where the number was another one each time: somebody counts to there and stops.
func (f *Flow) limit(now *Profile) *status.Finding {
	n := len(f.Recent) - (alikeInARow - 1)
	if n < enoughRecent || now.Records < leastLimit || !round(now.Records) {
		return nil
	}
	y := float32(math.Log1p(float64(now.Records)))
	for i, v := range f.Recent {
		if same := i > 0 && v == f.Recent[i-1]; i >= n && v != y || i <= n && same {
			return nil
		}
	}
	before := f.Recent[:n]
	least, most := int64(math.Round(math.Expm1(float64(slices.Min(before))))), int64(math.Round(math.Expm1(float64(slices.Max(before)))))
	return &status.Finding{Code: CodeLimit, Before: fmt.Sprintf("%s to %s", number64(least), count(most, "record")), After: count(now.Records, "record"),
		Sentence: fmt.Sprintf("Each of the last %d payloads has exactly %s; the number was another one each time before, from %s to %s. It may be a limit that leaves others out.",
			alikeInARow, count(now.Records, "record"), number64(least), number64(most))}
}

// round tells whether somebody would choose a number for a limit.
func round(n int64) bool { return n%roundTo == 0 || n&(n-1) == 0 }
