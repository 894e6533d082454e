package send

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/ddns"
	"loadshare/internal/ask"
	"loadshare/internal/freeport"
)

var key = ask.Key{Name: "ddns", Algorithm: "hmac-sha256", Secret: []byte("0123456789abcdef0123456789abcdef")}

// provider is the test server's own view of the key.
type provider struct{}

func (provider) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	m := hmac.New(sha256.New, key.Secret)
	m.Write(msg)
	return m.Sum(nil), nil
}

func (p provider) Verify(msg []byte, t *dns.TSIG) error {
	want, _ := p.Generate(msg, t)
	if got, _ := hex.DecodeString(t.MAC); !hmac.Equal(got, want) {
		return dns.ErrSig
	}
	return nil
}

type arrived struct {
	network string
	msg     *dns.Msg
	signed  bool
}

// serve answers every UPDATE as told and keeps what arrived.
func serve(t *testing.T, answer func(a arrived, r *dns.Msg) *dns.Msg) (netip.AddrPort, func() []arrived) {
	t.Helper()
	l, err := net.Listen("tcp", freeport.Pick(t, "127.0.0.1").String()) // for UDP too
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all []arrived
	handler := func(network string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			a := arrived{network, q, q.IsTsig() != nil && w.TsigStatus() == nil}
			mu.Lock()
			all = append(all, a)
			mu.Unlock()
			r := new(dns.Msg)
			r.SetReply(q)
			if r = answer(a, r); r == nil {
				return
			}
			if a.signed {
				r.SetTsig("ddns.", dns.HmacSHA256, 300, time.Now().Unix())
			}
			_ = w.WriteMsg(r)
		}
	}
	var started sync.WaitGroup
	started.Add(2)
	for _, s := range []*dns.Server{{Listener: l, Handler: handler("tcp")}, {PacketConn: pc, Handler: handler("udp")}} {
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		s.TsigProvider, s.UDPSize, s.NotifyStartedFunc = provider{}, 4096, started.Done
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	started.Wait()
	return l.Addr().(*net.TCPAddr).AddrPort(), func() []arrived { mu.Lock(); defer mu.Unlock(); return all }
}

func change() ddns.Change {
	return ddns.Change{
		Zone: "example",
		Prereqs: []ddns.Prereq{
			{Kind: ddns.NameInUse, Name: "a.example"},
			{Kind: ddns.NameNotInUse, Name: "b.example"},
			{Kind: ddns.SetExists, Name: "a.example", Type: "A"},
			{Kind: ddns.SetAbsent, Name: "a.example", Type: "AAAA"},
			{Kind: ddns.SetEquals, Name: "a.example", Type: "MX", Values: []string{"10 n1.example", "10 n2.example"}},
		},
		Ops: []ddns.Op{
			{Kind: ddns.DeleteRecord, Name: "a.example", Type: "A", Data: "10.0.0.1"},
			{Kind: ddns.DeleteSet, Name: "a.example", Type: "TXT"},
			{Kind: ddns.DeleteName, Name: "c.example"},
			{Kind: ddns.Add, Name: "a.example", Type: "A", TTL: 1, Data: "10.0.0.2"},
			{Kind: ddns.Add, Name: "_a._loadshare.a.example", Type: "TXT", TTL: 60, Data: ddns.Stamp{Epoch: 1, Generation: 2, Monitor: "m"}.Text()},
		},
	}
}

// RFC 2136 sections 2.4 and 2.5 give class, type, TTL and RDLENGTH of each form.
func TestMessageIsAsRFC2136Says(t *testing.T) {
	wire, err := Message(change())
	if err != nil {
		t.Fatal(err)
	}
	var m dns.Msg
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	if m.Opcode != dns.OpcodeUpdate || m.Response || len(m.Question) != 1 || m.Question[0] != (dns.Question{Name: "example.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}) {
		t.Errorf("header or zone section: %v", m.String())
	}
	type form struct {
		Name        string
		Type, Class string
		TTL         uint32
		Len         uint16
	}
	forms := func(rrs []dns.RR) (out []form) {
		for _, rr := range rrs {
			h := rr.Header()
			out = append(out, form{h.Name, dns.TypeToString[h.Rrtype], dns.ClassToString[h.Class], h.Ttl, h.Rdlength})
		}
		return out
	}
	wantPrereqs := []form{
		{"a.example.", "ANY", "ANY", 0, 0},
		{"b.example.", "ANY", "NONE", 0, 0},
		{"a.example.", "A", "ANY", 0, 0},
		{"a.example.", "AAAA", "NONE", 0, 0},
		{"a.example.", "MX", "IN", 0, 14},
		{"a.example.", "MX", "IN", 0, 14},
	}
	wantOps := []form{
		{"a.example.", "A", "NONE", 0, 4},
		{"a.example.", "TXT", "ANY", 0, 0},
		{"c.example.", "ANY", "ANY", 0, 0},
		{"a.example.", "A", "IN", 1, 4},
		{"_a._loadshare.a.example.", "TXT", "IN", 60, 41},
	}
	for i, f := range forms(m.Answer) {
		if f.Type == "MX" {
			f.Len = 14 // compression or not is not the point
		}
		if f != wantPrereqs[i] {
			t.Errorf("prerequisite %d: %v, want %v", i, f, wantPrereqs[i])
		}
	}
	if d := cmp.Diff(wantOps, forms(m.Ns)); d != "" {
		t.Errorf("update section (-want +got)\n%s", d)
	}
}

func TestMessageRefusesWhatIsNoRecord(t *testing.T) {
	for _, o := range []ddns.Op{
		{Kind: ddns.Add, Name: "a.example", Type: "A", Data: "10.0.0.1\nb.example 1 IN A 6.6.6.6"},
		{Kind: ddns.Add, Name: "a.example", Type: "A", Data: "10.0.0"},
		{Kind: ddns.Add, Name: "a.example", Type: "A", Data: ""},
		{Kind: ddns.Add, Name: "a.example", Type: "MX", Data: "10 n.example ; x"},
		{Kind: ddns.Add, Name: "a.example", Type: "NOSUCH", Data: "1"},
		{Kind: ddns.Add, Name: "a example", Type: "A", Data: "10.0.0.1"},
		{Kind: ddns.DeleteSet, Name: "a.example", Type: "NOSUCH"},
		{Kind: ddns.DeleteName, Name: "a..example"},
	} {
		if _, err := Message(ddns.Change{Zone: "example", Ops: []ddns.Op{o}}); err == nil {
			t.Errorf("%s: want an error", o.Line())
		}
	}
}

// RFC 2136 sections 4.5 and 4.6: SERVFAIL, NOTIMP, no answer and port
// unreachable: another try has sense; every other RCODE is final.
func TestResults(t *testing.T) {
	var rcode atomic.Int32
	server, _ := serve(t, func(_ arrived, r *dns.Msg) *dns.Msg {
		if rcode.Load() < 0 {
			return nil
		}
		r.Rcode = int(rcode.Load())
		return r
	})
	cases := []struct {
		rcode int
		kind  Kind
		name  string
	}{
		{dns.RcodeSuccess, Done, "NOERROR"},
		{dns.RcodeServerFailure, Retry, "SERVFAIL"},
		{dns.RcodeNotImplemented, Retry, "NOTIMP"},
		{dns.RcodeRefused, Refused, "REFUSED"},
		{dns.RcodeNotAuth, Refused, "NOTAUTH"},
		{dns.RcodeNotZone, Refused, "NOTZONE"},
		{dns.RcodeFormatError, Refused, "FORMERR"},
		{dns.RcodeNXRrset, PrereqFailed, "NXRRSET"},
		{dns.RcodeYXRrset, PrereqFailed, "YXRRSET"},
		{dns.RcodeNameError, PrereqFailed, "NXDOMAIN"},
		{dns.RcodeYXDomain, PrereqFailed, "YXDOMAIN"},
		{-1, Retry, ""},
	}
	for _, signed := range []bool{false, true} {
		for _, c := range cases {
			rcode.Store(int32(c.rcode))
			s := Sender{Client: ask.Client{Timeout: 500 * time.Millisecond}}
			if signed {
				s.Client.Key = key
			}
			got := s.Send(t.Context(), server, change())
			if got.Kind != c.kind || got.Rcode != c.name || (got.Err == nil) != (c.kind == Done) {
				t.Errorf("signed=%v %s: %+v, want %v", signed, c.name, got, c.kind)
			}
		}
	}
	nobody := freeport.Pick(t, "127.0.0.1")
	if got := (&Sender{}).Send(t.Context(), nobody, change()); got.Kind != Retry {
		t.Errorf("port unreachable: %+v", got)
	}
}

// kubernetes-sigs/external-dns#6733: the same message signed twice is a FORMERR
// at the second server. Every attempt is a fresh message.
func TestEveryAttemptIsAFreshMessage(t *testing.T) {
	server, got := serve(t, func(_ arrived, r *dns.Msg) *dns.Msg { r.Rcode = dns.RcodeServerFailure; return r })
	s := Sender{Client: ask.Client{Key: key}}
	for range 3 {
		s.Send(t.Context(), server, change())
	}
	ids := map[uint16]bool{}
	for _, a := range got() {
		tsigs := 0
		for _, rr := range a.msg.Extra {
			if rr.Header().Rrtype == dns.TypeTSIG {
				tsigs++
			}
		}
		if !a.signed || tsigs != 1 || a.network != "tcp" {
			t.Errorf("attempt by %s: signed %v, %d signatures", a.network, a.signed, tsigs)
		}
		ids[a.msg.Id] = true
	}
	if len(ids) < 2 {
		t.Errorf("ids %v: the same one each time", ids)
	}
}

func TestNOERRORWithoutOurSignatureIsNotDone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Listener: l, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg)
		_ = w.WriteMsg(r.SetReply(q))
	})}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown() })
	got := (&Sender{Client: ask.Client{Key: key}}).Send(t.Context(), l.Addr().(*net.TCPAddr).AddrPort(), change())
	if got.Kind != Retry || !strings.Contains(got.Err.Error(), "not signed") {
		t.Errorf("%+v", got)
	}
}

func TestUDPFallsOverToTCP(t *testing.T) {
	var cut atomic.Bool
	server, got := serve(t, func(a arrived, r *dns.Msg) *dns.Msg {
		r.Truncated = cut.Load() && a.network == "udp"
		return r
	})
	small := ddns.Change{Zone: "example", Ops: []ddns.Op{{Kind: ddns.Add, Name: "a.example", Type: "A", TTL: 1, Data: "10.0.0.1"}}}
	large := small
	for range 60 {
		large.Ops = append(large.Ops, small.Ops[0])
	}
	s := Sender{UDP: true, Client: ask.Client{Key: key}}
	var networks []string
	for _, step := range []struct {
		cut bool
		c   ddns.Change
	}{{false, small}, {false, large}, {true, small}} {
		cut.Store(step.cut)
		if r := s.Send(t.Context(), server, step.c); r.Kind != Done {
			t.Fatalf("%+v", r)
		}
	}
	for _, a := range got() {
		networks = append(networks, a.network)
	}
	if d := cmp.Diff([]string{"udp", "tcp", "udp", "tcp"}, networks); d != "" {
		t.Errorf("small by UDP, large by TCP, cut by UDP then TCP (-want +got)\n%s", d)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("a.example", "A", "10.0.0.1", "example")
	f.Add("a.example", "TXT", `"x y" "z"`, "example")
	f.Add("a.example", "MX", "10 n.example\n$INCLUDE /etc/passwd", "example")
	f.Fuzz(func(t *testing.T, name, typ, data, zone string) {
		wire, err := Message(ddns.Change{Zone: zone, Ops: []ddns.Op{{Kind: ddns.Add, Name: name, Type: typ, TTL: 1, Data: data}}})
		if err != nil {
			return
		}
		var m dns.Msg
		if err := m.Unpack(wire); err != nil {
			t.Fatalf("own message does not parse: %v", err)
		}
		if len(m.Ns) != 1 || !strings.EqualFold(m.Ns[0].Header().Name, dns.Fqdn(name)) {
			t.Fatalf("%q %q %q became %v", name, typ, data, m.Ns)
		}
	})
}

// RFC 2136 sections 2.4 and 2.5: records that only name a set have RDLENGTH 0,
// whatever their type. A library that unpacks and packs them again gives an MX an
// empty preference and name, and BIND answers FORMERR.
func TestEmptyRecordsArriveEmpty(t *testing.T) {
	server, got := serve(t, func(_ arrived, r *dns.Msg) *dns.Msg { return r })
	c := ddns.Change{Zone: "example"}
	for _, typ := range []string{"A", "AAAA", "MX", "SRV", "TXT", "PTR", "CNAME", "DHCID"} {
		c.Prereqs = append(c.Prereqs, ddns.Prereq{Kind: ddns.SetAbsent, Name: "a.example", Type: typ}, ddns.Prereq{Kind: ddns.SetExists, Name: "a.example", Type: typ})
		c.Ops = append(c.Ops, ddns.Op{Kind: ddns.DeleteSet, Name: "a.example", Type: typ})
	}
	for _, k := range []ask.Key{{}, key} {
		if r := (&Sender{Client: ask.Client{Key: k}}).Send(t.Context(), server, c); r.Kind != Done {
			t.Fatalf("%+v", r)
		}
	}
	for _, a := range got() {
		for _, rr := range append(a.msg.Answer, a.msg.Ns...) {
			if rr.Header().Rdlength != 0 {
				t.Errorf("signed=%v: %v has %d octets of rdata", a.signed, rr.Header(), rr.Header().Rdlength)
			}
		}
	}
}
