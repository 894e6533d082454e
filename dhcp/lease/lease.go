package lease

import (
	"encoding/binary"
	"net/netip"
)

// IP is an IPv4 address as a number: 192.0.2.1 is 0xC0000201.
type IP uint32

// IPOf is the number of an IPv4 address; 0 for any other.
func IPOf(a netip.Addr) IP {
	if !a.Unmap().Is4() {
		return 0
	}
	b := a.Unmap().As4()
	return IP(binary.BigEndian.Uint32(b[:]))
}

// Addr is the address.
func (ip IP) Addr() netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(ip))
	return netip.AddrFrom4(b)
}

// String is the usual dotted form.
func (ip IP) String() string { return ip.Addr().String() }

// State is the binding state of an address; the numbers are those of the failover protocol.
type State uint8

// The states.
const (
	Free      State = iota + 1 // available to the main (or to the single server)
	Active                     // a client has it
	Expired                    // its time is over, the partner does not know yet
	Released                   // given back by the client, the partner does not know yet
	Abandoned                  // somebody else uses it: declined, or it answered a probe
	Reset                      // freed by an operator, the partner does not know yet
	Backup                     // available to the backup
)

// String is the word of status.
func (s State) String() string {
	if s >= Free && s <= Backup {
		return [...]string{"free", "active", "expired", "released", "abandoned", "reset", "backup"}[s-1]
	}
	return "unknown"
}

// Client is who a client says it is (RFC 2131, 4.2; RFC 4361). It is comparable; two clients are the same when Key is.
type Client struct {
	ID     string // data of option 61, type octet included; "" when it sent none
	HType  uint8  // hardware type; 1 is Ethernet
	CHAddr string // hardware address, hlen octets
}

// Key is what a client is known by: option 61 if it sent one, else type and hardware address.
func (c Client) Key() string {
	if c.ID != "" {
		return "\x00" + c.ID
	}
	return string([]byte{1, c.HType}) + c.CHAddr
}

// IsZero says that nobody is meant.
func (c Client) IsZero() bool { return c == Client{} }

// Flags of a lease.
type Flags uint8

// The flags.
const (
	Reserved Flags = 1 << iota // by configuration, for this client only
	BOOTP                      // the client speaks BOOTP: no end
)

// Lease is one address. The zero value is no lease.
type Lease struct {
	IP     IP
	State  State
	Flags  Flags
	Client Client // of Active, Expired, Released; of the others the last one, for affinity
	Start  int64  // when it entered State
	Began  int64  // when Client got it first, in one stay
	End    int64  // what the client was told last; of Abandoned: when it may be tried again
	CLTT   int64  // when the client was heard last (RFC 4388, 6.1)

	// ToldEnd is the latest end that Client was ever told by either server (decision D-b): the binding is not over before.
	ToldEnd int64

	// Hold: no other client gets it before; somebody else may still believe that it is his (a conflict that he lost, an operator's
	// order). It may be an end by the partner's clock. Gone: the operator knows that nobody does.
	Hold int64

	// Of the failover (draft 5.2.1): potential ends that were sent to, confirmed by, and received from the partner.
	Sent, Acked, Received int64
	Owed                  bool // the partner has not confirmed this state

	Hostname string // option 12, or the reservation's
	FQDN     string // name in DNS, when there is one
	DNS      uint8  // what of it is in DNS: see package dhcp/ddns
	Relay    string // option 82 as it came last
	Vendor   string // option 60
	Scope    string // name of the scope that it was given from (decision D-h)
}

// Gone is Hold of a Reset address when the operator was sure that its client is gone; the partner does not hold it either.
const Gone int64 = 1

// Event is what moves an address from one state to another (draft 5.11).
type Event uint8

// The events.
const (
	Grant   Event = iota + 1 // a client gets it
	Expire                   // its time is over
	Release                  // DHCPRELEASE
	Decline                  // DHCPDECLINE, or a probe was answered
	Clear                    // an operator frees it
	Confirm                  // the partner confirmed, or there is none: it is free again
	Give                     // to the partner's share
	Take                     // back from it
	Retry                    // an abandoned address may be tried again
)
