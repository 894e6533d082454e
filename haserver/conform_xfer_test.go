package haserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// many writes a zone whose transfer takes several messages.
func (s *site) many(t testing.TB, n int) {
	var z strings.Builder
	z.WriteString(exampleZone)
	for i := range n {
		fmt.Fprintf(&z, "host%d A 10.0.%d.%d\nhost%d TXT \"%s\"\n", i, i/256, i%256, i, strings.Repeat("t", 30))
	}
	s.write(t, "db.example", z.String())
}

// axfr asks on a connection and returns the messages, each checked for its header and, with a key, its signature.
func (s *site) axfr(t testing.TB, m *dns.Msg, secret string) [][]byte {
	t.Helper()
	c := s.dial(t)
	var msg []byte
	mac := ""
	if m.IsTsig() != nil {
		var err error
		if msg, mac, err = dns.TsigGenerate(m, secret, "", false); err != nil {
			t.Fatal(err)
		}
	} else {
		msg = pack(t, m, nil)
	}
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	soas := 0
	for {
		b := readFrame(t, c)
		r := new(dns.Msg)
		if err := r.Unpack(b); err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
		if r.Id != m.Id || !r.Authoritative || r.Truncated || r.Rcode != 0 {
			if len(out) == 1 && r.Rcode != 0 {
				return out
			}
			t.Fatalf("header of message %d: %v", len(out), r.MsgHdr)
		}
		if secret != "" {
			ts := r.IsTsig()
			if ts == nil {
				t.Fatalf("message %d is not signed", len(out))
			}
			if err := dns.TsigVerify(append([]byte{}, b...), secret, mac, len(out) > 1); err != nil {
				t.Fatalf("message %d: %v", len(out), err)
			}
			mac = ts.MAC
		}
		for i, rr := range r.Answer {
			if rr.Header().Rrtype != dns.TypeSOA {
				continue
			}
			soas++
			if soas == 2 && i == len(r.Answer)-1 || soas == 1 && len(r.Answer) == 1 && m.Question[0].Qtype == dns.TypeIXFR {
				return out
			}
			if soas == 2 {
				t.Fatal("the second SOA is not the last record")
			}
		}
	}
}

// RFC 5936 2.2, 3 and RFC 8945 5.3.1: several filled messages, each signed, all records once.
func TestRFC5936SignedTransfer(t *testing.T) {
	s := newSite(t)
	s.many(t, 3000)
	s.start(t)
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	signed("xfer.")(m)
	messages := s.axfr(t, m, xferSecret)
	if len(messages) < 3 {
		t.Fatalf("%d messages", len(messages))
	}
	seen := map[string]int{}
	for i, b := range messages {
		if i < len(messages)-1 && len(b) < 16<<10 {
			t.Errorf("message %d of %d has %d octets: messages are to be filled", i+1, len(messages), len(b))
		}
		r := new(dns.Msg)
		_ = r.Unpack(b)
		if (len(r.Question) == 1) != (i == 0) {
			t.Errorf("message %d has %d questions", i+1, len(r.Question))
		}
		for _, rr := range r.Answer {
			seen[lines([]dns.RR{rr})[0]]++
		}
	}
	now := s.server.view.Load().zones["\x07example\x04test\x00"].visible.Load()
	if len(seen) != now.Len() {
		t.Errorf("%d records of %d", len(seen), now.Len())
	}
	for text, n := range seen {
		if want := 1; n != want && !strings.Contains(text, " SOA ") {
			t.Errorf("%d times %s", n, text)
		}
	}
	for _, text := range []string{"ns.sub.example.test. 60 IN A 192.0.2.40", "*.wild.example.test. 60 IN A 192.0.2.30"} {
		if seen[text] != 1 {
			t.Errorf("%s is missing", text)
		}
	}
}

// RFC 5936 2.2.1 and dns-standards 5: no permission REFUSED, not our zone NOTAUTH, bad signature NOTAUTH; UDP is no transfer (4.2).
func TestRFC5936Refusals(t *testing.T) {
	s := started(t)
	cases := []struct {
		rule, zone, key string
		rcode           int
	}{
		{"no TSIG", "example.test.", "", dns.RcodeRefused},
		{"the key of updates", "example.test.", "ddns.", dns.RcodeRefused},
		{"no grants at all", "other.test.", "xfer.", dns.RcodeRefused},
		{"not our zone", "elsewhere.test.", "xfer.", dns.RcodeNotAuth},
		{"a name in our zone", "www.example.test.", "xfer.", dns.RcodeNotAuth},
	}
	for _, c := range cases {
		m := new(dns.Msg)
		m.SetAxfr(c.zone)
		msg := pack(t, m, nil)
		if c.key != "" {
			msg, _ = sign(t, m, c.key, secrets[c.key], nil)
		}
		if _, rcode := header(s.exchange(t, msg)); rcode != c.rcode {
			t.Errorf("%s: %s", c.rule, dns.RcodeToString[rcode])
		}
	}
}

// exchange sends octets on a new connection and returns the first answer.
func (s *site) exchange(t testing.TB, msg []byte) []byte {
	t.Helper()
	c := s.dial(t)
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
	return readFrame(t, c)
}

// ixfr makes a request with the serial that the client has.
func ixfr(zone string, serial uint32) *dns.Msg {
	m := new(dns.Msg)
	m.SetIxfr(zone, serial, "ns1."+zone, "admin."+zone)
	return m
}

// RFC 1995 2 and 4: the serial is ours or newer: one SOA; else, without history, the whole zone in AXFR form; by UDP a single SOA; no SOA in
// authority: FORMERR.
func TestRFC1995WithoutHistory(t *testing.T) {
	s := started(t)
	for serial, want := range map[uint32]bool{10: true, 11: true, 10 + 1<<30: true, 9: false, 0: false} {
		m := ixfr("example.test.", serial)
		signed("xfer.")(m)
		messages := s.axfr(t, m, xferSecret)
		r := new(dns.Msg)
		_ = r.Unpack(messages[0])
		if (len(r.Answer) == 1) != want {
			t.Errorf("serial %d: %d records", serial, len(r.Answer))
		}
		if len(r.Answer) > 1 && r.Answer[1].Header().Rrtype == dns.TypeSOA {
			t.Errorf("serial %d: the second record of the AXFR form is a SOA", serial)
		}
		if r.Question[0].Qtype != dns.TypeIXFR {
			t.Errorf("serial %d: QTYPE %d", serial, r.Question[0].Qtype)
		}
	}
	m := ixfr("example.test.", 3)
	signed("xfer.")(m)
	r, err := s.send("udp", m)
	if err != nil || len(r.Answer) != 1 || r.Answer[0].(*dns.SOA).Serial != 10 {
		t.Errorf("UDP: %v %v", r, err)
	}
	if r, err := s.send("udp", ixfr("example.test.", 3)); err != nil || r.Rcode != dns.RcodeRefused {
		t.Errorf("UDP without a right: %v %v", r, err)
	}
	m = ixfr("example.test.", 3)
	m.Ns = nil
	msg, _ := sign(t, m, "xfer.", xferSecret, nil)
	if _, rcode := header(s.exchange(t, msg)); rcode != dns.RcodeFormatError {
		t.Errorf("no SOA: %s", dns.RcodeToString[rcode])
	}
}

// dns-standards 5 and 7.19: one version for the whole transfer even while updates run, and a slow reader blocks no update.
func TestTransferIsOneVersionAndBlocksNobody(t *testing.T) {
	s := newSite(t)
	s.many(t, 30000)
	s.start(t)
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	signed("xfer.")(m)
	msg, _, err := dns.TsigGenerate(m, xferSecret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	c := s.dial(t)
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
	first := new(dns.Msg)
	if err := first.Unpack(readFrame(t, c)); err != nil {
		t.Fatal(err)
	}
	// The transfer is under way and nobody reads: more is coming than the sockets hold.
	for i := range 20 {
		m := updateMsg(t, "example.test", fmt.Sprintf("during%d.example.test. 1 A 192.0.2.1", i), "-host29999.example.test. 60 A 10.0.117.47")
		if rcode := s.update(t, "tcp", "ddns.", m); rcode != 0 {
			t.Fatalf("update %d: %s", i, dns.RcodeToString[rcode])
		}
	}
	records := len(first.Answer)
	for last := first.Answer[len(first.Answer)-1]; last.Header().Rrtype != dns.TypeSOA; {
		r := new(dns.Msg)
		if err := r.Unpack(readFrame(t, c)); err != nil {
			t.Fatal(err)
		}
		for _, rr := range r.Answer {
			if strings.HasPrefix(rr.Header().Name, "during") {
				t.Fatalf("%s is of a later version", rr)
			}
		}
		records += len(r.Answer)
		last = r.Answer[len(r.Answer)-1]
		if soa, ok := last.(*dns.SOA); ok && soa.Serial != 10 {
			t.Errorf("the last SOA has serial %d", soa.Serial)
		}
	}
	if want := 60000; records < want {
		t.Errorf("%d records", records)
	}
	if n := s.serial(t, "example.test"); n != 30 {
		t.Errorf("serial %d", n)
	}
}

// dns-standards 1: "never rotate in AXFR/IXFR": two transfers are equal octet for octet but for the ID.
func TestTransferDoesNotRotate(t *testing.T) {
	s := started(t)
	var texts [][]string
	for range 2 {
		texts = append(texts, lines(s.transfer(t, "example.test.", "xfer.")))
		s.ask(t, "udp", "www.example.test", dns.TypeA)
	}
	if d := cmp.Diff(texts[0], texts[1]); d != "" {
		t.Error(d)
	}
}

// A transfer runs beside other questions on the same connection (RFC 7766, 6.2.1.1).
func TestQuestionDuringATransfer(t *testing.T) {
	s := newSite(t)
	s.many(t, 3000)
	s.start(t)
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	signed("xfer.")(m)
	msg, _, _ := dns.TsigGenerate(m, xferSecret, "", false)
	q := pack(t, question("www.example.test.", dns.TypeA), nil)
	c := s.dial(t)
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(append(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...), append([]byte{0, byte(len(q))}, q...)...))
	answered, done := false, false
	for !answered || !done {
		r := new(dns.Msg)
		if err := r.Unpack(readFrame(t, c)); err != nil {
			t.Fatal(err)
		}
		if r.Id == 4711 {
			answered = true
			continue
		}
		done = r.Answer[len(r.Answer)-1].Header().Rrtype == dns.TypeSOA && len(r.Answer) > 1
	}
}

// RFC 1995, 2: over UDP the difference when it fits, else "a single SOA record of the server's current version". Sizes are those that the
// client says it takes.
func TestRFC1995Section2OverUDP(t *testing.T) {
	s := started(t)
	s.edits(t, "a.example.test. 5 A 192.0.2.101")
	s.edits(t, "-a.example.test. 0 A 192.0.2.101", "b.example.test. 5 TXT "+strings.Repeat("b", 150))
	ask := func(serial uint32, size uint16) []string {
		t.Helper()
		m := ixfr("example.test.", serial)
		if size > 0 {
			m.SetEdns0(size, false)
		}
		signed("xfer.")(m)
		r, err := s.send("udp", m)
		if err != nil || r.Rcode != 0 || !r.Authoritative || r.Truncated || r.Question[0].Qtype != dns.TypeIXFR {
			t.Fatalf("from %d, %d octets: %v %v", serial, size, err, r)
		}
		return lines(r.Answer)
	}
	text := `b.example.test. 5 IN TXT "` + strings.Repeat("b", 150) + `"`
	whole := []string{soaAt(12), soaAt(10), soaAt(11), "a.example.test. 5 IN A 192.0.2.101", soaAt(11), "a.example.test. 5 IN A 192.0.2.101", soaAt(12), text, soaAt(12)}
	for _, c := range []struct {
		serial uint32
		size   uint16
		want   []string
	}{
		{10, 1232, whole}, {10, 0, whole[:1]}, {11, 1232, append(whole[:1:1], whole[4:]...)},
		{12, 1232, whole[:1]}, {13, 1232, whole[:1]}, {3, 1232, whole[:1]},
	} {
		if d := cmp.Diff(c.want, ask(c.serial, c.size)); d != "" {
			t.Errorf("from %d, %d octets:\n%s", c.serial, c.size, d)
		}
	}
	for range 12 {
		s.edits(t, "c.example.test. 5 A 192.0.2.103")
		s.edits(t, "-c.example.test. 0 A 192.0.2.103")
	}
	if d := cmp.Diff([]string{soaAt(36)}, ask(10, 1232)); d != "" {
		t.Errorf("more than a message: %s", d)
	}
}
