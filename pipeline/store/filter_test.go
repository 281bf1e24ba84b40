package store

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldAgreesWithEqualFold(t *testing.T) {
	for _, c := range [][2]string{
		{"Mirai", "mIRAI"}, {"größe", "GRÖẞE"}, {"kelvin", "\u212aelvin"}, {"s", "\u017f"}, {"σίσυφος", "ΣΊΣΥΦΟΣ"},
		{"", ""}, {"a", "b"}, {"\xff", "\ufffd"}, {"dž", "ǅ"},
	} {
		if got, want := Fold(c[0]) == Fold(c[1]), strings.EqualFold(c[0], c[1]); got != want {
			t.Errorf("%q and %q: fold alike is %v, want %v", c[0], c[1], got, want)
		}
	}
	text := rapid.StringMatching(`[aAkK\x{212a}sSſßẞiIıİσςΣ_%-]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if got, want := Fold(a) == Fold(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q and %q: fold alike is %v, want %v", a, b, got, want)
		}
		if Fold(Fold(a)) != Fold(a) {
			t.Fatalf("%q is folded further", a)
		}
	})
}

func TestErrorsNameTheCondition(t *testing.T) {
	_, err := Compile(Query{Where: []Cond{{Field: "source", Op: In}, {Field: "dport", Op: In, Text: []string{"http"}}}})
	const want = `invalid query: where[1]: field "dport": "http" is no number of 16 bits`
	if err == nil || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}
