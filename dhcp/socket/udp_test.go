package socket

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
)

var ip1 = lease.IPOf(netip.MustParseAddr("127.0.0.1"))

// TestRelayed: a relayed message arrives with where it came from, and the reply leaves from the address and port that
// the relay wrote to (RFC 2131, 4.1: to giaddr, port 67; RFC 8357 and relay_reply_port: to the port that the relay used).
func TestRelayed(t *testing.T) {
	for _, source := range []bool{false, true} {
		s, in := serve(t, Options{Listen: loopback(0), RelayReplySource: source})
		relay, at := peer(t, "127.0.0.2:0")
		giaddr := lease.IPOf(at.Addr())
		sent := discover(7, [6]byte{2, 0, 0, 0, 0, 1}, giaddr)
		if _, err := relay.WriteToUDPAddrPort(sent, s.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		got := in.wait(t, 1)[0]
		want := packet.Arrival{Local: ip1, Source: at, RelayPort: 67}
		if source {
			want.RelayPort = at.Port()
		}
		if got.From != want || got.Packet.XID != 7 || got.Packet.GIAddr != giaddr {
			t.Errorf("received %+v from %+v, want from %+v", got.Packet, got.From, want)
		}
		reply := []byte("an offer")
		s.Send([]Outgoing{{Octets: reply, To: packet.Destination{Local: got.From.Local, IP: giaddr, Port: at.Port()}}})
		b, from := read(t, relay)
		if !bytes.Equal(b, reply) || from != s.Addrs()[0] {
			t.Errorf("the relay got %q from %v, want %q from %v", b, from, reply, s.Addrs()[0])
		}
	}
}

// TestSourceAddress: of several addresses, also below 0.0.0.0, the reply comes from the one that was written to.
func TestSourceAddress(t *testing.T) {
	s, in := serve(t, Options{Listen: []netip.AddrPort{
		netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.3:0"),
	}})
	any, inAny := serve(t, Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}})
	relay, at := peer(t, "127.0.0.2:0")
	for i, to := range []struct {
		s  *Server
		in *inbox
		at netip.AddrPort
	}{
		{s, in, s.Addrs()[0]},
		{s, in, s.Addrs()[1]},
		{any, inAny, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), any.Addrs()[0].Port())},
	} {
		had := len(to.in.all())
		if _, err := relay.WriteToUDPAddrPort(discover(uint32(i), [6]byte{2}, lease.IPOf(at.Addr())), to.at); err != nil {
			t.Fatal(err)
		}
		got := to.in.wait(t, had+1)[had]
		if got.From.Local.Addr() != to.at.Addr() {
			t.Errorf("%v: Local is %v", to.at, got.From.Local)
		}
		to.s.Send([]Outgoing{{Octets: []byte("x"), To: packet.Destination{Local: got.From.Local, IP: lease.IPOf(at.Addr()), Port: at.Port()}}})
		if _, from := read(t, relay); from != to.at {
			t.Errorf("written to %v, the reply is from %v", to.at, from)
		}
	}
}

// TestManyBatches: nothing is lost or mixed up when more comes and goes than one system call takes.
func TestManyBatches(t *testing.T) {
	const n = 1000
	s, in := serve(t, Options{Listen: loopback(0)})
	relay, at := peer(t, "127.0.0.2:0")
	_ = relay.SetReadBuffer(4 << 20)
	giaddr := lease.IPOf(at.Addr())
	var out []Outgoing
	for i := range n {
		if _, err := relay.WriteToUDPAddrPort(discover(uint32(i), [6]byte{2}, giaddr), s.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 { // not more than a small receive buffer holds
			in.wait(t, i+1)
		}
		out = append(out, Outgoing{Octets: []byte{byte(i >> 8), byte(i)}, To: packet.Destination{Local: ip1, IP: giaddr, Port: at.Port()}})
	}
	seen := map[uint32]bool{}
	for _, r := range in.wait(t, n) {
		seen[r.Packet.XID] = true
	}
	if len(seen) != n {
		t.Errorf("%d of %d different messages", len(seen), n)
	}
	for from := 0; from < n; from += 100 {
		s.Send(out[from : from+100])
		for i := from; i < from+100; i++ {
			if b, _ := read(t, relay); int(b[0])<<8|int(b[1]) != i {
				t.Fatalf("reply %d is %v: not in order", i, b)
			}
		}
	}
	if c := s.Counters(); c.Received != n || c.Sent != n || c.Unsent+c.Full+c.Overrun+c.Malformed != 0 {
		t.Errorf("%+v", c)
	}
}

// TestMalformed: what is no DHCP message is counted and goes no further; neither does one that is longer than any may be.
func TestMalformed(t *testing.T) {
	s, in := serve(t, Options{Listen: loopback(0)})
	relay, _ := peer(t, "127.0.0.2:0")
	for _, b := range [][]byte{[]byte("hello"), make([]byte, 300), append(discover(1, [6]byte{2}, 0), make([]byte, maxDatagram)...)} {
		if _, err := relay.WriteToUDPAddrPort(b, s.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are counted", func() bool { return s.Counters().Malformed == 3 })
	if got := in.all(); len(got) != 0 {
		t.Errorf("handed on: %+v", got)
	}
}

// TestDuplicate: a relay that knows two addresses of this server is heard once; a client that repeats on one is heard again.
func TestDuplicate(t *testing.T) {
	s, in := serve(t, Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.3:0")}})
	relay, at := peer(t, "127.0.0.2:0")
	b := discover(9, [6]byte{2}, lease.IPOf(at.Addr()))
	write := func(to int) {
		if _, err := relay.WriteToUDPAddrPort(b, s.Addrs()[to]); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	in.wait(t, 1)
	write(1)
	eventually(t, "the second is a duplicate", func() bool { return s.Counters().Duplicate == 1 })
	write(0)
	in.wait(t, 2)
}

// TestPortIsOurs: a second server on the port is told so, and neither gets the other's messages.
func TestPortIsOurs(t *testing.T) {
	s, _ := serve(t, Options{Listen: loopback(0)})
	_, err := Open(Options{Listen: s.Addrs(), Log: quiet})
	if err == nil || !strings.Contains(err.Error(), "another program has this port") {
		t.Errorf("second server: %v", err)
	}
}

// TestOpenRefuses: each mistake has a message of its own.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "neither an interface nor an address"},
		{Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("[::1]:0")}}, "needs an IPv4 address"},
		{Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:0")}}, "no interface has this address"},
	} {
		c.o.Log = quiet
		s, err := Open(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
		if err == nil {
			s.Close()
		}
	}
}

// TestNoWay: what there is no socket for is counted.
func TestNoWay(t *testing.T) {
	s, _ := serve(t, Options{Listen: loopback(0)})
	s.Send([]Outgoing{
		{Octets: []byte("x"), To: packet.Destination{Interface: "none", IP: everybody, Port: 68}},
		{Octets: []byte("x"), To: packet.Destination{Local: 1, IP: ip1, Port: 68}},
		{},
	})
	if c := s.Counters(); c.Unsent != 2 || c.Sent != 0 {
		t.Errorf("%+v", c)
	}
}

// TestRunEnds: at the end of its context, and by Close; sending afterwards is counted.
func TestRunEnds(t *testing.T) {
	s, err := Open(Options{Listen: loopback(0), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background(), nil, func([]Received) {}) }()
	s.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.Send([]Outgoing{{Octets: []byte("x"), To: packet.Destination{Local: ip1, IP: ip1, Port: 9}}})
	if c := s.Counters(); c.Unsent != 1 {
		t.Errorf("%+v", c)
	}
	s.Close()
}
