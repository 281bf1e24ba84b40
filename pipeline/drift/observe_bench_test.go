package drift

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkObserve is what one value of a column takes.
func BenchmarkObserve(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"emotet", "qakbot", "dridex", "trickbot", "icedid", "cobalt strike", "redline", "remcos"}
	for _, column := range []struct {
		name  string
		value func(i int) string
	}{
		{"ip", func(int) string { return fmt.Sprintf("198.51.%d.%d", rng.IntN(256), rng.IntN(256)) }},
		{"iso", func(i int) string { return fmt.Sprintf("2025-11-%02d 10:%02d:%02d", 1+i/64, i%60, rng.IntN(60)) }},
		{"epoch", func(i int) string { return fmt.Sprint(1_760_000_000 + i*7919) }},
		{"url", func(i int) string {
			return fmt.Sprintf("http://host%d.example.com/path/%d/index.php", rng.IntN(500), i)
		}},
		{"fqdn", func(i int) string { return fmt.Sprintf("%x.example.net", rng.Uint32()) }},
		{"sha256", func(i int) string {
			return fmt.Sprintf("%016x%016x%016x%016x", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64())
		}},
		{"word", func(int) string { return words[min(rng.IntN(8), rng.IntN(8))] }},
		{"cc", func(int) string { return []string{"DE", "FR", "US", "NL", "PL", "CH"}[rng.IntN(6)] }},
		{"port", func(int) string { return fmt.Sprint([]int{443, 80, 8080, 22, 1024 + rng.IntN(60000)}[rng.IntN(5)]) }},
		{"asn", func(int) string { return fmt.Sprint(64496 + min(rng.IntN(400), rng.IntN(400))) }},
		{"text", func(i int) string { return fmt.Sprintf("note %d about %s", i, words[rng.IntN(8)]) }},
	} {
		values := make([]string, lookAtAll)
		for i := range values {
			values[i] = column.value(i)
		}
		b.Run(column.name, func(b *testing.B) {
			b.ReportAllocs()
			empty := &Profile{Inputs: []Column{{Name: "c"}}}
			for b.Loop() {
				p := newProfiler(empty)
				for _, v := range values {
					p.batch.spans = append(p.batch.spans, p.batch.copy(v))
				}
				p.settle()
				p.done()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lookAtAll, "ns/value")
		})
	}
}
