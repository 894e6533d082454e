package haserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

const exampleSOA = "example.test. 30 IN SOA ns1.example.test. admin.example.test. 10 3600 600 86400 30"

type answerCase struct {
	rule  string
	name  string
	qtype uint16
	rcode int
	aa    bool
	// Lines of the sections; of answer sets with several records only those that are said are looked for.
	answer, authority, additional []string
}

// dns-standards 1, as far as the server adds to what the zone says: sections, AA, RCODE, chains over zones.
func TestRFC1034Answers(t *testing.T) {
	s := started(t)
	www := []string{"www.example.test. 1 IN A 192.0.2.11", "www.example.test. 1 IN A 192.0.2.12", "www.example.test. 1 IN A 192.0.2.13"}
	cases := []answerCase{
		{"name and type exist: NOERROR, AA, whole RRset", "www.example.test.", dns.TypeA, 0, true, www, nil, nil},
		{"type does not: NODATA with SOA, TTL min(TTL, MINIMUM) (2308 3)", "www.example.test.", dns.TypeAAAA, 0, true, nil, []string{exampleSOA}, nil},
		{"empty non-terminal: NODATA", "ent.example.test.", dns.TypeA, 0, true, nil, []string{exampleSOA}, nil},
		{"no such name: NXDOMAIN with SOA, AA", "no.example.test.", dns.TypeA, dns.RcodeNameError, true, nil, []string{exampleSOA}, nil},
		{"CNAME, then on inside our zones, in the order of the chain", "alias.example.test.", dns.TypeA, 0, true, append([]string{"alias.example.test. 60 IN CNAME www.example.test."}, www...), nil, nil},
		{"CNAME to outside: the CNAME only", "out.example.test.", dns.TypeA, 0, true, []string{"out.example.test. 60 IN CNAME www.elsewhere.test."}, nil, nil},
		{"a chain goes on in another zone of ours", "over.example.test.", dns.TypeA, 0, true, []string{"over.example.test. 60 IN CNAME host.other.test.", "host.other.test. 60 IN A 198.51.100.1"}, nil, nil},
		{"and back again", "back.other.test.", dns.TypeA, 0, true, append([]string{"back.other.test. 60 IN CNAME www.example.test."}, www...), nil, nil},
		{"a chain over zones that ends in nothing: NODATA of the last zone", "over.example.test.", dns.TypeAAAA, 0, true, []string{"over.example.test. 60 IN CNAME host.other.test."}, []string{"other.test. 30 IN SOA ns1.example.test. admin.other.test. 7 3600 600 86400 30"}, nil},
		{"CNAME loop: NOERROR with what was collected", "loop1.example.test.", dns.TypeA, 0, true, []string{"loop1.example.test. 60 IN CNAME loop2.example.test.", "loop2.example.test. 60 IN CNAME loop1.example.test."}, nil, nil},
		{"QTYPE CNAME is not followed", "alias.example.test.", dns.TypeCNAME, 0, true, []string{"alias.example.test. 60 IN CNAME www.example.test."}, nil, nil},
		{"wildcard: the owner in the answer is the query name", "x.wild.example.test.", dns.TypeA, 0, true, []string{"x.wild.example.test. 60 IN A 192.0.2.30"}, nil, nil},
		{"below a cut: referral, AA 0, NS in authority, glue in additional", "www.sub.example.test.", dns.TypeA, 0, false, nil,
			[]string{"sub.example.test. 60 IN NS ns.sub.example.test.", "sub.example.test. 60 IN NS ns2.sub.example.test."},
			[]string{"ns.sub.example.test. 60 IN A 192.0.2.40", "ns2.sub.example.test. 60 IN AAAA 2001:db8::40"}},
		{"DS at the cut: answered with AA (4035 3.1.4.1)", "sub.example.test.", dns.TypeDS, 0, true, []string{"sub.example.test. 60 IN DS 1 8 2 AA00000000000000000000000000000000000000000000000000000000000000"}, nil, nil},
		{"addresses for SRV targets in additional", "srv.example.test.", dns.TypeSRV, 0, true, []string{"srv.example.test. 60 IN SRV 1 2 80 www.example.test."}, nil, www},
	}
	runAnswers(t, s, cases)
}

// runAnswers asks every question by UDP and by TCP.
func runAnswers(t *testing.T, s *site, cases []answerCase) {
	t.Helper()
	for _, c := range cases {
		for _, network := range []string{"udp", "tcp"} {
			r := s.ask(t, network, c.name, c.qtype)
			if r.Rcode != c.rcode || r.Authoritative != c.aa {
				t.Errorf("%s (%s): %s AA %v", c.rule, network, dns.RcodeToString[r.Rcode], r.Authoritative)
			}
			for i, pair := range [][2][]string{{c.answer, lines(r.Answer)}, {c.authority, lines(r.Ns)}, {c.additional, lines(r.Extra)}} {
				if d := cmp.Diff(sorted(pair[0]), sorted(pair[1])); d != "" {
					t.Errorf("%s (%s), section %d:\n%s", c.rule, network, i, d)
				}
			}
			if len(c.answer) > 0 && strings.Contains(c.answer[0], "CNAME") && lines(r.Answer)[0] != c.answer[0] {
				t.Errorf("%s: the chain does not begin with %s: %v", c.rule, c.answer[0], lines(r.Answer))
			}
		}
	}
}

func sorted(list []string) []string {
	out := append([]string{}, list...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// RFC 8482: "one RRset is enough over UDP; all over TCP is fine; NXDOMAIN stays NXDOMAIN".
func TestRFC8482Any(t *testing.T) {
	s := started(t)
	udp := s.ask(t, "udp", "example.test", dns.TypeANY)
	types := map[uint16]bool{}
	for _, rr := range udp.Answer {
		types[rr.Header().Rrtype] = true
	}
	if len(types) != 1 {
		t.Errorf("ANY over UDP has %d sets", len(types))
	}
	if tcp := s.ask(t, "tcp", "example.test", dns.TypeANY); len(tcp.Answer) != 3 {
		t.Errorf("ANY over TCP: %v", tcp.Answer)
	}
	if r := s.ask(t, "udp", "no.example.test", dns.TypeANY); r.Rcode != dns.RcodeNameError {
		t.Errorf("ANY of no name: %s", dns.RcodeToString[r.Rcode])
	}
}

// RFC 2181 9 and RFC 6891: "512 without EDNS, min(client size, 1232) with; TC=1, drop whole RRsets"; by TCP the set is whole.
func TestRFC2181Truncation(t *testing.T) {
	s := started(t)
	for _, size := range []int{0, 100, 512, 1232, 4096} {
		m := question("huge.example.test.", dns.TypeTXT)
		limit := 512
		if size > 0 {
			m.SetEdns0(uint16(size), false)
			limit = min(max(512, size), 1232)
		}
		answer := s.raw(t, pack(t, m, nil))
		if len(answer) > limit {
			t.Errorf("size %d: %d octets", size, len(answer))
		}
		r := new(dns.Msg)
		if err := r.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		if !r.Truncated || len(r.Answer) != 0 {
			t.Errorf("size %d: TC %v and %d records: a set is whole or not there", size, r.Truncated, len(r.Answer))
		}
	}
	if r := s.ask(t, "tcp", "huge.example.test", dns.TypeTXT); r.Truncated || len(r.Answer) != 100 {
		t.Errorf("TCP: TC %v, %d records", r.Truncated, len(r.Answer))
	}
}

// dns-standards 6: EDNS size is of UDP; it does not limit TCP.
func TestEDNSSizeDoesNotLimitTCP(t *testing.T) {
	s := started(t)
	if r := s.ask(t, "tcp", "huge.example.test", dns.TypeTXT, edns); r.Truncated || len(r.Answer) != 100 {
		t.Errorf("TC %v, %d records", r.Truncated, len(r.Answer))
	}
}

// RFC 9471 3: missing glue of a referral sets TC; additional data that is not needed does not.
func TestRFC9471GlueThatDoesNotFit(t *testing.T) {
	s := newSite(t)
	var z strings.Builder
	z.WriteString(exampleZone)
	for i := range 12 {
		fmt.Fprintf(&z, "far NS ns%02d.far\nns%02d.far A 192.0.2.%d\nns%02d.far AAAA 2001:db8::%d\n", i, i, i, i, i)
		fmt.Fprintf(&z, "mx MX %d mx%02d\nmx%02d A 192.0.2.%d\nmx%02d AAAA 2001:db8::%d\n", i, i, i, i, i, i)
	}
	s.write(t, "db.example", z.String())
	s.start(t)
	if r := s.ask(t, "udp", "www.far.example.test", dns.TypeA); !r.Truncated || len(r.Ns) != 12 {
		t.Errorf("referral: TC %v, %d NS", r.Truncated, len(r.Ns))
	}
	r := s.ask(t, "udp", "mx.example.test", dns.TypeMX)
	if r.Truncated || len(r.Answer) != 12 || len(r.Extra) == 0 || len(r.Extra) == 24 {
		t.Errorf("MX: TC %v, %d MX, %d addresses", r.Truncated, len(r.Answer), len(r.Extra))
	}
}

// RFC 3597 4: compress RDATA names of the 1035 types alone, never in SRV.
func TestRFC3597CompressionOnOutput(t *testing.T) {
	s := started(t)
	target := "\x03www\x07example\x04test\x00"
	if answer := string(s.raw(t, pack(t, question("srv.example.test.", dns.TypeSRV), nil))); !strings.Contains(answer[30:], target) {
		t.Errorf("the SRV target is compressed: %q", answer)
	}
	if answer := string(s.raw(t, pack(t, question("alias.example.test.", dns.TypeCNAME), nil))); strings.Contains(answer[35:], target) {
		t.Errorf("the CNAME target is not compressed: %q", answer)
	}
}

// dns-standards 1, rotation: each address first equally often; the set always complete; a rotation for each set and not one
// shared with other names.
func TestRotationIsEvenAndComplete(t *testing.T) {
	s := started(t)
	first := map[string]int{}
	for range 300 {
		r := s.ask(t, "udp", "www.example.test", dns.TypeA)
		s.ask(t, "udp", "example.test", dns.TypeMX) // must not disturb
		s.ask(t, "udp", "www.example.test", dns.TypeAAAA)
		if len(r.Answer) != 3 {
			t.Fatalf("%d records", len(r.Answer))
		}
		all := map[string]bool{}
		for _, rr := range r.Answer {
			all[rr.(*dns.A).A.String()] = true
		}
		if len(all) != 3 {
			t.Fatalf("a record is there twice: %v", r.Answer)
		}
		first[r.Answer[0].(*dns.A).A.String()]++
	}
	if d := cmp.Diff(map[string]int{"192.0.2.11": 100, "192.0.2.12": 100, "192.0.2.13": 100}, first); d != "" {
		t.Error(d)
	}
}

// An update of one record set must not begin the rotation of others again, nor take records from it.
func TestRotationGoesOnOverUpdates(t *testing.T) {
	s := started(t)
	first := map[string]int{}
	for i := range 30 {
		r := s.ask(t, "udp", "www.example.test", dns.TypeA)
		first[r.Answer[0].(*dns.A).A.String()]++
		m := updateMsg(t, "example.test", fmt.Sprintf("n%d.example.test. 1 A 192.0.2.1", i))
		if rcode := s.update(t, "udp", "ddns.", m); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
	if d := cmp.Diff(map[string]int{"192.0.2.11": 10, "192.0.2.12": 10, "192.0.2.13": 10}, first); d != "" {
		t.Error(d)
	}
}

// Types that no zone holds: FORMERR for what is no question, NOTIMP for the rest; a transfer over UDP is none (RFC 5936 4.2).
func TestQuestionsForMetaTypes(t *testing.T) {
	s := started(t)
	want := map[uint16]int{0: dns.RcodeFormatError, dns.TypeOPT: dns.RcodeFormatError, dns.TypeTSIG: dns.RcodeFormatError,
		dns.TypeAXFR: dns.RcodeFormatError, dns.TypeMAILA: dns.RcodeNotImplemented, dns.TypeMAILB: dns.RcodeNotImplemented, dns.TypeTKEY: dns.RcodeNotImplemented}
	for qtype, rcode := range want {
		_, got := header(s.raw(t, pack(t, question("example.test.", qtype), nil)))
		if got != rcode {
			t.Errorf("type %d: %s, want %s", qtype, dns.RcodeToString[got], dns.RcodeToString[rcode])
		}
	}
}
