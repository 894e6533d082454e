package haserver

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// benchSite serves a zone of many names, every third with three addresses.
func benchSite(b *testing.B, names int) *site {
	s := newSite(b)
	s.hosts(b, names)
	return s.start(b)
}

func (s *site) hosts(b testing.TB, names int) {
	var z strings.Builder
	z.WriteString("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range names {
		fmt.Fprintf(&z, "h%d A 10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
		if i%3 == 0 {
			fmt.Fprintf(&z, "h%d A 11.%d.%d.%d\nh%d A 12.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255, i, i>>16&255, i>>8&255, i&255)
		}
	}
	s.write(b, "db.example", z.String())
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

// BenchmarkUDP is a server in a process of its own, kept busy over loopback by bursts of questions. The figure to look at is
// its processor time for an answer, which also holds on a busy machine.
func BenchmarkUDP(b *testing.B) {
	s := newSite(b)
	s.hosts(b, 100_000)
	cmd := s.spawn(b)
	udpLoad(b, s, cmd.Process.Pid)
}

// udpLoad keeps a server busy and reports what an answer costs it.
func udpLoad(b *testing.B, s *site, pid int) {
	var msgs [][]byte
	for i := range 4096 {
		msgs = append(msgs, pack(b, question(fmt.Sprintf("h%d.example.test.", i*23), dns.TypeA), nil))
	}
	before := processorTime(b, pid)
	var answers atomic.Int64
	var wg sync.WaitGroup
	const clients, window = 4, 64
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			c, err := net.Dial("udp4", s.addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			p := ipv4.NewPacketConn(c.(*net.UDPConn))
			out, in := make([]ipv4.Message, window), make([]ipv4.Message, window)
			for i := range in {
				in[i].Buffers = [][]byte{make([]byte, 1500)}
			}
			for round := 0; answers.Load() < int64(b.N); round++ {
				for i := range out {
					out[i].Buffers = [][]byte{msgs[(round*window+i)&4095]}
				}
				for sent := 0; sent < window; {
					n, err := p.WriteBatch(out[sent:], 0)
					if err != nil {
						b.Error(err)
						return
					}
					sent += n
				}
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				for got := 0; got < window; {
					n, err := p.ReadBatch(in, 0)
					if err != nil {
						break // lost ones
					}
					got += n
					answers.Add(int64(n))
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	used := processorTime(b, pid) - before
	b.ReportMetric(float64(used.Microseconds())/float64(answers.Load()), "cpu-us/answer")
	b.ReportMetric(float64(answers.Load())/b.Elapsed().Seconds(), "answers/s")
}

// processorTime is what a process has used, user and system (proc(5)).
func processorTime(b testing.TB, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// updateLoad has b.N updates made by so many clients, each waiting for the answer to its last.
func updateLoad(b *testing.B, s *site, clients int) {
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
}

// BenchmarkUpdate is TSIG updates of one record each over TCP, durable before the answer, on a disk; the
// server is a process of its own.
func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := newSite(b)
			s.hosts(b, 1000)
			pid := s.spawn(b).Process.Pid
			before := processorTime(b, pid)
			updateLoad(b, s, clients)
			b.ReportMetric(float64((processorTime(b, pid)-before).Microseconds())/float64(b.N), "cpu-us/update")
		})
	}
}
