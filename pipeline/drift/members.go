package drift

import (
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/pipeline/status"
)

// Members is what is known of values with several members: between how many of
// them which separator stands, and how many have their members in order. Of a
// payload different values count: one list that comes a thousand times shows no
// more than one that comes once.
type Members struct {
	// With counts lists with a comma, a semicolon and a bar.
	With [3]int64 `json:"with"`
	// Several counts those whose members could be compared, Sorted those in which
	// they are in alphabetic order.
	Several int64 `json:"several,omitempty"`
	Sorted  int64 `json:"sorted,omitempty"`

	seen [8]uint64 // by hash; of lists that share a bit one counts
}

const (
	maxListed = 512 // bytes of a value that is taken for a list
	maxSorted = 16  // members that are compared

	minListed     = 6    // lists with a separator
	mainSeparator = 0.9  // share of them with the one that a column has
	rareSeparator = 0.02 // share with the one that a column has no more

	minMembers = 16   // lists with several members
	inOrder    = 0.98 // share of those in order, where they are sorted
	noOrder    = 0.8  // and where they are not
)

// listSeparators are those that With counts.
var listSeparators = [3]byte{',', ';', '|'}

// list looks at a value that may be a list.
func (c *Column) list(value string) {
	if len(value) > maxListed {
		return
	}
	var with [3]bool
	separator := byte(0)
	for i, s := range listSeparators {
		if with[i] = strings.IndexByte(value, s) >= 0; with[i] && separator == 0 {
			separator = s
		}
	}
	if separator == 0 {
		return
	}
	if c.Members == nil {
		c.Members = new(Members)
	}
	if c.Members.known(value) {
		return
	}
	for i := range with {
		if with[i] {
			c.Members.With[i]++
		}
	}
	c.Members.compare(value, separator)
}

// known tells whether a list, or one like it, was seen in this payload.
func (m *Members) known(value string) bool {
	h := xxhash.Sum64String(value) % uint64(len(m.seen)*64)
	bit := uint64(1) << (h % 64)
	known := m.seen[h/64]&bit != 0
	m.seen[h/64] |= bit
	return known
}

// compare tells whether the members of a list are in alphabetic order. JSON arrays
// are lists, too.
func (m *Members) compare(value string, separator byte) {
	if strings.HasPrefix(value, "[") {
		value = strings.TrimSuffix(value[1:], "]")
	}
	before, differ := "", false
	for n := 0; value != "" && n < maxSorted; n++ {
		member := value
		if i := strings.IndexByte(value, separator); i >= 0 {
			member, value = value[:i], value[i+1:]
		} else {
			value = ""
		}
		member = strings.TrimSpace(member)
		if n > 0 && member < before {
			m.Several++
			return
		}
		differ = differ || n > 0 && member != before
		before = member
	}
	if differ {
		m.Several++
		m.Sorted++
	}
}

// plus adds the counts of a payload to those of the baseline. Either may be nil.
func (m *Members) plus(now *Members) *Members {
	if m == nil || now == nil {
		if m == nil {
			return now
		}
		return m
	}
	sum := *m
	for i := range sum.With {
		sum.With[i] += now.With[i]
	}
	sum.Several += now.Several
	sum.Sorted += now.Sorted
	for i := range sum.With {
		if sum.With[i] <= maxBaseline {
			continue
		}
		for k := range sum.With {
			sum.With[k] /= 2
		}
		sum.Several, sum.Sorted = sum.Several/2, sum.Sorted/2
		break
	}
	return &sum
}

// listed is how many values have a separator at least.
func (m *Members) listed() int64 { return max(m.With[0], m.With[1], m.With[2]) }

// checkMembers notices values that have another separator between their members, or
// the members in another order.
func checkMembers(c *comparison) {
	if c.base == nil || c.broken() {
		return
	}
	for i := range c.now.Inputs {
		now := &c.now.Inputs[i]
		base := c.base.input(now.Name)
		if base == nil || c.explained[now.Name] || base.Members == nil || now.Members == nil {
			continue
		}
		if !c.separated(base, now) {
			c.ordered(base, now)
		}
	}
}

// separated reports a separator that was in nearly all lists and is in hardly any,
// while another one has its place.
func (c *comparison) separated(base, now *Column) bool {
	a, b := base.Members, now.Members
	was, is := a.listed(), b.listed()
	if was < minListed || is < minListed {
		return false
	}
	for i, old := range a.With {
		for k, fresh := range b.With {
			if i == k || share(old, was) < mainSeparator || share(fresh, is) < mainSeparator ||
				share(a.With[k], was) > rareSeparator || share(b.With[i], is) > rareSeparator {
				continue
			}
			if fewer(old, was, b.With[i], is) > c.whole {
				continue
			}
			before, after := string(listSeparators[i]), string(listSeparators[k])
			c.explain(now.Name, status.Finding{Code: CodeSeparator, Path: now.Name, Before: before, After: after,
				Evidence: &status.Evidence{Was: old, WasOf: was, Is: b.With[i], IsOf: is},
				Sentence: fmt.Sprintf("Column %q had %q between several values in %s of %s; it has %q in %s of %s now.", now.Name, before,
					number64(old), count(was, "list"), after, number64(fresh), number64(is))})
			return true
		}
	}
	return false
}

// ordered reports members that are in alphabetic order now and were not, or the
// other way round: the first one may have meant something.
func (c *comparison) ordered(base, now *Column) {
	a, b := base.Members, now.Members
	if a.Several < minMembers || b.Several < minMembers {
		return
	}
	was, is := share(a.Sorted, a.Several), share(b.Sorted, b.Several)
	f := status.Finding{Code: CodeMemberOrder, Path: now.Name,
		Before:   fmt.Sprintf("%s of %s in alphabetic order", number64(a.Sorted), count(a.Several, "list")),
		After:    fmt.Sprintf("%s of %s in alphabetic order", number64(b.Sorted), count(b.Several, "list")),
		Evidence: &status.Evidence{Was: a.Sorted, WasOf: a.Several, Is: b.Sorted, IsOf: b.Several}}
	switch {
	case was <= noOrder && is >= inOrder:
		f.Evidence.P = more(a.Sorted, a.Several, b.Sorted, b.Several)
		f.Sentence = fmt.Sprintf("The values in a cell of column %q are in alphabetic order now, in %s of %s; they were in %s of %s. The first one may have meant something.",
			now.Name, number64(b.Sorted), count(b.Several, "list"), number64(a.Sorted), number64(a.Several))
	case was >= inOrder && is <= noOrder:
		f.Evidence.P = fewer(a.Sorted, a.Several, b.Sorted, b.Several)
		f.Sentence = fmt.Sprintf("The values in a cell of column %q were in alphabetic order, in %s of %s; they are in %s of %s now.",
			now.Name, number64(a.Sorted), count(a.Several, "list"), number64(b.Sorted), number64(b.Several))
	default:
		return
	}
	if f.Evidence.P <= c.partial {
		c.explain(now.Name, f)
	}
}
