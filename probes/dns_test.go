package probes

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/internal/freeport"
)

// dnsServer answers on UDP and TCP of one loopback port.
func dnsServer(t *testing.T, h dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	at := freeport.Pick(t, "127.0.0.1")
	l, err := net.Listen("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: h}, {PacketConn: u, Handler: h}} {
		up, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return at
}

func TestDNSReasons(t *testing.T) {
	records := map[string]string{
		"www.mydomain.com.": "www.mydomain.com. 1 IN A 192.168.0.1\nwww.mydomain.com. 1 IN A 192.168.0.2",
		"mydomain.com.":     "mydomain.com. 1 IN MX 10 ClusterNode1.mydomain.com.",
	}
	var lost atomic.Int32
	at := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		name := strings.ToLower(q.Question[0].Name)
		m := new(dns.Msg).SetReply(q)
		overUDP := w.RemoteAddr().Network() == "udp"
		switch name {
		case "gone.mydomain.com.":
			m.Rcode = dns.RcodeNameError
		case "broken.mydomain.com.":
			m.Rcode = dns.RcodeServerFailure
		case "silent.mydomain.com.":
			return
		case "lost.mydomain.com.": // the first packet is lost
			if lost.Add(1) == 1 {
				return
			}
			name = "www.mydomain.com."
		case "big.mydomain.com.":
			if m.Truncated = overUDP; !overUDP {
				name = "www.mydomain.com."
			}
		case "forged.mydomain.com.":
			forged := m.Copy()
			forged.Id++
			_ = w.WriteMsg(forged)
			name = "www.mydomain.com."
		}
		for line := range strings.Lines(records[name]) {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Error(err)
			}
			rr.Header().Name = q.Question[0].Name
			if rr.Header().Rrtype == q.Question[0].Qtype && !m.Truncated {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})
	tests := []struct {
		spec DNSSpec
		want Reason
		got  string
	}{
		{DNSSpec{Name: "www.mydomain.com"}, ReasonNone, "NOERROR A 192.168.0.1"},
		{DNSSpec{Name: "www.mydomain.com", Expect: "192.168.0.2"}, ReasonNone, ""},
		{DNSSpec{Name: "www.mydomain.com", Expect: "192.168.0.3"}, ReasonMismatch, "NOERROR A 192.168.0.1"},
		{DNSSpec{Name: "www.mydomain.com", Type: "AAAA"}, ReasonMismatch, "NOERROR"},
		{DNSSpec{Name: "www.mydomain.com", Type: "aaaa", Expect: "noerror"}, ReasonNone, ""},
		{DNSSpec{Name: "mydomain.com", Type: "MX", Expect: "10 clusternode1.mydomain.com"}, ReasonNone, ""},
		{DNSSpec{Name: "gone.mydomain.com"}, ReasonNXDomain, "NXDOMAIN"},
		{DNSSpec{Name: "gone.mydomain.com", Expect: "NXDOMAIN"}, ReasonNone, ""},
		{DNSSpec{Name: "www.mydomain.com", Expect: "NXDOMAIN"}, ReasonMismatch, ""},
		{DNSSpec{Name: "broken.mydomain.com"}, ReasonRcode, "SERVFAIL"},
		{DNSSpec{Name: "silent.mydomain.com"}, ReasonTimeout, ""},
		{DNSSpec{Name: "lost.mydomain.com"}, ReasonNone, ""},
		{DNSSpec{Name: "big.mydomain.com", Expect: "192.168.0.1"}, ReasonNone, ""},
		{DNSSpec{Name: "forged.mydomain.com", Expect: "192.168.0.1"}, ReasonNone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.spec.Name+" "+tt.spec.Type+" "+tt.spec.Expect, func(t *testing.T) {
			res := lookAt(t, Spec{Kind: DNS, DNS: tt.spec, Timeout: time.Second}, at)
			want{tt.want, 0}.check(t, res)
			if !strings.HasPrefix(string(res.Got), tt.got) {
				t.Errorf("Got = %q, want %q…", res.Got, tt.got)
			}
		})
	}
	// Nothing there: the host says so by ICMP.
	want{ReasonRefused, 0}.check(t, lookAt(t, Spec{Kind: DNS, DNS: DNSSpec{Name: "a"}}, refused(t)))
}
