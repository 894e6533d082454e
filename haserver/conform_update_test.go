package haserver

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// serial asks for the SOA.
func (s *site) serial(t testing.TB, zone string) uint32 {
	t.Helper()
	r := s.ask(t, "udp", zone, dns.TypeSOA)
	if len(r.Answer) != 1 {
		t.Fatalf("SOA of %s: %v", zone, r)
	}
	return r.Answer[0].(*dns.SOA).Serial
}

// count is how often updates ended with a reason.
func (s *site) count(reason Reason) uint64 {
	n := uint64(0)
	for rcode := range rcodeCount {
		n += s.server.count.total(func(c *counters) *atomic.Uint64 { return &c.updates[rcode][reason] })
	}
	return n
}

func rr(t testing.TB, text string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// RFC 2136 3: the order of the checks, each with its RCODE and its reason; nothing is changed by any of them.
func TestRFC2136OrderOfChecks(t *testing.T) {
	s := started(t)
	good := func() *dns.Msg { return updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1") }
	cases := []struct {
		rule   string
		msg    *dns.Msg
		key    string
		rcode  int
		reason Reason
	}{
		{"3.1.1: ZOCOUNT != 1: FORMERR", func() *dns.Msg { m := good(); m.Question = append(m.Question, m.Question[0]); return m }(), "ddns.", dns.RcodeFormatError, Malformed},
		{"3.1.1: ZTYPE != SOA: FORMERR", func() *dns.Msg { m := good(); m.Question[0].Qtype = dns.TypeA; return m }(), "ddns.", dns.RcodeFormatError, Malformed},
		{"3.1.2: a name above our apex: NOTAUTH", updateMsg(t, "test"), "ddns.", dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: a name below our apex: NOTAUTH", updateMsg(t, "www.example.test"), "ddns.", dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: by labels and not by text: NOTAUTH", updateMsg(t, "xexample.test"), "ddns.", dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: class of the zone: NOTAUTH", func() *dns.Msg { m := good(); m.Question[0].Qclass = dns.ClassCHAOS; return m }(), "ddns.", dns.RcodeNotAuth, NotOurZone},
		{"no TSIG where one is needed: REFUSED", good(), "", dns.RcodeRefused, NoGrant},
		{"good TSIG but no right: REFUSED", good(), "xfer.", dns.RcodeRefused, NoGrant},
		{"the right to the zone is asked before prerequisites", func() *dns.Msg {
			m := good()
			m.NameUsed([]dns.RR{rr(t, "no.example.test. A 192.0.2.1")})
			return m
		}(), "xfer.", dns.RcodeRefused, NoGrant},
		{"3.2: prerequisites before the right to a record", func() *dns.Msg {
			m := good()
			m.NameUsed([]dns.RR{rr(t, "no.example.test. A 192.0.2.1")})
			return m
		}(), "limited.", dns.RcodeNameError, PrereqFailed},
		{"3.3: a record that the grant does not reach: REFUSED", good(), "limited.", dns.RcodeRefused, NoGrantSet},
		{"3.3: a type that the grant does not reach: REFUSED", updateMsg(t, "example.test", "x.dyn.example.test. 1 TXT x"), "limited.", dns.RcodeRefused, NoGrantSet},
		{"3.3: the name itself is not below itself", updateMsg(t, "example.test", "dyn.example.test. 1 A 192.0.2.1"), "limited.", dns.RcodeRefused, NoGrantSet},
		{"3.3: a good first record does not help a bad last", updateMsg(t, "example.test", "x.dyn.example.test. 1 A 192.0.2.1", "y.example.test. 1 A 192.0.2.1"), "limited.", dns.RcodeRefused, NoGrantSet},
		{"3.4.1: owner outside the zone: NOTZONE", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1", "x.xexample.test. 1 A 192.0.2.1"), "ddns.", dns.RcodeNotZone, BadUpdate},
	}
	for _, c := range cases {
		before := s.count(c.reason)
		if rcode := s.update(t, "udp", c.key, c.msg); rcode != c.rcode {
			t.Errorf("%s: %s, want %s", c.rule, dns.RcodeToString[rcode], dns.RcodeToString[c.rcode])
		}
		if s.count(c.reason) != before+1 {
			t.Errorf("%s: reason %s is not counted", c.rule, c.reason)
		}
	}
	if n := s.serial(t, "example.test"); n != 10 {
		t.Errorf("serial %d: something was changed", n)
	}
	if rcode := s.update(t, "udp", "limited.", updateMsg(t, "example.test", "x.y.dyn.example.test. 1 A 192.0.2.1")); rcode != 0 {
		t.Errorf("what the limited grant reaches, at any depth: %s", dns.RcodeToString[rcode])
	}
}

// RFC 2136 3.4.2 and 3.6 through the server: one step a message, none without a change.
func TestRFC2136SerialMovesOncePerChangingMessage(t *testing.T) {
	s := started(t)
	steps := []struct {
		rule    string
		records []string
		want    uint32
	}{
		{"several records are one step", []string{"a.example.test. 1 A 192.0.2.1", "b.example.test. 1 A 192.0.2.1"}, 11},
		{"a duplicate add is no change", []string{"a.example.test. 1 A 192.0.2.1"}, 11},
		{"a delete of nothing is no change", []string{"-nix.example.test. 1 A 192.0.2.1"}, 11},
		{"a TTL-only change is one", []string{"a.example.test. 2 A 192.0.2.1"}, 12},
		{"an add and a delete of one record cancel", []string{"c.example.test. 1 A 192.0.2.1", "-c.example.test. 1 A 192.0.2.1"}, 12},
		{"a message may set a newer SOA itself", []string{"example.test. 60 SOA ns1.example.test. admin.example.test. 100 3600 600 86400 30"}, 100},
		{"an empty update is legal", nil, 100},
	}
	for _, st := range steps {
		if rcode := s.update(t, "tcp", "ddns.", updateMsg(t, "example.test", st.records...)); rcode != 0 {
			t.Errorf("%s: %s", st.rule, dns.RcodeToString[rcode])
		}
		if n := s.serial(t, "example.test"); n != st.want {
			t.Errorf("%s: serial %d, want %d", st.rule, n, st.want)
		}
	}
}

// RFC 2136 2.2 and 3.8: ID and opcode copied, QR 1; we repeat the zone section, and OPT when there was one (RFC 6891).
func TestRFC2136Response(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	m.SetEdns0(1232, true)
	signed("ddns.")(m)
	r, err := s.send("udp", m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Id != m.Id || r.Opcode != dns.OpcodeUpdate || !r.Response || len(r.Question) != 1 || len(r.Answer)+len(r.Ns) != 0 {
		t.Errorf("%v", r)
	}
	if o := r.IsEdns0(); o == nil || !o.Do() || r.IsTsig() == nil {
		t.Errorf("OPT %v, TSIG %v", o, r.IsTsig())
	}
}

// RFC 8914: a client that sent OPT is told why.
func TestRefusalIsExplained(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	m.SetEdns0(1232, false)
	r, err := s.send("udp", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok && e.InfoCode == dns.ExtendedErrorCodeProhibited && strings.HasPrefix(e.ExtraText, "no-grant: ") {
			return
		}
	}
	t.Errorf("no Extended DNS Error: %v", r)
}

// A grant by address needs no key, and is for that address alone.
func TestGrantByAddress(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	c := &dns.Client{Net: "udp"}
	c.Dialer = dialerFrom("127.0.0.9")
	r, _, err := c.Exchange(m, s.addr)
	if err != nil || r.Rcode != 0 {
		t.Errorf("%v %v", r, err)
	}
	if rcode := s.update(t, "udp", "", updateMsg(t, "example.test", "y.example.test. 1 A 192.0.2.1")); rcode != dns.RcodeRefused {
		t.Errorf("from another address: %s", dns.RcodeToString[rcode])
	}
}

// RFC 2136 3.1 and dns-standards 2.1: "RDATA of a known type is malformed: FORMERR", and the answer is signed.
func TestRFC2136MalformedRdata(t *testing.T) {
	s := started(t)
	m := updateMsg(t, "example.test")
	m.Ns = []dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: "x.example.test.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1, Rdlength: 3}, Rdata: "c00002"}}
	if rcode := s.update(t, "udp", "ddns.", m); rcode != dns.RcodeFormatError {
		t.Errorf("A of three octets: %s", dns.RcodeToString[rcode])
	}
	unknown := updateMsg(t, "example.test", `x.example.test. 1 TYPE65400 \# 3 c00002`)
	if rcode := s.update(t, "udp", "ddns.", unknown); rcode != 0 {
		t.Errorf("RFC 3597: unknown types are plain data: %s", dns.RcodeToString[rcode])
	}
	if r := s.ask(t, "udp", "x.example.test", 65400); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}
}

// RFC 2136 3.7: concurrent updates of one zone are carried out one after the other; none is lost and prerequisites hold.
func TestRFC2136ConcurrentUpdatesOfOneCounter(t *testing.T) {
	s := started(t)
	results := make(chan int)
	for range 16 {
		go func() {
			m := updateMsg(t, "example.test", "once.example.test. 1 A 192.0.2.1")
			m.NameNotUsed([]dns.RR{rr(t, "once.example.test. A 192.0.2.1")})
			signed("ddns.")(m)
			r, err := s.send("tcp", m)
			if err != nil {
				results <- -1
				return
			}
			results <- r.Rcode
		}()
	}
	got := map[int]int{}
	for range 16 {
		got[<-results]++
	}
	if got[0] != 1 || got[dns.RcodeYXDomain] != 15 {
		t.Errorf("%v, want one NOERROR and 15 YXDOMAIN", got)
	}
}
