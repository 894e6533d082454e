package ask

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/internal/freeport"
)

// serve runs a DNS server of the test on loopback, UDP and TCP on one port. A
// handler that returns nil says nothing.
func serve(t *testing.T, key Key, handler func(network string, q *dns.Msg, signed bool) *dns.Msg) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", freeport.Pick(t, "127.0.0.1").String()) // for UDP too
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h := func(network string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			good := q.IsTsig() != nil && w.TsigStatus() == nil
			if r := handler(network, q, good); r != nil {
				_ = w.WriteMsg(r)
			}
		}
	}
	accept := func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
	var started sync.WaitGroup
	started.Add(2)
	for _, s := range []*dns.Server{{Listener: l, Handler: h("tcp")}, {PacketConn: pc, Handler: h("udp")}} {
		s.MsgAcceptFunc, s.NotifyStartedFunc, s.UDPSize = accept, started.Done, 4096
		if !key.IsZero() {
			s.TsigProvider = signer{key}
		}
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	started.Wait()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func reply(q *dns.Msg, rcode int, lines ...string) *dns.Msg {
	r := new(dns.Msg)
	r.SetRcode(q, rcode)
	r.Authoritative = true
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			panic(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA && !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
			r.Ns = append(r.Ns, rr)
		} else {
			r.Answer = append(r.Answer, rr)
		}
	}
	return r
}

func sign(r, q *dns.Msg, k Key) *dns.Msg {
	if !k.IsZero() && q.IsTsig() != nil {
		r.SetTsig(k.Name+".", k.wireAlgorithm(), fudge, time.Now().Unix())
	}
	return r
}

var testKey = Key{"ddns", "hmac-sha256", []byte("0123456789abcdef0123456789abcdef")}

func TestSet(t *testing.T) {
	server := serve(t, Key{}, func(network string, q *dns.Msg, _ bool) *dns.Msg {
		switch name := strings.ToLower(q.Question[0].Name); {
		case name == "www.example.":
			return reply(q, 0, "WWW.example. 9 IN A 10.0.0.2", "www.example. 7 IN A 10.0.0.1", "other.example. 7 IN A 10.0.0.9")
		case name == "mx.example.":
			return reply(q, 0, "mx.example. 9 IN MX 10 Node1.example.")
		case name == "gen.example.":
			return reply(q, 0, `gen.example. 9 IN TXT "a b" "c\"d"`)
		case name == "alias.example.":
			return reply(q, 0, "alias.example. 9 IN CNAME www.example.", "www.example. 9 IN A 10.0.0.1")
		case name == "gone.example.":
			return reply(q, dns.RcodeNameError, "example. 9 IN SOA . . 1 1 1 1 1")
		case name == "cut.example." && network == "udp":
			r := reply(q, 0)
			r.Truncated = true
			return r
		case name == "cut.example.", name == "lossy.example." && network == "tcp":
			return reply(q, 0, name+" 9 IN A 10.0.0.7")
		case name == "lossy.example.":
			return nil
		case name == "busy.example.":
			return reply(q, dns.RcodeServerFailure)
		case name == "no.example.":
			return reply(q, dns.RcodeRefused)
		case name == "cached.example.":
			r := reply(q, 0, "cached.example. 9 IN A 10.0.0.1")
			r.Authoritative = false
			return r
		}
		return nil
	})
	c := Client{Timeout: 2 * time.Second}
	cases := []struct {
		name, typ string
		want      Set
	}{
		{"www.example", "A", Set{"www.example", "A", 7, []string{"10.0.0.1", "10.0.0.2"}}},
		{"mx.example", "MX", Set{"mx.example", "MX", 9, []string{"10 Node1.example."}}},
		{"gen.example", "TXT", Set{"gen.example", "TXT", 9, []string{`"a b" "c\"d"`}}},
		{"gone.example", "A", Set{"gone.example", "A", 0, nil}},
		{"cut.example", "A", Set{"cut.example", "A", 9, []string{"10.0.0.7"}}},
		{"lossy.example", "A", Set{"lossy.example", "A", 9, []string{"10.0.0.7"}}},
	}
	for _, tc := range cases {
		got, err := c.Set(t.Context(), server, tc.name, tc.typ)
		if d := cmp.Diff(tc.want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got)\n%s", tc.name, err, d)
		}
	}
	var silent *Silent
	var refused *Refused
	var notAuth *NotAuthoritative
	if _, err := c.Set(t.Context(), server, "busy.example", "A"); !errors.As(err, &silent) {
		t.Errorf("SERVFAIL: %v, want Silent: another try has sense", err)
	}
	if _, err := c.Set(t.Context(), server, "no.example", "A"); !errors.As(err, &refused) || refused.Rcode != "REFUSED" {
		t.Errorf("REFUSED: %v", err)
	}
	if _, err := c.Set(t.Context(), server, "cached.example", "A"); !errors.As(err, &notAuth) {
		t.Errorf("answer without authority: %v", err)
	}
	if _, err := c.Set(t.Context(), server, "alias.example", "A"); err == nil || !strings.Contains(err.Error(), "alias") {
		t.Errorf("CNAME: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	server := freeport.Pick(t, "127.0.0.1")
	var silent *Silent
	if _, err := (&Client{}).Set(t.Context(), server, "a.example", "A"); !errors.As(err, &silent) {
		t.Errorf("%v, want Silent", err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	server := serve(t, Key{}, func(string, *dns.Msg, bool) *dns.Msg { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var silent *Silent
	if _, err := (&Client{Timeout: time.Hour}).Set(ctx, server, "a.example", "A"); !errors.As(err, &silent) {
		t.Errorf("%v, want Silent at once", err)
	}
}

// M12: "The zone of a name is found by SOA queries to the configured servers."
func TestZone(t *testing.T) {
	var asked atomic.Int32
	server := serve(t, Key{}, func(_ string, q *dns.Msg, _ bool) *dns.Msg {
		asked.Add(1)
		switch name := q.Question[0].Name; {
		case name == "sub.example." || name == "example.":
			return reply(q, 0, name+" 9 IN SOA elsewhere. . 1 1 1 1 1")
		case name == "alias.example.":
			return reply(q, 0, "alias.example. 9 IN CNAME x.other.")
		case name == "_x.hidden.example.", name == "hidden.example.":
			return reply(q, dns.RcodeRefused)
		case dns.IsSubDomain("sub.example.", name):
			return reply(q, dns.RcodeNameError, "sub.example. 9 IN SOA elsewhere. . 1 1 1 1 1")
		case dns.IsSubDomain("example.", name):
			return reply(q, 0, "example. 9 IN SOA elsewhere. . 1 1 1 1 1")
		}
		return reply(q, dns.RcodeRefused)
	})
	c := &Client{}
	for name, want := range map[string]string{
		"www.example": "example", "example": "example", "a.b.sub.example": "sub.example",
		"alias.example": "example", "_x.hidden.example": "example",
	} {
		if got, err := c.Zone(t.Context(), server, name); err != nil || got != want {
			t.Errorf("Zone(%s) = %q, %v; want %q", name, got, err, want)
		}
	}
	var notAuth *NotAuthoritative
	if _, err := c.Zone(t.Context(), server, "www.nowhere.test"); !errors.As(err, &notAuth) {
		t.Errorf("no zone: %v", err)
	}
	var zones Zones
	for range 3 {
		asked.Store(0)
		if got, err := zones.Find(t.Context(), c, server, "WWW.example."); err != nil || got != "example" {
			t.Fatal(got, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("remembered, yet asked %d times", asked.Load())
	}
	zones.Forget(server, "www.example")
	if _, err := zones.Find(t.Context(), c, server, "www.example"); err != nil || asked.Load() == 0 {
		t.Errorf("forgotten, yet not asked: %v", err)
	}
}

// RFC 8945 section 5.3: the answer is signed over the request's MAC. Section
// 5.4: an answer that is unsigned or wrong is dropped.
func TestSignedAnswers(t *testing.T) {
	for _, alg := range []string{"hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		k := testKey
		k.Algorithm = alg
		server := serve(t, k, func(_ string, q *dns.Msg, signed bool) *dns.Msg {
			if !signed {
				return reply(q, dns.RcodeRefused)
			}
			return sign(reply(q, 0, "a.example. 1 IN A 10.0.0.1"), q, k)
		})
		got, err := (&Client{Key: k}).Set(t.Context(), server, "a.example", "A")
		if err != nil || len(got.Values) != 1 {
			t.Errorf("%s: %v, %v", alg, got, err)
		}
		if alg != "hmac-sha256" {
			continue
		}
		var refused *Refused
		if _, err := (&Client{}).Set(t.Context(), server, "a.example", "A"); !errors.As(err, &refused) {
			t.Errorf("unsigned question: %v", err)
		}
	}
}

func TestUnsignedAnswerToSignedQuestionDoesNotCount(t *testing.T) {
	server := serve(t, Key{}, func(_ string, q *dns.Msg, _ bool) *dns.Msg { return reply(q, 0, "a.example. 1 IN A 6.6.6.6") })
	var silent *Silent
	got, err := (&Client{Key: testKey, Timeout: 400 * time.Millisecond}).Set(t.Context(), server, "a.example", "A")
	if !errors.As(err, &silent) || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("%v, %v; want Silent, because of the missing signature", got, err)
	}
}

func TestForgedAnswerIsPassedOver(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dns.Msg
		_ = q.Unpack(buf[:n])
		mac := q.IsTsig().MAC
		wrongID := reply(&q, 0, "a.example. 1 IN A 6.6.6.6")
		wrongID.Id++
		unsigned := reply(&q, 0, "a.example. 1 IN A 6.6.6.6")
		for _, m := range []*dns.Msg{wrongID, unsigned} {
			wire, _ := m.Pack()
			_, _ = pc.WriteTo(wire, from)
		}
		other := testKey
		other.Secret = []byte("another secret, another secret!!")
		for _, k := range []Key{other, testKey} {
			m := sign(reply(&q, 0, "a.example. 1 IN A 10.0.0.1"), &q, k)
			wire, _, _ := dns.TsigGenerateWithProvider(m, signer{k}, mac, false)
			_, _ = pc.WriteTo(wire, from)
		}
	}()
	server := pc.LocalAddr().(*net.UDPAddr).AddrPort()
	got, err := (&Client{Key: testKey}).Set(t.Context(), server, "a.example", "A")
	if err != nil || len(got.Values) != 1 || got.Values[0] != "10.0.0.1" {
		t.Errorf("got %v, %v; want the one with the good signature", got, err)
	}
	<-done
}

func TestBadKeyIsExplained(t *testing.T) {
	k := testKey
	k.Secret = []byte("the server has another secret...")
	server := serve(t, k, func(_ string, q *dns.Msg, signed bool) *dns.Msg {
		r := reply(q, dns.RcodeNotAuth)
		r.Extra = append(r.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: "ddns.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: "hmac-sha256.", Fudge: fudge, Error: dns.RcodeBadSig, OrigId: q.Id, TimeSigned: uint64(time.Now().Unix())})
		return r
	})
	_, err := (&Client{Key: testKey, Timeout: time.Second}).Set(t.Context(), server, "a.example", "A")
	var refused *Refused
	if !errors.As(err, &refused) || refused.TSIG != "BADSIG" || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("got %v", err)
	}
}

func TestKeyHidesItsSecret(t *testing.T) {
	if s := testKey.String(); strings.Contains(s, "0123") {
		t.Errorf("%q", s)
	}
}
