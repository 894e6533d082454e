// Package metrics is what a role counts, and the small web server that shows it: /metrics
// for Prometheus, /healthz and /readyz for whoever starts and stops the role.
//
//	reg := metrics.New("monitor")
//	probes := reg.Counter("probes_total", "Probes done, by outcome.", "outcome")
//	probes.Inc("passed")
//	hot := probes.With("failed") // keep this where every nanosecond counts
//	hot.Inc()
//
// Every name gets the prefix loadshare_ and every series the label role.
// Names follow Prometheus: base units, _total for counters, _seconds for durations.
//
// Labels are bounded: one metric keeps at most [MaxSeries] combinations of
// values; what comes after that is counted together under the value "other".
// So no stranger who can choose a name can fill the memory.
//
// /healthz answers 200 while the process is worth keeping and /readyz while
// it can do its job now, else 503 with the reason; the role says which, with the
// two functions of [Health]. The server is optional: without [metrics] listen
// nothing is opened, and the counting goes on for `status`.
package metrics
