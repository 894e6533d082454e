package haserver

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// probeID is the ID of a question that is sent after something that may be dropped: when its answer comes first, it was.
const probeID = 0x7E57

// raw sends octets by UDP and returns the answer, nil when there is none.
func (s *site) raw(t testing.TB, msg []byte) []byte {
	t.Helper()
	c, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	probe := new(dns.Msg)
	probe.SetQuestion("ns1.example.test.", dns.TypeA)
	probe.Id = probeID
	p, _ := probe.Pack()
	for _, b := range [][]byte{msg, p} {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("not even the question after it was answered: %v", err)
	}
	if binary.BigEndian.Uint16(buf) == probeID {
		if len(msg) < 12 || msg[2]>>3 != dns.OpcodeUpdate { // a question overtakes an update
			return nil
		}
		if n, err = c.Read(buf); err != nil {
			return nil
		}
	}
	return buf[:n]
}

// pack makes the octets of a question and hands them to edit.
func pack(t testing.TB, m *dns.Msg, edit func([]byte) []byte) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		b = edit(b)
	}
	return b
}

func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = 4711
	return m
}

func header(b []byte) (id uint16, rcode int) {
	return binary.BigEndian.Uint16(b), int(b[3] & 15)
}

// dns-standards 0: what is not even a header, and what is an answer, is dropped; what does not parse is FORMERR with a header.
func TestRFC1035MalformedMessages(t *testing.T) {
	s := started(t)
	ask := question("www.example.test.", dns.TypeA)
	const drop = -1
	cases := []struct {
		rule string
		msg  []byte
		want int
	}{
		{"shorter than 12 octets: drop", []byte("12345678901"), drop},
		{"empty: drop", []byte{}, drop},
		{"QR=1 at the server port: drop always (1035 7.3)", pack(t, ask, func(b []byte) []byte { b[2] |= 0x80; return b }), drop},
		{"QR=1 of an unknown opcode: drop", pack(t, ask, func(b []byte) []byte { b[2] = 0x80 | 3<<3; return b }), drop},
		{"QR=1 that does not parse: drop", append([]byte{1, 2, 0x80, 0, 0, 9}, make([]byte, 6)...), drop},
		{"opcode IQUERY: NOTIMP", pack(t, ask, func(b []byte) []byte { b[2] = 1 << 3; return b }), dns.RcodeNotImplemented},
		{"opcode STATUS: NOTIMP", pack(t, ask, func(b []byte) []byte { b[2] = 2 << 3; return b }), dns.RcodeNotImplemented},
		{"opcode DSO: NOTIMP", pack(t, ask, func(b []byte) []byte { b[2] = 6 << 3; return b }), dns.RcodeNotImplemented},
		{"opcode 15: NOTIMP", pack(t, ask, func(b []byte) []byte { b[2] = 15 << 3; return b }), dns.RcodeNotImplemented},
		{"QDCOUNT 0 in a QUERY: FORMERR", pack(t, ask, func(b []byte) []byte { b[5] = 0; return b[:12] }), dns.RcodeFormatError},
		{"QDCOUNT over 1 in a QUERY: FORMERR (9619 4)", pack(t, ask, func(b []byte) []byte { b[5] = 2; return append(b, b[12:]...) }), dns.RcodeFormatError},
		{"cut in the name", pack(t, ask, func(b []byte) []byte { return b[:15] }), dns.RcodeFormatError},
		{"cut in the type", pack(t, ask, func(b []byte) []byte { return b[:len(b)-3] }), dns.RcodeFormatError},
		{"counts larger than the content", pack(t, ask, func(b []byte) []byte { b[10], b[11] = 0xFF, 0xFF; return b }), dns.RcodeFormatError},
		{"octets after the last record", pack(t, ask, func(b []byte) []byte { return append(b, 0) }), dns.RcodeFormatError},
		{"label type 01", pack(t, ask, func(b []byte) []byte { b[12] = 0x41; return b }), dns.RcodeFormatError},
		{"label type 10", pack(t, ask, func(b []byte) []byte { b[12] = 0x81; return b }), dns.RcodeFormatError},
		{"pointer to itself", append(pack(t, ask, nil)[:12], 0xC0, 12, 0, 1, 0, 1), dns.RcodeFormatError},
		{"pointer forward", append(pack(t, ask, nil)[:12], 0xC0, 14, 0, 0, 1, 0, 1), dns.RcodeFormatError},
		{"pointer into the header", append(pack(t, ask, nil)[:12], 0xC0, 4, 0, 1, 0, 1), dns.RcodeFormatError},
		{"name over 255 octets", append(append(pack(t, ask, nil)[:12], []byte(strings.Repeat("\x3f"+strings.Repeat("a", 63), 4))...), 0, 0, 1, 0, 1), dns.RcodeFormatError},
	}
	for _, c := range cases {
		answer := s.raw(t, c.msg)
		if c.want == drop {
			if answer != nil {
				t.Errorf("%s: answered %x", c.rule, answer)
			}
			continue
		}
		if answer == nil {
			t.Errorf("%s: dropped", c.rule)
			continue
		}
		if id, rcode := header(answer); rcode != c.want || id != binary.BigEndian.Uint16(c.msg) {
			t.Errorf("%s: ID %d rcode %s", c.rule, id, dns.RcodeToString[rcode])
		}
		if opcode := answer[2] >> 3 & 15; opcode != c.msg[2]>>3&15 || answer[2]&0x80 == 0 {
			t.Errorf("%s: flags %x: the opcode is copied and QR set", c.rule, answer[2:4])
		}
	}
}

// RFC 1035 4.1.1: "FORMERR: unable to interpret the query". The question that could be read is repeated, as BIND and Knot do: stub resolvers
// take an answer without it for the answer to another question, and wait.
func TestRFC1035QuestionOfAFormErr(t *testing.T) {
	s := started(t)
	ask := pack(t, question("wWw.example.test.", dns.TypeA), nil)
	add := func(additional byte, more string) []byte {
		return append(append(bytes.Clone(ask[:11]), additional), append(ask[12:], more...)...)
	}
	const opt = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00"
	for rule, msg := range map[string][]byte{
		"octets left over":                   add(0, "x"),
		"fewer records than counted":         add(1, ""),
		"two OPT records (6891 6.1.1)":       add(2, opt+"\x00\x00"+opt+"\x00\x00"),
		"an option that is longer than OPT":  add(1, opt+"\x00\x04\x00\x03\x00\x09"),
		"OPT whose owner is not the root":    add(1, "\x01a"+opt+"\x00\x00"),
		"a record with a pointer to nowhere": add(1, "\xc0\xff\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"),
	} {
		want := append(append(bytes.Clone(ask[:2]), ask[2]|0x80, dns.RcodeFormatError, 0, 1, 0, 0, 0, 0, 0, 0), ask[12:]...)
		if answer := s.raw(t, msg); !bytes.Equal(answer, want) {
			t.Errorf("%s: %x, want %x", rule, answer, want)
		}
	}
}

// RFC 1035 4.1.1: ID, opcode, RD and the question are copied, the question octet for octet. RA 0, Z 0, AD 0; TC, AA, RA, Z in a query are ignored.
func TestRFC1035HeaderOfTheAnswer(t *testing.T) {
	s := started(t)
	for _, rd := range []bool{false, true} {
		msg := pack(t, question("wWw.ExAmPlE.tEsT.", dns.TypeA), func(b []byte) []byte {
			b[2] = 0x06 // AA and TC
			if rd {
				b[2] |= 1
			}
			b[3] = 0xF0 // RA, Z, AD, CD
			return b
		})
		answer := s.raw(t, msg)
		if answer == nil {
			t.Fatal("dropped")
		}
		if string(answer[12:len(msg)]) != string(msg[12:]) {
			t.Errorf("question %s, want %s", hex.EncodeToString(answer[12:len(msg)]), hex.EncodeToString(msg[12:]))
		}
		want := byte(0x84) // QR, AA
		if rd {
			want |= 1
		}
		if answer[2] != want || answer[3] != 0 {
			t.Errorf("flags %02x%02x, want %02x00", answer[2], answer[3], want)
		}
	}
}

// RFC 4343 and RFC 2181 11: names compare without case; "store the case as given, answer with the stored case".
func TestRFC4343StoredCase(t *testing.T) {
	s := started(t)
	r := s.ask(t, "udp", "mixed.EXAMPLE.test.", dns.TypeTXT)
	if len(r.Answer) != 1 || r.Answer[0].Header().Name != "MiXed.example.test." {
		t.Errorf("answer %v", r.Answer)
	}
}

// "zone not ours: REFUSED, empty, AA 0; no upward referral. class other than IN: REFUSED", version.bind is not told.
func TestRefusedForWhatIsNotOurs(t *testing.T) {
	s := started(t)
	version := question("version.bind.", dns.TypeTXT)
	version.Question[0].Qclass = dns.ClassCHAOS
	chaos := question("www.example.test.", dns.TypeA)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	for _, m := range []*dns.Msg{question("www.elsewhere.test.", dns.TypeA), question(".", dns.TypeNS), question("test.", dns.TypeNS), question("xexample.test.", dns.TypeA), version, chaos} {
		r, err := s.send("udp", m)
		if err != nil {
			t.Fatal(err)
		}
		if r.Rcode != dns.RcodeRefused || r.Authoritative || len(r.Answer)+len(r.Ns)+len(r.Extra) > 0 {
			t.Errorf("%v: %v", m.Question[0], r)
		}
	}
}

// RFC 7766 8: "octet by octet, two queries in one segment: must work".
func TestRFC7766Framing(t *testing.T) {
	s := started(t)
	c := s.dial(t)
	msg := pack(t, question("www.example.test.", dns.TypeA), nil)
	framed := append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)
	for _, b := range framed {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	s.expectTCP(t, c, 4711)
	if _, err := c.Write(append(append([]byte{}, framed...), framed...)); err != nil {
		t.Fatal(err)
	}
	s.expectTCP(t, c, 4711)
	s.expectTCP(t, c, 4711)
}

// RFC 7766 6.2.1.1: many messages in flight on one connection, answers in any order; each is answered.
func TestRFC7766Pipelining(t *testing.T) {
	s := started(t)
	c := s.dial(t)
	want := map[uint16]bool{}
	var out []byte
	for i := range uint16(300) {
		m := question("www.example.test.", dns.TypeA)
		if i%3 == 0 {
			m = updateMsg(t, "example.test", "p"+string(rune('a'+i%26))+".example.test. 1 A 192.0.2.1")
			m.Id = i
			signed("ddns.")(m)
		}
		m.Id = i
		var b []byte
		if m.IsTsig() != nil {
			var err error
			if b, _, err = dns.TsigGenerate(m, ddnsSecret, "", false); err != nil {
				t.Fatal(err)
			}
		} else {
			b = pack(t, m, nil)
		}
		out = append(append(out, byte(len(b)>>8), byte(len(b))), b...)
		want[i] = true
	}
	go func() { _, _ = c.Write(out) }()
	for range 300 {
		b := readFrame(t, c)
		id, rcode := header(b)
		if !want[id] || rcode != 0 {
			t.Fatalf("answer to %d: %s; expected once", id, dns.RcodeToString[rcode])
		}
		delete(want, id)
	}
}

func (s *site) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func readFrame(t testing.TB, c net.Conn) []byte {
	t.Helper()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *site) expectTCP(t testing.TB, c net.Conn, id uint16) {
	t.Helper()
	if got, rcode := header(readFrame(t, c)); got != id || rcode != 0 {
		t.Fatalf("ID %d, rcode %s", got, dns.RcodeToString[rcode])
	}
}

// RFC 1035, 4.1.1: "opcode not implemented: NOTIMP": all but QUERY, NOTIFY and UPDATE; by TCP too, where the connection goes on.
func TestRFC1035Section4_1_1Opcodes(t *testing.T) {
	s := started(t)
	c := s.dial(t)
	for opcode := range byte(16) {
		msg := pack(t, question("www.example.test.", dns.TypeA), func(b []byte) []byte { b[2] = opcode << 3; return b })
		want := dns.RcodeNotImplemented
		switch opcode {
		case dns.OpcodeQuery:
			want = dns.RcodeSuccess
		case dns.OpcodeNotify, dns.OpcodeUpdate: // the question, the zone section is not of type SOA
			want = dns.RcodeFormatError
		}
		if _, err := c.Write(append([]byte{0, byte(len(msg))}, msg...)); err != nil {
			t.Fatal(err)
		}
		for network, answer := range map[string][]byte{"udp": s.raw(t, msg), "tcp": readFrame(t, c)} {
			if id, rcode := header(answer); rcode != want || id != 4711 || answer[2]>>3&15 != opcode || answer[2]&0x80 == 0 {
				t.Errorf("opcode %d (%s): %s, header %x", opcode, network, dns.RcodeToString[rcode], answer[:12])
			}
		}
	}
}

// RFC 1035, 7.3: "QR=1 at the server port: drop always, whatever the opcode": an update that says it is an answer changes nothing.
func TestRFC1035Section7_3ResponsesAreDropped(t *testing.T) {
	s := started(t)
	msg, _ := sign(t, updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"), "ddns.", ddnsSecret, nil)
	msg[2] |= 0x80
	notify := new(dns.Msg)
	notify.SetNotify("example.test.")
	notify.Response = true
	all := [][]byte{msg, pack(t, notify, nil), pack(t, question("www.example.test.", dns.TypeA), func(b []byte) []byte { b[2] |= 0x80; return b })}
	c := s.dial(t)
	for i, b := range all {
		if answer := s.raw(t, b); answer != nil {
			t.Errorf("message %d (udp): answered %x", i, answer)
		}
		if _, err := c.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)); err != nil {
			t.Fatal(err)
		}
	}
	b := pack(t, question("ns1.example.test.", dns.TypeA), func(b []byte) []byte { b[0], b[1] = 0x7E, 0x57; return b })
	_, _ = c.Write(append([]byte{0, byte(len(b))}, b...))
	s.expectTCP(t, c, probeID) // the first that is answered
	if n := s.serial(t, "example.test"); n != 10 {
		t.Errorf("serial %d", n)
	}
}

// "section counts larger than the content: FORMERR; never allocate by the count".
func TestRFC1035CountsThatLie(t *testing.T) {
	s := started(t)
	msg, _ := sign(t, updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"), "ddns.", ddnsSecret, nil)
	for at := 4; at < 12; at += 2 {
		lie := append([]byte{}, msg...)
		lie[at], lie[at+1] = 0xFF, 0xFF
		if _, rcode := header(s.raw(t, lie)); rcode != dns.RcodeFormatError {
			t.Errorf("count at octet %d: %s", at, dns.RcodeToString[rcode])
		}
	}
	if n := s.serial(t, "example.test"); n != 10 {
		t.Errorf("serial %d", n)
	}
	w := newWorker(s.server, &counters{})
	huge := append([]byte{}, msg[:12]...)
	copy(huge[4:], "\xff\xff\xff\xff\xff\xff\xff\xff")
	from := mustAddr("127.0.0.1:1").Addr()
	if n := testing.AllocsPerRun(100, func() { w.handle(huge, from, true) }); n != 0 {
		t.Errorf("%v allocations for a header that promises 262140 records", n)
	}
}

// RFC 2181, 11: "any binary string whatever can be used as the label of any resource record": dots, zero octets and high octets are
// added, asked for, transferred and deleted; they are no end of a label, and case is that of ASCII letters alone (RFC 4343, 3).
func TestRFC2181Section11AnyOctets(t *testing.T) {
	s := started(t)
	names := []string{`a\.b.example.test.`, `a.b.example.test.`, `nul\000l.example.test.`, `\195\132.example.test.`, `\195\164.example.test.`, `\\.example.test.`, `sp\032ace.example.test.`}
	address := func(i int) string { return "192.0.2." + string(rune('1'+i)) }
	for i, name := range names {
		if rcode := s.update(t, "udp", "ddns.", row{update: name + " 5 IN A " + address(i)}.message(t, "example.test.")); rcode != 0 {
			t.Fatalf("%s: %s", name, dns.RcodeToString[rcode])
		}
	}
	if n := s.serial(t, "example.test"); n != 10+uint32(len(names)) {
		t.Errorf("serial %d: two of the names were taken for one", n)
	}
	for i, name := range names {
		r := s.ask(t, "udp", name, dns.TypeA)
		if len(r.Answer) != 1 || r.Answer[0].(*dns.A).A.String() != address(i) {
			t.Errorf("%s: %v", name, r.Answer)
		}
	}
	if r := s.ask(t, "udp", "nul.example.test.", dns.TypeA); r.Rcode != dns.RcodeNameError {
		t.Errorf("a zero octet ends a label: %v", r)
	}
	for _, name := range names {
		if rcode := s.update(t, "udp", "ddns.", row{update: name + " 0 ANY ANY"}.message(t, "example.test.")); rcode != 0 {
			t.Errorf("%s: %s", name, dns.RcodeToString[rcode])
		}
		if r := s.ask(t, "udp", name, dns.TypeA); len(r.Answer) != 0 {
			t.Errorf("%s is still there", name)
		}
	}
}

// RFC 1035, 4.1.1 and 7.3, "the question octet for octet (0x20 case!)", in every kind of answer.
func TestRFC1035QuestionIsRepeated(t *testing.T) {
	s := started(t)
	for _, name := range []string{"wWw.ExAmPlE.tEsT.", "No.ExAmPlE.tEsT.", "wWw.sUb.ExAmPlE.tEsT.", "a.eLsewhere.TEST.", "aLiaS.example.TEST."} {
		msg := pack(t, question(name, dns.TypeA), nil)
		if answer := s.raw(t, msg); string(answer[12:len(msg)]) != string(msg[12:]) {
			t.Errorf("%s: question %x", name, answer[12:len(msg)])
		}
	}
	m := updateMsg(t, "eXample.Test", "x.example.test. 1 A 192.0.2.1")
	m.Id = 4711
	msg := pack(t, m, nil)
	end := 12 + len("eXample.Test") + 2 + 4
	if answer := s.raw(t, msg); len(answer) < end || string(answer[12:end]) != string(msg[12:end]) {
		t.Errorf("update: zone section %x", answer)
	}
}
