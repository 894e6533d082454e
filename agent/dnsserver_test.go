package agent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/ddns"
	"loadshare/internal/ask"
	"loadshare/internal/freeport"
)

var ddnsKey = ask.Key{Name: "ddns", Algorithm: "hmac-sha256", Secret: []byte("0123456789abcdef0123456789abcdef")}

// dnsServer is a primary of the test with one zone: queries, and signed UPDATEs
// with prerequisites, over the wire.
type dnsServer struct {
	addr netip.AddrPort
	zone string

	mu      sync.Mutex
	sets    map[ddns.Key]ddns.Set
	drops   bool // silent to updates
	updates int
	stop    []func() error
}

type testSigner struct{}

func (testSigner) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	m := hmac.New(sha256.New, ddnsKey.Secret)
	m.Write(msg)
	return m.Sum(nil), nil
}

func (s testSigner) Verify(msg []byte, t *dns.TSIG) error {
	want, _ := s.Generate(msg, t)
	if got, _ := hex.DecodeString(t.MAC); !hmac.Equal(got, want) {
		return dns.ErrSig
	}
	return nil
}

func startDNS(t *testing.T, zone, listen string) *dnsServer {
	t.Helper()
	s := &dnsServer{zone: zone, sets: map[ddns.Key]ddns.Set{}}
	s.listen(t, listen)
	t.Cleanup(s.halt)
	return s
}

func (s *dnsServer) listen(t *testing.T, addr string) {
	t.Helper()
	if addr == "127.0.0.1:0" {
		addr = freeport.Pick(t, "127.0.0.1").String() // for UDP too
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	var started sync.WaitGroup
	for _, srv := range []*dns.Server{{Listener: l}, {PacketConn: pc}} {
		started.Add(1)
		srv.Handler, srv.TsigProvider, srv.UDPSize = s, testSigner{}, 4096
		srv.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		srv.NotifyStartedFunc = started.Done
		go func() { _ = srv.ActivateAndServe() }()
		s.stop = append(s.stop, srv.Shutdown)
	}
	started.Wait()
}

func (s *dnsServer) halt() {
	for _, f := range s.stop {
		_ = f()
	}
	s.stop = nil
}

func (s *dnsServer) put(name, typ string, ttl uint32, values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := ddns.Set{Name: name, Type: typ, TTL: ttl, Values: values}.Normalize()
	s.sets[set.Key()] = set
}

func (s *dnsServer) get(name, typ string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.sets[ddns.Key{Name: name, Type: typ}].Values, " ")
}

func (s *dnsServer) messages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.updates
}

func (s *dnsServer) silent(drops bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops = drops
}

// ServeDNS answers one message.
func (s *dnsServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := new(dns.Msg)
	r.SetReply(q)
	signed := q.IsTsig() != nil && w.TsigStatus() == nil
	switch {
	case q.Opcode == dns.OpcodeUpdate && s.drops:
		return
	case q.Opcode == dns.OpcodeUpdate && !signed:
		r.Rcode = dns.RcodeRefused
	case q.Opcode == dns.OpcodeUpdate:
		r.Rcode = s.update(q)
	default:
		s.query(q, r)
	}
	if signed {
		r.SetTsig("ddns.", dns.HmacSHA256, 300, time.Now().Unix())
	}
	_ = w.WriteMsg(r)
}

func (s *dnsServer) query(q, r *dns.Msg) {
	name, typ := ddns.CanonicalName(q.Question[0].Name), dns.TypeToString[q.Question[0].Qtype]
	if !ddns.Below(name, s.zone) {
		r.Rcode = dns.RcodeRefused
		return
	}
	r.Authoritative = true
	set := s.sets[ddns.Key{Name: name, Type: typ}]
	for _, v := range set.Values {
		r.Answer = append(r.Answer, record(set, v))
	}
	if len(set.Values) == 0 {
		soa, _ := dns.NewRR(s.zone + ". 60 IN SOA elsewhere. root. 1 1 1 1 1")
		if name == s.zone && typ == "SOA" {
			r.Answer = append(r.Answer, soa)
		} else {
			r.Ns = append(r.Ns, soa)
		}
	}
}

func record(set ddns.Set, value string) dns.RR {
	h := dns.RR_Header{Name: dns.Fqdn(set.Name), Rrtype: dns.StringToType[set.Type], Class: dns.ClassINET, Ttl: set.TTL}
	rr, err := dns.NewRR(h.String() + value)
	if err != nil {
		panic(err)
	}
	return rr
}

func data(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// update does what RFC 2136 sections 3.2 and 3.4 say, for the forms the agent uses.
func (s *dnsServer) update(q *dns.Msg) int {
	exact := map[ddns.Key][]string{}
	for _, rr := range q.Answer {
		h := rr.Header()
		k := ddns.Key{Name: ddns.CanonicalName(h.Name), Type: dns.TypeToString[h.Rrtype]}
		switch h.Class {
		case dns.ClassNONE:
			if len(s.sets[k].Values) > 0 {
				return dns.RcodeYXRrset
			}
		case dns.ClassINET:
			exact[k] = append(exact[k], data(rr))
		}
	}
	for k, values := range exact {
		want := ddns.Set{Name: k.Name, Type: k.Type, Values: values}.Normalize()
		if !slices.Equal(want.Values, s.sets[k].Values) {
			return dns.RcodeNXRrset
		}
	}
	next := maps.Clone(s.sets)
	for _, rr := range q.Ns {
		h := rr.Header()
		k := ddns.Key{Name: ddns.CanonicalName(h.Name), Type: dns.TypeToString[h.Rrtype]}
		op := ddns.Op{Name: k.Name, Type: k.Type, TTL: h.Ttl}
		switch h.Class {
		case dns.ClassINET:
			op.Kind, op.Data = ddns.Add, ddns.Canonical(k.Type, data(rr))
		case dns.ClassNONE:
			rr.Header().Class = dns.ClassINET
			op.Kind, op.Data = ddns.DeleteRecord, ddns.Canonical(k.Type, data(rr))
		case dns.ClassANY:
			op.Kind = ddns.DeleteSet
		}
		have := next[k]
		have.Name, have.Type = k.Name, k.Type
		next[k] = ddns.Change{Ops: []ddns.Op{op}}.Apply(have)
	}
	s.sets = next
	s.updates++
	return dns.RcodeSuccess
}
