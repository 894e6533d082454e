package haserver

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// withOptions adds an OPT record with options as octets: code, length, data.
func withOptions(b []byte, options ...byte) []byte {
	b = append(bytes.Clone(b), 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, byte(len(options)>>8), byte(len(options)))
	b[11]++
	return append(b, options...)
}

// RFC 7873, 5.2.2: a COOKIE option is 8 octets, or 16 to 40; any other length is FORMERR, and OPT is in that answer too.
func TestRFC7873Section5_2_2Lengths(t *testing.T) {
	s := started(t)
	q := pack(t, question("www.example.test.", dns.TypeA), nil)
	for n := range 45 {
		option := append([]byte{0, 10, 0, byte(n)}, make([]byte, n)...)
		rcode, r := extendedRcode(t, s.raw(t, withOptions(q, option...)))
		want := dns.RcodeFormatError
		if n == 8 || n >= 16 && n <= 40 {
			want = dns.RcodeSuccess
		}
		if rcode != want || r.IsEdns0() == nil || (cookieIn(r) != "") != (want == 0) {
			t.Errorf("%d octets: %v", n, r)
		}
	}
}

// RFC 7873, 5.3 and RFC 9018, 4.4: the cookie that was made here is good again, and is answered by one that is good too; another client's is not.
func TestRFC7873Section5_2_5GoodCookie(t *testing.T) {
	s := started(t)
	first := cookieIn(s.ask(t, "udp", "www.example.test", dns.TypeA, cookie("0102030405060708")))
	r := s.ask(t, "udp", "www.example.test", dns.TypeA, cookie(first))
	if r.Rcode != 0 || len(r.Answer) != 3 || len(cookieIn(r)) != 48 || cookieIn(r)[:16] != first[:16] {
		t.Errorf("%v", r)
	}
	if other := cookieIn(s.ask(t, "udp", "www.example.test", dns.TypeA, cookie("1112131415161718"))); other[32:] == first[32:] {
		t.Errorf("two clients have the same server cookie %s", other)
	}
}

// RFC 6891, 6.1.1 and 7: "OPT in every response to it, errors too; none without": updates, NOTIFY and whatever is refused.
func TestRFC6891Section6_1_1EveryAnswer(t *testing.T) {
	s := started(t)
	notify := func(name string) *dns.Msg { m := new(dns.Msg); m.SetNotify(name); return m }
	chaos := question("www.example.test.", dns.TypeA)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	for rule, m := range map[string]*dns.Msg{
		"answer":          question("www.example.test.", dns.TypeA),
		"NODATA":          question("www.example.test.", dns.TypeMX),
		"TC":              question("huge.example.test.", dns.TypeTXT),
		"meta type":       question("www.example.test.", dns.TypeMAILB),
		"AXFR over UDP":   question("example.test.", dns.TypeAXFR),
		"class CH":        chaos,
		"NOTIFY":          notify("example.test."),
		"NOTIFY, NOTAUTH": notify("elsewhere.test."),
		"update, REFUSED": updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"),
		"update, NOTAUTH": updateMsg(t, "elsewhere.test", "x.elsewhere.test. 1 A 192.0.2.1"),
		"IXFR, REFUSED":   ixfr("example.test.", 3),
	} {
		for _, do := range []bool{false, true} {
			with := m.Copy()
			with.SetEdns0(4096, do)
			_, r := extendedRcode(t, s.raw(t, pack(t, with, nil)))
			if o := r.IsEdns0(); o == nil || o.UDPSize() != 1232 || o.Version() != 0 || o.Do() != do {
				t.Errorf("%s: OPT %v", rule, o)
			}
		}
		if _, r := extendedRcode(t, s.raw(t, pack(t, m, nil))); r.IsEdns0() != nil {
			t.Errorf("%s: OPT without being asked", rule)
		}
	}
}

// RFC 6891, 6.1.3: "version > 0: BADVERS, no answer data": an update of another version changes nothing.
func TestRFC6891Section6_1_3BadVersionOfAnUpdate(t *testing.T) {
	s := started(t)
	for version := range uint8(3) {
		m := updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1")
		m.SetEdns0(1232, false)
		m.IsEdns0().SetVersion(version)
		msg, _ := sign(t, m, "ddns.", ddnsSecret, nil)
		rcode, r := extendedRcode(t, s.raw(t, msg))
		want, serial := dns.RcodeBadVers, uint32(11)
		if version == 0 {
			want = dns.RcodeSuccess
		}
		if rcode != want || r.IsEdns0().Version() != 0 || s.serial(t, "example.test") != serial {
			t.Errorf("version %d: %v", version, r)
		}
	}
}

// Options that we have no use for are ignored and not sent back: RFC 7828, 3.2.1 (keepalive over UDP), RFC 7830, 4 (padding is for encrypted
// transports), RFC 7871, 7.2.1 (ECS), RFC 6891, 6.1.2 (any other).
func TestRFC6891Section6_1_2OptionsOfNoUse(t *testing.T) {
	s := started(t)
	q := pack(t, question("www.example.test.", dns.TypeA), nil)
	for name, option := range map[string][]byte{
		"keepalive":                {0, 11, 0, 0},
		"keepalive with a timeout": {0, 11, 0, 2, 0, 100},
		"padding":                  {0, 12, 0, 4, 0, 0, 0, 0},
		"client subnet":            {0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2},
		"client subnet, malformed": {0, 8, 0, 1, 0},
		"expire (RFC 7314)":        {0, 9, 0, 0},
		"private":                  {0xfd, 0xe9, 0, 3, 'a', 'b', 'c'},
		"several":                  {0, 11, 0, 0, 0, 12, 0, 1, 0, 0xfd, 0xe9, 0, 0},
		"empty":                    {},
	} {
		rcode, r := extendedRcode(t, s.raw(t, withOptions(q, option...)))
		if rcode != 0 || len(r.Answer) != 3 || r.IsEdns0() == nil || len(r.IsEdns0().Option) != 0 {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// ixfrQuestion asks for what came after serial 1.
func ixfrQuestion(name string) *dns.Msg {
	m := new(dns.Msg)
	return m.SetIxfr(name, 1, "ns1."+name, "admin."+name)
}

// RFC 8914: refusals say why, with the code that fits, to a client that sent OPT, in an answer that is not larger than it takes.
func TestRFC8914Explanations(t *testing.T) {
	s := started(t)
	for _, c := range []struct {
		rule string
		msg  *dns.Msg
		code uint16
		text string
	}{
		{"a zone that is not ours, asked", question("www.elsewhere.test.", dns.TypeA), dns.ExtendedErrorCodeNotAuthoritative, ""},
		{"a zone that is not ours, to be changed", updateMsg(t, "elsewhere.test"), dns.ExtendedErrorCodeNotAuthoritative, NotOurZone.String()},
		{"no right", updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"), dns.ExtendedErrorCodeProhibited, NoGrant.String()},
		{"a zone section that is none", func() *dns.Msg { m := updateMsg(t, "example.test"); m.Question[0].Qtype = dns.TypeA; return m }(), dns.ExtendedErrorCodeOther, Malformed.String()},
		{"a transfer without right", ixfrQuestion("example.test."), dns.ExtendedErrorCodeProhibited, "no transfer grant of the zone is for 127.0.0.1"},
		{"a transfer of a zone that is not ours", ixfrQuestion("elsewhere.test."), dns.ExtendedErrorCodeNotAuthoritative, "this server has no such zone"},
	} {
		c.msg.SetEdns0(512, false)
		answer := s.raw(t, pack(t, c.msg, nil))
		_, r := extendedRcode(t, answer)
		found := false
		for _, o := range r.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				found = e.InfoCode == c.code && (c.text == "" || refusal(r) == c.text)
			}
		}
		if !found || len(answer) > 512 {
			t.Errorf("%s: %d octets, %v", c.rule, len(answer), r)
		}
	}
}
