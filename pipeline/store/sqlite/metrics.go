package sqlite

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	registry prometheus.Registerer
	all      []prometheus.Collector

	fresh      prometheus.Counter
	duplicate  prometheus.Counter
	record     prometheus.Histogram
	failed     prometheus.Counter
	searches   prometheus.Counter
	examined   prometheus.Counter
	found      prometheus.Counter
	partitions prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	recorded := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weir_store_recorded_events_total",
		Help: "Events handed to the archive, by whether they were new.",
	}, []string{"result"})
	m := &metrics{
		registry:  r,
		fresh:     recorded.WithLabelValues("fresh"),
		duplicate: recorded.WithLabelValues("duplicate"),
		record: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "weir_store_record_seconds",
			Help:    "Time of one batch from its turn to its commit, without delivery.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_store_record_errors_total", Help: "Batches that were not recorded.",
		}),
		searches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_store_searches_total", Help: "Searches begun.",
		}),
		examined: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_store_examined_events_total", Help: "Events that searches decoded.",
		}),
		found: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_store_found_events_total", Help: "Events that searches yielded.",
		}),
		partitions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weir_store_partitions", Help: "Files of events in the archive.",
		}),
	}
	m.all = []prometheus.Collector{recorded, m.record, m.failed, m.searches, m.examined, m.found, m.partitions}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range m.all {
		errs = append(errs, r.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics of the archive: %w", err)
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}
