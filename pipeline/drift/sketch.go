package drift

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Bounds of what is remembered of single values.
const (
	maxSketched = 64 // inputs whose values are remembered
	maxTop      = 16 // frequent values of a column
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
	slots [maxTop]slot
	// lost is what the counts may be too low by.
	lost int64
	long int64 // values that are too long
	// smallest hashes, sorted.
	smallest [maxHashes]uint32
	hashes   int
}

type slot struct {
	hash  uint64
	count int64
	size  uint8
	text  [maxTopBytes]byte
}

func (t *tally) add(value string) {
	h := xxhash.Sum64String(value)
	t.remember(uint32(h >> 32))
	if len(value) > maxTopBytes {
		t.long++
		return
	}
	for i := range t.n {
		if t.slots[i].hash == h {
			t.slots[i].count++
			return
		}
	}
	if t.n < maxTop {
		s := &t.slots[t.n]
		t.n++
		s.hash, s.count, s.size = h, 1, uint8(copy(s.text[:], value))
		return
	}
	t.lost++
	kept := 0
	for i := range t.n {
		if t.slots[i].count--; t.slots[i].count > 0 {
			if kept != i {
				t.slots[kept] = t.slots[i]
			}
			kept++
		}
	}
	t.n = kept
}

// remember keeps the smallest hashes: a sample of the different values that is the
// same for the same values.
func (t *tally) remember(h uint32) {
	if t.hashes == maxHashes && h >= t.smallest[maxHashes-1] {
		return
	}
	i, found := slices.BinarySearch(t.smallest[:t.hashes], h)
	if found {
		return
	}
	if t.hashes < maxHashes {
		t.hashes++
	}
	copy(t.smallest[i+1:t.hashes], t.smallest[i:])
	t.smallest[i] = h
}

func (t *tally) top() []Frequent {
	list := make([]Frequent, 0, t.n)
	for i := range t.n {
		s := &t.slots[i]
		list = append(list, Frequent{strings.ToValidUTF8(string(s.text[:s.size]), "\uFFFD"), s.count})
	}
	return ranked(list)
}

func ranked(list []Frequent) []Frequent {
	slices.SortFunc(list, func(a, b Frequent) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
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
		if _, found := slices.BinarySearch(t, h); found {
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
	sum := slices.Clone(a)
	for _, f := range b {
		if i := slices.IndexFunc(sum, func(g Frequent) bool { return g.Value == f.Value }); i >= 0 {
			sum[i].Count += f.Count
		} else {
			sum = append(sum, f)
		}
	}
	return ranked(sum)
}
