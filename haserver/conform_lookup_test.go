package haserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// serving starts a server of one zone.
func serving(t *testing.T, name, text string) *site {
	t.Helper()
	s := newSite(t)
	s.write(t, "db.one", text)
	s.write(t, "dns.toml", strings.Split(confText, "[[zone]]")[0]+fmt.Sprintf("[[zone]]\nname = %q\nfile = \"db.one\"\nupdate = [\"key ddns\"]\ntransfer = [\"key xfer\"]\n", name))
	return s.start(t)
}

// RFC 4592, 2.2.1: the zone printed there, and the answers that it says. "A wildcard blocks nothing that exists: an existing name, an empty
// non-terminal and anything below an existing name block it"; the owner in the answer is the query name.
func TestRFC4592Section2_2_1(t *testing.T) {
	s := serving(t, "example", `$TTL 3600
example.                 SOA   ns.example.com. a.example. 1 2 3 4 5
example.                 NS    ns.example.com.
example.                 NS    ns.example.net.
*.example.               TXT   "this is a wildcard"
*.example.               MX    10 host1.example.
sub.*.example.           TXT   "this is not a wildcard"
host1.example.           A     192.0.2.1
_ssh._tcp.host1.example. SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. SRV   0 0 22 host1.example.
subdel.example.          NS    ns.example.com.
subdel.example.          NS    ns.example.net.
`)
	soa := []string{"example. 5 IN SOA ns.example.com. a.example. 1 2 3 4 5"}
	host1 := []string{"host1.example. 3600 IN A 192.0.2.1"}
	runAnswers(t, s, []answerCase{
		{"QNAME=host3.example. QTYPE=MX: synthesised, with the owner name that was asked", "host3.example.", dns.TypeMX, 0, true, []string{"host3.example. 3600 IN MX 10 host1.example."}, nil, host1},
		{"QNAME=host3.example. QTYPE=A: the wildcard has no such type: no error, no data", "host3.example.", dns.TypeA, 0, true, nil, soa, nil},
		{"QNAME=foo.bar.example. QTYPE=TXT: the wildcard is for several labels", "foo.bar.example.", dns.TypeTXT, 0, true, []string{`foo.bar.example. 3600 IN TXT "this is a wildcard"`}, nil, nil},
		{"QNAME=host1.example. QTYPE=MX: the name exists", "host1.example.", dns.TypeMX, 0, true, nil, soa, nil},
		{"QNAME=sub.*.example. QTYPE=MX: the name exists", "sub.*.example.", dns.TypeMX, 0, true, nil, soa, nil},
		{"QNAME=_telnet._tcp.host1.example. QTYPE=SRV: the closest encloser exists, without an asterisk below it", "_telnet._tcp.host1.example.", dns.TypeSRV, dns.RcodeNameError, true, nil, soa, nil},
		{"QNAME=host.subdel.example. QTYPE=A: below a zone cut", "host.subdel.example.", dns.TypeA, 0, false, nil, []string{"subdel.example. 3600 IN NS ns.example.com.", "subdel.example. 3600 IN NS ns.example.net."}, nil},
		{"QNAME=ghost.*.example. QTYPE=MX: *.example. exists, and has no asterisk below it", "ghost.*.example.", dns.TypeMX, dns.RcodeNameError, true, nil, soa, nil},
		{"2.2.2: host2.example. is an empty non-terminal and blocks the wildcard", "host2.example.", dns.TypeTXT, 0, true, nil, soa, nil},
		{"2.3: *.example. asked for literally is an ordinary lookup", "*.example.", dns.TypeTXT, 0, true, []string{`*.example. 3600 IN TXT "this is a wildcard"`}, nil, nil},
	})
}

// RFC 1034, 4.3.2 3a and RFC 6604, 3: the way of an alias, and the RCODE of its end.
func TestRFC6604Section3AliasChains(t *testing.T) {
	var long strings.Builder
	for i := range 30 {
		fmt.Fprintf(&long, "l%d CNAME l%d\n", i, i+1)
	}
	s := serving(t, "example.test", `$TTL 60
@ SOA ns1 admin 10 3600 600 86400 30
@ NS ns1.elsewhere.test.
a CNAME b
b CNAME c
c A 192.0.2.3
c AAAA 2001:db8::3
dead CNAME gone
deader CNAME dead
nodata CNAME c
into CNAME www.sub
self CNAME self
sub NS ns.sub
ns.sub A 192.0.2.77
`+long.String())
	soa := []string{exampleSOA}
	alias := func(from, to string) string {
		return from + ".example.test. 60 IN CNAME " + to + ".example.test."
	}
	runAnswers(t, s, []answerCase{
		{"1034 4.3.2: the chain, in its order", "a.example.test.", dns.TypeA, 0, true, []string{alias("a", "b"), alias("b", "c"), "c.example.test. 60 IN A 192.0.2.3"}, nil, nil},
		{"6604 3: the RCODE is that of the last name: NXDOMAIN, with the aliases and the SOA", "deader.example.test.", dns.TypeA, dns.RcodeNameError, true, []string{alias("deader", "dead"), alias("dead", "gone")}, soa, nil},
		{"2308 2.2: the last name has no such type: NODATA, with the alias and the SOA", "nodata.example.test.", dns.TypeTXT, 0, true, []string{alias("nodata", "c")}, soa, nil},
		{"QTYPE ANY: the alias is not followed", "dead.example.test.", dns.TypeANY, 0, true, []string{alias("dead", "gone")}, nil, nil},
		{"QTYPE CNAME: nor then", "dead.example.test.", dns.TypeCNAME, 0, true, []string{alias("dead", "gone")}, nil, nil},
		{"an alias of itself: NOERROR with what was collected", "self.example.test.", dns.TypeA, 0, true, []string{alias("self", "self")}, nil, nil},
		{"an alias into a zone cut: AA for the first owner, a referral for the rest", "into.example.test.", dns.TypeA, 0, true, []string{alias("into", "www.sub")}, []string{"sub.example.test. 60 IN NS ns.sub.example.test."}, []string{"ns.sub.example.test. 60 IN A 192.0.2.77"}},
	})
	r := s.ask(t, "tcp", "l0.example.test.", dns.TypeA)
	if n := len(r.Answer); r.Rcode != 0 || n < 16 || n > 17 || r.Answer[0].Header().Name != "l0.example.test." {
		t.Errorf("the chain is bounded at 16: %s, %d aliases", dns.RcodeToString[r.Rcode], n)
	}
	if r := s.ask(t, "tcp", "l15.example.test.", dns.TypeA); r.Rcode != dns.RcodeNameError || len(r.Answer) != 15 {
		t.Errorf("a shorter one is followed to its end: %s, %d aliases", dns.RcodeToString[r.Rcode], len(r.Answer))
	}
}

// RFC 1034, 4.3.2 3b: "at or below a zone cut: referral: AA 0, NS of the cut in authority, glue in additional; also for QTYPE NS at the cut
// and for glue names"; RFC 4035, 3.1.4.1 for DS.
func TestRFC1034Section4_3_2Referrals(t *testing.T) {
	s := started(t)
	ns := []string{"sub.example.test. 60 IN NS ns.sub.example.test.", "sub.example.test. 60 IN NS ns2.sub.example.test."}
	glue := []string{"ns.sub.example.test. 60 IN A 192.0.2.40", "ns2.sub.example.test. 60 IN AAAA 2001:db8::40"}
	var cases []answerCase
	for _, q := range []struct {
		rule, name string
		qtype      uint16
	}{
		{"at the cut", "sub.example.test.", dns.TypeA},
		{"QTYPE NS at the cut", "sub.example.test.", dns.TypeNS},
		{"QTYPE SOA at the cut", "sub.example.test.", dns.TypeSOA},
		{"QTYPE ANY at the cut", "sub.example.test.", dns.TypeANY},
		{"glue is not ours to answer", "ns.sub.example.test.", dns.TypeA},
		{"names below", "a.b.c.sub.example.test.", dns.TypeTXT},
		{"DS below the cut is the child's", "www.sub.example.test.", dns.TypeDS},
	} {
		cases = append(cases, answerCase{q.rule, q.name, q.qtype, 0, false, nil, ns, glue})
	}
	runAnswers(t, s, append(cases,
		answerCase{"NS of the apex are an answer, with addresses", "example.test.", dns.TypeNS, 0, true, []string{"example.test. 60 IN NS ns1.example.test."}, nil, []string{"ns1.example.test. 60 IN A 192.0.2.1"}},
		answerCase{"RFC 8020: nothing is below a name that does not exist", "a.no.example.test.", dns.TypeA, dns.RcodeNameError, true, nil, []string{exampleSOA}, nil},
		answerCase{"RFC 4035, 3.1.4.1: no DS at the apex of our own zone: NODATA", "example.test.", dns.TypeDS, 0, true, nil, []string{exampleSOA}, nil},
	))
}

// RFC 6672, 2.2 to 3.1: "DNAME + synthesised CNAME (TTL of the DNAME); YXDOMAIN if the result is too long".
func TestRFC6672DNAME(t *testing.T) {
	label := strings.Repeat("a", 60)
	far := label + "." + label + "." + label + ".new.example.test."
	s := serving(t, "example.test", `$TTL 60
@ SOA ns1 admin 10 3600 600 86400 30
@ NS ns1.elsewhere.test.
old 77 DNAME new
old A 192.0.2.80
hidden.old A 192.0.2.81
www.new A 192.0.2.82
away DNAME elsewhere.test.
far DNAME `+far+"\n")
	soa := []string{exampleSOA}
	runAnswers(t, s, []answerCase{
		{"2.2: the DNAME, a CNAME of its TTL, and what that leads to", "www.old.example.test.", dns.TypeA, 0, true, []string{"old.example.test. 77 IN DNAME new.example.test.", "www.old.example.test. 77 IN CNAME www.new.example.test.", "www.new.example.test. 60 IN A 192.0.2.82"}, nil, nil},
		{"2.3: the owner itself is not redirected", "old.example.test.", dns.TypeA, 0, true, []string{"old.example.test. 60 IN A 192.0.2.80"}, nil, nil},
		{"the DNAME asked for", "old.example.test.", dns.TypeDNAME, 0, true, []string{"old.example.test. 77 IN DNAME new.example.test."}, nil, nil},
		{"2.4: names below it are not seen", "hidden.old.example.test.", dns.TypeA, dns.RcodeNameError, true, []string{"old.example.test. 77 IN DNAME new.example.test.", "hidden.old.example.test. 77 IN CNAME hidden.new.example.test."}, soa, nil},
		{"out of our zones: as far as we know", "x.away.example.test.", dns.TypeA, 0, true, []string{"away.example.test. 60 IN DNAME elsewhere.test.", "x.away.example.test. 60 IN CNAME x.elsewhere.test."}, nil, nil},
		{"2.2: the name would be too long: YXDOMAIN, with the DNAME", label + ".far.example.test.", dns.TypeA, dns.RcodeYXDomain, true, []string{"far.example.test. 60 IN DNAME " + far}, nil, nil},
	})
	// RFC 3597, 4 and RFC 6672, 2.5: the name in a DNAME is never compressed.
	if answer := string(s.raw(t, pack(t, question("old.example.test.", dns.TypeDNAME), nil))); !strings.Contains(answer[30:], "\x03new\x07example\x04test\x00") {
		t.Errorf("the target is compressed: %q", answer)
	}
}

// RFC 2308, 3: the TTL of the SOA in a negative answer is the lesser of its own and its MINIMUM, either way round.
func TestRFC2308Section3NegativeTTL(t *testing.T) {
	for ttl, minimum := range map[int]int{20: 30, 40: 30} {
		s := serving(t, "example.test", fmt.Sprintf("@ %d SOA ns1 admin 10 3600 600 86400 %d\n@ 60 NS ns1.elsewhere.test.\nwww 60 A 192.0.2.1\n", ttl, minimum))
		for _, name := range []string{"www.example.test.", "no.example.test."} {
			r := s.ask(t, "udp", name, dns.TypeAAAA)
			if len(r.Ns) != 1 || r.Ns[0].Header().Ttl != uint32(min(ttl, minimum)) {
				t.Errorf("%s with TTL %d and MINIMUM %d: %v", name, ttl, minimum, r.Ns)
			}
		}
		if r := s.ask(t, "udp", "example.test.", dns.TypeSOA); r.Answer[0].Header().Ttl != uint32(ttl) {
			t.Errorf("asked for, it keeps its own TTL: %v", r.Answer)
		}
	}
}

// "Rotation ... the set always complete", a "TC answer must not always cut the same records", and each set on its own: a client that asks A, then
// AAAA, sees all of both first equally often.
func TestRotationOfPairsOfTypes(t *testing.T) {
	s := serving(t, "example.test", `$TTL 1
@ SOA ns1 admin 10 3600 600 86400 30
@ NS ns1.elsewhere.test.
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
www AAAA 2001:db8::2
alias CNAME www
`)
	first := map[string]int{}
	for range 50 {
		for _, q := range []uint16{dns.TypeA, dns.TypeAAAA} {
			r := s.ask(t, "udp", "www.example.test.", q)
			if len(r.Answer) != 2 || r.Answer[0].String() == r.Answer[1].String() {
				t.Fatalf("%v", r.Answer)
			}
			first[lines(r.Answer)[0]]++
		}
	}
	for text, n := range first {
		if n != 25 {
			t.Errorf("%s came first %d times of 50", text, n)
		}
	}
	for range 4 {
		if r := s.ask(t, "udp", "alias.example.test.", dns.TypeA); r.Answer[0].Header().Rrtype != dns.TypeCNAME {
			t.Errorf("a CNAME stands before its target: %v", r.Answer)
		}
	}
}

// A chain of aliases that goes from one of our zones to the other and back is followed through 16 aliases, not further, and not in a circle.
func TestRFC6604Section3AliasChainsOverZones(t *testing.T) {
	s := newSite(t)
	var one, other strings.Builder
	one.WriteString("$TTL 60\n@ SOA ns1 admin 10 3600 600 86400 30\n@ NS ns1.elsewhere.test.\nround CNAME round.other.test.\n")
	other.WriteString("$TTL 60\n@ SOA ns1 admin 7 3600 600 86400 30\n@ NS ns1.elsewhere.test.\nround CNAME round.example.test.\n")
	for i := range 15 {
		fmt.Fprintf(&one, "l%d CNAME l%[1]d.other.test.\n", i)
		fmt.Fprintf(&other, "l%d CNAME l%d.example.test.\n", i, i+1)
	}
	one.WriteString("l15 A 192.0.2.15\n")
	s.write(t, "db.example", one.String())
	s.write(t, "db.other", other.String())
	s.start(t)
	for from, want := range map[int]int{15: 0, 14: 2, 8: 14, 7: 16} { // aliases on the way to l15
		r := s.ask(t, "tcp", fmt.Sprintf("l%d.example.test", from), dns.TypeA)
		if n := len(r.Answer); r.Rcode != 0 || n != want+1 && want < 16 || n < want || n > 17 {
			t.Errorf("l%d: %s, %d records after %d aliases", from, dns.RcodeToString[r.Rcode], n, want)
		}
		owner := fmt.Sprintf("l%d.example.test.", from)
		for i, rr := range r.Answer {
			if rr.Header().Name != owner {
				t.Errorf("l%d: record %d is %s, expected one of %s", from, i, rr, owner)
			}
			if alias, ok := rr.(*dns.CNAME); ok {
				owner = alias.Target
			}
		}
	}
	if r := s.ask(t, "tcp", "l0.example.test", dns.TypeA); r.Rcode != 0 || len(r.Answer) < 16 || len(r.Answer) > 17 {
		t.Errorf("30 aliases: %s, %d records", dns.RcodeToString[r.Rcode], len(r.Answer))
	}
	if r := s.ask(t, "tcp", "round.example.test", dns.TypeA); r.Rcode != 0 || len(r.Answer) != 2 {
		t.Errorf("a circle over two zones: %s, %v", dns.RcodeToString[r.Rcode], r.Answer)
	}
}
