package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// keep accepts every batch.
func keep([]bool) error { return nil }

// BenchRecord measures durable ingest in rows/s. New events each time, made
// outside of the measurement.
func BenchRecord(b *testing.B, open func(testing.TB) store.Store) {
	for _, c := range []struct {
		name  string
		batch int
		shape Shape
	}{
		{"one day, 256 a batch", 256, Shape{}},
		{"one day, 5000 a batch", 5000, Shape{}},
		{"a blocklist, 5000 a batch", 5000, Shape{Undated: true}},
		{"two years, 5000 a batch", 5000, Shape{Spread: 730 * 24 * time.Hour}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := open(b)
			rows := 0
			for i := range b.N {
				b.StopTimer()
				c.shape.Seed = uint64(i)
				events := Make(c.batch, c.shape)
				b.StartTimer()
				if err := s.Record(b.Context(), events, keep); err != nil {
					b.Fatal(err)
				}
				rows += len(events)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("a blocklist again, 5000 a batch", func(b *testing.B) {
		s := open(b)
		events := Make(200_000, Shape{Undated: true})
		record(b, s, events)
		rows := 0
		for range b.N {
			b.StopTimer()
			at := rows % len(events)
			if at == 0 {
				for _, e := range events {
					e.Time = e.Time.Add(time.Hour)
				}
			}
			b.StartTimer()
			if err := s.Record(b.Context(), events[at:at+5000], keep); err != nil {
				b.Fatal(err)
			}
			rows += 5000
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	})
}

func record(tb testing.TB, s store.Store, events []*event.Event) {
	tb.Helper()
	for part := range slices.Chunk(events, 5000) {
		if err := s.Record(tb.Context(), part, keep); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchSearch measures how long the first answer of a query takes, and the
// first hundred, in an archive of n events in two days.
func BenchSearch(b *testing.B, open func(testing.TB) store.Store, n int) {
	s := open(b)
	var mark time.Time
	for i := 0; i < n; i += 20_000 {
		events := Make(20_000, Shape{Seed: uint64(i), Spread: 48 * time.Hour})
		record(b, s, events)
		mark = events[15_000].Modified
	}
	week := store.Cond{Field: "time", Op: store.Min, Time: Day.AddDate(0, 0, -6)}
	in := func(field string, values ...string) store.Cond {
		return store.Cond{Field: field, Op: store.In, Text: values}
	}
	some := Make(20_000, Shape{Seed: 20_000, Spread: 48 * time.Hour})[6000]
	for _, c := range []struct {
		name  string
		where []store.Cond
	}{
		{"all", nil},
		{"rare asn", []store.Cond{in("asn", "67000")}},
		{"common asn", []store.Cond{in("asn", "64500")}},
		{"cidr", []store.Cond{{Field: "ip", Op: store.InNet, Nets: []netip.Prefix{netip.MustParsePrefix("198.18.7.0/24")}}}},
		{"fqdn", []store.Cond{in("fqdn", some.FQDN)}},
		{"below fqdn", []store.Cond{{Field: "fqdn", Op: store.Subdomain, Text: []string{"customer77.example.net"}}}},
		{"id", []store.Cond{in("id", some.ID.String())}},
		{"category and cc", []store.Cond{in("category", "bots"), in("cc", "DE")}},
		{"category and rare cc", []store.Cond{in("category", "bots"), in("cc", "TV")}},
		{"client", []store.Cond{in("client", "org7")}},
		{"modified", []store.Cond{{Field: "modified", Op: store.Min, Time: mark}}},
		{"part of url", []store.Cond{{Field: "url", Op: store.Contains, Text: []string{"content/" + some.URL[40:50]}}}},
	} {
		for _, limit := range []int64{1, 100} {
			b.Run(fmt.Sprintf("%s, first %d", c.name, limit), func(b *testing.B) {
				found := 0
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					found = 0
					for _, err := range s.Search(b.Context(), store.Query{Where: append(c.where, week), Limit: limit}) {
						if err != nil {
							b.Fatal(err)
						}
						found++
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(found), "found")
			})
		}
	}
}
