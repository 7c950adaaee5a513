// What the doors count. Labels are methods, codes and kinds: never an id.

package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc/codes"

	"github.com/lianzhen/lianzhen/record"
)

type metrics struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
	refused  *prometheus.CounterVec
	objects  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lianzhen_call_seconds", Help: "Time of RPCs and raw HTTP requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "code"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lianzhen_calls_running", Help: "Calls and streams in hand."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lianzhen_refused_total", Help: "Callers that were not admitted, by kind of refusal.",
		}, []string{"why"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lianzhen_objects_total", Help: "Objects received, by door and outcome.",
		}, []string{"door", "outcome"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lianzhen_object_bytes_total", Help: "Bytes of objects, by door and direction.",
		}, []string{"door", "direction"}),
	}
	m.registry.MustRegister(m.seconds, m.running, m.refused, m.objects, m.bytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) done(method string, code codes.Code, took time.Duration) {
	m.seconds.WithLabelValues(method, code.String()).Observe(took.Seconds())
}

// received counts one object that came in.
func (m *metrics) received(door string, bytes float64, err error) {
	outcome := "stored"
	if err != nil {
		outcome = record.KindOf(err).String()
	}
	m.objects.WithLabelValues(door, outcome).Inc()
	m.bytes.WithLabelValues(door, "in").Add(bytes)
}
