package metrics

import "github.com/prometheus/client_golang/prometheus"

// Counter only grows.
type Counter struct {
	vec *prometheus.CounterVec
	*bound
}

// Counter makes a counter. Making one name twice, or with an invalid name, panics: it is a mistake of the caller.
func (r *Registry) Counter(name, help string, labels ...string) *Counter {
	c := &Counter{prometheus.NewCounterVec(prometheus.CounterOpts{Name: fullName(name), Help: help}, labels), newBound(labels)}
	r.reg.MustRegister(c.vec)
	if len(labels) == 0 {
		c.vec.WithLabelValues() // so that it is shown as 0 before the first event
	}
	return c
}

// Inc adds one; values are those of the labels, in their order.
func (c *Counter) Inc(values ...string) { c.vec.WithLabelValues(c.admit(values)...).Inc() }

// Add adds v, which is not negative.
func (c *Counter) Add(v float64, values ...string) { c.vec.WithLabelValues(c.admit(values)...).Add(v) }

// With is the counter of one combination of values, for hot paths: its methods neither look up nor allocate.
func (c *Counter) With(values ...string) CounterOne {
	return CounterOne{c.vec.WithLabelValues(c.admit(values)...)}
}

// CounterOne is one series of a Counter.
type CounterOne struct{ c prometheus.Counter }

// Inc adds one.
func (c CounterOne) Inc() { c.c.Inc() }

// Add adds v, which is not negative.
func (c CounterOne) Add(v float64) { c.c.Add(v) }

// Gauge is a value that goes up and down.
type Gauge struct {
	vec *prometheus.GaugeVec
	*bound
}

// Gauge makes a gauge; see Counter for names.
func (r *Registry) Gauge(name, help string, labels ...string) *Gauge {
	g := &Gauge{prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: fullName(name), Help: help}, labels), newBound(labels)}
	r.reg.MustRegister(g.vec)
	return g
}

// Set makes the value v.
func (g *Gauge) Set(v float64, values ...string) { g.vec.WithLabelValues(g.admit(values)...).Set(v) }

// Add adds v, which may be negative.
func (g *Gauge) Add(v float64, values ...string) { g.vec.WithLabelValues(g.admit(values)...).Add(v) }

// Delete takes one series away, such as that of a member that left the configuration.
func (g *Gauge) Delete(values ...string) {
	g.vec.DeleteLabelValues(values...)
	g.forget(values)
}

// Histogram counts observations in buckets.
type Histogram struct {
	vec *prometheus.HistogramVec
	*bound
}

// Histogram makes a histogram; buckets are upper bounds in ascending order (nil: 0.5 ms to 10 s).
func (r *Registry) Histogram(name, help string, buckets []float64, labels ...string) *Histogram {
	if buckets == nil {
		buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	}
	h := &Histogram{prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: fullName(name), Help: help, Buckets: buckets}, labels), newBound(labels)}
	r.reg.MustRegister(h.vec)
	return h
}

// Observe counts v; durations are in seconds.
func (h *Histogram) Observe(v float64, values ...string) {
	h.vec.WithLabelValues(h.admit(values)...).Observe(v)
}

// With is the histogram of one combination of values, for hot paths.
func (h *Histogram) With(values ...string) HistogramOne {
	return HistogramOne{h.vec.WithLabelValues(h.admit(values)...)}
}

// HistogramOne is one series of a Histogram.
type HistogramOne struct{ o prometheus.Observer }

// Observe counts v; durations are in seconds.
func (h HistogramOne) Observe(v float64) { h.o.Observe(v) }

// CounterFunc is a counter whose value fn knows already, for example the sum of what each core counted. fn is
// called at every scrape, from any goroutine. pairs are constant labels: name, value, name, value.
func (r *Registry) CounterFunc(name, help string, fn func() float64, pairs ...string) {
	r.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: fullName(name), Help: help, ConstLabels: constant(pairs)}, fn))
}

// GaugeFunc is CounterFunc for a value that goes up and down.
func (r *Registry) GaugeFunc(name, help string, fn func() float64, pairs ...string) {
	r.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: fullName(name), Help: help, ConstLabels: constant(pairs)}, fn))
}

func constant(pairs []string) prometheus.Labels {
	l := prometheus.Labels{}
	for i := 0; i+1 < len(pairs); i += 2 {
		l[pairs[i]] = pairs[i+1]
	}
	return l
}
