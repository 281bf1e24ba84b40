package drift

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

type fakeRecord struct {
	values []string
	cells  int
	paths  []string
}

func (r *fakeRecord) Input(i int) (string, bool) {
	if i >= len(r.values) {
		return "", false
	}
	return r.values[i], true
}
func (r *fakeRecord) Cells() int { return r.cells }
func (r *fakeRecord) JSON() string {
	m := make(map[string]string)
	for _, p := range r.paths {
		m[p] = "x"
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// seen looks at a record.
func (p *Profiler) seen(r row) {
	p.profile.Records++
	p.rerun.see(r, len(p.profile.Inputs))
	p.look(r)
}

// What a publisher can grow without limit must not grow a profile without limit.
func TestAProfileStaysSmall(t *testing.T) {
	empty := &Profile{Version: version, Declared: formatJSON}
	for i := range 2048 {
		empty.Inputs = append(empty.Inputs, Column{Name: fmt.Sprintf("input%d", i), Rules: "0123456789abcdef"})
	}
	p := newProfiler(empty)
	rng := rand.New(rand.NewPCG(1, 2))
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("%d%s", i, strings.Repeat("\u2028", 80)))
	}
	p.Columns(names)
	var base *Profile
	for range 4 {
		for range 50 {
			r := &fakeRecord{cells: 0}
			for range 2048 {
				r.values = append(r.values, fmt.Sprintf("%s%d/%d/2025", strings.Repeat("x ", rng.IntN(100)), rng.IntN(1000), rng.IntN(31)))
			}
			for range 300 {
				r.paths = append(r.paths, fmt.Sprintf("a.k%d%s", rng.Int64(), strings.Repeat("y", rng.IntN(300))))
			}
			p.seen(r)
			p.seen(&fakeRecord{cells: rng.IntN(1 << 20)})
		}
		base = Merge(base, p.Profile())
	}
	for _, profile := range []*Profile{p.Profile(), base} {
		b, err := profile.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxBytes {
			t.Errorf("%d bytes, at most %d", len(b), MaxBytes)
		}
		back, err := Decode(b)
		if err != nil || back == nil || len(back.Inputs) == 0 {
			t.Errorf("what was kept cannot be read: %v", err)
		}
	}
	if n := len(base.Cells); n > maxCells {
		t.Errorf("%d different numbers of cells", n)
	}
}

func TestAProfileOfAnotherVersionIsForgotten(t *testing.T) {
	if p, err := Decode([]byte(`{"version":99}`)); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := Decode([]byte(`{`)); err == nil {
		t.Error("damaged JSON is no error")
	}
}

func TestCompareBoundsItsFindings(t *testing.T) {
	base := &Profile{Version: version, Declared: formatCSV, Container: formatCSV, Named: true}
	now := &Profile{Version: version, Declared: formatCSV, Container: formatCSV, Named: true, Looked: 9}
	for i := range 500 {
		now.Columns = append(now.Columns, fmt.Sprintf("new%d", i))
		base.Columns = append(base.Columns, fmt.Sprintf("old%d", i))
	}
	now.Inputs = []Column{{Name: "old7", Fields: []string{"ip"}}, {Name: "new1"}}
	base.Inputs = now.Inputs
	findings := Compare(base, now)
	if len(findings) != maxFindings || !findings[0].Breaking || findings[0].Path != "old7" {
		t.Errorf("%d findings, the first: %+v", len(findings), findings[0])
	}
}
