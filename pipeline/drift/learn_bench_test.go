package drift_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

type nothing struct{}

func (nothing) Event(*event.Event) error      { return nil }
func (nothing) Reject(*parse.Rejection) error { return nil }

// BenchmarkLearn compares parsing alone with parsing and learning a profile.
func BenchmarkLearn(b *testing.B) {
	const records = 20_000
	for _, format := range []struct{ name, spec, payload string }{
		{"csv", withHeader, table(records)},
		{"json", jsonRecords, items(records, `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i,"tags":["a","b"]}`)},
	} {
		var spec v1alpha1.ParserSpec
		if err := yaml.UnmarshalStrict([]byte(format.spec), &spec); err != nil {
			b.Fatal(err)
		}
		parser, err := parse.Compile(&spec)
		if err != nil {
			b.Fatal(err)
		}
		lens, err := drift.NewLens(&spec)
		if err != nil {
			b.Fatal(err)
		}
		report := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
			b.ReportAllocs()
		}
		b.Run(format.name+"/parse", func(b *testing.B) {
			for b.Loop() {
				if _, err := parser.Parse(b.Context(), strings.NewReader(format.payload), meta, nothing{}, nil); err != nil {
					b.Fatal(err)
				}
			}
			report(b)
		})
		b.Run(format.name+"/parse+learn", func(b *testing.B) {
			for b.Loop() {
				if _, err := lens.Parse(b.Context(), strings.NewReader(format.payload), meta, nothing{}, lens.Profiler()); err != nil {
					b.Fatal(err)
				}
			}
			report(b)
		})
	}
}

// BenchmarkCompare is what the check of one payload costs besides learning.
func BenchmarkCompare(b *testing.B) {
	l := lensOf(b, withHeader)
	base := drift.Merge(nil, learn(b, l, table(1000)))
	now := learn(b, l, table(900))
	b.ReportAllocs()
	for b.Loop() {
		if len(drift.Compare(base, now)) > 0 {
			b.Fatal("findings")
		}
		base = drift.Merge(base, now)
	}
}
