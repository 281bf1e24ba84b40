package repair

import (
	"bytes"
	"compress/gzip"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// best tries all pairings.
func best(scores [][]float64, alone float64, row int, taken []bool) float64 {
	if row == len(scores) {
		return 0
	}
	most := alone + best(scores, alone, row+1, taken)
	for j, s := range scores[row] {
		if !taken[j] && s > alone {
			taken[j] = true
			most = max(most, s+best(scores, alone, row+1, taken))
			taken[j] = false
		}
	}
	return most
}

func TestAssignmentsHaveTheGreatestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		rows, columns := 1+r.IntN(6), 1+r.IntN(6)
		scores := make([][]float64, rows)
		for i := range scores {
			scores[i] = make([]float64, columns)
			for j := range scores[i] {
				scores[i][j] = math.Round(r.Float64()*10) / 10
			}
		}
		pairs, sum := assign(scores, alone)
		if want := best(scores, alone, 0, make([]bool, columns)); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("%v: %v with sum %v, want %v", scores, pairs, sum, want)
		}
		var used []int
		for i, j := range pairs {
			if j >= 0 && (slices.Contains(used, j) || scores[i][j] <= alone) {
				t.Fatalf("%v: %v", scores, pairs)
			}
			used = append(used, j)
		}
		for i, regret := range regrets(scores, alone, pairs, sum) {
			if pairs[i] >= 0 && (regret < -1e-9 || regret > 1) {
				t.Fatalf("regret %v of %v in %v", regret, pairs, scores)
			}
		}
	}
}

func TestALargeAssignmentIsQuick(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	scores := make([][]float64, maxSide)
	for i := range scores {
		scores[i] = make([]float64, maxSide)
		for j := range scores[i] {
			scores[i][j] = r.Float64()
		}
	}
	start := time.Now()
	pairs, _ := assign(scores, alone)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%d columns took %v", maxSide, took)
	}
	if len(pairs) != maxSide {
		t.Error(len(pairs))
	}
}

func TestNamesOfOneThingAreAlike(t *testing.T) {
	for _, x := range []struct {
		a, b        string
		least, most float64
	}{
		{"ip", "ip", 1, 1},
		{"IP", "ip", 0.95, 0.99},
		{"dst_ip", "DstIP", 0.95, 0.99},
		{"src_ip", "source.address", 0.9, 1},
		{"response_length", "response_size", 0.85, 0.99},
		{"connection", "conenction", 0.85, 0.99},
		{"tag", "tag[0]", 0.85, 1},
		{"seen", "seen.value", 0.85, 0.99},
		{"malware", "port", 0, 0.6},
		{"country", "severity", 0, 0.7},
	} {
		if s := nameScore(x.a, x.b); s < x.least || s > x.most {
			t.Errorf("%s, %s: %.2f, want %.2f to %.2f", x.a, x.b, s, x.least, x.most)
		}
	}
}

func gz(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestASearchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Search(ctx, &Problem{Spec: parser(t, namedParser), Good: []byte(namedHead + lines(namedRow)), GoodMeta: meta,
		Bad: []byte("a;b\n" + lines(namedRow)), BadMeta: meta})
	if err == nil {
		t.Error("it went on")
	}
}

func BenchmarkSearch(b *testing.B) {
	p := &Problem{Spec: parser(b, namedParser), Good: []byte(namedHead + lines(namedRow)), GoodMeta: meta,
		Bad: []byte("first_seen,ip_address,dst_port,family\n" + lines(namedRow)), BadMeta: meta}
	for b.Loop() {
		if found, err := Search(context.Background(), p); err != nil || len(found) == 0 {
			b.Fatal(found, err)
		}
	}
}
