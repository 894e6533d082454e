package haserver

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/internal/durable"
)

// messages are all messages of a transfer by AXFR, signed; edit may change the question.
func (s *site) messages(t testing.TB, edit func(*dns.Msg)) (list []*dns.Msg) {
	t.Helper()
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	if edit != nil {
		edit(m)
	}
	x := s.begin(t, m)
	for soas := 0; soas < 2; {
		r := x.message(t)
		for _, rr := range r.Answer {
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
		}
		list = append(list, r)
	}
	return list
}

// RFC 5936 2.2: "the first and the last record of the answer are the SOA", and there is none in between.
func TestRFC5936Section2_2FirstAndLast(t *testing.T) {
	s := newSite(t)
	s.many(t, 3000)
	s.start(t)
	var all []dns.RR
	for _, m := range s.messages(t, nil) {
		all = append(all, m.Answer...)
	}
	last := len(all) - 1
	for i, rr := range all {
		if isSOA := rr.Header().Rrtype == dns.TypeSOA; isSOA != (i == 0 || i == last) {
			t.Errorf("record %d of %d: %s", i, last, rr)
		}
	}
	if all[0].String() != all[last].String() {
		t.Errorf("%s and %s", all[0], all[last])
	}
}

// RFC 5936 2.2.1 to 2.2.5: each message has the ID of the question, QR and AA, opcode 0, RCODE 0, no TC; the question is in the
// first and in no other; the authority section is empty; OPT, when the question had one, is in the first, TSIG in each.
func TestRFC5936Section2_2_1Messages(t *testing.T) {
	s := newSite(t)
	s.many(t, 3000)
	s.start(t)
	for _, withOPT := range []bool{false, true} {
		list := s.messages(t, func(m *dns.Msg) {
			m.Id = 4242
			if withOPT {
				edns(m)
			}
		})
		if len(list) < 3 {
			t.Fatalf("%d messages", len(list))
		}
		for i, m := range list {
			h := m.MsgHdr
			if h.Id != 4242 || !h.Response || !h.Authoritative || h.Opcode != 0 || h.Rcode != 0 || h.Truncated {
				t.Errorf("message %d: %v", i, h)
			}
			if (len(m.Question) == 1) != (i == 0) || len(m.Ns) != 0 {
				t.Errorf("message %d: %d questions, %d authority", i, len(m.Question), len(m.Ns))
			}
			if (m.IsEdns0() != nil) != (withOPT && i == 0) || m.IsTsig() == nil {
				t.Errorf("message %d: OPT %v, TSIG %v", i, m.IsEdns0(), m.IsTsig())
			}
		}
	}
}

// RFC 5936 3.1 to 3.5: every record of the zone once: glue, wildcards, what lies below a delegation, the DS and the NS of it; nothing
// else. The case of names is as they are stored (3.4).
func TestRFC5936Section3Content(t *testing.T) {
	s := newSite(t)
	s.write(t, "db.example", exampleZone+"hidden.sub A 192.0.2.77\nUPPER.lower CNAME Www\n")
	s.start(t)
	seen := map[string]int{}
	for _, m := range s.messages(t, nil) {
		for _, text := range lines(m.Answer) {
			seen[text]++
		}
	}
	now := s.server.view.Load().exact(mustName("example.test")).visible.Load()
	if len(seen) != now.Len() {
		t.Errorf("%d records of %d", len(seen), now.Len())
	}
	for text, n := range seen {
		want := 1
		if strings.Contains(text, " SOA ") {
			want = 2
		}
		if n != want {
			t.Errorf("%d times %s", n, text)
		}
	}
	for _, text := range []string{
		"ns.sub.example.test. 60 IN A 192.0.2.40", "sub.example.test. 60 IN NS ns2.sub.example.test.", "*.wild.example.test. 60 IN A 192.0.2.30",
		"hidden.sub.example.test. 60 IN A 192.0.2.77", "UPPER.lower.example.test. 60 IN CNAME Www.example.test.", `MiXed.example.test. 60 IN TXT "case"`,
	} {
		if seen[text] != 1 {
			t.Errorf("%s is missing", text)
		}
	}
}

// RFC 5936 4.2: "AXFR is not defined over UDP": an error, and no record.
func TestRFC5936Section4_2UDP(t *testing.T) {
	s := started(t)
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	signed("xfer.")(m)
	if r, err := s.send("udp", m); err != nil || r.Rcode != dns.RcodeFormatError || len(r.Answer) != 0 {
		t.Errorf("%v %v", r, err)
	}
}

// RFC 5936 2.2 and 6: when something goes wrong in the middle, "a message with an RCODE": the client drops what it got. Here the zone is
// replaced while a secondary reads its steps, which are then no more. It comes again and has the whole zone.
func TestRFC5936Section2_2ErrorInTheMiddle(t *testing.T) {
	s, c := withLongHistory(t)
	x := s.begin(t, ixfr(c.zone, c.serial))
	if r := x.message(t); r.Rcode != 0 {
		t.Fatalf("%v", r)
	}
	z := s.server.view.Load().exact(mustName("example.test"))
	var b durable.Batch
	if err := z.log.Replace(&b, z.visible.Load(), z.log.Point()); err != nil {
		t.Fatal(err)
	}
	if err := s.server.store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	for {
		r := x.message(t)
		if r.Rcode == dns.RcodeServerFailure {
			break
		}
		if r.Rcode != 0 || r.Answer[len(r.Answer)-1].String() == rr(t, soaAt(int(z.visible.Load().Serial()))).String() {
			t.Fatalf("no error: %v", r.MsgHdr)
		}
	}
	if f := c.follow(t, s); f != formWhole {
		t.Errorf("afterwards: %s", f)
	}
	c.compare(t, s)
}

// longText is RDATA of a thousand octets.
var longText = strings.Repeat(" "+strings.Repeat("y", 250), 4)

// withLongHistory is a server whose zone has changed by more than sockets hold, and a secondary from before that.
func withLongHistory(t *testing.T) (*site, *secondary) {
	t.Helper()
	s := newSite(t)
	s.many(t, 5000)
	s.before = func(server *Server) { server.tcp.write = time.Minute }
	s.start(t)
	c := newSecondary("example.test.")
	c.follow(t, s)
	for i := range 150 {
		m := updateMsg(t, "example.test")
		for j := range 60 {
			m.Insert([]dns.RR{rr(t, fmt.Sprintf("l%d-%d.example.test. 5 TXT %s", i, j, longText))})
		}
		if rcode := s.update(t, "tcp", "ddns.", m); rcode != 0 {
			t.Fatal(dns.RcodeToString[rcode])
		}
	}
	return s, c
}

// dns-standards 7.19 and 5: many secondaries that take steps and do not read hold up no update; what each gets in the end is the version
// of the moment when it asked, and applies strictly.
func TestRFC1995SlowReadersBlockNobody(t *testing.T) {
	s, c := withLongHistory(t)
	serial := s.serial(t, "example.test")
	const readers = 6
	var waiting []*transferring
	for range readers {
		waiting = append(waiting, s.begin(t, ixfr(c.zone, c.serial)))
	}
	for i, x := range waiting { // all are under way
		for x.rest == nil {
			x.rest = x.message(t).Answer
		}
		if n := x.rest[0].(*dns.SOA).Serial; n != serial {
			t.Errorf("reader %d gets serial %d", i, n)
		}
	}
	const updates = 30
	for i := range updates {
		s.edits(t, fmt.Sprintf("during%d.example.test. 1 A 192.0.2.1", i), fmt.Sprintf("-l0-%d.example.test. 0 TXT %s", i, longText))
	}
	if n := len(s.server.transfers); n != readers {
		t.Errorf("%d of %d transfers are under way still: the sockets hold more than was meant", n, readers)
	}
	var wg sync.WaitGroup
	var done atomic.Int32
	for i, x := range waiting {
		wg.Go(func() {
			own := c.copy()
			if f, err := own.take(t, x); err != nil || f != formSteps || own.serial != serial {
				t.Errorf("reader %d: %s to %d, %v", i, f, own.serial, err)
			}
			if f := own.follow(t, s); f != formSteps || own.serial != serial+updates {
				t.Errorf("reader %d, again: %s to %d", i, f, own.serial)
			}
			if i == 0 {
				own.compare(t, s)
			}
			done.Add(1)
		})
	}
	wg.Wait()
	if done.Load() != readers {
		t.Errorf("%d of %d are done", done.Load(), readers)
	}
}

// A secondary that goes away in the middle of its steps leaves nothing behind: its place is free again.
func TestRFC1995ClientGoes(t *testing.T) {
	s, c := withLongHistory(t)
	x := s.begin(t, ixfr(c.zone, c.serial))
	x.message(t)
	x.c.Close()
	for deadline := time.Now().Add(patience); len(s.server.transfers) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the transfer goes on")
		}
	}
	if s.server.count.transfers[1].Load() == 0 {
		t.Error("it is not counted")
	}
	if d := cmp.Diff(formSteps, c.follow(t, s)); d != "" {
		t.Error(d)
	}
	if err := s.server.ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}
