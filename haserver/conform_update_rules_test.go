package haserver

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// RFC 2136, 3.1: "ZOCOUNT != 1: FORMERR; ZTYPE != SOA: FORMERR; not one of our zones, by name and class: NOTAUTH". The zone's name
// has no case.
func TestRFC2136Section3_1ZoneSection(t *testing.T) {
	s := started(t)
	base := func(edit func(*dns.Msg)) *dns.Msg {
		m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
		m.SetEdns0(1232, false)
		edit(m)
		return m
	}
	_, before := s.content(t, "example.test.")
	for _, c := range []struct {
		rule   string
		msg    *dns.Msg
		rcode  int
		reason Reason
	}{
		{"3.1.1: no zone", base(func(m *dns.Msg) { m.Question = nil }), dns.RcodeFormatError, Malformed},
		{"3.1.1: two zones", base(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), dns.RcodeFormatError, Malformed},
		{"3.1.1: type A", base(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), dns.RcodeFormatError, Malformed},
		{"3.1.1: type ANY", base(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeANY }), dns.RcodeFormatError, Malformed},
		{"3.1.2: a name in our zone", base(func(m *dns.Msg) { m.Question[0].Name = "www.example.test." }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: the child of a cut in our zone", base(func(m *dns.Msg) { m.Question[0].Name = "sub.example.test." }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: a name above our zone", base(func(m *dns.Msg) { m.Question[0].Name = "test." }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: the root", base(func(m *dns.Msg) { m.Question[0].Name = "." }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: by labels: xexample.test is not example.test", base(func(m *dns.Msg) { m.Question[0].Name = "xexample.test." }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: class CH", base(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeNotAuth, NotOurZone},
		{"3.1.2: class NONE", base(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassNONE }), dns.RcodeNotAuth, NotOurZone},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m := c.msg.Copy()
			signed("ddns.")(m)
			r, err := s.send(network, m)
			if err != nil && !errors.Is(err, dns.ErrAuth) {
				t.Fatal(err)
			}
			if r.Rcode != c.rcode || refusal(r) != c.reason.String() || r.Opcode != dns.OpcodeUpdate {
				t.Errorf("%s (%s): %s, %q", c.rule, network, dns.RcodeToString[r.Rcode], refusal(r))
			}
		}
	}
	if serial, after := s.content(t, "example.test."); serial != 10 || !cmp.Equal(before, after) {
		t.Errorf("serial %d; the zone was changed: %s", serial, cmp.Diff(before, after))
	}
	if rcode := s.update(t, "udp", "ddns.", base(func(m *dns.Msg) { m.Question[0].Name = "EXAMPLE.Test." })); rcode != 0 || s.serial(t, "example.test") != 11 {
		t.Errorf("RFC 4343: the zone in another case: %s", dns.RcodeToString[rcode])
	}
}

// RFC 2136, 3.3: "who may not: REFUSED", signed when the request was (RFC 8945, 5.3), and nothing is changed.
func TestRFC2136Section3_3Permission(t *testing.T) {
	s := started(t)
	for _, c := range []struct {
		rule, key, record string
		reason            Reason
	}{
		{"no TSIG where one is needed", "", "x.example.test. 1 A 192.0.2.1", NoGrant},
		{"a key without a grant for the zone", "xfer.", "x.example.test. 1 A 192.0.2.1", NoGrant},
		{"a key whose grant is for other names", "limited.", "x.example.test. 1 A 192.0.2.1", NoGrantSet},
		{"for other types", "limited.", "x.dyn.example.test. 1 TXT x", NoGrantSet},
		{"to delete is to change", "limited.", "-www.example.test. 1 A 192.0.2.11", NoGrantSet},
	} {
		m := updateMsg(t, "example.test", c.record)
		m.SetEdns0(1232, false)
		if c.key != "" {
			signed(c.key)(m)
		}
		r, err := s.send("udp", m)
		if err != nil {
			t.Fatalf("%s: %v", c.rule, err)
		}
		ts := r.IsTsig()
		if r.Rcode != dns.RcodeRefused || refusal(r) != c.reason.String() || (ts != nil) != (c.key != "") || ts != nil && (ts.Error != 0 || ts.MACSize == 0) {
			t.Errorf("%s: %v", c.rule, r)
		}
	}
	if n := s.serial(t, "example.test"); n != 10 {
		t.Errorf("serial %d", n)
	}
}

// RFC 2136, 3.6 and 7.11: "at 4294967295 the next is 1": the serial is never 0, and a step is never 2^31 or more.
func TestRFC2136Section3_6SerialWraps(t *testing.T) {
	s := newSite(t)
	s.write(t, "db.example", strings.Replace(exampleZone, "admin 10 ", "admin 4294967294 ", 1))
	s.start(t)
	for i, want := range []uint32{4294967295, 1, 2} {
		if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", fmt.Sprintf("n%d.example.test. 1 A 192.0.2.1", i))); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
		if n := s.serial(t, "example.test"); n != want {
			t.Errorf("serial %d, want %d", n, want)
		}
	}
	s.stop(t)
	s.start(t)
	if n := s.serial(t, "example.test"); n != 2 {
		t.Errorf("serial %d after a restart, want 2", n)
	}
}

// RFC 2136, 3.4.2 and 3.7: "atomic": whoever asks while messages replace a set sees a set that one message made, and in a transfer
// all sets are of one message.
func TestRFC2136Section3_7Atomicity(t *testing.T) {
	s := started(t)
	const updates = 60
	// Message i gives two names the same two addresses, numbered by i.
	message := func(i int) *dns.Msg {
		m := new(dns.Msg)
		m.SetUpdate("example.test.")
		for _, name := range []string{"left", "right"} {
			m.Ns = append(m.Ns, records(t, fmt.Sprintf("%s.example.test. 0 ANY A\n%[1]s.example.test. 1 IN A 10.0.%[2]d.1\n%[1]s.example.test. 1 IN A 10.0.%[2]d.2", name, i), "")...)
		}
		return m
	}
	if rcode := s.update(t, "tcp", "ddns.", message(0)); rcode != 0 {
		t.Fatal(dns.RcodeToString[rcode])
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	whole := func(rrs []dns.RR, want int) error {
		number := ""
		n := 0
		for _, rr := range rrs {
			a, ok := rr.(*dns.A)
			if !ok || a.Hdr.Name != "left.example.test." && a.Hdr.Name != "right.example.test." {
				continue
			}
			n++
			octets := strings.Split(a.A.String(), ".")
			if number == "" {
				number = octets[2]
			}
			if octets[2] != number {
				return fmt.Errorf("two messages in one answer: %v", rrs)
			}
		}
		if n != want {
			return fmt.Errorf("%d records, want %d: %v", n, want, rrs)
		}
		return nil
	}
	looks := make([]int, 3)
	for i, look := range []func() error{
		func() error { return whole(s.ask(t, "udp", "left.example.test", dns.TypeA).Answer, 2) },
		func() error { return whole(s.ask(t, "tcp", "right.example.test", dns.TypeA).Answer, 2) },
		func() error { return whole(s.transfer(t, "example.test.", "xfer."), 4) },
	} {
		wg.Go(func() {
			for {
				if err := look(); err != nil {
					t.Error(err)
					return
				}
				looks[i]++
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range updates {
		if rcode := s.update(t, "tcp", "ddns.", message(i+1)); rcode != 0 {
			t.Errorf("update %d: %s", i, dns.RcodeToString[rcode])
			break
		}
	}
	close(done)
	wg.Wait()
	if slices.Contains(looks, 0) {
		t.Errorf("nobody looked: %v", looks)
	}
	if n := s.serial(t, "example.test"); n != 11+updates {
		t.Errorf("serial %d, want %d: each message is one step", n, 11+updates)
	}
}

// "BIND limits records per RRset: have such a limit, with REFUSED" (dns-standards, 2.5): 1000 records in a set, 256 types at a name. The whole
// message is refused.
func TestRFC2136Limits(t *testing.T) {
	s := started(t)
	set := func(n int) *dns.Msg {
		m := updateMsg(t, "example.test", "first.example.test. 1 A 192.0.2.1")
		for i := range n {
			m.Ns = append(m.Ns, record(t, fmt.Sprintf("set.example.test. 1 IN A 10.0.%d.%d", i/250, i%250)))
		}
		return m
	}
	types := func(n int) *dns.Msg {
		m := updateMsg(t, "example.test", "first.example.test. 1 A 192.0.2.1")
		for i := range n {
			m.Ns = append(m.Ns, record(t, fmt.Sprintf(`types.example.test. 1 IN TYPE%d \# 01`, 60000+i)))
		}
		return m
	}
	for _, c := range []struct {
		rule   string
		msg    *dns.Msg
		rcode  int
		serial uint32
	}{
		{"1001 records", set(1001), dns.RcodeRefused, 10},
		{"257 types", types(257), dns.RcodeRefused, 10},
		{"1000 records", set(1000), 0, 11},
		{"256 types", types(256), 0, 12},
	} {
		if rcode := s.update(t, "tcp", "ddns.", c.msg); rcode != c.rcode {
			t.Errorf("%s: %s", c.rule, dns.RcodeToString[rcode])
		}
		if n := s.serial(t, "example.test"); n != c.serial {
			t.Errorf("%s: serial %d, want %d", c.rule, n, c.serial)
		}
		if r := s.ask(t, "udp", "first.example.test", dns.TypeA); c.serial == 10 && r.Rcode != dns.RcodeNameError {
			t.Errorf("%s: the first record was applied: %v", c.rule, r)
		}
	}
	if n := s.count(BadUpdate); n != 2 {
		t.Errorf("%d times %s", n, BadUpdate)
	}
}

// RFC 4703, 5.3 to 5.5: the messages of two DHCP servers about one name, whose owner the DHCID record (RFC 4701) tells.
func TestRFC4703DHCPClients(t *testing.T) {
	s := started(t)
	const mine, other = "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No="
	const n = "chi.example.test."
	taken := n + " 5 IN A 192.0.2.101\n" + n + " 5 IN DHCID " + mine
	for _, c := range []struct {
		rule, prereq, update string
		rcode                int
		addresses            []string
	}{
		{"5.3.1: the name is not in use", n + " 0 NONE ANY", taken, 0, []string{"192.0.2.101"}},
		{"5.3.1: another client's name: it is in use", n + " 0 NONE ANY", n + " 5 IN A 192.0.2.102", dns.RcodeYXDomain, []string{"192.0.2.101"}},
		{"5.3.2: and not its DHCID", n + " 0 IN DHCID " + other, n + " 0 ANY A\n" + n + " 5 IN A 192.0.2.102", dns.RcodeNXRrset, []string{"192.0.2.101"}},
		{"5.3.2: the same client has another address", n + " 0 IN DHCID " + mine, n + " 0 ANY A\n" + n + " 5 IN A 192.0.2.103", 0, []string{"192.0.2.103"}},
		{"5.5: the address goes", n + " 0 IN DHCID " + mine, n + " 0 NONE A 192.0.2.103", 0, nil},
		{"5.5: without addresses the DHCID goes too", n + " 0 IN DHCID " + mine + "\n" + n + " 0 NONE A\n" + n + " 0 NONE AAAA", n + " 0 ANY DHCID", 0, nil},
		{"5.5: repeated, since the answer was lost (2136, 7.8): nothing is there to compare with", n + " 0 IN DHCID " + mine, n + " 0 ANY ANY", dns.RcodeNXRrset, nil},
	} {
		m := row{prereq: c.prereq, update: c.update}.message(t, "example.test.")
		if rcode := s.update(t, "udp", "ddns.", m); rcode != c.rcode {
			t.Errorf("%s: %s", c.rule, dns.RcodeToString[rcode])
		}
		var got []string
		for _, rr := range s.ask(t, "udp", n, dns.TypeA).Answer {
			got = append(got, rr.(*dns.A).A.String())
		}
		if !slices.Equal(got, c.addresses) {
			t.Errorf("%s: %v, want %v", c.rule, got, c.addresses)
		}
	}
	if r := s.ask(t, "udp", n, dns.TypeDHCID); r.Rcode != dns.RcodeNameError {
		t.Errorf("something is left: %v", r)
	}
}

// RFC 1035, 4.1.4 and RFC 3597, 4: RDATA names of the types of RFC 1035 may arrive compressed, also into the question; they are
// stored whole, in the case they came in. So may those of SRV and others that some clients compress.
func TestRFC3597Section4CompressionOnInput(t *testing.T) {
	s := started(t)
	toZone := "c00c" // a pointer to the zone's name in the question
	hexName := func(label string) string { return fmt.Sprintf("%02x%s", len(label), hex.EncodeToString([]byte(label))) }
	for typ, c := range map[string][2]string{
		"NS":    {hexName("Host") + toZone, "Host.example.test."},
		"CNAME": {hexName("Host") + toZone, "Host.example.test."},
		"PTR":   {toZone, "example.test."},
		"MX":    {"000a" + hexName("Host") + toZone, "10 Host.example.test."},
		"DNAME": {hexName("Host") + toZone, "Host.example.test."},
		"SRV":   {"000100020050" + hexName("Host") + toZone, "1 2 80 Host.example.test."},
		"RP":    {hexName("Host") + toZone + toZone, "Host.example.test. example.test."},
	} {
		name := strings.ToLower(typ) + "-in.example.test."
		m := row{update: fmt.Sprintf(`%s 1 IN %s \# %s`, name, typ, c[0])}.message(t, "example.test.")
		if rcode := s.update(t, "udp", "ddns.", m); rcode != 0 {
			t.Errorf("%s: %s", typ, dns.RcodeToString[rcode])
			continue
		}
		found := ""
		for _, r := range lines(s.transfer(t, "example.test.", "xfer.")) {
			if rest, ok := strings.CutPrefix(r, name+" 1 IN "+typ+" "); ok {
				found = rest
			}
		}
		if found != c[1] {
			t.Errorf("%s: stored as %q, want %q", typ, found, c[1])
		}
	}
}
