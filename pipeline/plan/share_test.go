package plan

import (
	"fmt"
	"testing"
)

func TestEachObjectIsInOneShare(t *testing.T) {
	for i := range 1000 {
		name := fmt.Sprint("object-", i)
		owners := 0
		for index := range 7 {
			s := Share{index, 7}
			if s.Has("default", name) {
				owners++
			}
			if s.Has("default", name) != s.HasKey(Key(PrefixCollector, "default", name)) {
				t.Errorf("%s: the key of %s is elsewhere", s, name)
			}
		}
		if owners != 1 || !(Share{}).Has("default", name) || !(Share{0, 1}).Has("default", name) {
			t.Errorf("%s is in %d shares of 7", name, owners)
		}
	}
}

func TestSharesAreReadAsTheyAreWritten(t *testing.T) {
	for _, s := range []Share{{0, 1}, {3, 4}} {
		if got, err := ParseShare(s.String()); got != s || err != nil {
			t.Errorf("%s is read as %v, %v", s, got, err)
		}
	}
	for _, text := range []string{"", "1", "1/1", "-1/2", "a/b", "0/0", "0/2/3", "0/99999999"} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
