package drift

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// What is recognized by its beginning is what a closer look would find.
func FuzzObviousKinds(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "1.2.3.4.5", "192.0.2.256", "2025-12-31", "2025-12-31T23:59:59Z", "2025-12-31 23:59:59.5 +02:00", "2025-12-31 24",
		"http://example.com/", "http://", "https://a b", "http://exa[.]mple.com", "1234567", "0000-00-00 00:00:00", "2025-12-31T10:00", "1.1.1.1/24"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = trimSpace(s)
		s = s[:min(len(s), maxKindBytes)]
		if s == "" {
			return
		}
		k, layout := obvious(s)
		if k == 0 {
			return
		}
		if want, name := closely(s, nil); k != want || string(layout) != string(name) {
			t.Errorf("%q: %s %q, want %s %q", s, k, layout, want, name)
		}
	})
}

func TestASketchHasTheSmallestHashesWhateverTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, most := range []uint32{math.MaxUint32, 1 << 20, 300, 3} { // spread, crowded, with repetitions
		for _, n := range []int{1, 16, 17, 100, 700, 5000} {
			var all []uint32
			var s sorter
			var sketch tally
			limit := uint32(math.MaxUint32)
			for len(all) < n {
				var some []uint32
				for range 1 + rng.IntN(200) {
					h := rng.Uint32N(most)
					all = append(all, h)
					if h < limit {
						some = append(some, h)
					}
				}
				limit = sketch.remember(s.sort(some))
			}
			slices.Sort(all)
			all = slices.Compact(all)
			want := all[:min(len(all), maxHashes)]
			if !slices.Equal(sketch.smallest[:sketch.hashes], want) {
				t.Errorf("%d hashes below %d: %d, want %d", n, most, sketch.smallest[:sketch.hashes], want)
			}
		}
	}
}

// A column of addresses has no vocabulary; what stands for no address is counted.
func TestValuesOfATellingKindAreNoVocabulary(t *testing.T) {
	p := newProfiler(&Profile{Inputs: []Column{{Name: "ip"}, {Name: "word"}}})
	for i := range 300 {
		ip := fmt.Sprintf("198.51.%d.%d", i%7, i%256)
		switch i % 10 {
		case 3:
			ip = "n/a"
		case 6:
			ip = "0.0.0.0"
		}
		p.seen(&fakeRecord{values: []string{ip, []string{"bot", "scanner", "192.0.2.1"}[i%3]}})
	}
	got := p.Profile().Inputs
	if top := got[0].Top; len(top) != 2 || hasWord(top, "n/a") != hasWord(top, "0.0.0.0") || top[0].Count < 28 || top[1].Count < 28 || got[0].Lost == 0 {
		t.Errorf("%+v, lost %d", top, got[0].Lost)
	}
	if want := []Frequent{{"192.0.2.1", 100}, {"bot", 100}, {"scanner", 100}}; !slices.Equal(got[1].Top, want) || got[1].Lost != 0 {
		t.Errorf("%+v, want %+v; lost %d", got[1].Top, want, got[1].Lost)
	}
	if c := &got[0]; c.Values != 300 || c.Kinds.Of(IPv4) != 270 || c.Kinds.Of(Text) != 30 {
		t.Errorf("%d values: %v", c.Values, c.Kinds)
	}
}

// The sample of events is the one with the smallest keys, without those whose time
// is in doubt.
func TestTimesAreThoseOfTheSmallestKeys(t *testing.T) {
	for _, n := range []int{0, 5, 100, 400, 5000} {
		var sampled times
		first := map[uint32]int64{}
		doubtful := map[uint32]bool{}
		for i := range n {
			e := event.Event{Time: time.Unix(int64(1_700_000_000+i/40), 0), Address: []event.Address{{IP: netip.AddrFrom4([4]byte{10, 0, byte(i * 7 % 300 >> 8), byte(i * 7 % 300)})}}}
			sampled.add(&e)
			if i >= maxTimed {
				continue
			}
			key := keyOf(&e)
			if at, known := first[key]; known && at != e.Time.Unix() {
				doubtful[key] = true
			} else if !known {
				first[key] = e.Time.Unix()
			}
		}
		var want []Dated
		for key, at := range first {
			want = append(want, Dated{key, at})
		}
		slices.SortFunc(want, func(a, b Dated) int { return int(int64(a.Key) - int64(b.Key)) })
		want = slices.DeleteFunc(want[:min(len(want), maxDated)], func(d Dated) bool { return doubtful[d.Key] })
		if got := sampled.sample(); !slices.Equal(got, want) {
			t.Errorf("%d events: %d in the sample, want %d", n, len(got), len(want))
		}
	}
}

func TestTypesSurviveJSON(t *testing.T) {
	var c, back Types
	c[record.String], c[record.Null] = 3, 1
	b, err := json.Marshal(c)
	if err != nil || string(b) != `{"null":1,"string":3}` {
		t.Fatalf("%s, %v", b, err)
	}
	if err := json.Unmarshal(append(b[:len(b)-1], `,"map":3}`...), &back); err != nil || back != c {
		t.Errorf("%v, %v", back, err)
	}
	if names := c.Names(); !slices.Equal(names, []string{"null", "string"}) || c.Of("string") != 3 || c.Of("number") != 0 {
		t.Errorf("%v", names)
	}
}

// Rows that are learned from after one another do not see what others left behind.
func TestMemoryOfOnePayloadIsNotThatOfTheNext(t *testing.T) {
	empty := &Profile{Declared: formatJSON, Inputs: []Column{{Name: "a"}}}
	learn := func(value, path string) *Profile {
		p := newProfiler(empty)
		for i := range 40 {
			p.seen(&fakeRecord{values: []string{fmt.Sprint(value, i)}, paths: []string{path}})
		}
		profile := p.Profile()
		p.done()
		return profile
	}
	for range 3 {
		learn("198.51.100.", "other")
		p := learn("word", "a")
		if c := p.Inputs[0]; c.Values != 40 || c.Kinds.Of(Text) != 40 || len(c.Sketch) != 40 || c.Samples[0] != "word0" || p.Paths["a"] == nil || len(p.Paths) != 1 || p.Walked != walkAll {
			t.Fatalf("%+v, paths %v of %d", c, p.Paths, p.Walked)
		}
	}
}
