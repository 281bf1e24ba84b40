package hub

import "github.com/prometheus/client_golang/prometheus"

// meter is the hub's metrics.
type meter struct {
	events        prometheus.Counter
	recorded      prometheus.Counter
	duplicates    prometheus.Counter
	rejected      prometheus.Counter
	delivered     *prometheus.CounterVec
	failures      prometheus.Counter
	batchSeconds  prometheus.Histogram
	subscriptions prometheus.Gauge
	problems      prometheus.Gauge
	rebuilds      prometheus.Counter
	purged        prometheus.Counter
}

func newMeter(r prometheus.Registerer) (*meter, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_hub_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_hub_" + name, Help: help})
	}
	m := &meter{
		events:     counter("events_total", "Events that came in."),
		recorded:   counter("recorded_events_total", "Events that were new and were recorded."),
		duplicates: counter("duplicate_events_total", "Events that had been recorded before."),
		rejected:   counter("rejected_events_total", "Lines that were no events."),
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_hub_delivered_events_total", Help: "Events published for subscriptions, once for each subscription and zone.",
		}, []string{"zone"}),
		failures: counter("failed_batches_total", "Batches that could not be recorded or delivered and were tried again."),
		batchSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weir_hub_batch_seconds", Help: "Time to match, record and deliver a batch of events.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}),
		subscriptions: gauge("subscriptions", "Subscriptions that are matched against."),
		problems:      gauge("configuration_problems", "Parts of the configuration that cannot be used."),
		rebuilds:      counter("index_builds_total", "Indexes made after changes of the configuration."),
		purged:        counter("purged_days_total", "Days of events dropped by retention."),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.events, m.recorded, m.duplicates, m.rejected, m.delivered, m.failures, m.batchSeconds,
		m.subscriptions, m.problems, m.rebuilds, m.purged,
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *meter) count(events, recorded, rejected int, delivered tally) {
	m.events.Add(float64(events + rejected))
	m.recorded.Add(float64(recorded))
	m.duplicates.Add(float64(events - recorded))
	m.rejected.Add(float64(rejected))
	m.delivered.WithLabelValues(ZoneInside).Add(float64(delivered.inside))
	m.delivered.WithLabelValues(ZoneThreats).Add(float64(delivered.threats))
}
