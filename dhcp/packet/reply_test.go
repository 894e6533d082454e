package packet

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

const (
	relayIP  lease.IP = 0x0a000001
	clientIP lease.IP = 0xc0a80064
	offered  lease.IP = 0xc0a80065
	local    lease.IP = 0xc0a8000a
)

var mac = []byte{2, 0, 0, 0, 0, 0x50}

func request(t Type, giaddr, ciaddr lease.IP, flags uint16) *Packet {
	return &Packet{Type: t, HType: 1, CHAddr: mac, GIAddr: giaddr, CIAddr: ciaddr, Flags: flags}
}

func relayOption(p *Packet, r option.Relay) *Packet {
	p.Options.Set(option.RelayInformation, r.Append(nil))
	return p
}

func TestReplyTo(t *testing.T) {
	heard := Arrival{Interface: "eth1", Local: local, Source: netip.MustParseAddrPort("0.0.0.0:68"), RelayPort: 67}
	routed := Arrival{Local: local, Source: netip.MustParseAddrPort("10.0.0.1:1067"), RelayPort: 67}
	source := Arrival{Local: local, Source: netip.MustParseAddrPort("10.0.0.1:1067"), RelayPort: 1067}
	unicast := Arrival{Local: local, Source: netip.MustParseAddrPort("192.168.0.100:68"), RelayPort: 67}
	give := &Packet{Reply: true, Type: Ack, YIAddr: offered}
	bare := &Packet{Reply: true, Type: Ack}
	nak := &Packet{Reply: true, Type: Nak}

	toRelay := Destination{Local: local, IP: relayIP, Port: 67}
	toRelayPort := Destination{Local: local, IP: relayIP, Port: 1067}
	toAll := Destination{Interface: "eth1", Local: local, IP: Everybody, Port: 68}
	toClient := Destination{Interface: "eth1", Local: local, IP: clientIP, Port: 68}
	toClientRouted := Destination{Local: local, IP: clientIP, Port: 68}
	toFrame := Destination{Interface: "eth1", Local: local, IP: offered, Port: 68, HType: 1, CHAddr: mac}

	strange := request(Discover, 0, 0, 0)
	strange.HType, strange.CHAddr = 32, nil
	long := request(Discover, 0, 0, 0)
	long.CHAddr = make([]byte, 16)
	wifi := request(Discover, 0, 0, 0)
	wifi.HType = 6
	toWifi := toFrame
	toWifi.HType = 6

	for _, c := range []struct {
		rule           string
		request, reply *Packet
		from           Arrival
		want           Destination
	}{
		// "If the 'giaddr' field in a DHCP message from a client is non-zero, the server sends any return messages to the 'DHCP server'
		// port on the BOOTP relay agent whose address appears in 'giaddr'." (RFC 2131, 4.1)
		{"giaddr: to the relay", request(Discover, relayIP, 0, 0), give, routed, toRelay},
		{"giaddr and ciaddr: to the relay", request(Request, relayIP, clientIP, 0), give, routed, toRelay},
		{"giaddr and broadcast flag: to the relay", request(Request, relayIP, 0, Broadcast), give, routed, toRelay},
		{"giaddr, NAK: to the relay", request(Request, relayIP, 0, 0), nak, routed, toRelay},
		{"giaddr, BOOTP: to the relay", request(BOOTP, relayIP, 0, 0), give, routed, toRelay},
		{"giaddr heard as a broadcast: to the relay, as the host routes", request(Discover, relayIP, 0, 0), give, heard, toRelay},
		{"relay_reply_port = source", request(Discover, relayIP, 0, 0), give, source, toRelayPort},
		{"no port said is 67", request(Discover, relayIP, 0, 0), give, Arrival{Local: local, Source: routed.Source}, toRelay},
		// RFC 8357, 4: the server replies to the port that the relay sent from.
		{"sub-option 19: to the relay's port", relayOption(request(Discover, relayIP, 0, 0), option.Relay{SourcePort: true}), give, routed, toRelayPort},
		{"sub-option 19, NAK", relayOption(request(Request, relayIP, 0, 0), option.Relay{SourcePort: true}), nak, routed, toRelayPort},
		{"option 82 without 19: 67", relayOption(request(Discover, relayIP, 0, 0), option.Relay{Circuit: []byte("a")}), give, routed, toRelay},
		// "If the 'giaddr' field is zero and the 'ciaddr' field is nonzero, then the server unicasts DHCPOFFER and DHCPACK messages to the
		// address in 'ciaddr'."
		{"ciaddr", request(Request, 0, clientIP, 0), give, unicast, toClientRouted},
		{"ciaddr, heard as a broadcast (rebinding)", request(Request, 0, clientIP, 0), give, heard, toClient},
		{"ciaddr, broadcast flag", request(Request, 0, clientIP, Broadcast), give, heard, toClient},
		// "If 'giaddr' is zero and 'ciaddr' is zero, and the broadcast bit is set, then the server broadcasts"
		{"broadcast flag", request(Discover, 0, 0, Broadcast), give, heard, toAll},
		// "If the broadcast bit is not set and 'giaddr' is zero and 'ciaddr' is zero, then the server unicasts DHCPOFFER and DHCPACK
		// messages to the client's hardware address and 'yiaddr' address."
		{"yiaddr at chaddr", request(Discover, 0, 0, 0), give, heard, toFrame},
		{"yiaddr at chaddr, BOOTP", request(BOOTP, 0, 0, 0), give, heard, toFrame},
		{"yiaddr at chaddr, IEEE 802", wifi, give, heard, toWifi},
		{"no yiaddr (RFC 8925, 3.3): everybody", request(Discover, 0, 0, 0), bare, heard, toAll},
		{"no frame to InfiniBand (RFC 4390, 2.1): everybody", strange, give, heard, toAll},
		{"no frame to 16 octets: everybody", long, give, heard, toAll},
		// "In all cases, when 'giaddr' is zero, the server broadcasts any DHCPNAK messages to 0xffffffff."
		{"NAK", request(Request, 0, 0, 0), nak, heard, toAll},
		{"NAK, ciaddr", request(Request, 0, clientIP, 0), nak, heard, toAll},
		{"NAK, ciaddr, unicast", request(Request, 0, clientIP, 0), nak, unicast, Destination{Local: local, IP: Everybody, Port: 68}},
		{"NAK, broadcast flag", request(Request, 0, 0, Broadcast), nak, heard, toAll},
		// "The server responds to a DHCPINFORM message by sending a DHCPACK message directly to the address given in the 'ciaddr' field of
		// the DHCPINFORM message." (4.3.5)
		{"INFORM", request(Inform, 0, clientIP, 0), bare, heard, toClient},
		{"INFORM, broadcast flag", request(Inform, 0, clientIP, Broadcast), bare, heard, toClient},
		{"INFORM through a relay", request(Inform, relayIP, clientIP, 0), bare, routed, toClientRouted},
		{"INFORM through a relay that added option 82", relayOption(request(Inform, relayIP, clientIP, 0), option.Relay{Remote: []byte("x")}), bare, routed, toRelay},
		{"INFORM through a relay without ciaddr", request(Inform, relayIP, 0, 0), bare, routed, toRelay},
		{"INFORM without ciaddr: to its source", request(Inform, 0, 0, 0), bare, unicast, toClientRouted},
		{"INFORM without any address: everybody", request(Inform, 0, 0, 0), bare, heard, toAll},
		// The giaddr of a LEASEQUERY is where the reply goes (RFC 4388, 6.3); without one there is no reply.
		{"LEASEQUERY", request(LeaseQuery, relayIP, clientIP, 0), &Packet{Type: LeaseActive}, routed, toRelay},
		{"LEASEQUERY without giaddr", request(LeaseQuery, 0, clientIP, 0), &Packet{Type: LeaseActive}, unicast, Destination{}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ReplyTo(c.request, c.reply, c.from)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// RFC 2131, table 3, with RFC 6842, 3 and RFC 3046, 2.2.
func TestNewReply(t *testing.T) {
	q := request(Request, relayIP, clientIP, 0)
	q.XID, q.Secs, q.Hops, q.SName = 7, 3, 2, "x"
	q.Options = option.List{{Code: option.ClientIdentifier, Data: []byte("id")}, {Code: option.HostName, Data: []byte("h")},
		{Code: option.RelayInformation, Data: []byte{1, 1, 'x'}}}
	echoed := option.List{q.Options[0], q.Options[2]}
	want := Packet{Reply: true, HType: 1, XID: 7, GIAddr: relayIP, CHAddr: mac, Options: echoed}
	for _, c := range []struct {
		rule  string
		kind  Type
		alter func(*Packet)
	}{
		{"ACK has the request's ciaddr", Ack, func(p *Packet) { p.CIAddr = clientIP }},
		{"OFFER has none", Offer, func(*Packet) {}},
		{"NAK through a relay has the broadcast flag", Nak, func(p *Packet) { p.Flags = Broadcast }},
	} {
		w := want
		w.Type = c.kind
		c.alter(&w)
		if diff := cmp.Diff(&w, NewReply(q, c.kind)); diff != "" {
			t.Errorf("%s: %s", c.rule, diff)
		}
	}
	q.GIAddr = 0
	if p := NewReply(q, Nak); p.Flags != 0 {
		t.Error("NAK without a relay: the flags are the request's")
	}
	if p := NewReply(request(Discover, 0, 0, Broadcast), Offer); p.Flags != Broadcast || len(p.Options) != 0 {
		t.Error("a client that sent no identifier gets none, and its flag back")
	}
}

// RFC 2131, 2 and RFC 2132, 9.10: option 57 is the size of the IP datagram that the client takes, 576 at least.
func TestRoom(t *testing.T) {
	size := func(t Type, n uint16) *Packet {
		p := &Packet{Type: t}
		p.Options.Set(option.MaxMessageSize, binary.BigEndian.AppendUint16(nil, n))
		return p
	}
	odd := &Packet{Type: Discover, Options: option.List{{Code: option.MaxMessageSize, Data: []byte{5}}}}
	for _, c := range []struct {
		rule string
		p    *Packet
		want int
	}{
		{"says nothing", &Packet{Type: Discover}, 548},
		{"BOOTP: the vendor area of 64 octets", &Packet{}, 300},
		{"1500", size(Discover, 1500), 1472},
		{"1024", size(Discover, 1024), 996},
		{"less than every client must take", size(Discover, 300), 548},
		{"0", size(Discover, 0), 548},
		{"more than Ethernet carries in one piece", size(Discover, 65535), 1472},
		{"option 57 of one octet is none", odd, 548},
		{"BOOTP that says its size", size(BOOTP, 576), 548},
	} {
		if got := Room(c.p); got != c.want {
			t.Errorf("%s: %d, want %d", c.rule, got, c.want)
		}
	}
}
