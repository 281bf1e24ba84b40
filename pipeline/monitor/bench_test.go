package monitor_test

import "testing"

// BenchmarkStage takes payloads from the bus, checks and parses them, and puts
// the events back on the bus.
func BenchmarkStage(b *testing.B) {
	const records, payloads = 50_000, 8 // several at once: the status that is waited for comes once a second
	w := newWorld(b)
	w.parser(table)
	payload := good(1, records)
	b.SetBytes(int64(len(payload) * payloads))
	for b.Loop() {
		for range payloads {
			w.publish(payload)
		}
		w.done()
	}
	b.ReportMetric(float64(records*payloads)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
