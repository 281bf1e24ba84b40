package match

import (
	"fmt"
	"math/bits"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
)

// group is the threats zone of all subscribers that have the same selection and
// clearance: whoever of them gets an event, all do.
type group struct {
	selection selection
	clearance policy.Clearance
	members   []int32
}

// situation is all that decides who gets an event in the threats zone.
type situation struct {
	source     int32
	category   event.Category
	confidence event.Confidence
	need       policy.Clearance
}

// threats holds, for each value of each part of a situation, the set of groups
// that accept it. What accepts a situation is the intersection of four sets.
type threats struct {
	groups     []group
	other      set   // accept sources that no selection names
	source     []set // by source
	category   [maxCategories]set
	confidence [event.ConfidenceHigh + 1]set
	need       [event.TLPRed + 1][2]set // by label, and whether full access is needed
}

// set is a set of groups, one bit each.
type set []uint64

func (s set) put(g int) { s[g/64] |= 1 << (g % 64) }

type groupBuilder struct {
	index map[string]int
	list  []group
}

func newGroups() *groupBuilder { return &groupBuilder{index: map[string]int{}} }

func (b *groupBuilder) add(s selection, c policy.Clearance, subscriber int32) {
	key := fmt.Sprint(s, c)
	g, ok := b.index[key]
	if !ok {
		g = len(b.list)
		b.index[key] = g
		b.list = append(b.list, group{selection: s, clearance: c})
	}
	b.list[g].members = append(b.list[g].members, subscriber)
}

func (b *groupBuilder) build(sources int) threats {
	t := threats{groups: b.list, source: make([]set, sources)}
	t.other = t.where(func(g *group) bool { return g.selection.all })
	for s := range t.source {
		t.source[s] = append(set(nil), t.other...)
	}
	for i := range t.groups {
		for _, s := range t.groups[i].selection.sources {
			t.source[s].put(i)
		}
	}
	for c := range t.category {
		t.category[c] = t.where(func(g *group) bool { return g.selection.categories>>c&1 == 1 })
	}
	for c := range t.confidence {
		t.confidence[c] = t.where(func(g *group) bool { return event.Confidence(c) >= g.selection.minConfidence })
	}
	for tlp := range t.need {
		for i, full := range []bool{false, true} {
			need := policy.Clearance{TLP: event.TLP(tlp), FullAccess: full}
			t.need[tlp][i] = t.where(func(g *group) bool { return g.clearance.Covers(need) })
		}
	}
	return t
}

func (t *threats) where(accepts func(*group) bool) set {
	s := make(set, (len(t.groups)+63)/64)
	for i := range t.groups {
		if accepts(&t.groups[i]) {
			s.put(i)
		}
	}
	return s
}

// accept lists the groups that get events of a situation.
func (t *threats) accept(s situation) []int32 {
	source := t.other
	if s.source != otherSource {
		source = t.source[s.source]
	}
	full := 0
	if s.need.FullAccess {
		full = 1
	}
	if int(s.category) >= len(t.category) || int(s.confidence) >= len(t.confidence) || int(s.need.TLP) >= len(t.need) {
		return nil // no value of the enums
	}
	category, confidence, need := t.category[s.category], t.confidence[s.confidence], t.need[s.need.TLP][full]
	var groups []int32
	for w := range source {
		word := source[w] & category[w] & confidence[w] & need[w]
		for ; word != 0; word &= word - 1 {
			groups = append(groups, int32(w*64+bits.TrailingZeros64(word)))
		}
	}
	return groups
}

// memo remembers what threats.accept said: a feed meets few situations.
type memo struct {
	known map[situation][]int32
	size  int
}

// maxMemo bounds a memo: list items, and 16 for each list.
const maxMemo = 1 << 20

func (m *memo) reset() { *m = memo{known: map[situation][]int32{}} }

func (m *memo) groups(t *threats, s situation) []int32 {
	groups, ok := m.known[s]
	if ok {
		return groups
	}
	groups = t.accept(s)
	if m.size += len(groups) + 16; m.size > maxMemo {
		m.reset()
		m.size = len(groups) + 16
	}
	m.known[s] = groups
	return groups
}
