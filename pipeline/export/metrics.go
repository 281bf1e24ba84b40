package export

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the stage. Subscriptions are no label: there may be thousands; their
// counts are in the status bucket.
type metrics struct {
	requests      *prometheus.CounterVec
	seconds       *prometheus.HistogramVec
	events        *prometheus.CounterVec
	loginFailures prometheus.Counter
	streams       prometheus.Gauge
	subscriptions prometheus.Gauge
	slowStreams   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_export_requests_total",
			Help: "Requests by endpoint and status code; aborted: the answer was cut off."}, []string{"endpoint", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_export_request_seconds",
			Help: "Time that answers took, without streams.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}, []string{"endpoint"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_export_events_total",
			Help: "Events that were handed to subscribers."}, []string{"endpoint"}),
		loginFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_export_login_failures_total",
			Help: "Requests without valid credentials."}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_export_streams",
			Help: "Live streams that are open."}),
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_export_subscriptions",
			Help: "Subscriptions that are configured."}),
		slowStreams: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_export_slow_streams_total",
			Help: "Live streams that were cut because the client did not read."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.events, m.loginFailures, m.streams, m.subscriptions, m.slowStreams} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observed notes what became of a request while its handler runs.
type observed struct {
	http.ResponseWriter
	endpoint string // search, inside, threats, stream, index or other
	code     int
	start    time.Time
}

func (o *observed) WriteHeader(code int) {
	if o.code == 0 {
		o.code = code
	}
	o.ResponseWriter.WriteHeader(code)
}

func (o *observed) Write(b []byte) (int, error) {
	if o.code == 0 {
		o.code = http.StatusOK
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find flush and deadlines.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// done counts the request. It passes a panic on: http.ErrAbortHandler is how a
// handler cuts an answer off.
func (m *metrics) done(o *observed) {
	code := strconv.Itoa(o.code)
	p := recover()
	if p != nil {
		code = "aborted"
	}
	m.requests.WithLabelValues(o.endpoint, code).Inc()
	if o.endpoint != endpointStream {
		m.seconds.WithLabelValues(o.endpoint).Observe(time.Since(o.start).Seconds())
	}
	if p != nil {
		panic(p)
	}
}
