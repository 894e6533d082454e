package packet

import (
	"net/netip"

	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// The ports of DHCP (RFC 2131, 4.1).
const (
	ServerPort = 67
	ClientPort = 68
)

// Everybody is the limited broadcast address.
const Everybody lease.IP = 0xffffffff

// Arrival is where a message came in.
type Arrival struct {
	Interface string         // where it was heard as a broadcast; "" when it came to a unicast address
	Local     lease.IP       // this server's address there: its server identifier
	Source    netip.AddrPort // of the sender; a relay's for relayed ones. The zero value: not known
	// RelayPort is where a relay wants the reply that is not told otherwise by option 82, sub-option 19: 67 (also when 0), or with
	// relay_reply_port = "source" the port that it sent from.
	RelayPort uint16
}

// Destination is where a reply goes (RFC 2131, 4.1). The zero value is nowhere: nothing is to be sent.
type Destination struct {
	Interface string   // out of this one; "": as the host routes (of a broadcast: out of the one that has Local)
	Local     lease.IP // source address
	IP        lease.IP
	Port      uint16
	// CHAddr is the hardware address to write into the frame, for a client that has no address yet; empty: the host resolves.
	HType  uint8
	CHAddr []byte
}

// NewReply begins the reply to a message as RFC 2131, table 3 has it: op, xid, flags, giaddr and chaddr as in the request; ciaddr in an
// ACK; the client identifier (RFC 6842, 3) and the relay's information (RFC 3046, 2.2) as they came. A NAK through a relay has the
// broadcast flag set (RFC 2131, 4.3.2). Addresses, times and the other options are the caller's to set.
func NewReply(request *Packet, t Type) *Packet {
	p := &Packet{
		Reply: true, Type: t, HType: request.HType, XID: request.XID, Flags: request.Flags, GIAddr: request.GIAddr, CHAddr: request.CHAddr,
	}
	switch {
	case t == Ack || t == BOOTP:
		p.CIAddr = request.CIAddr
	case t == Nak && request.GIAddr != 0:
		p.Flags |= Broadcast
	}
	for _, c := range [...]option.Code{option.ClientIdentifier, option.RelayInformation} {
		if v, ok := request.Options.Get(c); ok {
			if p.Options == nil {
				p.Options = make(option.List, 0, 16)
			}
			p.Options = append(p.Options, option.Option{Code: c, Data: v})
		}
	}
	return p
}

// ReplyTo is where the reply goes (RFC 2131, 4.1 and 4.3.2):
//
//	giaddr  ciaddr  flag   OFFER, ACK, BOOTP reply               NAK
//	set     any     any    the relay                             the relay
//	0       set     any    ciaddr, port 68                       everybody
//	0       0       1      everybody, port 68                    everybody
//	0       0       0      yiaddr at chaddr, port 68; everybody  everybody
//	                       when there is no yiaddr, or chaddr
//	                       is none of Ethernet
//
// The relay is giaddr at port 67 or [Arrival].RelayPort; with sub-option 19, at the port that it sent from (RFC 8357, 4). The ACK to an
// INFORM goes to ciaddr (4.3.5), but through a relay that put option 82 in, which it must take out again; and without ciaddr to the
// relay or to where the INFORM came from. The answer to a LEASEQUERY goes to giaddr; without one there is none (RFC 4388, 6.3).
func ReplyTo(request, reply *Packet, from Arrival) Destination {
	d := Destination{Interface: from.Interface, Local: from.Local, IP: Everybody, Port: ClientPort}
	switch {
	case request.Type == Inform && request.CIAddr != 0 && !request.Options.Has(option.RelayInformation):
		d.IP = request.CIAddr
	case request.GIAddr != 0:
		d.Interface, d.IP, d.Port = "", request.GIAddr, relayPort(request, from)
	case request.Type == LeaseQuery:
		return Destination{}
	case reply.Type == Nak:
	case request.CIAddr != 0:
		d.IP = request.CIAddr
	case request.Type == Inform:
		if ip := lease.IPOf(from.Source.Addr().Unmap()); ip != 0 {
			d.IP = ip
		}
	case request.Flags&Broadcast == 0 && reply.YIAddr != 0 && framed(request):
		d.IP, d.HType, d.CHAddr = reply.YIAddr, request.HType, request.CHAddr
	}
	return d
}

// framed says that a frame to the hardware address can be written: Ethernet (1), and IEEE 802 networks (6) with its addresses.
func framed(p *Packet) bool { return (p.HType == 1 || p.HType == 6) && len(p.CHAddr) == 6 }

func relayPort(request *Packet, from Arrival) uint16 {
	if v, ok := request.Options.Get(option.RelayInformation); ok && option.ParseRelay(v).SourcePort && from.Source.Port() != 0 {
		return from.Source.Port()
	}
	if from.RelayPort != 0 {
		return from.RelayPort
	}
	return ServerPort
}
