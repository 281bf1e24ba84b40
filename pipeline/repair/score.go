package repair

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
)

// What counts in the comparison of two columns, and what a column needs to be taken
// for another.
const (
	weightName     = 0.30
	weightKind     = 0.30
	weightOverlap  = 0.25
	weightShape    = 0.10
	weightPosition = 0.05
	alone          = 0.45
	// sureName and sureOverlap, one of them, are needed where others are of the same
	// kind.
	sureName    = 0.85
	sureOverlap = 0.3
	// unknown is how alike the values of columns are of which one has none.
	unknown = 0.3
)

// column is what is known of a column or path for the comparison.
type column struct {
	name string
	// unnamed: the name is made up.
	unnamed  bool
	position float64 // 0 the first, 1 the last
	values   []string
	distinct map[string]bool
	kinds    []float64 // shares
	telling  drift.Kinds
	lengths  []int // sorted
	classes  [4]float64
	instants map[string]bool // see seconds
}

// madeUp are names that say nothing but the position.
var madeUp = regexp.MustCompile(`^(?:(?:column|col|field|c|f)_?\d+_*|line)$`)

const maxDistinct = 4096

func newColumn(name string, at, of int, values []string) *column {
	c := &column{name: name, unnamed: madeUp.MatchString(name), distinct: map[string]bool{}, kinds: make([]float64, 32)}
	if of > 1 {
		c.position = float64(at) / float64(of-1)
	}
	bytes := 0
	for _, v := range values {
		if v == "" {
			continue
		}
		c.values = append(c.values, v)
		if len(c.distinct) < maxDistinct {
			c.distinct[v] = true
		}
		k := drift.KindsOf(v)
		for i := range c.kinds {
			if k&(1<<i) != 0 {
				c.kinds[i]++
			}
		}
		c.lengths = append(c.lengths, len(v))
		bytes += c.classify(v)
	}
	for i := range c.classes {
		c.classes[i] /= float64(max(bytes, 1))
	}
	n := float64(max(len(c.values), 1))
	for i := range c.kinds {
		if c.kinds[i] /= n; c.kinds[i] >= 0.8 {
			c.telling |= 1 << i
		}
	}
	c.telling &= strong
	slices.Sort(c.lengths)
	return c
}

// strong are the kinds that hardly any other text has by chance.
const strong = drift.IPv4 | drift.IPv6 | drift.CIDR4 | drift.CIDR6 | drift.IPPort | drift.IPRange | drift.URL | drift.FQDN |
	drift.Email | drift.MAC | drift.SHA256 | drift.SHA1 | drift.MD5 | drift.CVE | drift.UUID | drift.Timestamp

func (c *column) classify(v string) int {
	for i := range len(v) {
		switch b := v[i]; {
		case b >= '0' && b <= '9':
			c.classes[0]++
		case b|0x20 >= 'a' && b|0x20 <= 'z':
			c.classes[1]++
		case b == ' ':
			c.classes[2]++
		default:
			c.classes[3]++
		}
	}
	return len(v)
}

// share is how many of the values are of one of the kinds, which exclude each other.
func (c *column) share(k drift.Kinds) float64 {
	s := 0.0
	for i := range c.kinds {
		if k&(1<<i) != 0 {
			s += c.kinds[i]
		}
	}
	return min(s, 1)
}

// pair is how alike two columns are.
type pair struct {
	score, name, overlap float64
	known                bool // overlap is known
}

// compare scores a column of the old payload with one of the new; 0 if the values of
// the new one cannot be those of the old.
func compare(old, new *column) (p pair) {
	if len(old.values) > 0 && len(new.values) > 0 && !fits(old, new) {
		return p
	}
	weights, sum := 0.0, 0.0
	add := func(weight, value float64) { weights, sum = weights+weight, sum+weight*value }
	if !old.unnamed && !new.unnamed {
		p.name = nameScore(old.name, new.name)
		add(weightName, p.name)
	}
	if len(old.values) > 0 && len(new.values) > 0 {
		add(weightKind, likeKinds(old, new))
		add(weightShape, shape(old, new))
		p.overlap, p.known = inCommon(old, new), true
		add(weightOverlap, p.overlap)
	} else if p.name < sureName {
		return p
	} else { // a column without values is no match for one that has some
		add(weightKind+weightShape+weightOverlap, unknown)
	}
	if !old.unnamed && !new.unnamed && p.overlap < sureOverlap && opposite(old.name, new.name) {
		return pair{}
	}
	add(weightPosition, 1-math.Abs(old.position-new.position))
	if p.score = sum / weights; p.name >= 1 && p.score <= alone {
		p.score = alone + 0.01 // nothing speaks against the same name
	}
	return p
}

// fits tells whether the new values are of the telling kind of the old ones, if they
// have one. A telling kind where there was none is another column too.
func fits(old, new *column) bool {
	if old.telling == 0 {
		return new.telling&^drift.Timestamp == 0 || len(old.values) < 3
	}
	group := old.telling
	for _, g := range []drift.Kinds{drift.IPv4 | drift.IPv6, drift.CIDR4 | drift.CIDR6} {
		if group&g != 0 {
			group |= g
		}
	}
	return new.share(group) >= 0.5
}

// likeKinds compares the kinds of two columns. What has a telling kind in common is
// alike, whatever else it may be: times in seconds are numbers, too.
func likeKinds(a, b *column) float64 {
	s := 1 - divergence(a.kinds, b.kinds)
	if a.telling&b.telling != 0 {
		s = max(s, 0.8)
	}
	return s
}

// divergence is that of Jensen and Shannon between the shares of kinds, between 0 and
// 1.
func divergence(a, b []float64) float64 {
	x, y := normal(a), normal(b)
	d := 0.0
	for i := range x {
		m := (x[i] + y[i]) / 2
		if x[i] > 0 {
			d += x[i] * math.Log2(x[i]/m) / 2
		}
		if y[i] > 0 {
			d += y[i] * math.Log2(y[i]/m) / 2
		}
	}
	return min(max(d, 0), 1)
}

func normal(a []float64) []float64 {
	sum := 0.0
	for _, v := range a {
		sum += v
	}
	out := make([]float64, len(a))
	for i, v := range a {
		if sum > 0 {
			out[i] = v / sum
		}
	}
	return out
}

// inCommon is the overlap of two columns, of the same values that are written
// otherwise if there are none that are the same.
func inCommon(old, new *column) float64 {
	if same := overlap(old, new); same > 0 {
		return same
	}
	return max(overlapOfTimes(old, new), overlapOfWords(old, new))
}

// overlapOfWords is the overlap of texts without regard to case and punctuation:
// LoginAttack and login_attack are the same word.
func overlapOfWords(old, new *column) float64 {
	if old.telling|new.telling != 0 {
		return 0
	}
	return overlap(old.plain(), new.plain())
}

// plain is a column with its values in lower case, without punctuation.
func (c *column) plain() *column {
	words := make(map[string]bool, len(c.distinct))
	for v := range c.distinct {
		if w := plain(v); w != "" && strings.Trim(w, "0123456789") != "" {
			words[w] = true
		}
	}
	return &column{distinct: words}
}

// overlap is the share of the values of the one with fewer that the other has too.
// Where both have few different values, it counts how often they have each: a constant
// may be one of the words of any column.
func overlap(old, new *column) float64 {
	if old.words() && new.words() {
		return old.inCommon(new)
	}
	n, of := shared(old, new)
	return float64(n) / float64(max(of, 1))
}

// shared is how many of the different values of the one with fewer the other has too.
func shared(old, new *column) (n, of int) {
	a, b := old.distinct, new.distinct
	if len(a) > len(b) {
		a, b = b, a
	}
	for v := range a {
		if b[v] {
			n++
		}
	}
	return n, len(a)
}

// words tells whether a column has the same few values again and again.
func (c *column) words() bool { return len(c.values) >= minWords && 2*len(c.distinct) <= len(c.values) }

const minWords = 8

func (c *column) inCommon(other *column) float64 {
	left := make(map[string]float64, len(other.distinct))
	for _, v := range other.values {
		left[v] += 1 / float64(len(other.values))
	}
	common := 0.0
	for _, v := range c.values {
		part := min(left[v], 1/float64(len(c.values)))
		left[v] -= part
		common += part
	}
	return common
}

// siblings gives pairs whose names were changed as those of others the name that they
// should have: a publisher who calls ip src_ip calls port src_port. Of several such
// changes the one counts that fits best.
func siblings(old, new []*column, details [][]pair) {
	var names drift.Affixes
	for i, a := range old {
		for j, b := range new {
			names.Add(a.name, b.name, details[i][j].score)
		}
	}
	best := names.Best()
	for i, a := range old {
		for j, b := range new {
			if p := &details[i][j]; best != "" && p.score > 0 && p.name < sibling && drift.Affix(a.name, b.name) == best {
				p.score += weightName * (sibling - p.name)
				p.name = sibling
			}
		}
	}
}

// sibling is the likeness of names of which one was made of the other as others were.
const sibling = 0.95

// shape compares how long the values are and what characters they have.
func shape(old, new *column) float64 {
	far := 0.0
	for i := range old.classes {
		far += math.Abs(old.classes[i] - new.classes[i])
	}
	return 1 - (farthest(old.lengths, new.lengths)+far/2)/2
}

// farthest is the greatest distance between two distributions (Kolmogorov-Smirnov).
func farthest(a, b []int) float64 {
	d, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		v := min(a[i], b[j])
		for i < len(a) && a[i] <= v {
			i++
		}
		for j < len(b) && b[j] <= v {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return d
}
