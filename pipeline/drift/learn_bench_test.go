package drift_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

type nothing struct{}

func (nothing) Event(*event.Event) error      { return nil }
func (nothing) Reject(*parse.Rejection) error { return nil }

// BenchmarkLearn compares parsing alone with parsing and learning a profile, and
// with judging and accepting it, too.
func BenchmarkLearn(b *testing.B) {
	for _, format := range []struct {
		name, spec string
		payload    func(records int) string
	}{
		{"csv", withHeader, table},
		{"json", jsonRecords, func(n int) string {
			return items(n, `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i,"tags":["a","b"]}`)
		}},
	} {
		lens := lensOf(b, format.spec)
		var spec v1alpha1.ParserSpec
		if err := yaml.UnmarshalStrict([]byte(format.spec), &spec); err != nil {
			b.Fatal(err)
		}
		parser, err := parse.Compile(&spec)
		if err != nil {
			b.Fatal(err)
		}
		for _, records := range []int{20, 200, 20_000} {
			payload := format.payload(records)
			run := func(name string, read func() error) {
				b.Run(fmt.Sprintf("%s/%d/%s", format.name, records, name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := read(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
				})
			}
			run("parse", func() error {
				_, err := parser.Parse(b.Context(), strings.NewReader(payload), meta, nothing{}, nil)
				return err
			})
			learn := func() (*drift.Profile, error) {
				p := lens.Profiler()
				_, err := lens.Parse(b.Context(), strings.NewReader(payload), meta, nothing{}, p)
				return p.Profile(), err
			}
			run("parse+learn", func() error {
				_, err := learn()
				return err
			})
			var h drift.History
			arrival := drift.Arrival{Collected: meta.Collected}
			run("parse+learn+judge", func() error {
				p, err := learn()
				arrival.Collected = arrival.Collected.Add(time.Hour)
				base := h.Baseline.For(lens)
				h.Judge(base, p, arrival)
				h.Accept(base, p, arrival)
				return err
			})
		}
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
