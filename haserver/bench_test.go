package haserver

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// benchSite serves a zone of many names, every third with three addresses.
func benchSite(b *testing.B, names int) *site {
	s := newSite(b)
	var z strings.Builder
	z.WriteString("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range names {
		fmt.Fprintf(&z, "h%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
		if i%3 == 0 {
			fmt.Fprintf(&z, "h%d A 11.%d.%d.%d\nh%d A 12.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255, i, i>>16&255, i>>8&255, i&255)
		}
	}
	s.write(b, "db.example", z.String())
	return s.start(b)
}

// BenchmarkQuery is a message through the worker, without sockets.
func BenchmarkQuery(b *testing.B) {
	for _, kind := range []string{"a", "edns", "nxdomain"} {
		b.Run(kind, func(b *testing.B) {
			s := benchSite(b, 100_000)
			w := newWorker(s.server, &counters{})
			from := netip.MustParseAddr("192.0.2.77")
			var msgs [][]byte
			for i := range 4096 {
				name := fmt.Sprintf("h%d.example.test.", i*23)
				if kind == "nxdomain" {
					name = "no" + name
				}
				m := question(name, dns.TypeA)
				if kind != "a" {
					edns(m)
				}
				msgs = append(msgs, pack(b, m, nil))
			}
			s.server.view.Load().rate.rate = 1 << 12
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if answer, _ := w.handle(msgs[i&4095], from, false); answer == nil && kind != "nxdomain" {
					b.Fatal("no answer")
				}
				i++
			}
		})
	}
}

// BenchmarkUDP is a client and the server over loopback, 64 questions in flight.
func BenchmarkUDP(b *testing.B) {
	s := benchSite(b, 100_000)
	c, err := net.Dial("udp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var msgs [][]byte
	for i := range 4096 {
		msgs = append(msgs, pack(b, question(fmt.Sprintf("h%d.example.test.", i*23), dns.TypeA), nil))
	}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	sent, got := 0, 0
	for b.Loop() {
		for ; sent-got < 64; sent++ {
			_, _ = c.Write(msgs[sent&4095])
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(buf); err != nil {
			got = sent
			continue
		}
		got++
	}
}

// BenchmarkUpdate is TSIG updates of one record each over TCP, durable before the answer, on a disk.
func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := benchSite(b, 1000)
			before := s.server.pipe.commits.Load()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					c := s.dial(b)
					_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						// Not through the library's connections: they cannot sign twice.
						m := updateMsg(b, "example.test", fmt.Sprintf("u%d.example.test. 5 A 192.0.2.1", i))
						signed("ddns.")(m)
						msg, _, err := dns.TsigGenerate(m, ddnsSecret, "", false)
						if err != nil {
							b.Error(err)
							return
						}
						if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
							b.Error(err)
							return
						}
						if _, rcode := header(readFrame(b, c)); rcode != 0 {
							b.Error(dns.RcodeToString[rcode])
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
			b.ReportMetric(float64(b.N)/float64(max(1, s.server.pipe.commits.Load()-before)), "updates/commit")
		})
	}
}
