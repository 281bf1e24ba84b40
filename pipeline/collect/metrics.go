package collect

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/plan"
)

// metrics of the stage. Labels are bounded by the feeds that are configured; the
// series of a feed go with it.
type metrics struct {
	collections *prometheus.CounterVec
	payloads    *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	success     *prometheus.GaugeVec
	seconds     *prometheus.HistogramVec
	feeds       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	perFeed := []string{"namespace", "feed"}
	m := &metrics{
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_collect_collections_total", Help: "Collections by how they ended (the reason of the Fetched condition)."},
			append(perFeed, "reason")),
		payloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_collect_payloads_total", Help: "Payloads published."}, perFeed),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_collect_payload_bytes_total", Help: "Bytes of the payloads published, after unpacking."}, perFeed),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "weir_collect_last_success_timestamp_seconds", Help: "When a collection last worked, changed or not."}, perFeed),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_collect_duration_seconds", Help: "How long collections take, from their start to the last acknowledgement, with the wait for a free slot.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9)}, []string{"transport"}),
		feeds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weir_collect_feeds", Help: "Feeds that are configured."}),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.collections, m.payloads, m.bytes, m.success, m.seconds, m.feeds} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) observe(cfg *plan.Collector, reason string, out outcome, took time.Duration, now time.Time) {
	m.collections.WithLabelValues(cfg.Namespace, cfg.Name, reason).Inc()
	m.payloads.WithLabelValues(cfg.Namespace, cfg.Name).Add(float64(out.payloads))
	m.bytes.WithLabelValues(cfg.Namespace, cfg.Name).Add(float64(out.bytes))
	if out.failure == nil {
		m.success.WithLabelValues(cfg.Namespace, cfg.Name).Set(float64(now.UnixMilli()) / 1e3)
	}
	name := "http"
	if cfg.Spec.File != nil {
		name = "file"
	}
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}

// forget removes the series of a feed that is gone.
func (m *metrics) forget(namespace, name string) {
	labels := prometheus.Labels{"namespace": namespace, "feed": name}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.collections, m.payloads, m.bytes, m.success} {
		v.DeletePartialMatch(labels)
	}
}
