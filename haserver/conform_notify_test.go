package haserver

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/notify"
	"loadshare/internal/freeport"
	"loadshare/internal/metrics"
)

// listenerOfNotify is a secondary as far as NOTIFY goes: it keeps what comes, and answers as it is told.
type listenerOfNotify struct {
	t    *testing.T
	conn *net.UDPConn
	got  chan heard
}

// heard is one message and who it is from.
type heard struct {
	*dns.Msg
	wire []byte
	from netip.AddrPort
}

func newListener(t *testing.T) *listenerOfNotify {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(freeport.Pick(t, "127.0.0.1")))
	if err != nil {
		t.Fatal(err)
	}
	l := &listenerOfNotify{t: t, conn: conn, got: make(chan heard, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			m := new(dns.Msg)
			if err := m.Unpack(buf[:n]); err != nil {
				t.Errorf("what came does not parse: %v", err)
				return
			}
			l.got <- heard{m, bytes.Clone(buf[:n]), from}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return l
}

func (l *listenerOfNotify) addr() string { return l.conn.LocalAddr().String() }

// next is the next message that comes.
func (l *listenerOfNotify) next() heard {
	l.t.Helper()
	select {
	case h := <-l.got:
		return h
	case <-time.After(patience):
		l.t.Fatal("no NOTIFY comes")
		return heard{}
	}
}

func (h heard) serial(t *testing.T) uint32 {
	t.Helper()
	if len(h.Answer) != 1 {
		t.Fatalf("the answer section has %v", h.Answer)
	}
	return h.Answer[0].(*dns.SOA).Serial
}

func (l *listenerOfNotify) answer(h heard, rcode int) {
	l.t.Helper()
	r := new(dns.Msg)
	r.SetReply(h.Msg)
	r.Rcode, r.Authoritative = rcode, true
	b, err := r.Pack()
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.conn.WriteToUDPAddrPort(b, h.from); err != nil {
		l.t.Fatal(err)
	}
}

// notifying is a server whose zone example.test has those secondaries.
func notifying(t *testing.T, more string, listeners ...*listenerOfNotify) *site {
	t.Helper()
	var list []string
	for _, l := range listeners {
		list = append(list, `"`+l.addr()+`"`)
	}
	s := newSite(t)
	conf := strings.Replace(confText, "transfer = [\"key xfer\"]\n", "transfer = [\"key xfer\", \"127.0.0.1\"]\nnotify = ["+strings.Join(list, ",")+"]\n"+more, 1)
	s.write(t, "dns.toml", conf)
	return s.start(t)
}

func (s *site) change(t testing.TB, text string) {
	t.Helper()
	if rcode := s.update(t, "udp", "ddns.", updateMsg(t, "example.test", text)); rcode != dns.RcodeSuccess {
		t.Fatal(dns.RcodeToString[rcode])
	}
}

// known polls until the only secondary of example.test is as it should be.
func (s *site) known(t testing.TB, what string, ok func(SecondaryStatus) bool) SecondaryStatus {
	t.Helper()
	z := s.server.view.Load().exact(mustName("example.test"))
	var list []SecondaryStatus
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if list = s.server.secondaries(z.liveZone); len(list) == 1 && ok(list[0]) {
			return list[0]
		}
	}
	text, _ := json.Marshal(list)
	t.Fatalf("%s: %s", what, text)
	return SecondaryStatus{}
}

// RFC 1996 3.7, 4.5 ff.: opcode 4, AA, one question of type SOA, the new record as a hint; at the start of the server, and after a
// change once that is visible.
func TestRFC1996Section3Message(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	first := l.next()
	l.answer(first, dns.RcodeSuccess)
	if got := first.serial(t); got != 10 {
		t.Errorf("at the start serial %d, want that of the zone, 10", got)
	}
	s.change(t, "new.example.test. 5 IN A 192.0.2.99")
	h := l.next()
	if h.Opcode != dns.OpcodeNotify || h.Response || !h.Authoritative || h.RecursionDesired || h.Rcode != 0 || h.IsTsig() != nil {
		t.Errorf("header %+v", h.MsgHdr)
	}
	if d := cmp.Diff([]dns.Question{{Name: "example.test.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}}, h.Question); d != "" {
		t.Error(d)
	}
	soa := s.ask(t, "udp", "example.test", dns.TypeSOA).Answer[0]
	if len(h.Answer) != 1 || h.Answer[0].String() != soa.String() || len(h.Ns) != 0 || len(h.Extra) != 0 {
		t.Errorf("%v, want %v", h.Msg, soa)
	}
	if h.serial(t) != 11 || h.Id == first.Id {
		t.Errorf("serial %d, want 11; IDs %d and %d", h.serial(t), first.Id, h.Id)
	}
	if len(h.wire) > 512 {
		t.Errorf("%d octets", len(h.wire))
	}
	l.answer(h, dns.RcodeSuccess)
	if st := s.known(t, "answered", func(st SecondaryStatus) bool { return st.Answered != nil && st.Tries == 0 && *st.Notified == 11 }); st.LastError != "" {
		t.Errorf("%+v", st)
	}
}

// RFC 1996 3.6 (UDP): repeated until an answer comes, with the same ID; RFC 1996 4.8: a NOTIMP ends it as well.
func TestRFC1996Section3_6RepeatedUntilAnswered(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "[notify]\nretry = \"100ms\"\n", l)
	first := l.next()
	for range 2 {
		if again := l.next(); !bytes.Equal(again.wire, first.wire) {
			t.Errorf("the repetition is another message:\n%v\n%v", first.Msg, again.Msg)
		}
	}
	l.answer(first, dns.RcodeNotImplemented)
	s.known(t, "NOTIMP ends it", func(st SecondaryStatus) bool { return st.Answered != nil && st.Tries == 0 && st.LastError == "" })
	if n := s.notifies(notify.Silent); n < 2 {
		t.Errorf("%v silent tries counted", n)
	}
}

// A secondary that declines is not asked again and again; the operator can see it.
func TestRFC1996DeclinedIsShown(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.answer(l.next(), dns.RcodeRefused)
	s.known(t, "refused", func(st SecondaryStatus) bool {
		return st.LastError == "it answered NOTIFY with REFUSED" && st.Tries == 0
	})
	if n := s.notifies(notify.Declined); n != 1 {
		t.Errorf("%v counted", n)
	}
}

// notifies is how often something happened.
func (s *site) notifies(what notify.What) int {
	for line := range strings.Lines(s.metrics()) {
		if strings.HasPrefix(line, "loadshare_dns_notify_total{") && strings.Contains(line, `result="`+what.String()+`"`) {
			n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
			if err != nil {
				return -1
			}
			return n
		}
	}
	return -1
}

// RFC 8945 5.1: with `notify_key` the message is signed with it.
func TestRFC1996Signed(t *testing.T) {
	l := newListener(t)
	notifying(t, "notify_key = \"xfer\"\n", l)
	h := l.next()
	if ts := h.IsTsig(); ts == nil || ts.Hdr.Name != "xfer." {
		t.Fatalf("signature %v", ts)
	}
	if err := dns.TsigVerify(h.wire, xferSecret, "", false); err != nil {
		t.Error(err)
	}
	l.answer(h, dns.RcodeSuccess)
}

// RFC 1996 3.1, "a rapid sequence of changes"; "peers get wrong" 20: the last of many changes is told as well, with few messages.
func TestRFC1996LastOfManyChanges(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "[notify]\ngap = \"100ms\"\n", l)
	l.answer(l.next(), dns.RcodeSuccess)
	for range 60 {
		s.change(t, "burst.example.test. 5 IN TXT \""+time.Now().Format(time.StampNano)+"\"")
	}
	messages := 0
	for {
		h := l.next()
		l.answer(h, dns.RcodeSuccess)
		messages++
		if h.serial(t) == 70 {
			break
		}
	}
	if messages >= 60 {
		t.Errorf("%d messages for 60 changes", messages)
	}
	s.known(t, "the last serial", func(st SecondaryStatus) bool { return st.Tries == 0 && *st.Notified == 70 })
}

// RFC 1996 2.1: each secondary is told; one that is away does not hold the others up.
func TestRFC1996OneIsAway(t *testing.T) {
	alive, away := newListener(t), newListener(t)
	s := notifying(t, "", alive, away)
	alive.answer(alive.next(), dns.RcodeSuccess)
	away.next()
	s.change(t, "a.example.test. 5 IN A 192.0.2.99")
	h := alive.next()
	if h.serial(t) != 11 {
		t.Errorf("serial %d", h.serial(t))
	}
	alive.answer(h, dns.RcodeSuccess)
	z := s.server.view.Load().exact(mustName("example.test"))
	if list := s.server.secondaries(z.liveZone); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

// What a secondary asks for says what it has: nothing known, IXFR with its serial, the transfer done.
func TestRFC1996SecondaryLag(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.answer(l.next(), dns.RcodeSuccess)
	st := s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	if st.Serial != nil || st.Behind != nil || st.Known != "" || *st.Notified != 10 || st.Address != l.addr() {
		t.Errorf("not seen yet: %+v", st)
	}
	s.transfer(t, "example.test.", "xfer.")
	s.known(t, "after AXFR", func(st SecondaryStatus) bool {
		return st.Known == "transfer" && *st.Serial == 10 && *st.Behind == 0 && st.BehindSeconds == 0
	})
	s.change(t, "a.example.test. 5 IN A 192.0.2.99")
	s.change(t, "b.example.test. 5 IN A 192.0.2.99")
	s.known(t, "two changes later", func(st SecondaryStatus) bool { return *st.Serial == 10 && *st.Behind == 2 && st.BehindSeconds > 0 })
	ixfr := new(dns.Msg)
	ixfr.SetIxfr("example.test.", 9, ".", ".") // not in the history: it comes by TCP
	if _, err := s.send("udp", ixfr); err != nil {
		t.Fatal(err)
	}
	s.known(t, "IXFR asked for", func(st SecondaryStatus) bool {
		return st.Known == "ixfr-request" && *st.Serial == 9 && *st.Behind == 3
	})
	s.transfer(t, "example.test.", "xfer.")
	s.known(t, "current again", func(st SecondaryStatus) bool { return *st.Serial == 12 && *st.Behind == 0 })
	ahead := new(dns.Msg)
	ahead.SetIxfr("example.test.", 900, ".", ".")
	signed("xfer.")(ahead)
	if r, err := s.send("tcp", ahead); err != nil || len(r.Answer) != 1 {
		t.Fatal(r, err)
	}
	s.known(t, "ahead of us", func(st SecondaryStatus) bool {
		return *st.Serial == 900 && strings.HasPrefix(st.LastError, "it has serial 900, newer than ours")
	})
}

// A transfer that is refused is what the operator wants to hear of.
func TestRefusedTransferIsShown(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.answer(l.next(), dns.RcodeSuccess)
	s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	m := new(dns.Msg)
	m.SetAxfr("example.test.")
	m.SetTsig("nobody.", dns.HmacSHA256, 300, time.Now().Unix())
	msg, _, err := dns.TsigGenerate(m, ddnsSecret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	c := s.dial(t)
	if _, err := c.Write(append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)); err != nil {
		t.Fatal(err)
	}
	readFrame(t, c)
	s.known(t, "refused", func(st SecondaryStatus) bool {
		return st.LastError == "it asked for a transfer and did not get it: it is not proved: NOTAUTH"
	})
}

// A reload takes over secondaries: the new one is told once, the old one no more.
func TestNotifyReload(t *testing.T) {
	old, fresh := newListener(t), newListener(t)
	s := notifying(t, "", old)
	old.answer(old.next(), dns.RcodeSuccess)
	s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	conf := s.load(t)
	conf.Zones[0].Notify = []netip.AddrPort{mustAddr(fresh.addr())}
	s.reload(t, conf)
	fresh.answer(fresh.next(), dns.RcodeSuccess)
	s.change(t, "a.example.test. 5 IN A 192.0.2.99")
	if h := fresh.next(); h.serial(t) != 11 {
		t.Errorf("serial %d", h.serial(t))
	}
	if n := len(old.got); n != 0 {
		t.Errorf("%d messages to one that is not configured any more", n)
	}
}

// Settings that come from the partner, without a reload, are taken over as well.
func TestNotifyAnotherView(t *testing.T) {
	old, fresh := newListener(t), newListener(t)
	s := notifying(t, "", old)
	old.answer(old.next(), dns.RcodeSuccess)
	now := s.server.view.Load()
	next := *now
	next.zones = map[string]*served{}
	for key, z := range now.zones {
		z := *z
		z.conf.Notify = []netip.AddrPort{mustAddr(fresh.addr())}
		next.zones[key] = &z
	}
	s.server.view.Store(&next)
	s.server.notify.viewed()
	fresh.answer(fresh.next(), dns.RcodeSuccess)
}

// Checklist H20: with Show.Notify false nothing is sent, and what changed is told when it is true again.
func TestZoneChangedSilently(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.answer(l.next(), dns.RcodeSuccess)
	s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	z := s.server.view.Load().exact(mustName("example.test")).liveZone
	before := z.visible.Load()
	z.visible.Store(before.With(77))
	s.server.zoneChanged(z, false)
	s.server.notify.settle(t)
	if n := len(l.got); n != 0 {
		t.Errorf("%d messages while the zone synchronises", n)
	}
	s.server.zoneChanged(z, true)
	if h := l.next(); h.serial(t) != 77 {
		t.Errorf("serial %d, want 77", h.serial(t))
	}
}

// settle waits until the loop has looked at all that was reported before.
func (n *notifier) settle(t *testing.T) {
	t.Helper()
	done := n.turns.Load()
	n.poke()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if n.turns.Load() >= done+2 { // one may have been under way
			return
		}
		n.poke()
	}
	t.Fatal("the loop does not turn")
}

// Nothing runs after the end, and zoneChanged may still be called.
func TestZoneChangedAfterStop(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.next()
	s.stop(t)
	s.server.zoneChanged(s.server.view.Load().exact(mustName("example.test")).liveZone, true)
}

// RFC 1996 3.7 ff., 4.7: NOTIFY to a primary for its own zone is answered with opcode NOTIFY, QR and AA, over TCP too (Knot), and does nothing.
func TestRFC1996ToAPrimary(t *testing.T) {
	l := newListener(t)
	s := notifying(t, "", l)
	l.answer(l.next(), dns.RcodeSuccess)
	s.known(t, "told", func(st SecondaryStatus) bool { return st.Answered != nil })
	for _, network := range []string{"udp", "tcp"} {
		for name, rcode := range map[string]int{
			"example.test.": dns.RcodeSuccess, "EXAMPLE.test.": dns.RcodeSuccess, "unknown.test.": dns.RcodeNotAuth, "www.example.test.": dns.RcodeNotAuth,
		} {
			m := new(dns.Msg)
			m.SetNotify(name)
			soa, err := dns.NewRR(name + " 5 IN SOA evil. evil. 4000000000 1 1 1 1")
			if err != nil {
				t.Fatal(err)
			}
			m.Answer = []dns.RR{soa}
			r, err := s.send(network, m)
			if err != nil {
				t.Fatal(err)
			}
			if r.Rcode != rcode || r.Opcode != dns.OpcodeNotify || r.Authoritative != (rcode == 0) || len(r.Answer) != 0 || len(r.Question) != 1 || r.Question[0].Name != name {
				t.Errorf("%s %s: %v", network, name, r)
			}
		}
	}
	if got := s.ask(t, "udp", "example.test", dns.TypeSOA).Answer[0].(*dns.SOA).Serial; got != 10 {
		t.Errorf("the zone is at %d afterwards", got)
	}
	s.server.notify.settle(t)
	if n := len(l.got); n != 0 {
		t.Errorf("a NOTIFY to us made %d of ours", n)
	}
}

// RFC 1996 3.7: QDCOUNT is 1.
func TestRFC1996QDCOUNT(t *testing.T) {
	s := started(t)
	for _, network := range []string{"udp", "tcp"} {
		for _, questions := range [][]dns.Question{nil, {
			{Name: "example.test.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}, {Name: "other.test.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET},
		}} {
			m := new(dns.Msg)
			m.SetNotify("example.test.")
			m.Question = questions
			r, err := s.send(network, m)
			if err != nil || r.Rcode != dns.RcodeFormatError || r.Opcode != dns.OpcodeNotify {
				t.Errorf("%s, %d questions: %v %v", network, len(questions), r, err)
			}
		}
	}
}

// RFC 1996 3.7: "QTYPE=SOA". Who tells of something else (RFC 9859: CDS, CSYNC) must not be told that it was heard; BIND, Knot and NSD say FORMERR too.
func TestRFC1996QTYPE(t *testing.T) {
	s := started(t)
	for _, network := range []string{"udp", "tcp"} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeCDS, dns.TypeCSYNC, dns.TypeANY} {
			m := new(dns.Msg)
			m.SetNotify("example.test.")
			m.Question[0].Qtype = qtype
			r, err := s.send(network, m)
			if err != nil || r.Rcode != dns.RcodeFormatError || r.Opcode != dns.OpcodeNotify || r.Authoritative || len(r.Question) != 1 {
				t.Errorf("%s, %s: %v %v", network, dns.TypeToString[qtype], r, err)
			}
		}
	}
}

// metrics is what a scrape says.
func (s *site) metrics() string {
	rec := httptest.NewRecorder()
	s.server.count.reg.Handler(metrics.Health{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}
