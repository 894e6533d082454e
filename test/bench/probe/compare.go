package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"

	"loadshare/probes"
)

const (
	rounds       = 7    // interleaved, after one that is thrown away
	perRound     = 1500 // looks a round and contender
	perRoundSlow = 400  // of a contender that takes many times longer
	atOnce       = 16
	wantRatio    = 1.0 / 3
	probeTimeout = 5 * time.Second
)

// contender looks once and says what went wrong.
type contender struct {
	name  string
	look  func(context.Context, netip.AddrPort) error
	looks int             // a round
	cpu   []time.Duration // a look, by round
}

// compareAll measures each kind of check; the first contender is ours.
func compareAll(t *targets) (missed []string, err error) {
	tcp, err := tcpContenders(t)
	if err != nil {
		return nil, err
	}
	web, err := httpContenders(t)
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name       string
		contenders []*contender
	}{
		{"tcp: connect, send GET /robots.txt HTTP/1.0, expect the fragment", tcp},
		{"http: GET /robots.txt, status 200, fragment in the body", web},
	} {
		fmt.Printf("\n%s\nprocessor time a look, %d interleaved rounds of up to %d looks, %d at once\n", c.name, rounds, perRound, atOnce)
		if err := run(t, c.contenders); err != nil {
			return nil, err
		}
		bare, err := floor(t)
		if err != nil {
			return nil, err
		}
		missed = append(missed, report(c.name, c.contenders, bare)...)
	}
	return missed, nil
}

// report prints the figures of one kind of check. bare is what the kernel alone takes.
func report(name string, contenders []*contender, bare time.Duration) (missed []string) {
	fmt.Printf("  %-42s %28s %7v\n", "the kernel: bare system calls", "median", us(bare))
	ours := median(contenders[0].cpu)
	for i, k := range contenders {
		theirs := median(k.cpu)
		fmt.Printf("  %-42s min %7v  median %7v  max %7v", k.name, us(slices.Min(k.cpu)), us(theirs), us(slices.Max(k.cpu)))
		if i == 0 {
			fmt.Println()
			continue
		}
		ratio := float64(ours) / float64(theirs)
		fmt.Printf("  ours/theirs %.2f, above the kernel %.2f\n", ratio, float64(ours-bare)/float64(theirs-bare))
		if ratio > wantRatio {
			missed = append(missed, fmt.Sprintf("%s %.2f of %s, wanted is %.2f", name, ratio, k.name, wantRatio))
		}
	}
	return missed
}

// run plays the rounds, each contender once a round, in turn.
func run(t *targets, contenders []*contender) error {
	for round := range rounds + 1 {
		for _, c := range contenders {
			before := cpuTime()
			if err := lookMany(t, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				c.cpu = append(c.cpu, (cpuTime()-before)/time.Duration(c.looks))
			}
		}
	}
	return nil
}

func lookMany(t *targets, c *contender) error {
	var wg sync.WaitGroup
	var todo atomic.Int32
	var bad atomic.Pointer[error]
	todo.Store(int32(c.looks))
	for range atOnce {
		wg.Go(func() {
			for todo.Add(-1) >= 0 && bad.Load() == nil {
				ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
				if err := c.look(ctx, t.next()); err != nil {
					bad.Store(&err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := bad.Load(); err != nil {
		return *err
	}
	return nil
}

// ours compiles the Spec once for each port.
func ours(t *targets, s probes.Spec) (*contender, error) {
	byPort := map[uint16]*probes.Probe{}
	for _, port := range t.ports {
		s.Port, s.Timeout = port, probeTimeout
		p, errs := s.Compile()
		if len(errs) > 0 {
			return nil, fmt.Errorf("%v", errs)
		}
		byPort[port] = p
	}
	return &contender{name: "loadshare", looks: perRound, look: func(ctx context.Context, at netip.AddrPort) error {
		if r := byPort[at.Port()].Look(ctx, at.Addr()); r.Outcome != probes.OK {
			return fmt.Errorf("%v: %v", at, r)
		}
		return nil
	}}, nil
}

func tcpContenders(t *targets) ([]*contender, error) {
	mine, err := ours(t, probes.Spec{Kind: probes.TCP, Steps: []probes.Step{{Send: "GET /robots.txt HTTP/1.0", Expect: probes.Pattern{Text: fragment}}}})
	if err != nil {
		return nil, err
	}
	m := config.Module{Prober: "tcp", Timeout: probeTimeout, TCP: config.DefaultTCPProbe}
	m.TCP.IPProtocol = "ip4"
	m.TCP.QueryResponse = []config.QueryResponse{{Send: "GET /robots.txt HTTP/1.0\r\n\r"}, {Expect: config.MustNewRegexp(fragment)}}
	return append([]*contender{mine}, theirs(m, prober.ProbeTCP, "")...), nil
}

func httpContenders(t *targets) ([]*contender, error) {
	mine, err := ours(t, probes.Spec{Kind: probes.HTTP, HTTP: probes.HTTPSpec{Path: "/robots.txt", Status: []int{200}, Expect: probes.Pattern{Text: fragment}}})
	if err != nil {
		return nil, err
	}
	m := config.Module{Prober: "http", Timeout: probeTimeout, HTTP: config.DefaultHTTPProbe}
	m.HTTP.IPProtocol = "ip4"
	m.HTTP.ValidStatusCodes = []int{200}
	m.HTTP.FailIfBodyNotMatchesRegexp = []config.Regexp{config.MustNewRegexp(fragment)}
	return append([]*contender{mine}, theirs(m, prober.ProbeHTTP, "/robots.txt")...), nil
}

// theirs are the exporter's probe function alone, with a logger that throws all away, and the whole of what the exporter
// does for one scrape, but for the HTTP connection on which it is asked.
func theirs(m config.Module, fn prober.ProbeFn, path string) []*contender {
	discard := slog.New(slog.DiscardHandler)
	target := func(at netip.AddrPort) string {
		if path == "" {
			return at.String()
		}
		return "http://" + at.String() + path
	}
	bare := func(ctx context.Context, at netip.AddrPort) error {
		if !fn(ctx, target(at), m, prometheus.NewRegistry(), discard) {
			return fmt.Errorf("%v failed", at)
		}
		return nil
	}
	conf := &config.Config{Modules: map[string]config.Module{"m": m}}
	history := &prober.ResultHistory{MaxResults: 100}
	logs := &promslog.Config{Writer: io.Discard}
	scrape := func(ctx context.Context, at netip.AddrPort) error {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/probe", nil).WithContext(ctx)
		prober.Handler(w, r, conf, discard, history, 0.5, url.Values{"module": {"m"}, "target": {target(at)}}, nil, logs)
		if !strings.Contains(w.Body.String(), "\nprobe_success 1\n") {
			return fmt.Errorf("%v failed", at)
		}
		return nil
	}
	return []*contender{
		{name: "blackbox_exporter, probe function alone", looks: perRound, look: bare},
		{name: "blackbox_exporter, probe as it is scraped", looks: perRoundSlow, look: scrape},
	}
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

func us(d time.Duration) string { return fmt.Sprintf("%.1fµs", float64(d)/float64(time.Microsecond)) }
