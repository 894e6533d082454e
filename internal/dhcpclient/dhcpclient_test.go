package dhcpclient

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// server is a DHCP server of the test: what it answers is decided by answer; nil is silence.
type server struct {
	at netip.AddrPort

	mu   sync.Mutex // the server writes, the test reads
	list []*dhcpv4.DHCPv4
}

func (s *server) seen() []*dhcpv4.DHCPv4 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func newServer(t *testing.T, answer func(p *dhcpv4.DHCPv4, n int) *dhcpv4.DHCPv4) *server {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	s := &server{at: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	ended := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-ended })
	go func() {
		defer close(ended)
		b := make([]byte, 2048)
		for n := 0; ; n++ {
			size, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			p, err := dhcpv4.FromBytes(b[:size])
			if err != nil {
				t.Error(err)
				return
			}
			s.mu.Lock()
			s.list = append(s.list, p)
			s.mu.Unlock()
			if a := answer(p, n); a != nil {
				_, _ = conn.WriteToUDPAddrPort(a.ToBytes(), from)
			}
		}
	}()
	return s
}

// giving answers as a server does that gives every hardware address its own address.
func giving(p *dhcpv4.DHCPv4, _ int) *dhcpv4.DHCPv4 {
	typ := map[dhcpv4.MessageType]dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck, dhcpv4.MessageTypeInform: dhcpv4.MessageTypeAck,
	}[p.MessageType()]
	if typ == 0 {
		return nil
	}
	ip := net.IP{10, p.ClientHWAddr[3], p.ClientHWAddr[4], p.ClientHWAddr[5]}
	a, err := dhcpv4.NewReplyFromRequest(p, dhcpv4.WithMessageType(typ), dhcpv4.WithYourIP(ip),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{192, 0, 2, 1})), dhcpv4.WithLeaseTime(3600))
	if err != nil {
		panic(err)
	}
	return a
}

var local = netip.MustParseAddrPort("127.0.0.5:0")

func relay(t *testing.T, s *server) *Relay {
	t.Helper()
	r, err := Listen(Config{Local: local, Servers: []netip.AddrPort{s.at}, Link: netip.MustParseAddr("192.0.2.254"), SourcePort: true, Wait: 200 * time.Millisecond, Tries: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestLife: each message carries what RFC 2131, table 5 asks for: in SELECTING the offered address as option 50 and the server as 54
// and no ciaddr; in INIT-REBOOT 50 alone; in RENEWING ciaddr alone; RELEASE ciaddr and 54; DECLINE 50 and 54; INFORM ciaddr.
func TestLife(t *testing.T) {
	s := newServer(t, giving)
	r := relay(t, s)
	c := Client{MAC: MAC(7), ID: []byte{1, 2, 3}, Hostname: "seven", Options: map[byte][]byte{60: []byte("vendor")}}
	ctx := context.Background()
	l, err := r.Acquire(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if l.IP != netip.MustParseAddr("10.0.0.7") || l.Server != netip.MustParseAddr("192.0.2.1") || l.Time != time.Hour {
		t.Errorf("lease %+v", l)
	}
	for _, again := range []func() (Lease, error){
		func() (Lease, error) { return r.Reboot(ctx, c, l.IP) },
		func() (Lease, error) { return r.Renew(ctx, c, l) },
	} {
		if got, err := again(); err != nil || got.IP != l.IP {
			t.Errorf("%+v %v", got, err)
		}
	}
	if err := errors.Join(r.Release(c, l), r.Decline(c, l)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Inform(ctx, c, l.IP); err != nil { // the last one: it is answered, so all are seen
		t.Fatal(err)
	}
	type fields struct {
		Type                            dhcpv4.MessageType
		CIAddr, Wanted, Server, Relayed bool
	}
	want := []fields{
		{dhcpv4.MessageTypeDiscover, false, false, false, true},
		{dhcpv4.MessageTypeRequest, false, true, true, true},
		{dhcpv4.MessageTypeRequest, false, true, false, true},
		{dhcpv4.MessageTypeRequest, true, false, false, true},
		{dhcpv4.MessageTypeRelease, true, false, true, true},
		{dhcpv4.MessageTypeDecline, false, true, true, true},
		{dhcpv4.MessageTypeInform, true, false, false, true},
	}
	var got []fields
	for _, p := range s.seen() {
		got = append(got, fields{p.MessageType(), !p.ClientIPAddr.IsUnspecified(), p.Options.Has(dhcpv4.OptionRequestedIPAddress),
			p.Options.Has(dhcpv4.OptionServerIdentifier), !p.GatewayIPAddr.IsUnspecified()})
		if string(p.Options[61]) != "\x01\x02\x03" || p.HostName() != "seven" || p.ClassIdentifier() != "vendor" {
			t.Errorf("%s lacks options: %v", p.MessageType(), p.Options)
		}
		if string(p.Options[82]) != "\x05\x04\xc0\x00\x02\xfe\x13\x00" {
			t.Errorf("option 82 is %x", p.Options[82])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSilenceAndNak: a message is sent again, then given up; a NAK is an error of its own, with the server's reason.
func TestSilenceAndNak(t *testing.T) {
	s := newServer(t, func(*dhcpv4.DHCPv4, int) *dhcpv4.DHCPv4 { return nil })
	r := relay(t, s)
	if _, err := r.Acquire(context.Background(), Client{MAC: MAC(1)}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if n := len(s.seen()); n != 3 {
		t.Errorf("sent %d times, not 3", n)
	}
	s = newServer(t, func(p *dhcpv4.DHCPv4, n int) *dhcpv4.DHCPv4 {
		if n == 0 {
			return nil // lost
		}
		a := giving(p, n)
		if p.MessageType() == dhcpv4.MessageTypeRequest {
			a.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeNak))
			a.UpdateOption(dhcpv4.OptMessage("not yours"))
		}
		return a
	})
	_, err := relay(t, s).Acquire(context.Background(), Client{MAC: MAC(1)})
	if !errors.Is(err, ErrNak) || !strings.Contains(err.Error(), "not yours") {
		t.Errorf("%v", err)
	}
}

func generator(t *testing.T, s *server) *Generator {
	t.Helper()
	g, err := NewGenerator(Config{Local: local, Servers: []netip.AddrPort{s.at}, Wait: 300 * time.Millisecond, Tries: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// TestLoad: many clients get a lease each, by window and by rate, renew it and give it back.
func TestLoad(t *testing.T) {
	const n = 3000
	s := newServer(t, giving)
	g := generator(t, s)
	run := func(l Load) Result {
		t.Helper()
		r, err := g.Run(context.Background(), l)
		if err != nil {
			t.Fatal(err)
		}
		if r.Started != l.Clients || r.Kept != l.Clients || r.Lost+r.Naks+r.Duplicates+r.Unsent != 0 {
			t.Errorf("%+v: %s", l, &r)
		}
		return r
	}
	r := run(Load{Clients: n, Window: 20})
	if r.Offered != n || r.Percentile(50) > r.Percentile(99) || r.Percentile(99) > r.Percentile(100) || r.Percentile(50) == 0 {
		t.Errorf("%s", &r)
	}
	if r.Waited(0) != n || r.Waited(r.Percentile(100)) != 0 {
		t.Errorf("waited more than 0: %d; more than the longest: %d", r.Waited(0), r.Waited(r.Percentile(100)))
	}
	const rate = 5000
	if r := run(Load{First: n, Clients: n, Rate: rate}); r.Elapsed < time.Second*(n-1)/rate {
		t.Errorf("%d at %d/s took only %v", n, rate, r.Elapsed)
	}
	run(Load{Kind: Renew, Clients: 2 * n})
	if got := g.Lease(n + 1); got != netip.MustParseAddr("10.0.11.185") {
		t.Errorf("client %d has %v", n+1, got)
	}
	run(Load{Kind: Release, Clients: n})
	if g.Lease(1).IsValid() || !g.Lease(n).IsValid() {
		t.Error("the first ones have no lease any more, the others do")
	}
	seen := map[dhcpv4.TransactionID]bool{}
	for _, p := range s.seen() {
		if p.MessageType() == dhcpv4.MessageTypeDiscover {
			seen[p.TransactionID] = true
		}
	}
	if len(seen) != 2*n {
		t.Errorf("%d transactions of %d clients", len(seen), 2*n)
	}
}

// TestLoadLosses: what is lost is sent again; what is never answered is given up; NAKs are counted; two clients with one address are found.
func TestLoadLosses(t *testing.T) {
	heard := map[uint32]int{}
	s := newServer(t, func(p *dhcpv4.DHCPv4, n int) *dhcpv4.DHCPv4 {
		id := binary.BigEndian.Uint32(p.ClientHWAddr[2:])
		heard[id]++
		a := giving(p, n)
		switch {
		case id == 1: // never answered
			return nil
		case id == 2 && heard[id] == 1: // the first DISCOVER is lost
			return nil
		case id == 3 && p.MessageType() == dhcpv4.MessageTypeRequest && heard[id] == 2: // the first REQUEST is lost
			return nil
		case id == 4 && p.MessageType() == dhcpv4.MessageTypeRequest:
			a.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeNak))
		case id == 5:
			a.YourIPAddr = net.IP{10, 0, 0, 6} // the address of 6
		}
		return a
	})
	r, err := generator(t, s).Run(context.Background(), Load{Clients: 8})
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Started: 8, Kept: 6, Offered: 8, Naks: 1, Lost: 1, Again: 4, Duplicates: 1}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreUnexported(Result{}), cmpopts.IgnoreFields(Result{}, "Elapsed")); diff != "" {
		t.Error(diff)
	}
	if got := r.LostShare(); got != 0.25 {
		t.Errorf("lost %v", got)
	}
	if got := r.Waited(250 * time.Millisecond); got != 2 {
		t.Errorf("%d waited for a second try, not 2", got)
	}
}

// TestLoadEnds with its context.
func TestLoadEnds(t *testing.T) {
	s := newServer(t, func(*dhcpv4.DHCPv4, int) *dhcpv4.DHCPv4 { return nil })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := generator(t, s).Run(ctx, Load{Clients: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := generator(t, s).Run(ctx, Load{First: maxClients, Clients: 1}); err == nil {
		t.Error("more clients than there are numbers")
	}
}

// FuzzAnswer: no octets make the generator panic, and what it takes for an answer the library reads the same.
func FuzzAnswer(f *testing.F) {
	p, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IP{10, 0, 0, 1}), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{192, 0, 2, 1})))
	if err != nil {
		f.Fatal(err)
	}
	p.OpCode = dhcpv4.OpcodeBootReply
	f.Add(p.ToBytes())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err != nil {
			return
		}
		p, err := dhcpv4.FromBytes(b)
		if err != nil || len(p.Options[53]) != 1 || len(p.Options[54]) != 4 && a.server != [4]byte{} {
			return // the library reads on where the generator has what it needs
		}
		if binary.BigEndian.Uint32(p.TransactionID[:]) != a.xid || byte(p.MessageType()) != a.typ || binary.BigEndian.Uint32(p.YourIPAddr.To4()) != a.ip {
			t.Errorf("%+v, the library: %v", a, p)
		}
	})
}
