package monitor

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/parse"
)

// What became of payloads, as label values.
const (
	verdictAccepted  = "accepted"
	verdictEmitted   = "emitted" // the format changed, valid records passed
	verdictHeld      = "held"
	verdictReleased  = "released"
	verdictDiscarded = "discarded"
	verdictRetired   = "retired" // the publisher has given the feed up
)

// meter counts. Labels are bounded by the number of feeds.
type meter struct {
	payloads *prometheus.CounterVec
	outcomes *prometheus.CounterVec
	held     *prometheus.GaugeVec
	seconds  prometheus.Histogram
}

func newMeter(r prometheus.Registerer) (*meter, error) {
	m := &meter{
		payloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_monitor_payloads_total",
			Help: "Payloads by what became of them."}, []string{"namespace", "feed", "verdict"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_monitor_records_total",
			Help: "Records by what became of them: event, rejected, skipped."}, []string{"namespace", "feed", "outcome"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weir_monitor_held_payloads",
			Help: "Payloads that wait for a decision."}, []string{"namespace", "feed"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_monitor_payload_seconds",
			Help: "Time to check and parse one payload.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 10)}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.payloads, m.outcomes, m.held, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the monitor: %w", err)
		}
	}
	return m, nil
}

func (m *meter) payload(f bus.Feed, verdict string) {
	m.payloads.WithLabelValues(f.Namespace, f.Name, verdict).Inc()
}

func (m *meter) records(f bus.Feed, s parse.Stats) {
	m.outcomes.WithLabelValues(f.Namespace, f.Name, "event").Add(float64(s.Events))
	m.outcomes.WithLabelValues(f.Namespace, f.Name, "rejected").Add(float64(s.Rejected))
	m.outcomes.WithLabelValues(f.Namespace, f.Name, "skipped").Add(float64(skipped(s)))
}

func (m *meter) heldNow(f bus.Feed, n int) {
	m.held.WithLabelValues(f.Namespace, f.Name).Set(float64(n))
}

// forget drops the series of a feed that is gone.
func (m *meter) forget(f bus.Feed) {
	labels := prometheus.Labels{"namespace": f.Namespace, "feed": f.Name}
	m.payloads.DeletePartialMatch(labels)
	m.outcomes.DeletePartialMatch(labels)
	m.held.DeletePartialMatch(labels)
}
