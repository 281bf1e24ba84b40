package creds

import "testing"

func TestHashChangesWithWhatTheRoleMayDoAndWhoSigns(t *testing.T) {
	keys, err := New()
	if err != nil {
		t.Fatal(err)
	}
	others, err := New()
	if err != nil {
		t.Fatal(err)
	}
	hash := func(k *Keys, r Role) string {
		t.Helper()
		h, err := k.Hash(r)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(keys, Monitor("default", "csv", []string{"b", "a"}))
	if got := hash(keys, Monitor("default", "csv", []string{"a", "b"})); got != base {
		t.Error("the order of feeds changes the hash")
	}
	for name, other := range map[string]string{
		"another name":   hash(keys, Monitor("default", "json", []string{"a", "b"})),
		"another kind":   hash(keys, Collector("default", "csv")),
		"another signer": hash(others, Monitor("default", "csv", []string{"a", "b"})),
	} {
		if other == base {
			t.Errorf("%s has the same hash", name)
		}
	}
	if _, err := keys.Hash(Collector("default", "a.b")); err == nil {
		t.Error("a name that is no label has a hash")
	}
}
