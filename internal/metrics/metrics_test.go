package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"loadshare/internal/config"
	"loadshare/internal/metrics"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %q in:\n%s", line, text)
		}
	}
}

// Contract: "Prometheus text at /metrics …; names begin loadshare_".
func TestExposition(t *testing.T) {
	r := metrics.New("monitor")
	c := r.Counter("probes_total", "Probes.", "outcome")
	c.Inc("ok")
	c.With("ok").Add(2)
	g := r.Gauge("loadshare_members", "Members.", "state")
	g.Set(3, "up")
	g.Set(1, "down")
	g.Delete("down")
	r.Counter("restarts_total", "Restarts.")
	h := r.Histogram("probe_seconds", "Time.", []float64{0.1, 1}, "check")
	h.Observe(0.5, "http")
	h.With("http").Observe(0.05)
	r.CounterFunc("queries_total", "Queries.", func() float64 { return 7 }, "transport", "udp")
	r.GaugeFunc("queued", "Queued.", func() float64 { return 4 })
	_, text := get(t, r.Handler(metrics.Health{}), "/metrics")
	wantLines(t, text,
		`loadshare_probes_total{outcome="ok",role="monitor"} 3`,
		`loadshare_members{role="monitor",state="up"} 3`,
		`loadshare_restarts_total{role="monitor"} 0`, // shown before the first event
		`loadshare_probe_seconds_bucket{check="http",role="monitor",le="0.1"} 1`,
		`loadshare_probe_seconds_count{check="http",role="monitor"} 2`,
		`loadshare_queries_total{role="monitor",transport="udp"} 7`,
		`loadshare_queued{role="monitor"} 4`)
	if strings.Contains(text, `state="down"`) {
		t.Error("a deleted series is still shown")
	}
	if !strings.Contains(text, "loadshare_process_cpu_seconds_total") || !strings.Contains(text, "loadshare_go_goroutines") {
		t.Error("the metrics of process and runtime are missing")
	}
	for line := range strings.Lines(text) { // the contract: "names begin `loadshare_`"
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "loadshare_") {
			t.Errorf("a name without our prefix: %s", line)
		}
	}
}

// "bounded labels": no stranger who can choose a name can fill the memory.
func TestLabelsAreBounded(t *testing.T) {
	r := metrics.New("dns")
	c := r.Counter("names_total", "Names.", "name")
	for i := range metrics.MaxSeries + 500 {
		c.Inc(fmt.Sprint("n", i))
	}
	c.Inc("n0") // known ones are still told apart
	_, text := get(t, r.Handler(metrics.Health{}), "/metrics")
	wantLines(t, text, `loadshare_names_total{name="other",role="dns"} 500`, `loadshare_names_total{name="n0",role="dns"} 2`)
	if n := strings.Count(text, "loadshare_names_total{"); n != metrics.MaxSeries+1 {
		t.Errorf("%d series, want %d and other", n, metrics.MaxSeries)
	}
}

// /healthz and /readyz mean it: they say what the role says, with the reason.
func TestHealth(t *testing.T) {
	var live, ready error
	h := metrics.New("agent").Handler(metrics.Health{Live: func() error { return live }, Ready: func() error { return ready }})
	for _, test := range []struct {
		live, ready error
		path        string
		code        int
		text        string
	}{
		{nil, nil, "/healthz", 200, "ok\n"},
		{nil, nil, "/readyz", 200, "ok\n"},
		{nil, errors.New("no monitor speaks to us"), "/readyz", 503, "no monitor speaks to us\n"},
		{nil, errors.New("x"), "/healthz", 200, "ok\n"},
		{errors.New("stuck"), nil, "/healthz", 503, "stuck\n"},
	} {
		live, ready = test.live, test.ready
		if code, text := get(t, h, test.path); code != test.code || text != test.text {
			t.Errorf("%s with live %v, ready %v: %d %q, want %d %q", test.path, live, ready, code, text, test.code, test.text)
		}
	}
	if code, _ := get(t, h, "/debug/pprof/"); code != 404 {
		t.Errorf("another path is answered with %d", code)
	}
}

func TestServe(t *testing.T) {
	r := metrics.New("agent")
	s, err := r.Listen(metrics.Config{Listen: netip.MustParseAddrPort("127.0.0.1:0")}, metrics.Health{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	resp, err := http.Get("http://" + s.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("answered %q", body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := http.Get("http://" + s.Addr().String() + "/readyz"); err == nil {
		t.Error("it still answers after its end")
	}
}

// Without [metrics] nothing is opened, and nothing is wrong.
func TestNoTable(t *testing.T) {
	c := metrics.ConfigFrom(nil)
	s, err := metrics.New("agent").Listen(c, metrics.Health{}, nil)
	if s != nil || err != nil {
		t.Fatalf("%v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx); err != nil || s.Addr().IsValid() {
		t.Errorf("a nil Server: %v, %v", err, s.Addr())
	}
}

func TestConfig(t *testing.T) {
	for text, want := range map[string]string{
		"[metrics]\nlisten = \"127.0.0.1:9953\"": "",
		"[metrics]":                              "metrics.listen", "[metrics]\nlisten = \"x\"": "metrics.listen", "[metrics]\nlisten = \"127.0.0.1:1\"\npath = \"/x\"": "metrics.path",
	} {
		doc, err := config.Parse("x.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		metrics.ConfigFrom(doc.Root().Table("metrics"))
		got := ""
		for _, p := range doc.Problems() {
			got = p.Key
		}
		if got != want {
			t.Errorf("%q: problem with %q, want %q", text, got, want)
		}
	}
}

func BenchmarkCounter(b *testing.B) {
	r := metrics.New("dns")
	c := r.Counter("a_total", "A.", "kind")
	b.Run("looked up", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Inc("x")
		}
	})
	one := c.With("x")
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			one.Inc()
		}
	})
}
