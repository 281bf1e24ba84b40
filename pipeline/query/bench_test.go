package query

import (
	"context"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
)

// BenchmarkSearch reads an answer of 100,000 events in the hub's process, and over
// the bus from one replica and from three.
func BenchmarkSearch(b *testing.B) {
	const n = 100_000
	whole := &archive{events: samples(0, n)}
	var parts [3]*archive
	for i := range parts {
		parts[i] = &archive{}
	}
	for i, e := range whole.events {
		parts[i%3].events = append(parts[i%3].events, e)
	}
	read := func(b *testing.B, a Archive, replicas int) {
		b.ReportAllocs()
		for b.Loop() {
			found, bytes := 0, 0
			var line []byte
			for e, err := range a.Search(context.Background(), request(replicas)) {
				if err != nil {
					b.Fatal(err)
				}
				line = event.AppendJSON(line[:0], e) // as an exporter does
				bytes += len(line)
				found++
			}
			if found != n {
				b.Fatalf("%d events", found)
			}
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("inprocess", func(b *testing.B) { read(b, whole, 1) })
	b.Run("bus", func(b *testing.B) { read(b, newWorld(b, nil, whole).client, 1) })
	b.Run("bus3", func(b *testing.B) { read(b, newWorld(b, nil, parts[0], parts[1], parts[2]).client, 3) })
}

// BenchmarkFirstEvent is how long it takes until the first of many events is there.
func BenchmarkFirstEvent(b *testing.B) {
	w := newWorld(b, nil, &archive{events: samples(0, 100_000)})
	for b.Loop() {
		for _, err := range w.client.Search(context.Background(), request(1)) {
			if err != nil {
				b.Fatal(err)
			}
			break
		}
	}
}
