package haserver

import (
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"loadshare/internal/metrics"
)

// A server that listens on all addresses answers from the one that was asked, updates too: the client's socket takes
// nothing else.
func TestListenOnAllAddresses(t *testing.T) {
	for listen, addrs := range map[string][]string{"0.0.0.0:0": {"127.0.0.1", "127.0.0.7"}, "[::]:0": {"::1"}} {
		s := newSite(t)
		s.write(t, "dns.toml", strings.Replace(confText, "127.0.0.1:0", listen, 1))
		s.start(t)
		_, port, _ := net.SplitHostPort(s.addr)
		for _, a := range addrs {
			s.addr = net.JoinHostPort(a, port)
			for _, network := range []string{"udp", "tcp"} {
				if r := s.ask(t, network, "www.example.test", dns.TypeA); len(r.Answer) != 3 {
					t.Errorf("%s %s: %v", network, s.addr, r)
				}
			}
			if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")); rcode != 0 {
				t.Errorf("%s: %s", s.addr, dns.RcodeToString[rcode])
			}
		}
	}
}

// A second server on the same address does not start.
func TestAddressInUse(t *testing.T) {
	s := started(t)
	other := newSite(t)
	other.write(t, "dns.toml", strings.Replace(confText, "127.0.0.1:0", s.addr, 1))
	if _, err := New(other.load(t), nopLog()); err == nil || !strings.Contains(err.Error(), s.addr) {
		t.Errorf("%v", err)
	}
}

// The state directory belongs to one process.
func TestStateDirInUse(t *testing.T) {
	s := started(t)
	if _, err := New(s.load(t), nopLog()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("%v", err)
	}
}

// A message as large as TCP allows is read, by UDP one over our buffer is dropped; both leave the server well.
func TestLargeMessages(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test")
	for i := range 550 {
		m.Insert([]dns.RR{rr(t, "l"+strings.Repeat("x", i%50)+".example.test. 1 TXT "+strings.Repeat("y", 20+i%30))})
	}
	msg, _ := sign(t, m, "ddns.", ddnsSecret, nil)
	if len(msg) < 40000 || len(msg) > 65535 {
		t.Fatalf("only %d octets", len(msg))
	}
	if _, rcode := header(s.exchange(t, msg)); rcode != 0 {
		t.Errorf("%s", dns.RcodeToString[rcode])
	}
	if answer := s.raw(t, msg[:5000]); answer != nil {
		t.Errorf("answered %x", answer)
	}
}

// What happens is counted where Prometheus looks for it.
func TestMetrics(t *testing.T) {
	s := started(t)
	s.ask(t, "udp", "www.example.test", dns.TypeA)
	s.ask(t, "tcp", "no.example.test", dns.TypeA)
	s.update(t, "udp", "", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"))
	s.update(t, "udp", "ddns.", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"))
	s.raw(t, []byte("junk"))
	s.transfer(t, "example.test.", "xfer.")
	rec := httptest.NewRecorder()
	s.server.count.reg.Handler(metrics.Health{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	text := rec.Body.String()
	for _, want := range []string{
		`loadshare_dns_answers_total{rcode="noerror",role="dns",transport="udp"} 3`,
		`loadshare_dns_answers_total{rcode="nxdomain",role="dns",transport="tcp"} 1`,
		`loadshare_updates_total{rcode="refused",reason="no-grant",role="dns"} 1`,
		`loadshare_updates_total{rcode="noerror",reason="applied",role="dns"} 1`,
		`loadshare_dns_dropped_total{reason="short",role="dns"} 1`,
		`loadshare_dns_transfers_total{result="whole",role="dns"} 1`,
		`loadshare_dns_update_batch_size_count{role="dns"} 1`,
		`loadshare_dns_journal_commit_seconds_count{role="dns"} 1`,
		`loadshare_dns_tcp_connections{role="dns"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "_dns_") || strings.Contains(line, "updates_total") {
				t.Log(line)
			}
		}
	}
}
