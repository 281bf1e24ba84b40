package diff

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// Weir reads every way to write a time in ISO 8601; who has no Parser may not.
func TestTimesThatAreWrittenOtherwiseBreakReadersWithoutAParser(t *testing.T) {
	const old = "ip,seen\n192.0.2.1,2026-07-01 10:11:12\n192.0.2.2,2026-07-02 10:11:13\n192.0.2.3,2026-07-03 10:11:14\n"
	for name, now := range map[string]string{
		"a T and a zone": strings.NewReplacer(" 10", "T10", "12\n", "12Z\n", "13\n", "13Z\n", "14\n", "14Z\n").Replace(old),
		"fractions":      strings.NewReplacer("12\n", "12.5\n", "13\n", "13.25\n", "14\n", "14.125\n").Replace(old),
		"days only":      strings.NewReplacer(" 10:11:12", "", " 10:11:13", "", " 10:11:14", "").Replace(old),
	} {
		r := compared(t, old, now)
		if !r.Breaking || len(r.Findings) != 1 || r.Findings[0].Code != drift.CodeLayout || r.Findings[0].Path != "seen" {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		var spec v1alpha1.ParserSpec
		if err := yaml.UnmarshalStrict([]byte("input: {csv: {}}\nmapping:\n- {field: ip, from: [ip], required: true}\n- {field: time, from: [seen]}\nconstants: {category: other}\n"), &spec); err != nil {
			t.Fatal(err)
		}
		if r, err := Compare(t.Context(), open(t, old), open(t, now), Options{Spec: &spec}); err != nil || r.Breaking {
			t.Errorf("%s, with a Parser: %+v, %v", name, r, err)
		}
	}
	if r := compared(t, old, strings.ReplaceAll(old, "2026-07-0", "2026-08-1")); len(r.Findings) > 0 {
		t.Errorf("other days: %+v", r.Findings)
	}
}
