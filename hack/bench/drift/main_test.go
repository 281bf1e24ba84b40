package main

import (
	"slices"
	"testing"
)

// What a change is called must agree with what it does to the events: a breaking
// one changes them, one that is cosmetic or additive does not.
func TestTheTruthAgreesWithTheEvents(t *testing.T) {
	for _, f := range allFeeds() {
		if f.size > 200 {
			continue
		}
		s, err := learn(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := events(f.spec, s.next[0].write())
		if !ok || len(want) != len(s.next[0].rows) {
			t.Errorf("%s: %d records give %d events", f, len(s.next[0].rows), len(want))
		}
		for i := range classes {
			c := &classes[i]
			p, _ := c.plan(&mutation{f: f, r: newRand(f.String(), c.id, 1), d: s.next[0]})
			if p == nil {
				continue
			}
			if err := s.settle(p, c); err != nil {
				t.Fatal(err)
			}
			got, ok := events(f.spec, s.changed(p, c, 0))
			same := ok && slices.Equal(want, got)
			switch {
			case p.breaking == yes && same:
				t.Errorf("%s/%s: %s is called breaking, and the events are the same", f, c.id, p.what)
			case p.breaking == no && p.classes[0] == cosmetic && !same && c.id != "12":
				t.Errorf("%s/%s: %s is called cosmetic, and the events are others", f, c.id, p.what)
			case p.breaking == no && p.classes[0] == additive && len(want) != len(got):
				t.Errorf("%s/%s: %s is called additive, and %d events became %d", f, c.id, p.what, len(want), len(got))
			}
		}
	}
}
