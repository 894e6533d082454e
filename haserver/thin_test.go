package haserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// The whole way once: an answer by both transports, an update that outlives the process, a signed transfer of it.
func TestThinLine(t *testing.T) {
	s := started(t)
	for _, network := range []string{"udp", "tcp"} {
		r := s.ask(t, network, "ns1.example.test", dns.TypeA)
		want := []string{"ns1.example.test. 60 IN A 192.0.2.1"}
		if d := cmp.Diff(want, lines(r.Answer)); d != "" || !r.Authoritative {
			t.Errorf("%s: AA %v\n%s", network, r.Authoritative, d)
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		m := updateMsg(t, "example.test", "new-"+network+".example.test. 5 IN A 192.0.2.99")
		if rcode := s.update(t, network, "ddns.", m); rcode != dns.RcodeSuccess {
			t.Fatalf("update by %s: %s", network, dns.RcodeToString[rcode])
		}
	}
	s.stop(t)
	s.start(t)
	r := s.ask(t, "udp", "new-udp.example.test", dns.TypeA)
	if d := cmp.Diff([]string{"new-udp.example.test. 5 IN A 192.0.2.99"}, lines(r.Answer)); d != "" {
		t.Error(d)
	}
	got := s.transfer(t, "example.test.", "xfer.")
	if n := len(got); n < 10 || got[0].Header().Rrtype != dns.TypeSOA || got[n-1].Header().Rrtype != dns.TypeSOA {
		t.Fatalf("transfer of %d records does not begin and end with the SOA", n)
	}
	if serial := got[0].(*dns.SOA).Serial; serial != 12 {
		t.Errorf("serial %d, want 12: one more for each of two updates", serial)
	}
}

// transfer takes a zone by AXFR.
func (s *site) transfer(t testing.TB, zone, key string) []dns.RR {
	t.Helper()
	m := new(dns.Msg)
	m.SetAxfr(zone)
	if key != "" {
		signed(key)(m)
	}
	ch, err := (&dns.Transfer{TsigSecret: secrets}).In(m, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	var out []dns.RR
	for e := range ch {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		out = append(out, e.RR...)
	}
	return out
}
