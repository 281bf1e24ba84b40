package drift

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Bounds of what is remembered of single values.
const (
	maxSketched = 64 // inputs whose values are remembered
	maxTop      = 16 // frequent values of a column
	mostTop     = 12 // of them, how many of one kind are no vocabulary
	maxTopBytes = 32 // of a frequent value; longer ones are no vocabulary
	maxHashes   = 64 // of a sketch
)

// Frequent is a value and how often it occurs. Of many different values the counts
// are too low by at most the number of values divided by maxTop (Misra-Gries).
type Frequent struct {
	Value string `json:"v"`
	Count int64  `json:"n"`
}

// tally counts values while a payload is parsed. It does not allocate for a value.
type tally struct {
	n     int
	hash  [maxTop]uint64
	count [maxTop]int64
	kinds [maxTop]Kinds
	size  [maxTop]uint8
	text  [maxTop][maxTopBytes]byte
	// lost is what the counts may be too low by.
	lost int64
	long int64 // values that are too long
	// passed are the kinds of values that are not counted any more, usual how many
	// there were.
	passed Kinds
	usual  int64
	// smallest hashes, sorted.
	smallest [maxHashes]uint32
	hashes   int
}

func (t *tally) reset() {
	t.n, t.lost, t.long, t.passed, t.usual, t.hashes = 0, 0, 0, 0, 0, 0
}

// again counts a value that is known, and returns its kinds. It is not known if
// more than them has to be looked at.
func (t *tally) again(h uint64, size int) (k Kinds, known bool) {
	if size > maxTopBytes {
		return 0, false
	}
	for i, other := range t.hash[:t.n] {
		if other == h && t.kinds[i]&Timestamp == 0 {
			t.count[i]++
			return t.kinds[i], true
		}
	}
	return 0, false
}

// add counts a value, h is its hash. It returns the kinds that need not be counted
// from now on, except where they may stand for nothing.
func (t *tally) add(value string, h uint64, k Kinds) (passed Kinds) {
	if len(value) > maxTopBytes {
		t.long++
		return t.passed
	}
	for i, other := range t.hash[:t.n] {
		if other == h {
			t.count[i]++
			return t.passed
		}
	}
	if t.n == maxTop && t.pass(k) && !MayBeNothing(value) {
		t.usual++
		return t.passed
	}
	if t.n < maxTop {
		i := t.n
		t.n++
		t.hash[i], t.count[i], t.kinds[i], t.size[i] = h, 1, k, uint8(copy(t.text[i][:], value))
		return t.passed
	}
	t.lost++
	t.keep(func(i int) bool {
		t.count[i]--
		return t.count[i] > 0
	})
	return t.passed
}

// pass decides that values of a telling kind are no vocabulary if most that are
// counted now are different ones of that kind: from now on only others are.
func (t *tally) pass(k Kinds) bool {
	if t.passed != 0 || k&telling == 0 || k&(k-1) != 0 {
		return false
	}
	for _, both := range []Kinds{IPv4 | IPv6, CIDR4 | CIDR6} {
		if k&both != 0 {
			k = both
		}
	}
	alike := 0
	for _, other := range t.kinds {
		if other&^k == 0 {
			alike++
		}
	}
	if alike < mostTop {
		return false
	}
	t.passed = k
	t.keep(func(i int) bool {
		if t.kinds[i]&^k != 0 || MayBeNothing(string(t.text[i][:t.size[i]])) {
			return true
		}
		t.usual += t.count[i]
		return false
	})
	return true
}

// telling are the kinds whose values are not words.
const telling = IPv4 | IPv6 | CIDR4 | CIDR6 | IPPort | IPRange | URL | FQDN | Email | MAC | SHA256 | SHA1 | MD5 | CVE | UUID | Timestamp

// keep drops the values that are not to be kept.
func (t *tally) keep(keep func(i int) bool) {
	kept := 0
	for i := range t.n {
		if !keep(i) {
			continue
		}
		if kept != i {
			t.hash[kept], t.count[kept], t.kinds[kept], t.size[kept], t.text[kept] = t.hash[i], t.count[i], t.kinds[i], t.size[i], t.text[i]
		}
		kept++
	}
	t.n = kept
}

// remember keeps the smallest of the sorted hashes and those that it has: a sample of
// the different values that is the same for the same values. It returns what a hash
// must be below to be one.
func (t *tally) remember(sorted []uint32) (limit uint32) {
	var buf [maxHashes]uint32
	merged, known := buf[:0], t.smallest[:t.hashes]
	for len(merged) < maxHashes && len(known)+len(sorted) > 0 {
		var h uint32
		if len(sorted) == 0 || len(known) > 0 && known[0] <= sorted[0] {
			h, known = known[0], known[1:]
		} else {
			h, sorted = sorted[0], sorted[1:]
		}
		if len(merged) == 0 || merged[len(merged)-1] != h {
			merged = append(merged, h)
		}
	}
	t.hashes = copy(t.smallest[:], merged)
	if t.hashes < maxHashes {
		return math.MaxUint32
	}
	return t.smallest[maxHashes-1]
}

// sorter sorts hashes. They are spread evenly, so that the first byte tells nearly
// where they belong.
type sorter struct {
	starts [257]uint16
	out    []uint32
}

// sort returns the sorted hashes; they are valid until the next call.
func (s *sorter) sort(list []uint32) []uint32 {
	const few, crowded = 16, 16
	clear(s.starts[:])
	most := uint16(0)
	for _, h := range list {
		s.starts[h>>24+1]++
		most = max(most, s.starts[h>>24+1])
	}
	if len(list) <= few || len(list) > math.MaxUint16 || most > crowded { // somebody may have chosen the values
		slices.Sort(list)
		return list
	}
	for i := range 256 {
		s.starts[i+1] += s.starts[i]
	}
	s.out = slices.Grow(s.out[:0], len(list))[:len(list)]
	for _, h := range list {
		s.out[s.starts[h>>24]] = h
		s.starts[h>>24]++
	}
	for i := 1; i < len(s.out); i++ {
		h, j := s.out[i], i
		for ; j > 0 && s.out[j-1] > h; j-- {
			s.out[j] = s.out[j-1]
		}
		s.out[j] = h
	}
	return s.out
}

// top are the values that are counted.
func (t *tally) top() []Frequent {
	if t.n == 0 {
		return nil
	}
	var buf [maxTop * maxTopBytes]byte
	n := 0
	for i := range t.n {
		n += copy(buf[n:], t.text[i][:t.size[i]])
	}
	text := string(buf[:n]) // all of them in one
	list := make([]Frequent, t.n)
	for i := range list {
		value := text[:t.size[i]]
		text = text[len(value):]
		list[i] = Frequent{strings.ToValidUTF8(value, "\uFFFD"), t.count[i]}
	}
	return ranked(list)
}

func ranked(list []Frequent) []Frequent {
	slices.SortFunc(list, func(a, b Frequent) int {
		if a.Count != b.Count {
			return cmp.Compare(b.Count, a.Count)
		}
		return strings.Compare(a.Value, b.Value)
	})
	return list[:min(len(list), maxTop)]
}

// Sketch is a sample of the different values of a column: the smallest hashes
// (KMV). Its JSON is base64.
type Sketch []uint32

// MarshalJSON packs the hashes.
func (s Sketch) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 4*len(s))
	for _, h := range s {
		b = binary.BigEndian.AppendUint32(b, h)
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sketch) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("sketch: %w", err)
	}
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(packed)%4 != 0 || len(packed) > 4*maxHashes {
		return fmt.Errorf("sketch: %q is none", cut(text, maxSample))
	}
	*s = make(Sketch, 0, len(packed)/4)
	for ; len(packed) > 0; packed = packed[4:] {
		*s = append(*s, binary.BigEndian.Uint32(packed))
	}
	return nil
}

// distinct estimates how many different values there are.
func (s Sketch) distinct() float64 {
	if len(s) < maxHashes {
		return float64(len(s))
	}
	return float64(maxHashes-1) / (float64(s[maxHashes-1]) / (1 << 32))
}

// shared estimates which share of the values of s are values of t, and says from
// how many it knows.
func (s Sketch) shared(t Sketch) (share float64, of int) {
	limit := ^uint32(0) // below it both know all their hashes
	for _, x := range []Sketch{s, t} {
		if len(x) == maxHashes {
			limit = min(limit, x[maxHashes-1])
		}
	}
	common := 0
	for _, h := range s {
		if h > limit {
			break
		}
		of++
		for len(t) > 0 && t[0] < h {
			t = t[1:]
		}
		if len(t) > 0 && t[0] == h {
			common++
		}
	}
	if of == 0 {
		return 0, 0
	}
	return float64(common) / float64(of), of
}

// mergeTop adds up. What both sides may have forgotten is not added.
func mergeTop(a, b []Frequent) []Frequent {
	sum := make([]Frequent, len(a), len(a)+len(b))
	copy(sum, a)
	for i, f := range b {
		if at := wordAt(a, f.Value, i); at >= 0 {
			sum[at].Count += f.Count
		} else {
			sum = append(sum, f)
		}
	}
	return ranked(sum)
}

// wordAt is where a value is in a list, -1 if it is not there. It is mostly at i.
func wordAt(list []Frequent, value string, i int) int {
	if i < len(list) && list[i].Value == value {
		return i
	}
	for i := range list {
		if list[i].Value == value {
			return i
		}
	}
	return -1
}
