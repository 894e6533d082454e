package packet

import (
	"loadshare/dhcp/lease"
	"loadshare/dhcp/option"
)

// Type is the message type, option 53; 0 is a BOOTP message, which has none.
type Type uint8

// The types (RFC 2132, 9.6; RFC 4388, 6.1; RFC 6926, 6.2.1).
const (
	BOOTP           Type = 0
	Discover        Type = 1
	Offer           Type = 2
	Request         Type = 3
	Decline         Type = 4
	Ack             Type = 5
	Nak             Type = 6
	Release         Type = 7
	Inform          Type = 8
	LeaseQuery      Type = 10
	LeaseUnassigned Type = 11
	LeaseUnknown    Type = 12
	LeaseActive     Type = 13
	BulkLeaseQuery  Type = 14
	LeaseQueryDone  Type = 15
)

// Broadcast is the flag of a client that cannot receive unicast before it has an address (RFC 2131, 2).
const Broadcast uint16 = 0x8000

// Packet is a DHCP or BOOTP message. What it holds is its own: nothing points into the octets that it was parsed from.
type Packet struct {
	Reply  bool // op 2
	Type   Type
	HType  uint8
	Hops   uint8
	XID    uint32
	Secs   uint16
	Flags  uint16
	CIAddr lease.IP
	YIAddr lease.IP
	SIAddr lease.IP
	GIAddr lease.IP
	CHAddr []byte // hlen octets
	SName  string
	File   string
	// Options are all but 53, which is Type, and 52, pad and end, which are gone. Of sname and file used for options, the options are here.
	Options option.List
}

// Client is who the message is from.
func (p *Packet) Client() lease.Client {
	id, _ := p.Options.Get(option.ClientIdentifier)
	return lease.ClientOf(id, p.HType, p.CHAddr)
}
