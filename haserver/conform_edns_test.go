package haserver

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"loadshare/haserver/siphash"

	"github.com/miekg/dns"
)

// extendedRcode is the RCODE with the part that is in OPT.
func extendedRcode(t testing.TB, b []byte) (int, *dns.Msg) {
	t.Helper()
	r := new(dns.Msg)
	if err := r.Unpack(b); err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	return r.Rcode, r
}

// RFC 6891: OPT in every response to it, errors too, none without; size 1232, version 0, DO copied (3225 3), unknown options and flags
// not echoed.
func TestRFC6891OptInTheAnswer(t *testing.T) {
	s := started(t)
	for _, name := range []string{"www.example.test.", "no.example.test.", "www.elsewhere.test.", "www.sub.example.test."} {
		if r := s.ask(t, "udp", name, dns.TypeA); r.IsEdns0() != nil {
			t.Errorf("%s: OPT without being asked", name)
		}
		for _, do := range []bool{false, true} {
			m := question(name, dns.TypeA)
			m.SetEdns0(4096, do)
			m.IsEdns0().Hdr.Ttl |= 0x1234 // unknown flags
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")}, &dns.EDNS0_SUBNET{Code: 8, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}}}
			_, r := extendedRcode(t, s.raw(t, pack(t, m, nil)))
			o := r.IsEdns0()
			if o == nil || o.UDPSize() != 1232 || o.Version() != 0 || o.Do() != do || o.Hdr.Ttl&0x7FFF != 0 {
				t.Errorf("%s: OPT %v", name, o)
				continue
			}
			for _, opt := range o.Option {
				if opt.Option() != dns.EDNS0EDE {
					t.Errorf("%s: option %v echoed", name, opt)
				}
			}
		}
	}
}

// RFC 6891 6.1.3: version over 0: BADVERS, version 0 in our OPT, no answer data.
func TestRFC6891BadVersion(t *testing.T) {
	s := started(t)
	m := question("www.example.test.", dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().SetVersion(1)
	rcode, r := extendedRcode(t, s.raw(t, pack(t, m, nil)))
	if rcode != dns.RcodeBadVers || r.IsEdns0().Version() != 0 || len(r.Answer) != 0 {
		t.Errorf("%v", r)
	}
}

// RFC 6891 6.1.1 and 6.1.2: two OPT, owner not root, options that overrun, OPT in another section: FORMERR.
func TestRFC6891Form(t *testing.T) {
	s := started(t)
	base := pack(t, question("www.example.test.", dns.TypeA), nil)
	opt := "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
	cases := map[string]struct {
		section int
		text    string
		count   byte
	}{
		"two OPT":                  {3, opt + opt, 2},
		"owner not root":           {3, "\x01a" + opt, 1},
		"OPT in answer":            {1, opt, 1},
		"OPT in authority":         {2, opt, 1},
		"option header cut":        {3, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x03\x00\x03\x00", 1},
		"option longer than RDATA": {3, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x05\x00\x03\x00\x02\x00", 1},
		"cookie of 7 octets":       {3, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0b\x00\x0a\x00\x071234567", 1},
		"cookie of 9 octets":       {3, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0d\x00\x0a\x00\x09123456789", 1},
		"cookie of 41 octets":      {3, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x2d\x00\x0a\x00\x2912345678901234567890123456789012345678901", 1},
	}
	for rule, c := range cases {
		msg := append([]byte{}, base...)
		msg[5+2*c.section] = c.count
		answer := s.raw(t, append(msg, c.text...))
		if answer == nil {
			t.Errorf("%s: dropped", rule)
			continue
		}
		if _, rcode := header(answer); rcode != dns.RcodeFormatError {
			t.Errorf("%s: %s", rule, dns.RcodeToString[rcode])
		}
	}
}

// RFC 5001: NSID is told when it is asked for, and only then.
func TestRFC5001NSID(t *testing.T) {
	s := started(t)
	r := s.ask(t, "udp", "www.example.test", dns.TypeA, edns, func(m *dns.Msg) {
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	})
	o := r.IsEdns0().Option
	if len(o) != 1 || o[0].(*dns.EDNS0_NSID).Nsid != hex.EncodeToString([]byte("ns1")) {
		t.Errorf("%v", o)
	}
	if r := s.ask(t, "udp", "www.example.test", dns.TypeA, edns); len(r.IsEdns0().Option) != 0 {
		t.Errorf("%v", r.IsEdns0().Option)
	}
}

// RFC 6891 6.2.5: no answer is larger than the client takes; options are left out first.
func TestOptionsDoNotBreakTheLimit(t *testing.T) {
	s := newSite(t)
	s.write(t, "dns.toml", strings.Replace(confText, `nsid = "ns1"`, `nsid = "`+strings.Repeat("n", 128)+`"`, 1))
	s.start(t)
	long := strings.Repeat("abcdefghi.", 22) + "example.test"
	m := updateMsg(t, long, "x."+long+". 1 A 192.0.2.1")
	cookie("0102030405060708")(m)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
	m.IsEdns0().SetUDPSize(512)
	c, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(pack(t, m, nil))
	answer := make([]byte, 1500)
	n, err := c.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	if answer = answer[:n]; n > 512 {
		t.Errorf("%d octets", n)
	}
	if rcode, r := extendedRcode(t, answer); rcode != dns.RcodeNotAuth || r.IsEdns0() == nil {
		t.Errorf("%v", r)
	}
}

func cookie(text string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: text}}
	}
}

func cookieIn(r *dns.Msg) string {
	if o := r.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if c, ok := opt.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}

// RFC 7873 5.2 and RFC 9018 4: client cookie only: client + server cookie; with a wrong server cookie the answer is normal with a new
// one; QDCOUNT 0 with a cookie: NOERROR, cookie only (5.4).
func TestRFC7873Cookies(t *testing.T) {
	s := started(t)
	r := s.ask(t, "udp", "www.example.test", dns.TypeA, cookie("0102030405060708"))
	got := cookieIn(r)
	if len(got) != 48 || got[:16] != "0102030405060708" || got[16:24] != "01000000" || len(r.Answer) != 3 {
		t.Fatalf("cookie %q", got)
	}
	r = s.ask(t, "udp", "www.example.test", dns.TypeA, cookie("0102030405060708ffffffffffffffff"))
	if c := cookieIn(r); len(c) != 48 || r.Rcode != 0 || len(r.Answer) != 3 {
		t.Errorf("wrong server cookie: %v", r)
	}
	m := new(dns.Msg)
	m.Id = 4711
	cookie("0102030405060708")(m)
	rcode, r := extendedRcode(t, s.raw(t, pack(t, m, nil)))
	if rcode != 0 || len(cookieIn(r)) != 48 || len(r.Question) != 0 {
		t.Errorf("cookie alone: %v", r)
	}
}

// RFC 9018 appendix A.1: the server cookie for a client cookie, address, time and secret.
func TestRFC9018Vector(t *testing.T) {
	secret, _ := hex.DecodeString("e5e973e5a6b2a43f48e7dc849e37bfcf")
	key := cookieKey(siphash.KeyFrom(secret))
	var c [24]byte
	client, _ := hex.DecodeString("2464c4abcf10c957")
	copy(c[:], client)
	from := netip.MustParseAddr("198.51.100.100")
	key.make(&c, from, 1559731985)
	if got := hex.EncodeToString(c[:]); got != "2464c4abcf10c957010000005cf79f111f8130c3eee29480" {
		t.Errorf("cookie %s", got)
	}
	if !key.valid(c[:], from, 1559731985+1800) || key.valid(c[:], from, 1559731985+3601) || key.valid(c[:], netip.MustParseAddr("198.51.100.101"), 1559731985) {
		t.Error("valid for an hour, for that address alone")
	}
}

// RFC 1996 3: NOTIFY to a primary is answered and nothing is done; not ours: NOTAUTH; QDCOUNT != 1: FORMERR.
func TestRFC1996NotifyToAPrimary(t *testing.T) {
	s := started(t)
	want := map[string]int{"example.test.": 0, "www.example.test.": dns.RcodeNotAuth, "elsewhere.test.": dns.RcodeNotAuth}
	for name, rcode := range want {
		m := new(dns.Msg)
		m.SetNotify(name)
		r, err := s.send("udp", m)
		if err != nil || r.Rcode != rcode || r.Opcode != dns.OpcodeNotify {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
	odd := new(dns.Msg)
	odd.SetNotify("example.test.")
	odd.Question[0].Qtype = dns.TypeAXFR
	if r, err := s.send("tcp", odd); err != nil || r.Opcode != dns.OpcodeNotify || len(r.Answer) != 0 {
		t.Errorf("NOTIFY of type AXFR: %v %v", r, err)
	}
	m := new(dns.Msg)
	m.SetNotify("example.test.")
	m.Question = append(m.Question, m.Question[0])
	if _, rcode := header(s.raw(t, pack(t, m, nil))); rcode != dns.RcodeFormatError {
		t.Errorf("QDCOUNT 2: %s", dns.RcodeToString[rcode])
	}
}

// dns-standards 6, RRL: over the rate drop, every second answer slips as an empty one with TC; TCP, cookies, TSIG and loopback are free;
// what does not exist is counted under the zone, wildcards under the wildcard.
func TestRateLimit(t *testing.T) {
	s := started(t)
	now := time.Unix(1_700_000_000, 0)
	w := newWorker(s.server, &counters{})
	w.now = func() time.Time { return now }
	stranger, neighbour, other := netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("192.0.2.78"), netip.MustParseAddr("198.51.100.1")
	s.server.view.Load().rate.start = now.Add(-time.Hour)
	ask := func(from netip.Addr, tcp bool, m *dns.Msg) (full, slipped, dropped int) {
		msg := pack(t, m, nil)
		if m.IsTsig() != nil {
			msg, _, _ = dns.TsigGenerate(m, ddnsSecret, "", false)
		}
		for range 40 {
			answer, _ := w.handle(msg, from, tcp)
			switch {
			case answer == nil:
				dropped++
			case answer[2]&2 != 0:
				slipped++
			default:
				full++
			}
		}
		return
	}
	expect := func(what string, f, sl, d int, wantFull, wantSlip, wantDrop int) {
		t.Helper()
		if f != wantFull || sl != wantSlip || d != wantDrop {
			t.Errorf("%s: %d whole, %d slipped, %d dropped; want %d, %d, %d", what, f, sl, d, wantFull, wantSlip, wantDrop)
		}
	}
	www := question("www.example.test.", dns.TypeA)
	f, sl, d := ask(stranger, false, www)
	expect("a stranger", f, sl, d, 20, 10, 10)
	f, sl, d = ask(neighbour, false, www)
	expect("its neighbour in the same /24", f, sl, d, 0, 20, 20)
	f, sl, d = ask(other, false, www)
	expect("another network", f, sl, d, 20, 10, 10)
	f, sl, d = ask(stranger, false, question("ns1.example.test.", dns.TypeA))
	expect("another name", f, sl, d, 20, 10, 10)
	f, sl, d = ask(stranger, true, www)
	expect("TCP", f, sl, d, 40, 0, 0)
	f, sl, d = ask(netip.MustParseAddr("127.0.0.5"), false, www)
	expect("loopback", f, sl, d, 40, 0, 0)
	f, sl, d = ask(stranger, false, question("no1.example.test.", dns.TypeA))
	expect("a name that does not exist", f, sl, d, 20, 10, 10)
	f, sl, d = ask(stranger, false, question("no2.example.test.", dns.TypeA))
	expect("another that does not", f, sl, d, 0, 20, 20)
	f, sl, d = ask(stranger, false, question("a.wild.example.test.", dns.TypeA))
	expect("a wildcard", f, sl, d, 20, 10, 10)
	f, sl, d = ask(stranger, false, question("b.wild.example.test.", dns.TypeA))
	expect("the same wildcard", f, sl, d, 0, 20, 20)
	f, sl, d = ask(stranger, false, question("www.elsewhere.test.", dns.TypeA))
	expect("refusals", f, sl, d, 20, 10, 10)

	forger := netip.MustParseAddr("203.0.113.9")
	bad, _ := sign(t, question("www.example.test.", dns.TypeA), "nobody.", ddnsSecret, nil)
	update := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
	update.SetEdns0(1232, false)
	answered := 0
	for range 40 {
		if answer, _ := w.handle(bad, forger, false); answer != nil && answer[2]&2 == 0 {
			answered++
		}
	}
	for range 40 {
		w.slow(pack(t, update, nil), forger, false, func([]byte) error { answered++; return nil })
	}
	if answered != 20 {
		t.Errorf("%d answers to what was refused, unproved, over UDP; want 20", answered)
	}

	var c [24]byte
	s.server.cookies.make(&c, stranger, uint32(now.Unix()))
	withCookie := question("www.example.test.", dns.TypeA)
	cookie(hex.EncodeToString(c[:]))(withCookie)
	f, sl, d = ask(stranger, false, withCookie)
	expect("a good cookie", f, sl, d, 40, 0, 0)

	now = now.Add(500 * time.Millisecond)
	f, sl, d = ask(stranger, false, www)
	expect("half a second later", f, sl, d, 10, 15, 15)
}
