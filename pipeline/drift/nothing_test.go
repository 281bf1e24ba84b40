package drift_test

import (
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
)

func TestWordsForNothing(t *testing.T) {
	for value, want := range map[string]bool{
		"NULL": true, "N/A": true, "n/a": true, "-": true, "Unknown": true, "\\N": true, "(none)": true, "not applicable": true,
		"": false, "0": false, "NO": false, "Noneburg": false, "emotet": false, "0.0.0.0": false, "NXDOMAIN": false, "this is a sentence about null": false,
	} {
		if got := drift.IsNothing(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	for _, value := range []string{"0", "0.0.0.0", "::", "NXDOMAIN", "1970-01-01T00:00:00Z"} {
		if !drift.MayBeNothing(value) {
			t.Errorf("%q cannot be nothing", value)
		}
	}
}

// Each kind has one name at most, so that nothing is called by two.
func TestFamiliesDoNotOverlap(t *testing.T) {
	var all drift.Kinds
	for _, f := range drift.Families() {
		if f.Name == "" || f.Kinds&all != 0 {
			t.Errorf("%q", f.Name)
		}
		all |= f.Kinds
	}
}
