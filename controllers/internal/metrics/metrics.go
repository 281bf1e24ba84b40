// Package metrics holds what the operator tells about the resources that it looks
// after.
package metrics

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the operator. Use New.
type Metrics struct {
	ready *prometheus.GaugeVec
}

// New registers the metrics.
func New(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "weir_operator_resource_ready",
		Help: "Whether a resource is Ready: 1, or 0.",
	}, []string{"kind", "namespace", "name"})}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "weir_operator_build_info",
		Help:        "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"version": version()},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{m.ready, build} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Ready sets the gauge of a resource.
func (m *Metrics) Ready(kind, namespace, name string, ready bool) {
	v := 0.0
	if ready {
		v = 1
	}
	m.ready.WithLabelValues(kind, namespace, name).Set(v)
}

// Forget a resource that is gone.
func (m *Metrics) Forget(kind, namespace, name string) {
	m.ready.DeleteLabelValues(kind, namespace, name)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
